"""How good predicted numbers are, and between which two the true one lies.

Figures are functions of means over examples, (...,), so that the same formula serves one test part and resamples.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from glassworks.objectives.metrics.classification import ratio

Array = np.ndarray


def rmse(targets: Float[Array, " N"], predicted: Float[Array, " N"]) -> float:
    """The root of the mean squared error, in the target's units."""
    return float(np.sqrt(np.square(targets - predicted).mean()))


def mae(targets: Float[Array, " N"], predicted: Float[Array, " N"]) -> float:
    """The mean absolute error, in the target's units."""
    return float(np.abs(targets - predicted).mean())


def r2(targets: Float[Array, " N"], predicted: Float[Array, " N"]) -> float:
    """The share of the targets' variance that is explained: 1 is perfect, 0 is their mean, below 0 is worse than that.

    NaN where all targets are the same: there is nothing to explain.
    """
    errors = np.square(targets - predicted).mean()
    return float(explained(errors, np.square(targets - targets.mean()).mean()))


def explained(squared_error: Any, variance: Any) -> Float[Array, "..."]:
    """R2 of a mean squared error and the targets' variance."""
    return np.asarray(1 - ratio(squared_error, variance))


def pinball_losses(targets: Float[Array, " N"], predicted: Float[Array, " N"], quantile: float) -> Float[Array, " N"]:
    """What a predicted quantile costs: q times what the target is above it, 1 - q times what it is below.

    Its mean is least for the true quantile (Koenker and Bassett 1978); at 0.5 it is half the absolute error.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile (={quantile}) must be between 0 and 1")
    above = targets - predicted
    losses: Array = np.maximum(quantile * above, (quantile - 1) * above)
    return losses


def conformal_offsets(residuals: Float[Array, " N"], quantiles: Sequence[float]) -> list[float]:
    """What is to be added to a prediction for its quantiles, by a validation part's residuals, target - predicted.

    Split conformal prediction (Papadopoulos et al. 2002; Lei et al. 2018) on signed residuals: the ceil((n + 1) q)-th
    smallest from the middle up, the floor((n + 1) q)-th below. Then a new target that comes as those of the validation
    part did is at most the quantile with a probability of at least q (of at most q below the middle), whatever the
    model. Infinite where n is too small to say: below 1/q - 1, or 1/(1 - q) - 1.

    >>> conformal_offsets(np.array([-2.0, 0.0, 3.0]), [0.25, 0.75, 0.95])
    [-2.0, 3.0, inf]
    """
    ordered, n = np.sort(residuals), len(residuals)
    found = []
    for q in quantiles:
        rank = math.ceil((n + 1) * q - 1e-9) if q >= 0.5 else math.floor((n + 1) * q + 1e-9)
        found.append(-math.inf if rank < 1 else math.inf if rank > n else float(ordered[rank - 1]))
    return found
