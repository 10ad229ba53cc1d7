"""Numbers over seeds: means with 95 % intervals by Student's t, of differences and, by their logarithms, of ratios."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Interval:
    """A mean, and within what it lies."""

    mean: float
    low: float
    high: float

    def within(self, least: float, most: float) -> "Interval":
        """No wider than what there can be."""
        return Interval(self.mean, max(least, self.low), min(most, self.high))

    def said(self, digits: int = 3) -> str:
        """In words.

        >>> Interval(0.5, 0.25, 1.0).said()
        '0.5 (0.25 to 1)'
        """
        return f"{self.mean:.{digits}g} ({self.low:.{digits}g} to {self.high:.{digits}g})"


def mean_of(values: Float[np.ndarray, " S"]) -> Interval:
    """The mean of one number a seed; of a single one the interval has no ends."""
    from scipy.special import stdtrit

    known = values[np.isfinite(values)]
    if len(known) < 2:
        mean = float(known.mean()) if len(known) else math.nan
        return Interval(mean, -math.inf, math.inf)
    mean, spread = float(known.mean()), float(known.std(ddof=1)) / len(known) ** 0.5
    away = float(stdtrit(len(known) - 1, 0.975)) * spread
    return Interval(mean, mean - away, mean + away)


def ratio_of(one: Float[np.ndarray, " S"], other: Float[np.ndarray, " S"]) -> Interval:
    """The geometric mean of ratios, seed by seed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = mean_of(np.log(one / other))
    return Interval(*(math.exp(x) if x < math.inf else x for x in (logs.mean, logs.low, logs.high)))
