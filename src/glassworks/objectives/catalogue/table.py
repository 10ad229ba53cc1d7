"""Every loss and every metric by its name. Imports no torch."""

from glassworks.objectives.catalogue.losses.classification import CLASSIFICATION
from glassworks.objectives.catalogue.losses.depth import DEPTHS_OF
from glassworks.objectives.catalogue.losses.detection import DETECTION
from glassworks.objectives.catalogue.losses.embedding import EMBEDDING
from glassworks.objectives.catalogue.losses.generation import GENERATION
from glassworks.objectives.catalogue.losses.regression import REGRESSION
from glassworks.objectives.catalogue.losses.segmentation import SEGMENTATION
from glassworks.objectives.catalogue.losses.sequences import SEQUENCES
from glassworks.objectives.catalogue.metrics.classes import CLASS_METRICS
from glassworks.objectives.catalogue.metrics.numbers import NUMBER_METRICS
from glassworks.objectives.catalogue.metrics.things import THING_METRICS
from glassworks.objectives.catalogue.metrics.words import WORD_METRICS
from glassworks.objectives.catalogue.record import Loss, Metric

LOSSES: dict[str, Loss] = {
    **REGRESSION,
    **CLASSIFICATION,
    **DETECTION,
    **SEGMENTATION,
    **EMBEDDING,
    **DEPTHS_OF,
    **GENERATION,
    **SEQUENCES,
}
METRICS: dict[str, Metric] = {**NUMBER_METRICS, **CLASS_METRICS, **THING_METRICS, **WORD_METRICS}
