"""What is computed of prepared data by reading through them: moments of the training split, copies across splits."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from glassworks.data.labelled.store import Part

CHUNK_BYTES = 1 << 22
KEYS_AT_ONCE = 1 << 22


def chunks(part: Part) -> Iterator[NDArray[Any]]:
    """All inputs of a split in order, a few megabytes at a time."""
    size = max(1, CHUNK_BYTES // (4 * int(np.prod(part.shape))))
    for first in range(0, len(part), size):
        yield part.inputs(np.arange(first, min(first + size, len(part))))


def channel_moments(part: Part) -> tuple[Float32[np.ndarray, " C"], Float32[np.ndarray, " C"]]:
    """Mean and standard deviation of each channel's pixels, from 0 to 1, over all images and places; exact.

    The deviation is 1 where it would be 0.
    """
    squares = np.arange(256, dtype=np.uint32) ** 2
    total = np.zeros(part.shape[0], np.uint64)
    total_squares = np.zeros(part.shape[0], np.uint64)
    for images in chunks(part):
        total += images.sum((0, 2, 3), dtype=np.uint64)
        total_squares += squares[images].sum((0, 2, 3), dtype=np.uint64)
    n = len(part) * part.shape[1] * part.shape[2]
    variance = [(n * int(q) - int(s) ** 2) / (n * 255) ** 2 for s, q in zip(total, total_squares, strict=True)]
    return (total / (n * 255)).astype(np.float32), divisible(np.sqrt(variance))


def row_moments(part: Part) -> tuple[Float32[np.ndarray, " F"], Float32[np.ndarray, " F"]]:
    """Mean and standard deviation of each feature.

    Chunks are joined as by Chan, Golub and LeVeque (1979), "Updating formulae and a pairwise algorithm for computing
    sample variances", equation 1.5. The deviation is 1 where it would be 0.
    """
    n, mean, deviations = 0, np.zeros(part.shape), np.zeros(part.shape)
    for rows in chunks(part):
        values = rows.astype(np.float64)
        there, m = values.mean(0), len(values)
        deviations += ((values - there) ** 2).sum(0) + (there - mean) ** 2 * (n * m / (n + m))
        mean += (there - mean) * (m / (n + m))
        n += m
    return mean.astype(np.float32), divisible(np.sqrt(deviations / n))


def divisible(std: NDArray[np.float64]) -> NDArray[np.float32]:
    """Standard deviations by which one can divide."""
    rounded = std.astype(np.float32)
    return np.where(rounded > 0, rounded, np.float32(1))


def in_train(part: Part, train: Part) -> int:
    """How many examples of a split are exact copies of training examples.

    Keys are compared in turns of those with the same first bits, so that few are in memory at a time.
    """
    turns = -(-len(train) // KEYS_AT_ONCE)
    found = 0
    for turn in range(turns):
        ours, theirs = (keys_of_turn(one.keys, turn, turns) for one in (part, train))
        found += int(np.isin(ours, theirs).sum())
    return found


def different(keys: NDArray[np.uint64]) -> int:
    """How many different keys there are, counted in the same turns."""
    turns = max(1, -(-len(keys) // KEYS_AT_ONCE))
    return sum(len(np.unique(keys_of_turn(keys, turn, turns))) for turn in range(turns))


def keys_of_turn(keys: NDArray[np.uint64], turn: int, turns: int) -> NDArray[np.uint64]:
    """The keys that a turn compares."""
    if turns == 1:
        return keys
    pieces = (keys[i : i + KEYS_AT_ONCE] for i in range(0, len(keys), KEYS_AT_ONCE))
    return np.concatenate([piece[piece % np.uint64(turns) == turn] for piece in pieces])
