"""The width that theory advises: so many neurons that any labelling of the points is separable.

Points whose angles are all in [theta, pi - theta], a layer without biases, normal weights:

    n >= (C / theta) max(m, log(1 / delta))     makes the features of m points linearly independent

with probability 1 - delta, so that every labelling of them is separable. The least C that is not contradicted here is
theta n' / m, where n' is the width at which the features' rank was seen to be m. With biases, what matters is the
angles of (x, lambda / sqrt(3)): normal biases of that size, which is that of uniform ones within lambda, are one more
input.

Source: Becchetti, Russo & Skorupinski, "Dimension-Free Rank Lifting", its theorem on rank, which states no C.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from glassworks.reproductions.separability.layers import layer
from glassworks.reproductions.separability.points import Points

DELTA = 0.05
FACTORS = (1.0, 1.05, 1.25, 2.0)
"""Of the number of points: widths at which the rank is looked at."""


@dataclass(frozen=True)
class Advice:
    """Of a set of points, with or without biases."""

    m: int
    theta: float
    """The least angle, in radians."""
    rank_width: int | None
    """The least width looked at where the rank was full in all trials but 5 %; None = in none."""

    @property
    def constant(self) -> float | None:
        """The least C that the width of full rank allows."""
        return None if self.rank_width is None else self.theta * self.rank_width / self.m

    def width(self, constant: float) -> float:
        """What is advised with a C."""
        return constant / self.theta * max(self.m, math.log(1 / DELTA))


def advice(points: Points, reach: float, trials: int, seed: int) -> Advice:
    """Angles, and the width of full rank; `reach` is lambda, 0 for a layer without biases."""
    lifted = np.concatenate([points.x, np.full((len(points.x), 1), reach / np.sqrt(3))], axis=1) if reach else points.x
    for factor in FACTORS:
        width = round(factor * len(lifted))
        if np.mean([full_rank(lifted, width, seed, number) for number in range(trials)]) >= 1 - DELTA:
            return Advice(len(lifted), least_angle(lifted), width)
    return Advice(len(lifted), least_angle(lifted), None)


def full_rank(x: Float[np.ndarray, "N d"], width: int, seed: int, number: int) -> bool:
    """Whether the features of a random layer without biases are linearly independent, in float64."""
    weights = np.random.default_rng([seed, width, number]).normal(size=(width, x.shape[1]))
    return bool(np.linalg.matrix_rank(layer(x, weights, np.zeros(width))) == len(x))


def least_angle(x: Float[np.ndarray, "N d"]) -> float:
    """The least angle between the lines through the origin and each of two points."""
    units = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.finfo(float).tiny)
    cosines = np.abs(units @ units.T)
    np.fill_diagonal(cosines, 0)
    i, j = divmod(int(cosines.argmax()), len(units))
    other = units[j] if units[i] @ units[j] > 0 else -units[j]
    return 2 * math.asin(min(1.0, float(np.linalg.norm(units[i] - other)) / 2))  # exact where the angle is small
