"""A model before and after, on the same texts: the difference, and the interval that pairs them text by text."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from glassworks.evaluate.ratios import degrees_of_freedom, ratio, t_quantile


@dataclass(frozen=True)
class Change:
    """A mean before and after."""

    before: float
    after: float
    difference: float
    """After less before."""
    low: float | None
    """Where its 95 % interval begins; None where there are too few texts for one."""
    high: float | None
    number: int
    """Texts, examples or pairs that it is of."""

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves no doubt of the sign."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high

    def figures(self) -> dict[str, Any]:
        """All of it, for a file."""
        return asdict(self) | {"is_sure": self.is_sure}


def change(before: np.ndarray, after: np.ndarray, sizes: np.ndarray) -> Change:
    """Two totals (N,) of the same texts, over their sizes (N,), tokens say; the interval is of paired differences.

    Source: the jackknife of a ratio (evaluate/ratios.py), with Student's t for as many texts as there are in effect.
    """
    kept = sizes > 0
    before, after, sizes = (np.asarray(x, np.float64)[kept] for x in (before, after, sizes))
    value, se = ratio(after - before, sizes)
    reach = math.inf if se is None else t_quantile(degrees_of_freedom(sizes)) * se
    low, high = (value - reach, value + reach) if math.isfinite(reach) else (None, None)
    total = sizes.sum()
    return Change(float(before.sum() / total), float(after.sum() / total), value, low, high, len(sizes))
