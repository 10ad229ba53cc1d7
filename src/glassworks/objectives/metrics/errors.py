"""How far numbers are off, in ways that scikit-learn does not have: targets (N,) first, predictions (N,) second."""

import numpy as np
from jaxtyping import Bool, Float

from glassworks.objectives.metrics.regression import r2, rmse

Array = np.ndarray
Numbers = Float[Array, " N"]


def nrmse(targets: Numbers, predicted: Numbers) -> float:
    """RMSE by the standard deviation of the targets: 1 is what their mean comes to; NaN where all are the same."""
    spread = float(targets.std())
    return rmse(targets, predicted) / spread if spread else float("nan")


def smape(targets: Numbers, predicted: Numbers) -> float:
    """200 mean |r| / (|y| + |ŷ|), from 0 to 200 %; where both are 0 it adds 0.

    >>> smape(np.array([1.0, 0.0]), np.array([3.0, 0.0]))
    50.0
    """
    whole = np.abs(targets) + np.abs(predicted)
    parts = np.divide(np.abs(targets - predicted), whole, out=np.zeros_like(whole), where=whole > 0)
    return float(200 * parts.mean())


def adjusted_r2(targets: Numbers, predicted: Numbers, num_features: int) -> float:
    """R² less what `num_features` useless ones would gain by chance: 1 - (1 - R²) (n - 1) / (n - k - 1)."""
    left = len(targets) - num_features - 1
    if left < 1:
        raise ValueError(
            f"num_features (={num_features}) must be below the number of targets - 1 (={len(targets) - 1})"
        )
    return 1 - (1 - r2(targets, predicted)) * (len(targets) - 1) / left


def mase(targets: Numbers, predicted: Numbers, history: Float[Array, " M"], season: int = 1) -> float:
    """Mean |r| by that of repeating what came `season` steps before, over the history (Hyndman & Koehler 2006).

    Below 1 it is better than that; NaN where the history never changes.
    """
    if len(history) <= season:
        raise ValueError(f"history has {len(history)} values: it must have more than season (={season})")
    naive = float(np.abs(history[season:] - history[:-season]).mean())
    return float(np.abs(targets - predicted).mean()) / naive if naive else float("nan")


def crps(targets: Numbers, samples: Float[Array, "N S"]) -> float:
    """The continuous ranked probability score of samples: mean |x - y| - mean |x - x'| / 2 (Gneiting & Raftery 2007).

    In the target's unit; of one sample it is the absolute error. Pairs are of different samples (Ferro 2014, fair).
    """
    number = samples.shape[1]
    off = np.abs(samples - targets[:, None]).mean(1)
    if number == 1:
        return float(off.mean())
    ordered = np.sort(samples, axis=1)
    weights = 2 * np.arange(number) - number + 1  # Σ |x - x'| over pairs, by ranks
    apart = 2 * (ordered * weights).sum(1) / (number * (number - 1))
    return float((off - apart / 2).mean())


def concordance(times: Numbers, events: Bool[Array, " N"], risks: Numbers) -> float:
    """Of pairs of which it is known who came first, the share whose risk was higher; ties count a half (Harrell 1982).

    1 is perfect, 1/2 chance, NaN where no pair can be compared.
    """
    first = events[:, None] & (times[:, None] < times[None, :])
    higher = np.sign(risks[:, None] - risks[None, :])
    return float((first * (higher + 1) / 2).sum() / first.sum()) if first.any() else float("nan")
