"""How the losses of examples become one, the same for all: as `torch.nn.functional.cross_entropy` does it.

The mean is over the weights of what counts, Σ w l / Σ w, not over their number: what weighs 0 might as well not be
there, and weights that are all alike change nothing. Where nothing counts, the mean is NaN and the sum 0, and both have
a gradient, which is 0.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Reduction = Literal["mean", "sum", "none"]
IGNORED = -100
"""The class that does not count, where nothing else is said."""


def reduced(
    losses: Float[Tensor, "*S"],
    weight: Float[Tensor, "*W"] | None = None,
    reduction: str = "mean",
    counts: Bool[Tensor, "*S"] | None = None,
) -> Tensor:
    """The losses of examples as one.

    Args:
        losses: one an example.
        weight: what each weighs, of a shape that broadcasts to that of the losses; None = 1.
        reduction: "mean" of what counts by its weight, "sum", or "none": the losses by their weights.
        counts: which count; None = all.

    >>> reduced(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 1.0]))
    tensor(1.2500)
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction (={reduction!r}) must be mean, sum or none")
    weights = torch.ones_like(losses) if weight is None else weight.to(losses).expand_as(losses)
    if counts is not None:
        weights = weights * counts
    weighted = torch.where(weights != 0, losses, 0.0) * weights
    if reduction == "none":
        return weighted
    return weighted.sum() if reduction == "sum" else weighted.sum() / weights.sum()


def wide(values: Tensor) -> Tensor:
    """Values that a loss can be computed of: half precision and whole numbers as float32, others as they are."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def known(targets: Int[Tensor, "*S"], ignore_index: int) -> tuple[Int[Tensor, "*S"], Bool[Tensor, "*S"]]:
    """Classes that can be looked up, 0 for those that do not count, and which count."""
    counts = targets != ignore_index
    return torch.where(counts, targets, 0), counts
