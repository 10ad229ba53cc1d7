"""Correlations of two rows of numbers, by value and by rank."""

import numpy as np
from jaxtyping import Float


def pearson(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> float:
    """Correlation of two rows; NaN if one is constant or has fewer than two numbers."""
    x, y = (z.astype(np.float64) - z.mean(dtype=np.float64) for z in (x, y)) if len(x) else (x, y)
    size = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum() / size) if size > 0 else float("nan")


def spearman(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> float:
    """Correlation of the ranks; equal numbers share the mean of their ranks."""
    return pearson(ranks(x), ranks(y))


def ranks(x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Ranks from 0, ties averaged."""
    _, which, counts = np.unique(x, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - counts + ends - 1) / 2)[which]
