"""Points in a plane that are of two to four classes: small enough to see where a network decides.

    "moons" "circles" "spirals" "blobs" "xor"      1,000 points
    "moons:5000"                                   as many as one likes; the first thousand stay as they are

Every point is drawn by itself, from a generator that its block seeds: nothing is ever whole in memory.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from glassworks.data.labelled.kinds import TOYS
from glassworks.data.labelled.source import Block, Source
from glassworks.data.labelled.tables.encoding import Column, Encoding

POINTS = 1000
MOST = 100_000_000
BLOCK = 1000  # points that one generator draws
SEED = 1337
ENCODING = Encoding((Column("x1", "number"), Column("x2", "number")))
"""How a row of a file becomes a point."""

Floats = NDArray[np.float64]
Draw = Callable[..., Floats]
"""Labels, a generator and, if it is to be another than the set's own, the noise to points."""


def toy_source(data: str) -> Source:
    """A toy set by its name, and how many points.

    Raises: ValueError for another name, or a number of points that is none.
    """
    name, colon, number = data.partition(":")
    if name not in TOYS:
        raise ValueError(f"data (={data!r}) is none of the toy sets {', '.join(TOYS)}")
    if colon and not (number.isascii() and number.isdigit() and 1 <= int(number) <= MOST):
        raise ValueError(f"data (={data!r}) must say a number of points from 1 to {MOST:,}, as in {name}:2000")
    points = int(number) if colon else POINTS
    draw, classes = SHAPES[name]
    return Source(
        kind="table",
        what=f"{points:,} points of {name}",
        task="classes",
        shape=(2,),
        blocks=partial(read, draw, classes, points),
        fingerprint=f"toy {name} {points}",
        preprocessing={"kind": "table", "encoding": ENCODING.as_json()},
        classes=classes,
        features=("x1", "x2"),
    )


def read(draw: Draw, classes: tuple[str, ...], points: int) -> Iterator[Block]:
    """The points, their classes in turn."""
    for number, first in enumerate(range(0, points, BLOCK)):
        size = min(BLOCK, points - first)
        labels = np.arange(BLOCK) % len(classes)
        inputs = draw(labels, np.random.default_rng([SEED, number]))[:size].astype(np.float32)
        yield Block(inputs, [classes[i] for i in labels[:size]], [f"point {first + i}" for i in range(size)])


def moons(labels: NDArray[np.int64], rng: np.random.Generator, std: float = 0.1) -> Floats:
    """Two interleaved half circles of radius 1, as scikit-learn has them, with noise of 0.1."""
    turn = rng.uniform(0, np.pi, len(labels))
    upper = np.stack([np.cos(turn), np.sin(turn)], 1)
    lower = np.stack([1 - np.cos(turn), 0.5 - np.sin(turn)], 1)
    points: Floats = np.where(labels[:, None] == 0, upper, lower)
    return points + noise(std, len(labels), rng)


def circles(labels: NDArray[np.int64], rng: np.random.Generator, std: float = 0.08) -> Floats:
    """A circle of radius 0.5 within one of radius 1, with noise of 0.08."""
    turn = rng.uniform(0, 2 * np.pi, len(labels))
    radius = np.where(labels == 0, 0.5, 1.0)
    points: Floats = radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
    return points + noise(std, len(labels), rng)


def spirals(labels: NDArray[np.int64], rng: np.random.Generator, std: float = 0.02) -> Floats:
    """Two arms that go once and a half around each other from the middle to radius 1, with noise of 0.02."""
    along = np.sqrt(rng.uniform(0, 1, len(labels)))  # so that the outer part is no emptier
    turn = 3 * np.pi * along + np.pi * labels
    points: Floats = along[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
    return points + noise(std, len(labels), rng)


def blobs(labels: NDArray[np.int64], rng: np.random.Generator, std: float = 0.35) -> Floats:
    """Four round clouds of standard deviation 0.35 at the corners of a square with sides of 2."""
    points: Floats = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])[labels]
    return points + noise(std, len(labels), rng)


def xor(labels: NDArray[np.int64], rng: np.random.Generator, std: float = 0.0) -> Floats:
    """Points of a square from -1 to 1: of one class where both coordinates have the same sign, without noise."""
    size, sign = rng.uniform(0.02, 1, (len(labels), 2)), rng.choice([-1.0, 1.0], len(labels))
    points: Floats = size * np.stack([sign, np.where(labels == 0, sign, -sign)], 1)
    return points + noise(std, len(labels), rng)


def noise(std: float, points: int, rng: np.random.Generator) -> Floats:
    """What is added to each coordinate."""
    return rng.normal(0, std, (points, 2))


SHAPES: dict[str, tuple[Draw, tuple[str, ...]]] = {
    "moons": (moons, ("upper", "lower")),
    "circles": (circles, ("inner", "outer")),
    "spirals": (spirals, ("first", "second")),
    "blobs": (blobs, ("a", "b", "c", "d")),
    "xor": (xor, ("same", "different")),
}
