"""Sources of labelled data made of arrays, for tests."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.data.labelled.source import Block, Source


def made(
    inputs: NDArray[Any],
    targets: Sequence[str] | NDArray[np.float64],
    *,
    block: int = 7,
    classes: Any = None,
    **more: Any,
) -> Source:
    """A source of these examples, in blocks; `more` is what else a block has, by its name."""
    names = more.pop("names", None) or [f"example {i}" for i in range(len(inputs))]
    fingerprint = more.pop("fingerprint", "made")

    def blocks() -> Iterator[Block]:
        for first in range(0, len(inputs), block):
            piece = slice(first, first + block)
            rest = {name: values[piece] for name, values in more.items()}
            yield Block(inputs[piece], targets[piece], names[piece], **rest)

    images = inputs.dtype == np.uint8
    return Source(
        kind="images" if images else "table",
        what="a made source",
        task="number" if isinstance(targets, np.ndarray) else "classes",
        shape=inputs.shape[1:],
        blocks=blocks,
        fingerprint=fingerprint,
        classes=classes,
    )


def rows(count: int, features: int = 2, seed: int = 0) -> NDArray[np.float32]:
    """Random rows of a table."""
    return np.random.default_rng(seed).normal(size=(count, features)).astype(np.float32)


def images(count: int, shape: tuple[int, int, int] = (1, 6, 5), seed: int = 0) -> NDArray[np.uint8]:
    """Random images."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def ab(count: int) -> list[str]:
    """Two classes in turn."""
    return ["a" if i % 2 else "b" for i in range(count)]
