"""Losses of where things are: offsets of boxes, landmarks, and YOLO's cells. Overlaps are in `boxes`."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from glassworks.objectives.criteria.reduction import reduced, wide

Numbers = Float[Tensor, "*S"]
Weight = Float[Tensor, "*W"] | None


def smooth_l1(
    predictions: Numbers, targets: Numbers, *, beta: float = 1.0, weight: Weight = None, reduction: str = "mean"
) -> Tensor:
    """r² / 2β below β, |r| - β / 2 beyond: Huber's by β, so that its slope ends at 1 (Girshick 2015, eq. 3)."""
    losses = F.smooth_l1_loss(wide(predictions), wide(targets), reduction="none", beta=beta)
    return reduced(losses, weight, reduction)


def balanced_l1(
    predictions: Numbers,
    targets: Numbers,
    *,
    alpha: float = 0.5,
    gamma: float = 1.5,
    beta: float = 1.0,
    weight: Weight = None,
    reduction: str = "mean",
) -> Tensor:
    """Small errors pull by α ln(b |r| / β + 1), those beyond β by γ alone (Pang et al. 2019, Libra R-CNN, eq. 6-8).

    b = exp(γ / α) - 1 joins them. At β = 1 it is the paper's; otherwise β times that of r / β, whose slope begins at 0
    and is continuous (with β put into the paper's logarithm alone, as detectors have it, neither holds).
    """
    b = math.expm1(gamma / alpha)
    x = (wide(predictions) - wide(targets)).abs() / beta
    near = alpha / b * (b * x + 1) * torch.log1p(b * x) - alpha * x
    far = gamma * x + gamma / b - alpha
    return reduced(beta * torch.where(x < 1, near, far), weight, reduction)


def wing(
    predictions: Numbers,
    targets: Numbers,
    *,
    omega: float = 10.0,
    epsilon: float = 2.0,
    weight: Weight = None,
    reduction: str = "mean",
) -> Tensor:
    """ω ln(1 + |r| / ε) below ω, |r| - C beyond, C so that they meet: small errors of landmarks count.

    Feng et al. 2018, eq. 5.
    """
    x = (wide(predictions) - wide(targets)).abs()
    joined = omega - omega * math.log1p(omega / epsilon)
    return reduced(torch.where(x < omega, omega * torch.log1p(x / epsilon), x - joined), weight, reduction)


def yolo(
    predictions: Float[Tensor, "N D"],
    targets: Float[Tensor, "N D"],
    *,
    coordinates: float = 5.0,
    empty: float = 0.5,
    weight: Float[Tensor, " N"] | None = None,
    reduction: str = "mean",
) -> Tensor:
    """YOLO's loss of a cell's box: x, y, w, h, confidence, and a score a class (Redmon et al. 2016, eq. 3).

    Where the target's confidence is above 0 the cell is responsible for a thing: squared errors of x, y and of the
    roots of w and h by `coordinates`, of the confidence, and of the scores. Elsewhere that of the confidence by `empty`
    alone. Sizes must be 0 or more; the paper sums over cells, which is reduction="sum".
    """
    said, true = wide(predictions), wide(targets)
    there = true[:, 4] > 0
    off = (said - true).square()
    roots = (said[:, 2:4].clamp(min=0).sqrt() - true[:, 2:4].sqrt()).square()
    box = coordinates * (off[:, :2].sum(1) + roots.sum(1))
    found = torch.where(there, box + off[:, 4:].sum(1), empty * off[:, 4])
    return reduced(found, weight, reduction)
