"""Two sets of points: concentric spheres as in the published experiment, and halves of the classes of labelled data."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from glassworks.data.labelled.prepare import Labelled

RADII = ((100.0, 120.0, 1), (200.0, 240.0, -1), (300.0, 360.0, 1))
"""Of the published spheres: the least, the largest, and which set a sphere belongs to."""


@dataclass(frozen=True, eq=False)
class Points:
    """What is to be separated."""

    name: str
    x: Float[np.ndarray, "N d"]
    y: Int[np.ndarray, " N"]
    """1 or -1."""

    @property
    def radius(self) -> float:
        """The largest norm: the range of the published biases."""
        return float(np.linalg.norm(self.x, axis=1).max())


def spheres(d: int, each: int, seed: int) -> Points:
    """Three concentric spheres in d dimensions, the middle one the other set; `each` points, uniform on each.

    Source: `data_maker.py` of https://github.com/srinathm1359/separable-rinns (100 points each).
    """
    rng = np.random.default_rng([seed, d])
    x, y = [], []
    for low, high, side in RADII:
        directions = rng.normal(size=(each, d))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        x.append(directions * rng.uniform(low, high, (each, 1)))
        y.append(np.full(each, side))
    return Points(f"spheres in {d} dimensions", np.concatenate(x), np.concatenate(y))


def halves(examples: Labelled, name: str, each: int, seed: int) -> Points:
    """So many examples of the first half of the classes against as many of the others, of all splits, as vectors.

    Pixels are from 0 to 1; a table's features are in standard deviations.

    Raises: ValueError for fewer than two classes, or none on a side.
    """
    if len(examples.classes) < 2:
        raise ValueError(f"{name} has {len(examples.classes)} classes: give data of two or more")
    parts = (examples.train, examples.validation, examples.test)
    targets = np.concatenate([np.asarray(part.targets) for part in parts])
    side = np.where(targets < (len(examples.classes) + 1) // 2, 1, -1)
    rng = np.random.default_rng(seed)
    chosen = np.concatenate([rng.permutation(np.flatnonzero(side == s))[:each] for s in (1, -1)])
    if len(set(side[chosen].tolist())) < 2:
        raise ValueError(f"{name} has examples of one half of its classes alone: there is nothing to separate")
    return Points(name, vectors(examples, chosen), side[chosen])


def vectors(examples: Labelled, chosen: NDArray[np.int64]) -> Float[np.ndarray, "N d"]:
    """Examples by their number over all splits."""
    found, start = np.zeros((len(chosen), int(np.prod(examples.shape)))), 0
    for part in (examples.train, examples.validation, examples.test):
        here = np.flatnonzero((chosen >= start) & (chosen < start + len(part)))
        inputs = np.asarray(part.inputs(chosen[here] - start))
        pixels = inputs.dtype == np.uint8
        found[here] = (inputs / 255 if pixels else (inputs - examples.mean) / examples.std).reshape(len(here), -1)
        start += len(part)
    return found
