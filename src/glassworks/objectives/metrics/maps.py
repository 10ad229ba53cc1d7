"""How good maps of classes are: means over classes, borders, and things one by one."""

import numpy as np
from jaxtyping import Bool, Int
from scipy.ndimage import binary_erosion, distance_transform_edt  # type: ignore[attr-defined]

from glassworks.objectives.metrics.boxes import mask_ious
from glassworks.objectives.metrics.classification import confusion_matrix, mean_of_known, ratio

Array = np.ndarray
Map = Int[Array, "*S"]


def mean_iou(targets: Map, predicted: Map, num_classes: int, ignore_index: int | None = None) -> float:
    """The mean over classes of intersection over union; a class that is neither there nor said does not count.

    >>> mean_iou(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)
    0.5
    """
    kept = np.ones(targets.shape, dtype=bool) if ignore_index is None else targets != ignore_index
    cells = confusion_matrix(targets[kept], predicted[kept], num_classes)
    hits = cells.diagonal()
    return float(mean_of_known(ratio(hits, cells.sum(0) + cells.sum(1) - hits)))


def border(mask: Bool[Array, "H W"]) -> Bool[Array, "H W"]:
    """Pixels of a mask that have a neighbour outside of it, or outside of the image."""
    edge: Array = mask & ~binary_erosion(mask)
    return edge


def boundary_f1(target: Bool[Array, "H W"], predicted: Bool[Array, "H W"], distance: float = 2.0) -> float:
    """F1 of borders, of which a pixel is found if the other has one within `distance` (Csurka et al. 2013).

    1 where neither has a border, 0 where one has.
    """
    true, said = border(target), border(predicted)
    if not true.any() or not said.any():
        return float(true.any() == said.any())
    precision = float((distance_transform_edt(~true)[said] <= distance).mean())
    recall = float((distance_transform_edt(~said)[true] <= distance).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def panoptic_quality(there: Bool[Array, "A H W"], said: Bool[Array, "B H W"]) -> float:
    """Σ IoU of matches / (TP + FP / 2 + FN / 2), of one class's things (Kirillov et al. 2019, eq. 1).

    Things match where they overlap by more than half, which no two others can; NaN where there is nothing in either.
    """
    ious = mask_ious(there, said)
    hits = ious[ious > 0.5]
    whole = (len(there) + len(said)) / 2
    return float(hits.sum() / whole) if whole else float("nan")
