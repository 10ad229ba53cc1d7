"""Whether two sets can be told apart by a hyperplane, decided; and how often random labels can."""

import math

import numpy as np
from jaxtyping import Float, Int

CLOSE = 1e-6
"""A margin, in units of the features' largest values, that rounding might have decided."""


def margin(features: Float[np.ndarray, "N n"], y: Int[np.ndarray, " N"]) -> float:
    """The largest margin of a hyperplane with weights from -1 to 1: above 0 exactly where the sets are separable.

        max t     so that y_i (w f_i + b) >= t for all i,  |w_j| <= 1,  t <= 1

    A linear program, solved by HiGHS' dual simplex. Each feature is first divided by its largest size. Where the
    program's optimum is above 0, what is returned is the margin of its hyperplane, computed anew; else 0.
    """
    from scipy.optimize import linprog  # type: ignore[attr-defined]

    count, width = features.shape
    scaled = features / np.maximum(np.abs(features).max(0), np.finfo(float).tiny)
    rows = np.concatenate([-y[:, None] * scaled, -y[:, None], np.ones((count, 1))], axis=1)
    goal = np.zeros(width + 2)
    goal[-1] = -1
    bounds = [(-1, 1)] * width + [(None, None), (None, 1)]
    found = linprog(goal, A_ub=rows, b_ub=np.zeros(count), bounds=bounds, method="highs-ds")
    if found.x is None or not -found.fun > 0:
        return 0.0
    return max(0.0, float((y * (scaled @ found.x[:width] + found.x[width])).min()))


def separable(features: Float[np.ndarray, "N n"], y: Int[np.ndarray, " N"]) -> bool:
    """Whether a hyperplane has all of one set strictly on one side, and all of the other on the other."""
    return margin(features, y) > ROUNDING


ROUNDING = 1e-11


def cover(count: int, width: int) -> float:
    """The share of the labellings of `count` points in general position that a hyperplane in so many dimensions makes.

        2^(1 - N) sum over k from 0 to n of (N - 1 over k)

    Source: Cover 1965, "Geometrical and statistical properties of systems of linear inequalities", theorem 1, for
    hyperplanes that need not pass through the origin.

    >>> cover(4, 2)
    0.875
    """
    if width >= count - 1:
        return 1.0
    made: int = sum(math.comb(count - 1, k) for k in range(width + 1))
    return float(made / 2 ** (count - 1))


def interval(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """The share's 95 % interval of Wilson 1927, which holds near 0 and 1, too.

    >>> [round(end, 3) for end in interval(10, 10)]
    [0.722, 1.0]
    """
    share, extra = successes / trials, z**2 / trials
    middle = (share + extra / 2) / (1 + extra)
    half = z * math.sqrt(share * (1 - share) / trials + extra / (4 * trials)) / (1 + extra)
    return max(0.0, middle - half), min(1.0, middle + half)
