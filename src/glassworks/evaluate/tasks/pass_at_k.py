"""pass@k without bias, and its interval: how likely one of k samples solves a problem, on the mean over problems.

Source: Chen et al. 2021 (2107.03374), section 2.1, equation 1. The interval resamples problems, as another such set of
problems would give another score; where every problem scores alike it is Wilson's, so that 0 is never without a doubt.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from glassworks.evaluate.labelled.intervals import alike, draws, wilson

RESAMPLES = 2000


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """1 - C(n - c, k) / C(n, k): of n samples with c correct, the chance that k drawn of them have a correct one.

    >>> round(pass_at_k(200, 20, 10), 4)  # 1 - (1 - 0.1) ** 10 is 0.6513, too little
    0.6602

    Raises: ValueError for fewer samples than k, of which it is not defined.
    """
    if not 0 < k <= samples or not 0 <= correct <= samples:
        raise ValueError(f"pass@{k} of {samples} samples with {correct} correct: take k from 1 to the samples")
    return 1.0 - math.prod(1.0 - k / i for i in range(samples - correct + 1, samples + 1))


@dataclass(frozen=True)
class Score:
    """A mean over problems, and its 95 % interval."""

    value: float
    low: float
    high: float
    problems: int

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}]"

    @property
    def figures(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)


@dataclass(frozen=True)
class Paired:
    """One model's mean less another's on the same problems, its 95 % interval, and the sign test's p."""

    difference: float
    low: float
    high: float
    better: int
    worse: int
    p: float

    def __str__(self) -> str:
        points = f"{100 * self.difference:+.1f} points [{100 * self.low:+.1f}, {100 * self.high:+.1f}]"
        return f"{points}, better on {self.better} and worse on {self.worse} problems, p = {self.p:.2g}"


def score(values: Sequence[float], seed: int = 0) -> Score:
    """The mean of one value a problem, each from 0 to 1, with its interval over problems.

    Raises: ValueError for no problem.
    """
    if not len(values):
        raise ValueError("there is no problem to score")
    each = np.asarray(values, np.float64)
    mean = float(each.mean())
    if alike(float(each.min()), float(each.max())):
        low, high = wilson(round(mean * len(each)), len(each))
        assert low is not None
        assert high is not None
        return Score(mean, min(low, mean), max(high, mean), len(each))
    low, high = interval(each, seed)
    return Score(mean, low, high, len(each))


def interval(values: np.ndarray, seed: int) -> tuple[float, float]:
    """The bootstrap's 2.5 and 97.5 % of a mean over problems."""
    means = np.concatenate([values @ block / len(values) for block in draws(len(values), RESAMPLES, seed)])
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def score_at_k(counts: Sequence[tuple[int, int]], k: int, seed: int = 0) -> Score:
    """pass@k of problems, each given as its samples and how many are correct."""
    return score([pass_at_k(samples, correct, k) for samples, correct in counts], seed)


def paired(ours: Sequence[float], theirs: Sequence[float], seed: int = 0) -> Paired:
    """Two models on the same problems in the same order: the sign test is exact, over problems on which they differ."""
    if len(ours) != len(theirs) or not len(ours):
        raise ValueError(f"{len(ours)} and {len(theirs)} values: give both models the same problems, in one order")
    differences = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    better, worse = int((differences > 0).sum()), int((differences < 0).sum())
    fewer, number = min(better, worse), better + worse
    tail = sum(math.comb(number, i) for i in range(fewer + 1)) / 2**number
    low, high = interval(differences, seed)
    return Paired(float(differences.mean()), low, high, better, worse, min(1.0, 2 * tail))
