"""Whether a probability of 80 % is right in 80 of 100 cases, and one number that mends it where it is not."""

import math
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from glassworks.objectives.metrics.classification import log_softmax, ratio

Array = np.ndarray
Bins = Literal["width", "mass"]
"""Bins of the same width, or with as many examples in each."""
NUM_BINS = 15
COLDEST, HOTTEST = 0.01, 100.0
"""Temperatures between which one is looked for."""


class Reliability(NamedTuple):
    """A reliability diagram: what is in each bin of confidence, the probability of the class that was predicted."""

    edges: Float[Array, " edges"]
    """Where bins end: a confidence on an edge is in the lower one."""
    counts: Int[Array, " bins"]
    confidence: Float[Array, " bins"]
    """The mean of the bin; NaN for an empty one."""
    accuracy: Float[Array, " bins"]
    """The share of the bin that is right; NaN for an empty one."""

    @property
    def ece(self) -> float:
        """The expected calibration error: the mean distance of accuracy and confidence, each bin by its examples.

        From 0 to 1. Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017, equation 3. Of few examples it is above 0
        for a perfectly calibrated model, too, for chance alone parts the two: see `ece_of_the_calibrated`.
        """
        gaps = np.where(self.counts > 0, np.abs(self.accuracy - self.confidence), 0.0)
        return float((gaps * self.counts).sum() / self.counts.sum())


def bin_edges(confidence: Float[Array, " N"], bins: Bins = "width", number: int = NUM_BINS) -> Float[Array, " edges"]:
    """Where the bins of a reliability diagram end, from 0 to 1.

    Of bins with as many examples each there are fewer than `number` where confidences are the same: equal ones stay
    together.
    """
    if number < 1:
        raise ValueError(f"number (={number}) of bins must be at least 1")
    if bins == "width":
        return np.linspace(0, 1, number + 1)
    cuts = np.quantile(confidence.astype(np.float64), np.arange(1, number) / number, method="inverted_cdf")
    inner = np.unique(cuts)
    return np.concatenate([[0.0], inner[(inner > 0) & (inner < 1)], [1.0]])


def bin_of(confidence: Float[Array, " N"], edges: Float[Array, " edges"]) -> Int[Array, " N"]:
    """The bin that each is in."""
    return np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, len(edges) - 2)


def reliability(confidence: Float[Array, " N"], right: Bool[Array, " N"], edges: Float[Array, " edges"]) -> Reliability:
    """The reliability diagram of predictions, each with its confidence and whether it was right.

    >>> reliability(np.array([0.6, 0.8, 0.9]), np.array([True, False, True]), np.array([0.0, 0.7, 1.0])).accuracy
    array([1. , 0.5])
    """
    if not len(confidence):
        raise ValueError("confidence is empty: give at least one example")
    where, number = bin_of(confidence, edges), len(edges) - 1
    counts = np.bincount(where, minlength=number)
    sums, hits = (np.bincount(where, values, number) for values in (confidence, right))
    return Reliability(edges, counts, ratio(sums, counts), ratio(hits, counts))


def ece_of_the_calibrated(
    confidence: Float[Array, " N"], edges: Float[Array, " edges"], *, draws: int = 200, seed: int = 0
) -> tuple[float, float]:
    """The control of an ECE: that of a model which is right just as often as its confidence says, mean and 95 % bound.

    By drawing whether each is right, `draws` times; an ECE below the bound is no sign of miscalibration.
    """
    generator, where = np.random.default_rng(seed), bin_of(confidence, edges)
    found = np.empty(draws)
    for i in range(draws):
        gaps = (generator.random(len(confidence)) < confidence) - confidence
        found[i] = np.abs(np.bincount(where, gaps, len(edges) - 1)).sum() / len(confidence)
    return float(found.mean()), float(np.quantile(found, 0.95))


def fit_temperature(logits: Float[Array, "N K"], targets: Int[Array, " N"]) -> float:
    """The T for which softmax(logits / T) has the least log loss (Guo et al. 2017, section 4.2), for 0.01 to 100.

    The log loss is convex in 1/T, its slope the mean of E_p[logit] - logit of the target: Newton's method finds its
    zero, and halves the interval known to hold it where a step leaves that. Fit it on a validation part, never on what
    is then judged. Logarithms of probabilities serve as logits.

    Raises: ValueError where none is best: every example is right, so the coldest would be; or the logits say less of
    the targets than chance, so the hottest would be.
    """
    if not len(targets):
        raise ValueError("logits is empty: a temperature is fitted on at least one example")
    shifted = logits.astype(np.float64)
    shifted = shifted - shifted.max(1, keepdims=True)  # (N, K)
    target = np.take_along_axis(shifted, targets[:, None], 1)[:, 0]
    if not target.any():
        raise ValueError("every example is predicted rightly: no temperature would be cold enough")
    low, high = 1 / HOTTEST, 1 / COLDEST
    if slope(shifted, target, low)[0] >= 0:
        raise ValueError("the logits say less of the targets than chance: no temperature would be hot enough")
    if slope(shifted, target, high)[0] <= 0:
        return COLDEST
    inverse = 1.0
    for _ in range(100):
        first, second = slope(shifted, target, inverse)
        low, high = (inverse, high) if first < 0 else (low, inverse)
        step = inverse - first / second if second > 0 else math.inf
        following = step if low < step < high else (low + high) / 2
        if abs(following - inverse) <= 1e-12 * inverse:
            break
        inverse = following
    return 1 / inverse


def slope(logits: Float[Array, "N K"], target: Float[Array, " N"], inverse: float) -> tuple[float, float]:
    """The first two derivatives of the mean log loss by 1/T: E_p[logit] - logit of the target, and Var_p[logit]."""
    p = np.exp(log_softmax(logits * inverse))
    mean = (p * logits).sum(1)
    return float((mean - target).mean()), float(((p * np.square(logits)).sum(1) - np.square(mean)).mean())
