"""What CMA-ES decides from the number of weights and of candidates alone: shares, learning rates, damping.

Source: Hansen 2016, "The CMA Evolution Strategy: A Tutorial" (https://arxiv.org/abs/1604.00772), table 1 and equations
49 to 58; those of a diagonal from Ros & Hansen 2008 (https://hal.inria.fr/inria-00287367), section 3.
"""

import functools
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.evolution.gaussian import ranked


@dataclass(frozen=True)
class Constants:
    """The defaults of CMA-ES; the names are the tutorial's."""

    weights: tuple[float, ...]
    """Of candidates from the best on: the first ones' sum to 1, the others' are 0 or less (active update)."""
    mu_eff: float
    """How many equal ones they are worth, for the variance of their mean."""
    c_sigma: float
    """Share of a step that joins the step size's path."""
    d_sigma: float
    """Damping of the step size."""
    c_c: float
    """Share of a step that joins the covariance's path."""
    c_1: float
    """Share of the covariance that is renewed from its path."""
    c_mu: float
    """Share of the covariance that is renewed from the best candidates."""
    chi: float
    """The expected length of a standard normal vector."""


@functools.cache
def constants(dimension: int, population: int, *, separable: bool = False) -> Constants:
    """The tutorial's defaults; of a diagonal, learning rates (dimension + 2) / 3 times as large and nothing negative.

    >>> few = constants(10, 10)
    >>> [round(w, 2) for w in few.weights], round(few.mu_eff, 2)
    ([0.46, 0.27, 0.16, 0.09, 0.03, -0.09, -0.21, -0.31, -0.39, -0.47], 3.17)
    """
    if population < 2:
        raise ValueError(f"population (={population}) must be at least 2: the better of them leads")
    n = dimension
    raw = [math.log((population + 1) / 2) - math.log(i) for i in range(1, population + 1)]
    better, worse = [w for w in raw if w > 0], [min(w, 0.0) for w in raw[sum(w > 0 for w in raw) :]]
    mu_eff = sum(better) ** 2 / sum(w * w for w in better)
    few = min(1.0, population / 6)  # as pycma: below 6 candidates a path says less
    wide = (n + 2) / 3 if separable else 1.0
    c_1 = min(0.5, wide * few * 2 / ((n + 1.3) ** 2 + mu_eff))
    c_mu = min(1 - c_1, wide * 2 * (0.25 + mu_eff + 1 / mu_eff - 2) / ((n + 2) ** 2 + mu_eff))
    c_sigma = (mu_eff + 2) / (n + mu_eff + 5)
    negative = 0.0
    if not separable and c_mu > 0:
        mu_minus = sum(worse) ** 2 / sum(w * w for w in worse)
        negative = min(1 + c_1 / c_mu, 1 + 2 * mu_minus / (mu_eff + 2), (1 - c_1 - c_mu) / (n * c_mu))
    return Constants(
        weights=(*(w / sum(better) for w in better), *(negative * w / -sum(worse) for w in worse)),
        mu_eff=mu_eff,
        c_sigma=c_sigma,
        d_sigma=1 + 2 * max(0.0, math.sqrt((mu_eff - 1) / (n + 1)) - 1) + c_sigma,
        c_c=(4 + mu_eff / n) / (n + 4 + 2 * mu_eff / n),
        c_1=c_1,
        c_mu=c_mu,
        chi=math.sqrt(2) * math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2)),
    )


def shares(losses: Float[Tensor, " P"], known: Constants) -> Float[Tensor, " P"]:
    """Each candidate's weight by the rank of its loss; equal losses share theirs, and infinite ones lead nowhere."""
    weights = ranked(losses, torch.tensor(known.weights, dtype=torch.float64))
    if losses.isfinite().all():
        return weights
    leading = weights.clamp(min=0) * losses.isfinite()
    return leading / leading.sum().clamp(min=1e-30) + weights.clamp(max=0)
