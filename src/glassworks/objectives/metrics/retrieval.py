"""How good an order is: for each query, (Q, N), what is relevant, and the scores by which all is ordered.

A query of which nothing is relevant does not count; NaN where none does. Ties are in the order in which they stand.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

Array = np.ndarray
Relevant = Bool[Array, "Q N"] | Int[Array, "Q N"]
Scores = Float[Array, "Q N"]


def ordered(relevant: Relevant, scores: Scores) -> Array:
    """Whether what stands at each place is relevant, (Q, N), of the queries that have something."""
    order = np.argsort(-scores, axis=1, kind="stable")
    found = np.take_along_axis(relevant.astype(bool), order, 1)
    kept: Array = found[found.any(1)]
    return kept


def mean(values: Array) -> float:
    """The mean, NaN of nothing."""
    return float(values.mean()) if len(values) else float("nan")


def reciprocal_rank(relevant: Relevant, scores: Scores) -> float:
    """The mean of 1 / the place of the first that is relevant: MRR (Voorhees 1999).

    >>> reciprocal_rank(np.array([[0, 1, 0]]), np.array([[3.0, 2.0, 1.0]]))
    0.5
    """
    return mean(1 / (ordered(relevant, scores).argmax(1) + 1))


def mean_average_precision(relevant: Relevant, scores: Scores) -> float:
    """The mean over queries of the mean precision at each place that is relevant: MAP."""
    found = ordered(relevant, scores)
    precision = found.cumsum(1) / np.arange(1, found.shape[1] + 1)
    return mean((precision * found).sum(1) / found.sum(1).clip(min=1))


def precision_at_k(relevant: Relevant, scores: Scores, k: int = 10) -> float:
    """Of the first k, the share that is relevant."""
    return mean(ordered(relevant, scores)[:, :k].sum(1) / k)


def recall_at_k(relevant: Relevant, scores: Scores, k: int = 10) -> float:
    """Of what is relevant, the share that is among the first k."""
    found = ordered(relevant, scores)
    return mean(found[:, :k].sum(1) / found.sum(1).clip(min=1))


def hit_rate_at_k(relevant: Relevant, scores: Scores, k: int = 10) -> float:
    """The share of queries that have something relevant among the first k."""
    return mean(ordered(relevant, scores)[:, :k].max(1))
