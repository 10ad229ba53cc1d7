"""How far annotators agree beyond chance: raw shares, Cohen's and Fleiss' kappa, Krippendorff's alpha.

Letters: U units (comparisons), R raters, K categories.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

RESAMPLES, GROUPS = 400, 1000
"""Of the bootstrap, and into how many groups of units at most it takes them."""
DISTANCES: dict[str, Callable[[Float[np.ndarray, " K"], Float[np.ndarray, " K"]], Float[np.ndarray, "K K"]]] = {
    "nominal": lambda values, _: (values[:, None] != values[None]).astype(float),
    "ordinal": lambda _, totals: ordinal(totals),
    "interval": lambda values, _: (values[:, None] - values[None]) ** 2,
}
"""The squared distance between values, by what they are measured in (Krippendorff 2011)."""


def ordinal(totals: Float[np.ndarray, " K"]) -> Float[np.ndarray, "K K"]:
    """The squared distance of ranks: how many values lie between two, and half of each."""
    middle = np.cumsum(totals) - totals / 2
    return np.square(middle[:, None] - middle[None])


def cohen(counts: Int[np.ndarray, "K K"]) -> float:
    """Cohen's kappa of two raters, by how often one said the row and the other the column (Cohen 1960); NaN of none.

    >>> round(cohen(np.array([[20, 5], [10, 15]])), 3)
    0.4
    """
    table = np.asarray(counts, float)
    total = table.sum()
    if not total:
        return float("nan")
    observed, expected = np.trace(table) / total, (table.sum(0) @ table.sum(1)) / total**2
    return float((observed - expected) / (1 - expected)) if expected < 1 else float("nan")


def fleiss(counts: Int[np.ndarray, "U K"]) -> float:
    """Fleiss' kappa, by how many raters put each unit into each category (Fleiss 1971); NaN where chance explains all.

    Units of one rater say nothing of agreement and are left out; where units have different numbers of raters, each
    counts once, as in Fleiss, Levin & Paik (2003).
    """
    table = np.asarray(counts, float)
    table = table[table.sum(1) > 1]
    if not len(table):
        return float("nan")
    raters = table.sum(1)
    observed = ((table * (table - 1)).sum(1) / (raters * (raters - 1))).mean()
    expected = ((table.sum(0) / table.sum()) ** 2).sum()
    return float((observed - expected) / (1 - expected)) if expected < 1 else float("nan")


def coincidences(counts: Int[np.ndarray, "U K"]) -> Float[np.ndarray, "U K K"]:
    """Krippendorff's coincidences of each unit: its pairs of values, each value counting once in all."""
    table = np.asarray(counts, float)
    raters = table.sum(1)
    pairs: Float[np.ndarray, "U K K"] = table[:, :, None] * table[:, None, :]
    pairs[:, np.arange(table.shape[1]), np.arange(table.shape[1])] -= table
    pairs /= np.where(raters > 1, raters - 1, 1)[:, None, None]
    return pairs


def alpha_of(
    together: Float[np.ndarray, "... K K"], values: Float[np.ndarray, " K"], level: str = "nominal"
) -> Float[np.ndarray, "..."]:
    """Krippendorff's alpha of summed coincidences; NaN where all values are the same."""
    totals = together.sum(-1)
    if level == "ordinal" and together.ndim > 2:  # its distances are those of these totals
        return np.array([float(alpha_of(one, values, level)) for one in together])
    distance = DISTANCES[level](np.asarray(values, float), totals)
    observed = (together * distance).sum((-2, -1))
    pairs = totals[..., :, None] * totals[..., None, :]
    expected = (pairs * distance).sum((-2, -1)) / np.maximum(totals.sum(-1) - 1, 1e-12)
    return np.asarray(np.where(expected > 0, 1 - observed / np.where(expected > 0, expected, 1), np.nan))


def krippendorff(
    counts: Int[np.ndarray, "U K"], values: Float[np.ndarray, " K"] | None = None, level: str = "nominal"
) -> float:
    """Krippendorff's alpha: 1 = all agree, 0 = as chance would (Krippendorff 2011, "Computing Krippendorff's Alpha").

    Args:
        counts: (U, K) how many raters gave each unit each value; whoever gave none is missing.
        values: (K,) what the categories are on an interval scale, in ascending order where they have one.
        level: nominal, ordinal or interval.
    """
    scale = np.arange(counts.shape[1], dtype=float) if values is None else values
    return float(alpha_of(coincidences(counts).sum(0), scale, level))


def alpha_interval(counts: Int[np.ndarray, "U K"], level: str = "nominal", seed: int = 0) -> tuple[float, float]:
    """95 % of resamples of units have an alpha in between; NaN for fewer than two units."""
    each = coincidences(counts)
    if len(each) < 2:
        return float("nan"), float("nan")
    chance = np.random.default_rng(seed)
    groups = min(GROUPS, len(each))
    summed = np.zeros((groups, *each.shape[1:]))
    np.add.at(summed, chance.permutation(len(each)) % groups, each)
    drawn = chance.multinomial(groups, np.full(groups, 1 / groups), RESAMPLES)
    found = alpha_of(np.tensordot(drawn, summed, 1), np.arange(counts.shape[1], dtype=float), level)
    found = found[~np.isnan(found)]
    return tuple(np.quantile(found, [0.025, 0.975]).tolist()) if len(found) else (float("nan"),) * 2


def raw(counts: Int[np.ndarray, "U K"]) -> tuple[int, int]:
    """Pairs of raters of one unit that gave it the same value, and all pairs."""
    raters = counts.sum(1)
    return int((counts * (counts - 1)).sum() // 2), int((raters * (raters - 1)).sum() // 2)


def wilson(right: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; 0 to 1 of nothing."""
    if not of:
        return 0.0, 1.0
    z = 1.959964
    middle, spread = right / of + z**2 / (2 * of), z * np.sqrt(right / of * (1 - right / of) / of + z**2 / (4 * of**2))
    low, high = ((middle + sign * spread) / (1 + z**2 / of) for sign in (-1, 1))
    return max(0.0, float(low)), min(1.0, float(high))
