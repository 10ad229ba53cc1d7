"""Ratios of sums over documents (bits per byte): their standard errors, and differences between two on the same text.

Documents are taken as drawn independently, of whatever lengths. Two predictors of the same documents find the same ones
hard, so what is uncertain of their difference is far less than what is uncertain of either: each document's difference
is one number, and the interval is that of these numbers (a paired comparison).
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Array = np.ndarray
NORMAL = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""
FEW = 5.0
"""Degrees of freedom below which an interval that holds 0 is no tie: it is wide for want of documents."""
UNKNOWN = "too few documents to tell"


def ratio(totals: Array, sizes: Array) -> tuple[float, float | None]:
    """sum(totals) / sum(sizes) over documents, and its standard error by the jackknife; None for a single document.

    The error is sqrt((n - 1) / n sum (residual / (1 - share))^2) / sum(sizes), where a document's residual is its total
    less ratio times size, and its share that of all sizes. For documents of one size it is the delta method's; one that
    makes up most of the text draws the ratio to itself, and its residual is enlarged for it (Efron and Tibshirani 1993,
    chapter 11; HC3 in regression, MacKinnon and White 1985).
    """
    value = float(totals.sum() / sizes.sum())
    share = sizes / sizes.sum()
    n = np.count_nonzero(sizes)
    if n < 2 or (share == 1).any():
        return value, None
    residuals = (totals - value * sizes) / (1 - share)
    return value, float(np.sqrt((n - 1) / n * np.square(residuals).sum()) / sizes.sum())


def degrees_of_freedom(sizes: Array) -> float:
    """How many documents of one size would tell as much, less one: (sum sizes)^2 / sum(sizes^2) - 1 (Kish 1965)."""
    return float(np.square(sizes.sum()) / np.square(sizes).sum()) - 1


def t_quantile(degrees: float | int) -> float:
    """The 97.5 % quantile of Student's t: how many standard errors a 95 % interval reaches to either side.

    Exact at 1 and 2 degrees of freedom, to which fractions below 3 are rounded down; beyond by its expansion about the
    normal quantile (Abramowitz and Stegun 1964, 26.7.5), from 3 on within 0.4 %. Infinite below 1.

    >>> [round(t_quantile(n), 2) for n in (1, 2, 5, 30)]
    [12.71, 4.3, 2.57, 2.04]
    """
    if degrees < 3:
        return (math.inf, 12.706204736, 4.302652730)[math.floor(degrees + 1e-9)]
    z, n = NORMAL, degrees
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / n**power for power, term in enumerate(terms, 1))


@dataclass(frozen=True)
class Difference:
    """A network's bits per byte less a rival's on the same documents."""

    bits_per_byte: float
    se: float | None
    """Standard error over the documents' differences; None for a single document."""
    low: float | None
    """Where the 95 % interval begins; None where there are too few documents for one."""
    high: float | None
    documents: int
    """How many differences it is made of: documents, or groups of them where a rival does not tell them apart."""
    degrees: float
    """Degrees of freedom: how many documents of one size would tell as much, less one."""

    @property
    def verdict(self) -> str:
        """beats, ties, or does not beat, by whether the interval holds 0; or too few documents to tell."""
        if self.low is None or self.high is None:
            return UNKNOWN
        if self.low <= 0 <= self.high:
            return UNKNOWN if self.degrees < FEW else "ties"
        return "beats" if self.high < 0 else "does not beat"

    def figures(self) -> dict[str, Any]:
        """All of it, for a file."""
        return asdict(self) | {"verdict": self.verdict}


def difference(ours: Array, theirs: Array, num_bytes: Array, groups: Array | None = None) -> Difference:
    """Compare nats, document by document.

    Args:
        ours: (N,) nats of each document.
        theirs: (N,), or (G,) of each group.
        num_bytes: (N,) UTF-8 bytes of each document.
        groups: (G,) each group's first document; None = each document by itself.
    """
    if groups is not None:
        ours, num_bytes = np.add.reduceat(ours, groups), np.add.reduceat(num_bytes, groups)
    value, se = ratio((ours - theirs) / math.log(2), num_bytes)
    degrees = degrees_of_freedom(num_bytes)
    reach = math.inf if se is None else t_quantile(degrees) * se
    low, high = (value - reach, value + reach) if math.isfinite(reach) else (None, None)
    return Difference(value, se, low, high, documents=int(np.count_nonzero(num_bytes)), degrees=degrees)
