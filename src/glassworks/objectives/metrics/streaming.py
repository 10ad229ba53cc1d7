"""AUROC and average precision of any number of examples in four megabytes, with a bound that holds for certain.

Scores are counted in 262,144 bins, the same for everybody: the upper 18 bits of a float32, which keep the order and, of
a number of any size, three digits. So the counts of processes and ranks are simply added. Which of two scores in one
bin was larger is forgotten: both figures are given at the middle of what any order within bins could make them, beside
these ends. Probabilities are taken by their logits, which tell 0.999 from 0.9999 apart.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import digamma

Array = np.ndarray
BITS = 18
BINS = 1 << BITS


class Bounded(NamedTuple):
    """A figure of a stream."""

    value: float
    low: float
    high: float
    """Between these it is for certain, had all scores been kept: what is lost by bins."""
    interval: tuple[float, float]
    """Between these it is with 95 % for new examples of the same kind: sampling and bins together."""


class Ranking:
    """What is to be known of scores of yes and no for their order, however many come.

    >>> seen = Ranking()
    >>> seen.update(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    >>> seen.auroc().value
    0.75
    """

    def __init__(self, *, probabilities: bool = False) -> None:
        """With `probabilities`, scores are from 0 to 1."""
        self.probabilities = probabilities
        self.counts: Int[Array, "2 bins"] = np.zeros((2, BINS), dtype=np.int64)
        """Of no and of yes, in each bin: sums over ranks are those of all (`torch.distributed.all_reduce`)."""

    def update(self, scores: Float[Array, " N"], targets: Bool[Array, " N"] | Int[Array, " N"]) -> None:
        """Count some more; ValueError for NaN, targets that are neither 0 nor 1, or no probabilities."""
        scores, targets = np.asarray(scores, dtype=np.float64), np.asarray(targets)
        if np.isnan(scores).any():
            raise ValueError(f"scores have NaN, {int(np.isnan(scores).sum())} of {len(scores)}: leave them out")
        if not np.isin(targets, (0, 1)).all():
            raise ValueError("targets must be 0 or 1")
        if self.probabilities:
            if len(scores) and not 0 <= scores.min() <= scores.max() <= 1:
                raise ValueError(f"scores are from {scores.min():g} to {scores.max():g}: probabilities are from 0 to 1")
            with np.errstate(divide="ignore"):
                scores = np.log(scores) - np.log1p(-scores)
        where = bins_of(scores)
        for answer in (0, 1):
            self.counts[answer] += np.bincount(where[targets == answer], minlength=BINS)

    def merge(self, other: "Ranking") -> "Ranking":
        """Both together."""
        if self.probabilities != other.probabilities:
            raise ValueError("one counts probabilities and the other scores: their bins differ")
        both = Ranking(probabilities=self.probabilities)
        both.counts = self.counts + other.counts
        return both

    def auroc(self) -> Bounded:
        """How often a yes scores above a no, ties by halves; NaN where there is none of either.

        The interval is DeLong's (1988) of what is in the middle, widened by what bins may hide.
        """
        no, yes = self.held()
        if not no.sum() or not yes.sum():
            return Bounded(math.nan, math.nan, math.nan, (math.nan, math.nan))
        shares = no / no.sum(), yes / yes.sum()
        below = shares[0].cumsum() - shares[0] / 2  # of each yes, the share of no that it is above
        above = 1 - shares[1].cumsum() + shares[1] / 2
        value = float((below * shares[1]).sum())
        hidden = float((shares[0] * shares[1]).sum()) / 2
        spread = [float((share * (at - value) ** 2).sum()) for share, at in ((shares[1], below), (shares[0], above))]
        error = 1.959964 * math.sqrt(spread[0] / max(yes.sum() - 1, 1) + spread[1] / max(no.sum() - 1, 1))
        low, high = value - hidden, value + hidden
        return Bounded(value, low, high, (max(0.0, low - error), min(1.0, high + error)))

    def average_precision(self, *, draws: int = 200, seed: int = 0) -> Bounded:
        """Σ (R_i - R_(i - 1)) P_i, as scikit-learn has it; NaN without a yes.

        The interval is of `draws` resamples of the counts, its lower end by lower ends and its upper end by upper ones.
        """
        no, yes = (counts[::-1] for counts in self.held())  # best first
        if not yes.sum():
            return Bounded(math.nan, math.nan, math.nan, (math.nan, math.nan))
        low, high = precision_bounds(no, yes)
        rng = np.random.default_rng(seed)
        ends = np.empty((draws, 2))
        for i in range(draws):
            ends[i] = precision_bounds(*(resampled(counts, rng) for counts in (no, yes)))
        interval = float(np.quantile(ends[:, 0], 0.025)), float(np.quantile(ends[:, 1], 0.975))
        return Bounded((low + high) / 2, low, high, interval)

    def held(self) -> tuple[Int[Array, " held"], Int[Array, " held"]]:
        """The counts of bins that have any, lowest scores first."""
        any_of = self.counts.any(0)
        return self.counts[0, any_of], self.counts[1, any_of]


def bins_of(scores: Float[Array, " N"]) -> Int[Array, " N"]:
    """The bin of each score: the upper bits of its float32, so that larger scores have larger bins.

    >>> bins_of(np.array([-1.0, 0.0, 1.0, 1.01])).tolist()
    [66047, 131072, 196096, 196101]
    """
    with np.errstate(over="ignore"):
        bits = (np.asarray(scores, dtype=np.float32) + np.float32(0)).view(np.uint32)  # -0 becomes 0
    ordered = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    return (ordered >> (32 - BITS)).astype(np.int64)


def precision_bounds(no: Int[Array, " held"], yes: Int[Array, " held"]) -> tuple[float, float]:
    """The least and the most that average precision can be, bins best first, whatever their order within.

    The least has every no of a bin before its yes; the most has every yes first, all of them at one score.
    """
    with_yes = yes > 0
    found, wrong = (counts.cumsum()[with_yes].astype(float) for counts in (yes, no))
    number, other = yes[with_yes].astype(float), no[with_yes].astype(float)
    before = found - number
    least = number - wrong * (digamma(found + wrong + 1) - digamma(before + wrong + 1))
    most = number * found / (found + wrong - other)
    return float(least.sum() / found[-1]), float(most.sum() / found[-1])


def resampled(counts: Int[Array, " held"], rng: np.random.Generator) -> Int[Array, " held"]:
    """As many, drawn with replacement."""
    total = int(counts.sum())
    return rng.multinomial(total, counts / total) if total else counts
