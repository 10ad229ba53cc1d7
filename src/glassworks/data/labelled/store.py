"""Labelled examples on disk: how they are written and read.

    inputs_000.npy inputs_001.npy ...   every example in the source's order: uint8 (n, C, H, W) or float32 (n, F)
    names.txt lines.npy                 what each is called, one a line; the offset of each name, then the end
    train_rows.npy (n,) int64           which of them are for training, by their place in that order
    train_targets.npy (n,)              int64 the index of each one's class; float64 its number
    train_groups.npy (n,) int64         64 bits of its group, if there are groups
    train_keys.npy (n,) uint64          64 bits of its content: exact copies have equal ones
    validation_... test_...             the same

Every file opens by itself with `np.load(..., mmap_mode="r")`. No input is in two files, and nothing here is ever whole
in memory, on either side.
"""

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from glassworks.data.arrays import ArrayWriter, FileTable, Names, NamesWriter, RowShards, check_file
from glassworks.data.labelled.source import Split

SHARD_BYTES = 1 << 26


class ExamplesWriter:
    """Writes examples as they come: `append` a block, `finish` at the end. A context that closes its files."""

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: DTypeLike, shard_rows: int | None = None) -> None:
        self.folder, self.shape, self.dtype = folder, shape, np.dtype(dtype)
        self.shard_rows = shard_rows or max(1, SHARD_BYTES // (int(np.prod(shape)) * self.dtype.itemsize))
        self.length = self.num_shards = 0
        self.columns: dict[str, ArrayWriter] = {}
        self.files = ExitStack()
        self.names = self.files.enter_context(NamesWriter(folder, "names.txt", "lines.npy"))
        self.shard = self.next_shard()

    def __enter__(self) -> "ExamplesWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self.files.close()

    def open_array(self, name: str, dtype: DTypeLike, row: tuple[int, ...] = ()) -> ArrayWriter:
        """A new array file in the folder."""
        return ArrayWriter(self.files.enter_context((self.folder / name).open("wb")), dtype, row)

    def next_shard(self) -> ArrayWriter:
        """The file for the next inputs."""
        self.num_shards += 1
        return self.open_array(shard_name(self.num_shards - 1), self.dtype, self.shape)

    def append(self, inputs: NDArray[Any], names: list[str], columns: dict[str, NDArray[Any]]) -> None:
        """Add examples, and what is noted of each; the same columns every time."""
        if not self.columns:
            self.columns = {name: self.open_array(f"all_{name}.npy", values.dtype) for name, values in columns.items()}
        for name, values in columns.items():
            self.columns[name].append(values)
        self.names.append(names)
        self.length += len(inputs)
        while len(inputs):
            if self.shard.length == self.shard_rows:
                self.shard.finish()
                self.shard = self.next_shard()
            part = inputs[: self.shard_rows - self.shard.length]
            self.shard.append(part)
            inputs = inputs[len(part) :]

    def finish(self) -> None:
        """Complete the files."""
        self.names.finish()
        for array in (self.shard, *self.columns.values()):
            array.finish()


class PartWriter:
    """Writes which examples are one split's, and what is known of each. A context that closes its files."""

    def __init__(self, folder: Path, split: Split, dtypes: dict[str, DTypeLike]) -> None:
        self.files = ExitStack()
        self.arrays = {
            name: ArrayWriter(self.files.enter_context((folder / f"{split}_{name}.npy").open("wb")), dtype)
            for name, dtype in dtypes.items()
        }

    def __enter__(self) -> "PartWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self.files.close()

    def append(self, **values: NDArray[Any]) -> None:
        """Add examples."""
        for name, array in self.arrays.items():
            array.append(values[name])

    def finish(self) -> None:
        """Complete the files."""
        for array in self.arrays.values():
            array.finish()


def shard_name(shard: int) -> str:
    """File name of a shard."""
    return f"inputs_{shard:03d}.npy"


class Part:
    """One split of prepared data, memory-mapped. Each file is checked against its SHA-256 when first touched.

    Peak memory does not depend on how many examples there are (`RowShards`).
    """

    def __init__(
        self, path: Path, split: Split, length: int, shape: tuple[int, ...], shard_rows: int, table: FileTable
    ) -> None:
        self.path, self.split, self.length, self.shape = path, split, length, shape
        self.shard_rows, self.table = shard_rows, table
        self.shards = RowShards(path, shard_name, table)
        self.dtype = np.dtype(np.uint8 if len(shape) == 3 else np.float32)

    def __len__(self) -> int:
        return self.length

    def inputs(self, indices: ArrayLike) -> NDArray[Any]:
        """(B, C, H, W) uint8 pixels, or (B, F) float32 rows, of examples by their numbers in the split."""
        rows = self.rows[np.asarray(indices, np.int64)]
        numbers, offsets = np.divmod(rows, self.shard_rows)
        out = np.empty((len(rows), *self.shape), self.dtype)
        self.shards.read(numbers, offsets, out)
        return out

    def names(self, indices: ArrayLike) -> list[str]:
        """What each is called, by its number in the split."""
        return [self.all_names[int(row)] for row in self.rows[np.asarray(indices, np.int64)]]

    @cached_property
    def targets(self) -> NDArray[Any]:
        """(N,) int64 index of each one's class, or float64 its number."""
        return self.array("targets")

    @cached_property
    def groups(self) -> NDArray[np.int64] | None:
        """(N,) a number for each group; None where there are none."""
        return self.array("groups") if f"{self.split}_groups.npy" in self.table else None

    @cached_property
    def keys(self) -> NDArray[np.uint64]:
        """(N,) 64 bits of each one's content: exact copies have equal ones, also across splits."""
        return self.array("keys")

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """(N,) the place of each in the source, from 0 on."""
        return self.array("rows")

    @cached_property
    def all_names(self) -> Names:
        """The name of every example of all splits."""
        return Names(self.path, "names.txt", "lines.npy", self.table)

    def array(self, name: str) -> NDArray[Any]:
        """One of the split's files, mapped."""
        path = check_file(self.path, f"{self.split}_{name}.npy", self.table)
        values: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False).view(
            np.ndarray
        )  # quicker than a memmap
        return values
