"""Random layers: normal weights, ReLUs, biases by one of three laws; one layer, or two.

    x -> sqrt(2 / n) relu(W x + b)     W (n, d) standard normal

A second layer has biases of the range that the first one's outputs have: sqrt(R^2 + lambda^2 / 3), as E|x'|^2 is that.

Source: Ghosal, Mahankali & Sun 2022 (https://arxiv.org/abs/2205.11716) state biases uniform in [-lambda, lambda]. Their
code, https://github.com/srinathm1359/separable-rinns, says so in a comment and draws from [0, 2 lambda].
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

Law = Literal["stated", "code", "none"]


@dataclass(frozen=True)
class Arm:
    """A kind of network, and whether it is to separate the sets, or labels that are shuffled among the points."""

    law: Law
    layers: int = 1
    shuffled: bool = False


ARMS = {
    "one layer": Arm("stated"),
    "one layer, the code's biases": Arm("code"),
    "one layer, no biases": Arm("none"),
    "two layers": Arm("stated", 2),
    "two layers, the code's biases": Arm("code", 2),
    "one layer, random labels": Arm("stated", shuffled=True),
}


@dataclass(frozen=True, eq=False)
class Draw:
    """The random numbers of one trial, which all laws share: what differs between them is the law."""

    first: Float[np.ndarray, "n d"]
    second: Float[np.ndarray, "n n"]
    biases: Float[np.ndarray, "2 n"]
    """Uniform in [0, 1]."""

    @classmethod
    def of(cls, rng: np.random.Generator, width: int, d: int) -> "Draw":
        """Of one width."""
        return cls(rng.normal(size=(width, d)), rng.normal(size=(width, width)), rng.uniform(size=(2, width)))

    def features(self, x: Float[np.ndarray, "N d"], arm: Arm, reach: float, radius: float) -> Float[np.ndarray, "N n"]:
        """What a network of these numbers makes of the points; `reach` is lambda, `radius` their largest norm."""
        found = layer(x, self.first, biases(self.biases[0], arm.law, reach))
        if arm.layers == 2:
            second = np.sqrt(radius**2 + reach**2 / 3)
            found = layer(found, self.second, biases(self.biases[1], arm.law, float(second)))
        return found


def biases(drawn: Float[np.ndarray, " n"], law: Law, reach: float) -> Float[np.ndarray, " n"]:
    """Biases by a law, of numbers that are uniform in [0, 1]."""
    if law == "none":
        return np.zeros_like(drawn)
    return reach * (2 * drawn - 1) if law == "stated" else 2 * reach * drawn


def layer(
    x: Float[np.ndarray, "N d"], weights: Float[np.ndarray, "n d"], bias: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "N n"]:
    """One random layer."""
    found: np.ndarray = np.maximum(x @ weights.T + bias, 0) * np.sqrt(2 / len(weights))
    return found
