"""Arrays in .npy files that are never whole in memory: written row by row, checked and mapped when they are read.

Every file opens by itself with `np.load(..., mmap_mode="r")`.
"""

import mmap
import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import count, takewhile
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import ArrayLike, DTypeLike, NDArray

from glassworks.core.errors import FileDamaged
from glassworks.core.files import sha256

RELEASE_AFTER = 1 << 25  # bytes of mapped shards that reads may have brought into the process before they are let go
READ_AHEAD = 1 << 16  # bytes that the system maps around a page that is touched

FileTable = dict[str, dict[str, Any]]


class ArrayWriter:
    """A .npy file of rows (of numbers, if their shape is ()) whose length is known only when it is finished."""

    def __init__(self, file: BinaryIO, dtype: DTypeLike, row: tuple[int, ...] = ()) -> None:
        self.file, self.dtype, self.row, self.length = file, np.dtype(dtype), row, 0
        self.write_header()

    def write_header(self) -> None:
        """The header for the current length; numpy pads it so that a longer length takes the same space."""
        shape = {"descr": npy.dtype_to_descr(self.dtype), "fortran_order": False, "shape": (self.length, *self.row)}
        npy.write_array_header_1_0(self.file, shape)

    def append(self, values: ArrayLike) -> None:
        """Add rows at the end."""
        array = np.asarray(values, self.dtype)
        self.file.write(array.tobytes())
        self.length += array.size // prod(self.row)

    def finish(self) -> None:
        """Write the final length into the header and close the file."""
        self.file.seek(0)
        self.write_header()
        self.file.close()


class NamesWriter:
    """A text file with a name a line, and a .npy file (N + 1,) of the offset of each, then the end. A context."""

    def __init__(self, folder: Path, names: str, lines: str) -> None:
        self.files = ExitStack()
        self.names = self.files.enter_context((folder / names).open("wb"))
        self.lines = ArrayWriter(self.files.enter_context((folder / lines).open("wb")), np.int64)
        self.size = 0

    def __enter__(self) -> "NamesWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self.files.close()

    def append(self, names: Iterable[str]) -> None:
        """Add names; their line ends become spaces, and what UTF-8 cannot write question marks."""
        lines = [" ".join(name.splitlines()).encode(errors="replace") + b"\n" for name in names]
        ends = self.size + np.cumsum([0, *map(len, lines)])
        self.lines.append(ends[:-1])
        self.names.write(b"".join(lines))
        self.size = int(ends[-1])

    def finish(self) -> None:
        """Complete both files and close them."""
        self.lines.append([self.size])
        self.lines.finish()
        self.names.close()


class Names:
    """The names that a `NamesWriter` wrote, read as they are asked for; checked against their SHA-256 before."""

    def __init__(self, folder: Path, names: str, lines: str, table: FileTable) -> None:
        self.path = check_file(folder, names, table)
        self.lines = np.load(check_file(folder, lines, table), mmap_mode="r", allow_pickle=False)

    def __getitem__(self, number: int) -> str:
        start, end = int(self.lines[number]), int(self.lines[number + 1])
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(end - start - 1).decode()


def file_table(folder: Path) -> FileTable:
    """Size and SHA-256 of every file of a folder."""
    return {p.name: {"size": p.stat().st_size, "sha256": sha256(p)} for p in sorted(folder.iterdir())}


def check_sizes(folder: Path, table: FileTable, remedy: str) -> None:
    """Whether every file is there, as long as it was written; `FileDamaged` with the remedy otherwise."""
    for name, entry in table.items():
        file = folder / name
        if not file.is_file() or file.stat().st_size != entry["size"]:
            raise FileDamaged(f"{file} is truncated or missing: {remedy}")


def check_file(folder: Path, name: str, table: FileTable) -> Path:
    """The path of a file whose bytes are those that were written; `FileDamaged` otherwise."""
    path = folder / name
    if not path.is_file() or path.stat().st_size != table[name]["size"] or sha256(path) != table[name]["sha256"]:
        raise damaged(path)
    return path


def damaged(path: Path) -> FileDamaged:
    """What is said of a file that is not as it was written."""
    return FileDamaged(
        f"{path} is damaged or missing: delete the folder {path.parent}; it is made again from the source"
    )


class Shards:
    """Numbered .npy files of a folder, mapped. Each is checked against its SHA-256 when first touched.

    Reading keeps at most about 32 MB of them mapped, so peak memory does not depend on how much there is: who reads
    tells how many bytes by `count_read`.
    """

    def __init__(self, folder: Path, name: Callable[[int], str], table: FileTable) -> None:
        self.folder, self.name, self.table = folder, name, table
        self.views: dict[int, tuple[mmap.mmap, NDArray[Any]]] = {}
        self.mapped = self.size = 0

    def __getitem__(self, number: int) -> NDArray[Any]:
        if number not in self.views:
            path = check_file(self.folder, self.name(number), self.table)
            with path.open("rb") as file:
                version = npy.read_magic(file)
                assert version == (1, 0), version
                shape, _, dtype = npy.read_array_header_1_0(file)
                view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                self.views[number] = view, np.frombuffer(view, dtype, prod(shape), file.tell()).reshape(shape)
            self.size += len(view)
        return self.views[number][1]

    def count_read(self, size: int, places: int = 1) -> None:
        """So many bytes more were read, at so many places; lets go of what is mapped where that is too much."""
        self.mapped += size + places * READ_AHEAD
        if min(self.mapped, self.size) > RELEASE_AFTER:
            self.release()

    def release(self) -> None:
        """Let go of the pages read so far; the system still caches them, but they no longer count as the process's."""
        for view, _ in self.views.values():
            view.madvise(mmap.MADV_DONTNEED)
        self.mapped = 0


class RowShards:
    """Numbered .npy files of rows, of which some are copied out. Each file is checked when first touched.

    Up to 32 MB in all are mapped. Of more, each row is read by itself: some systems map a megabyte around every page
    that is touched, so that memory would grow with the files.
    """

    def __init__(self, folder: Path, name: Callable[[int], str], table: FileTable) -> None:
        self.folder, self.name, self.table = folder, name, table
        sizes = (table[name(number)]["size"] for number in takewhile(lambda number: name(number) in table, count()))
        self.small = sum(sizes) <= RELEASE_AFTER
        self.mapped = Shards(folder, name, table)
        self.starts: dict[int, int] = {}

    def read(self, shards: NDArray[np.int64], rows: NDArray[np.int64], out: NDArray[Any]) -> None:
        """Copy rows (n,) of shards (n,) into `out` (n, ...), which is contiguous."""
        numbers = np.unique(shards).tolist()
        if self.small and len(numbers) == 1:
            np.take(self.mapped[numbers[0]], rows, axis=0, out=out, mode="clip")
            return
        places = [memoryview(row).cast("B") for row in out]
        for number in numbers:
            here = np.flatnonzero(shards == number)
            if self.small:
                out[here] = self.mapped[number][rows[here]]
            else:
                self.read_each(number, rows[here].tolist(), [places[i] for i in here.tolist()])

    def read_each(self, number: int, rows: list[int], places: list[memoryview]) -> None:
        """Read rows of a shard, each into the bytes of its place."""
        path = self.folder / self.name(number)
        if number not in self.starts:
            with check_file(self.folder, path.name, self.table).open("rb") as file:
                npy.read_magic(file)
                npy.read_array_header_1_0(file)
                self.starts[number] = file.tell()
        start = self.starts[number]
        with path.open("rb", buffering=0) as file:
            for row, place in zip(rows, places, strict=True):
                if os.preadv(file.fileno(), [place], start + row * place.nbytes) != place.nbytes:
                    raise damaged(path)
