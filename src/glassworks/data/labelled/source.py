"""What every source of labelled data gives: what it is, and its examples in blocks, as often as they are asked for.

A reader (images in folders, IDX, CIFAR, tables, ...) makes a `Source`; `prepare` writes it into shards once. Nothing
here holds more than a block at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

Task = Literal["classes", "number"]
"""Which of some classes an example is of, or a number to be said of it."""


@dataclass(frozen=True, eq=False)
class Block:
    """Some examples of a source, in its order."""

    inputs: NDArray[Any]
    """uint8 (n, channels, rows, columns) of images; float32 (n, features) of a table, finite."""
    targets: Sequence[str] | NDArray[np.float64]
    """The name of each one's class; or its number."""
    names: Sequence[str]
    """What each is called in messages and pages: cats/3.png, iris.csv row 17."""
    groups: Sequence[str] | None = None
    """What keeps examples together: those of a group are in one split."""
    times: NDArray[np.float64] | None = None
    """When each was, as a number that rises."""
    splits: Sequence[Split] | None = None
    """Where the source itself says so: the split of each."""
    contents: Sequence[str] | None = None
    """What each is by itself, by which it falls into a split, where its input follows from others, too: a row as it
    stands in the file, a hash of an image before it is brought to the size of all. None = the inputs."""


@dataclass(frozen=True)
class Source:
    """Labelled data that can be read."""

    kind: Literal["images", "table"]
    what: str
    """In words, for a line: "IDX images of 28 × 28, grey"."""
    task: Task
    shape: tuple[int, ...]
    """Of an input: channels, rows, columns; or features."""
    blocks: Callable[[], Iterator[Block]] = field(repr=False)
    """Reads it from its beginning; ValueError or FileDamaged names the file and the row that is wrong."""
    fingerprint: str
    """Changes when the content does: of paths, sizes and times of files, and of all settings that matter."""
    preprocessing: dict[str, Any] = field(default_factory=dict)
    """How an input comes of a file or a row, as JSON has it: kept with the model, so that `predict` does the same."""
    classes: tuple[str, ...] | None = None
    """In their order, if the source says it; None = those that occur, sorted (numbers by size)."""
    features: tuple[str, ...] = ()
    """Names of a table's features."""
    notes: tuple[str, ...] = ()
    """What was found and done, a sentence each: missing values filled, categories, columns left out."""
    found: dict[str, Any] = field(default_factory=dict, repr=False)
    """What was there before anything was changed, as JSON has it: of image files sizes, modes and formats, where their
    headers were read; of a table its columns. Nothing that is read depends on it."""
