"""Every loss by its name. Imports no torch."""

from glassworks.objectives.catalogue.losses.classification import CLASSIFICATION
from glassworks.objectives.catalogue.losses.detection import DETECTION
from glassworks.objectives.catalogue.losses.regression import REGRESSION
from glassworks.objectives.catalogue.record import Loss

LOSSES: dict[str, Loss] = {**REGRESSION, **CLASSIFICATION, **DETECTION}
