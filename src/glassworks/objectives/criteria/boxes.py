"""How far boxes are from boxes: pairs (N, 4) of corners x1, y1, x2, y2, with x2 above x1 and y2 above y1."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.objectives.criteria.reduction import reduced, wide

Boxes = Float[Tensor, "N 4"]
Weight = Float[Tensor, " N"] | None
LEAST = 1e-12
"""An area by which is divided, at least."""


def sizes(boxes: Tensor) -> Tensor:
    """Widths and heights, (N, 2)."""
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0)


def overlap(predictions: Boxes, targets: Boxes) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """The intersection over the union of each pair, and the union's area.

    >>> overlap(torch.tensor([[0.0, 0.0, 2.0, 1.0]]), torch.tensor([[1.0, 0.0, 3.0, 1.0]]))
    (tensor([0.3333]), tensor([3.]))
    """
    low = torch.maximum(predictions[:, :2], targets[:, :2])
    high = torch.minimum(predictions[:, 2:], targets[:, 2:])
    shared = sizes(torch.cat([low, high], 1)).prod(1)
    union = sizes(predictions).prod(1) + sizes(targets).prod(1) - shared
    return shared / union.clamp(min=LEAST), union


def hull(predictions: Tensor, targets: Tensor) -> Tensor:
    """Width and height of the smallest box around each pair, (N, 2)."""
    low = torch.minimum(predictions[:, :2], targets[:, :2])
    high = torch.maximum(predictions[:, 2:], targets[:, 2:])
    return high - low


def iou_loss(predictions: Boxes, targets: Boxes, *, weight: Weight = None, reduction: str = "mean") -> Tensor:
    """1 - IoU (after Yu et al. 2016, who take its logarithm): no gradient where boxes do not meet."""
    return reduced(1 - overlap(wide(predictions), wide(targets))[0], weight, reduction)


def giou_loss(predictions: Boxes, targets: Boxes, *, weight: Weight = None, reduction: str = "mean") -> Tensor:
    """1 - IoU + the share of the box around both that neither fills (Rezatofighi et al. 2019, algorithm 1)."""
    predictions, targets = wide(predictions), wide(targets)
    iou, union = overlap(predictions, targets)
    around = hull(predictions, targets).prod(1)
    return reduced(1 - iou + (around - union) / around.clamp(min=LEAST), weight, reduction)


def distance_term(predictions: Tensor, targets: Tensor) -> Tensor:
    """The squared distance of the centres, by the squared diagonal of the box around both."""
    centres = (predictions[:, :2] + predictions[:, 2:] - targets[:, :2] - targets[:, 2:]) / 2
    return centres.square().sum(1) / hull(predictions, targets).square().sum(1).clamp(min=LEAST)


def diou_loss(predictions: Boxes, targets: Boxes, *, weight: Weight = None, reduction: str = "mean") -> Tensor:
    """1 - IoU + d² / c², of the distance of centres and the diagonal around both (Zheng et al. 2020, eq. 7)."""
    predictions, targets = wide(predictions), wide(targets)
    losses = 1 - overlap(predictions, targets)[0] + distance_term(predictions, targets)
    return reduced(losses, weight, reduction)


def ciou_loss(predictions: Boxes, targets: Boxes, *, weight: Weight = None, reduction: str = "mean") -> Tensor:
    """DIoU + α v, of v the difference of aspect ratios and α what it counts (Zheng et al. 2020, eq. 8-11).

    v = (4 / π²) (atan w/h - atan w/h)², α = v / (1 - IoU + v), which is a number and has no gradient.
    """
    predictions, targets = wide(predictions), wide(targets)
    iou = overlap(predictions, targets)[0]
    one, two = (torch.atan2(*sizes(each).unbind(1)) for each in (predictions, targets))
    v = 4 / math.pi**2 * (one - two).square()
    alpha = (v / (1 - iou + v).clamp(min=LEAST)).detach()
    return reduced(1 - iou + distance_term(predictions, targets) + alpha * v, weight, reduction)
