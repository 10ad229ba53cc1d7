"""Losses of numbers: what each asks for of a distribution is its mean, median, a quantile, or all of it.

Predictions and targets have one shape, and so has `weight`, or one that broadcasts to it. Where torch has the loss of
one number, it is torch's.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from glassworks.objectives.criteria.reduction import reduced, wide

Numbers = Float[Tensor, "*S"]
Weight = Float[Tensor, "*W"] | None


def mse(predictions: Numbers, targets: Numbers, *, weight: Weight = None, reduction: str = "mean") -> Tensor:
    """r², of the residual r = target - prediction.

    >>> mse(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    return reduced(F.mse_loss(wide(predictions), wide(targets), reduction="none"), weight, reduction)


def mae(predictions: Numbers, targets: Numbers, *, weight: Weight = None, reduction: str = "mean") -> Tensor:
    """|r|."""
    return reduced(F.l1_loss(wide(predictions), wide(targets), reduction="none"), weight, reduction)


def huber(
    predictions: Numbers, targets: Numbers, *, delta: float = 1.0, weight: Weight = None, reduction: str = "mean"
) -> Tensor:
    """r² / 2 up to `delta`, and δ (|r| - δ / 2) beyond: the slope is that of the parabola at the seam (Huber 1964)."""
    losses = F.huber_loss(wide(predictions), wide(targets), reduction="none", delta=delta)
    return reduced(losses, weight, reduction)


def log_cosh(predictions: Numbers, targets: Numbers, *, weight: Weight = None, reduction: str = "mean") -> Tensor:
    """Ln cosh r, by softplus, so that no exponential overflows."""
    residuals = wide(targets) - wide(predictions)
    return reduced(residuals + F.softplus(-2 * residuals) - math.log(2), weight, reduction)


def quantile(
    predictions: Numbers, targets: Numbers, *, q: float = 0.5, weight: Weight = None, reduction: str = "mean"
) -> Tensor:
    """The pinball loss: q r above the prediction, (q - 1) r below it (Koenker & Bassett 1978).

    >>> quantile(torch.tensor([0.0, 0.0]), torch.tensor([1.0, -1.0]), q=0.9, reduction="none")
    tensor([0.9000, 0.1000])
    """
    if not 0 < q < 1:
        raise ValueError(f"q (={q}) must be above 0 and below 1: it is the share that is to lie below")
    residuals = wide(targets) - wide(predictions)
    return reduced(torch.maximum(q * residuals, (q - 1) * residuals), weight, reduction)


def poisson(
    predictions: Numbers,
    targets: Numbers,
    *,
    log_input: bool = True,
    weight: Weight = None,
    reduction: str = "mean",
) -> Tensor:
    """Rate - count ln rate, of predictions that are ln rate, or with `log_input=False` the rate: what ln n! leaves."""
    losses = F.poisson_nll_loss(wide(predictions), wide(targets), log_input=log_input, reduction="none")
    return reduced(losses, weight, reduction)


def gaussian_nll(
    predictions: Numbers, targets: Numbers, variances: Numbers, *, weight: Weight = None, reduction: str = "mean"
) -> Tensor:
    """(ln v + r² / v) / 2, v no less than 1e-6: without the ln 2π / 2 (Nix & Weigend 1994)."""
    losses = F.gaussian_nll_loss(wide(predictions), wide(targets), wide(variances), reduction="none")
    return reduced(losses, weight, reduction)


def gaussian_crps(
    predictions: Numbers, targets: Numbers, deviations: Numbers, *, weight: Weight = None, reduction: str = "mean"
) -> Tensor:
    """The continuous ranked probability score of a normal distribution (Gneiting et al. 2005, eq. 5).

    σ [z (2 Φ(z) - 1) + 2 φ(z) - 1 / √π] of z = r / σ, in the unit of the target; it is |r| where σ goes to 0.

    >>> gaussian_crps(torch.tensor([0.0]), torch.tensor([0.0]), torch.tensor([1.0]))
    tensor(0.2337)
    """
    if (deviations <= 0).any():
        raise ValueError(f"deviations must be above 0: the least is {deviations.min():g}")
    scale = wide(deviations)
    z = (wide(targets) - wide(predictions)) / scale
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    losses = scale * (z * torch.erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi))
    return reduced(losses, weight, reduction)
