"""How good depths are, all above 0: true ones first, in any shape that both have."""

import numpy as np
from jaxtyping import Float, Int

Array = np.ndarray
Depths = Float[Array, "*S"]


def abs_rel(targets: Depths, predicted: Depths) -> float:
    """Mean |r| / d.

    >>> abs_rel(np.array([2.0, 4.0]), np.array([1.0, 4.0]))
    0.25
    """
    return float((np.abs(targets - predicted) / targets).mean())


def rmse_log(targets: Depths, predicted: Depths) -> float:
    """The root of the mean squared difference of natural logarithms."""
    return float(np.sqrt(np.square(np.log(predicted) - np.log(targets)).mean()))


def log10_error(targets: Depths, predicted: Depths) -> float:
    """The mean absolute difference of logarithms to base 10."""
    return float(np.abs(np.log10(predicted) - np.log10(targets)).mean())


def delta_accuracy(targets: Depths, predicted: Depths, factor: float = 1.25) -> float:
    """The share whose ratio to the true depth is below a factor, either way; 1.25, 1.25² and 1.25³ are usual."""
    return float((np.maximum(predicted / targets, targets / predicted) < factor).mean())


def high_error_share(targets: Depths, predicted: Depths, above: float = 0.2) -> float:
    """The share whose relative error is above some."""
    return float((np.abs(targets - predicted) / targets > above).mean())


def scale_invariant_error(targets: Depths, predicted: Depths) -> float:
    """The variance of ln d̂ - ln d: what is left after the best scale (Eigen et al. 2014)."""
    return float((np.log(predicted) - np.log(targets)).var())


def whdr(
    orders: Int[Array, " N"],
    first: Float[Array, " N"],
    second: Float[Array, " N"],
    weights: Float[Array, " N"],
    ratio: float = 1.1,
) -> float:
    """The weighted share of pairs whose order people see otherwise (Bell et al. 2014; Chen et al. 2016).

    Args:
        orders: 1 where the first is further, -1 where it is nearer, 0 where people see them as far.
        first: the depth that is predicted of the first point of each pair.
        second: that of the second.
        weights: how sure people are of it.
        ratio: the quotient from which one is further.
    """
    said = np.where(first > ratio * second, 1, np.where(second > ratio * first, -1, 0))
    return float((weights * (said != orders)).sum() / weights.sum())
