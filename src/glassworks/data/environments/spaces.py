"""What an environment shows and what can be done in it, as plain values; gymnasium's spaces are turned into these.

Networks read rows of numbers: whatever an observation is made of, `flat` lays it out as one row of float32.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float32]


@dataclass(frozen=True)
class Discrete:
    """One of n things: an action, a state, a cell of a grid."""

    n: int
    start: int = 0
    """What the first of them is called."""

    @property
    def width(self) -> int:
        """Numbers in a row: all 0 but one."""
        return self.n


@dataclass(frozen=True)
class Box:
    """Numbers in an array, each between two ends, which may be infinite."""

    shape: tuple[int, ...]
    low: tuple[float, ...]
    """Of each number, in the array's order."""
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse ends that are not as many as the numbers."""
        if not len(self.low) == len(self.high) == self.width:
            raise ValueError(f"low and high ({len(self.low)}, {len(self.high)}) must be {self.width} numbers each")

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return math.prod(self.shape)

    @property
    def is_bounded(self) -> bool:
        """Whether both ends of all numbers are finite."""
        return bool(np.isfinite(self.low).all() and np.isfinite(self.high).all())


@dataclass(frozen=True)
class Several:
    """Several things at once, by name: a dictionary, or a tuple, whose names are numbers."""

    parts: tuple[tuple[str, "Space"], ...]
    is_tuple: bool = False

    @property
    def width(self) -> int:
        """Numbers in a row: those of the parts, one after the other."""
        return sum(part.width for _, part in self.parts)


Space = Discrete | Box | Several


def box(low: Any, high: Any) -> Box:
    """A box between two arrays of one shape.

    >>> box([-1.0, 0.0], [1.0, 2.0]).width
    2
    """
    lowest, highest = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    return Box(lowest.shape, tuple(lowest.ravel().tolist()), tuple(highest.ravel().tolist()))


def flat(space: Space, values: Any, number: int) -> Row:
    """What some environments show at once, as (N, width) float32: a row for each.

    Args:
        space: of one of them.
        values: arrays with the environments along axis 0; of `Several`, a mapping or a tuple of such.
        number: N.

    >>> flat(Several((("at", Discrete(3)), ("speed", box([0.0], [1.0])))), {"at": [2], "speed": [[0.5]]}, 1).tolist()
    [[0.0, 0.0, 1.0, 0.5]]

    Raises: ValueError where values do not fit the space.
    """
    if isinstance(space, Several):
        values = values.T if isinstance(values, np.ndarray) else values  # of gymnasium's MultiDiscrete: (N, parts)
        named = values if isinstance(values, Mapping) else dict(zip((n for n, _ in space.parts), values, strict=True))
        if missing := [name for name, _ in space.parts if name not in named]:
            raise ValueError(f"an observation lacks {missing[0]!r}: it must hold all that its space names")
        return np.concatenate([flat(part, named[name], number) for name, part in space.parts], axis=1)
    array = np.asarray(values)
    if isinstance(space, Discrete):
        return one_hot(array.reshape(number).astype(np.int64) - space.start, space.n)
    if array.size != number * space.width:
        raise ValueError(f"an observation has shape {array.shape[1:]}, and its space says {space.shape}")
    return array.reshape(number, space.width).astype(np.float32)


def one_hot(indices: NDArray[np.int64], n: int) -> Row:
    """Rows that are 1 at an index and 0 elsewhere."""
    if indices.size and not (indices.min() >= 0 and indices.max() < n):
        raise ValueError(f"an observation is {indices.max()}, and its space has {n} things, counted from 0")
    rows = np.zeros((len(indices), n), dtype=np.float32)
    rows[np.arange(len(indices)), indices] = 1
    return rows


def plain(space: Space) -> dict[str, Any]:
    """A space as JSON has it."""
    if isinstance(space, Discrete):
        return {"n": space.n, "start": space.start}
    if isinstance(space, Box):
        ends = {name: [x if math.isfinite(x) else None for x in getattr(space, name)] for name in ("low", "high")}
        return {"shape": list(space.shape), **ends}
    return {"parts": [[name, plain(part)] for name, part in space.parts], "is_tuple": space.is_tuple}


def in_words(space: Space) -> str:
    """A space in a few words.

    >>> in_words(Discrete(2)), in_words(box([-1.0], [1.0]))
    ('1 of 2', '1 number from -1 to 1')
    """
    if isinstance(space, Discrete):
        return f"1 of {space.n:,}"
    if isinstance(space, Several):
        return "; ".join(f"{name}: {in_words(part)}" for name, part in space.parts)
    numbers = "1 number" if space.width == 1 else f"{space.width:,} numbers"
    low, high = min(space.low, default=0.0), max(space.high, default=0.0)
    return f"{numbers} from {low:.3g} to {high:.3g}" if space.is_bounded else numbers
