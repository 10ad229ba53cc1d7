"""Prepared data as one: the examples of all three splits, numbered one after the other."""

from typing import Any

import numpy as np
from jaxtyping import Int, UInt64
from numpy.typing import NDArray

from glassworks.data.labelled.prepare import Labelled

Array = np.ndarray
AT_ONCE = 1 << 24
"""Bytes of inputs that are read at once."""


class Whole:
    """All examples: those of train first, then of validation, then of the test. A `PartLike`.

    In memory are some numbers for each example; inputs are read as they are asked for.
    """

    def __init__(self, data: Labelled) -> None:
        self.data = data
        self.parts = (data.train, data.validation, data.test)
        self.starts = np.cumsum([0, *map(len, self.parts)])
        self.splits: NDArray[np.int8] = np.repeat(np.arange(3, dtype=np.int8), [len(part) for part in self.parts])
        """(N,) the index of each one's split in `SPLITS`."""
        self.targets: NDArray[Any] = np.concatenate([part.targets for part in self.parts])
        """(N,) int64 classes, or float64 numbers."""

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an input."""
        return self.data.shape

    @property
    def keys(self) -> UInt64[Array, " N"]:
        """64 bits of each one's input."""
        return np.concatenate([part.keys for part in self.parts])

    @property
    def rows(self) -> Int[Array, " N"]:
        """The place of each in the source."""
        return np.concatenate([part.rows for part in self.parts])

    @property
    def groups(self) -> Int[Array, " N"] | None:
        """A number for each one's group; None where there are none."""
        found = [part.groups for part in self.parts if part.groups is not None]
        return np.concatenate(found) if found else None

    def inputs(self, indices: Any) -> NDArray[Any]:
        """Those of some: uint8 (n, C, H, W), or float32 (n, F)."""
        indices = np.asarray(indices, np.int64)
        out = np.empty((len(indices), *self.shape), self.parts[0].dtype)
        for part, start, end in zip(self.parts, self.starts[:-1], self.starts[1:], strict=True):
            here = np.flatnonzero((indices >= start) & (indices < end))
            if len(here):
                out[here] = part.inputs(indices[here] - start)
        return out

    def names(self, indices: Any) -> list[str]:
        """What some are called."""
        places = np.searchsorted(self.starts, np.asarray(indices, np.int64), side="right") - 1
        return [
            self.parts[place].names([int(index) - int(self.starts[place])])[0]
            for index, place in zip(indices, places, strict=True)
        ]

    def target(self, index: int) -> str:
        """The class of an example by its name, or its number in few digits."""
        value = self.targets[index]
        return self.data.classes[int(value)] if self.data.task == "classes" else f"{float(value):.6g}"

    def sample(self, most: int, seed: int) -> Int[Array, " n"]:
        """So many examples at most, drawn by a seed, in order."""
        if len(self) <= most:
            return np.arange(len(self))
        return np.sort(np.random.default_rng(seed).choice(len(self), most, replace=False))
