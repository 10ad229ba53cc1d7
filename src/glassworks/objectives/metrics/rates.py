"""Shares of yes and no: targets (N,) first, what was said (N,) second, 1 or True for yes; NaN of nothing."""

import numpy as np
from jaxtyping import Bool, Float, Int

from glassworks.objectives.metrics.calibration import Bins, bin_edges, reliability

Array = np.ndarray
YesNo = Bool[Array, " N"] | Int[Array, " N"]


def share(part: Array, whole: Array) -> float:
    """Of the whole, the share that is in the part, too."""
    return float((part & whole).sum() / whole.sum()) if whole.any() else float("nan")


def specificity(targets: YesNo, said: YesNo) -> float:
    """TN / (TN + FP): of what is no, how much was called no; the true negative rate.

    >>> specificity(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
    0.6666666666666666
    """
    return share(~said.astype(bool), ~targets.astype(bool))


def false_positive_rate(targets: YesNo, said: YesNo) -> float:
    """FP / (FP + TN): of what is no, how much was called yes."""
    return share(said.astype(bool), ~targets.astype(bool))


def false_negative_rate(targets: YesNo, said: YesNo) -> float:
    """FN / (FN + TP): of what is yes, how much was called no."""
    return share(~said.astype(bool), targets.astype(bool))


def negative_predictive_value(targets: YesNo, said: YesNo) -> float:
    """TN / (TN + FN): of what was called no, how much is."""
    return share(~targets.astype(bool), ~said.astype(bool))


def false_discovery_rate(targets: YesNo, said: YesNo) -> float:
    """FP / (FP + TP): of what was called yes, how much is no; 1 - precision."""
    return share(~targets.astype(bool), said.astype(bool))


def false_omission_rate(targets: YesNo, said: YesNo) -> float:
    """FN / (FN + TN): of what was called no, how much is yes."""
    return share(targets.astype(bool), ~said.astype(bool))


def ece(targets: Int[Array, " N"], probabilities: Float[Array, "N K"], bins: Bins = "width", number: int = 15) -> float:
    """The expected calibration error of the class that is most likely, from 0 to 1 (`calibration.Reliability`)."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == targets
    return reliability(confidence, right, bin_edges(confidence, bins, number)).ece


def true_accept_rate(alike: YesNo, scores: Float[Array, " N"], false_accepts: float = 1e-3) -> float:
    """Of pairs that are alike, the share above the lowest threshold that lets in `false_accepts` of others, at most.

    Verification of faces: TAR at FAR.
    """
    others = np.sort(scores[~alike.astype(bool)])[::-1]
    allowed = int(np.floor(false_accepts * len(others) + 1e-9))
    threshold = others[allowed] if allowed < len(others) else -np.inf
    return share(scores > threshold, alike.astype(bool))


def equal_error_rate(alike: YesNo, scores: Float[Array, " N"]) -> float:
    """Where as many of the alike are turned away as of the others let in: that share, between two thresholds."""
    yes, no = np.sort(scores[alike.astype(bool)]), np.sort(scores[~alike.astype(bool)])
    if not len(yes) or not len(no):
        return float("nan")
    cuts = np.unique(np.concatenate([yes, no, [np.inf]]))
    missed = np.searchsorted(yes, cuts) / len(yes)
    let_in = 1 - np.searchsorted(no, cuts) / len(no)
    first = int(np.argmax(missed >= let_in))
    if first == 0:
        return float((missed[0] + let_in[0]) / 2)
    before, after = (missed - let_in)[[first - 1, first]]
    t = -before / (after - before)
    return float(missed[first - 1] + t * (missed[first] - missed[first - 1]))
