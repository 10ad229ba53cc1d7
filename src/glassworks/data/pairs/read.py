"""Pairs from what a recipe names: generated, from tables (.tsv, .jsonl), or from catalogues (.po, .mo).

Files are read line by line; a glob stands for all files that it matches, in the order of their names.
"""

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, BinaryIO

from glassworks.core.files import at_home
from glassworks.data.pairs import dates
from glassworks.data.pairs.catalogues import messages
from glassworks.data.pairs.pair import Pair
from glassworks.data.pairs.signs import CATALOGUES, TABLES

LONGEST = 1_000_000
"""Bytes of a line at most: a longer one is of no table of sentences."""
SIDES = ("source", "target")


@dataclass(frozen=True)
class PairSource:
    """Where pairs are read from: once, or again."""

    data: tuple[str, ...]
    source: str | None = None
    """The column that is read: its name, or, of a .tsv without names, its number from 1. None = source, or
    the first."""
    target: str | None = None
    """The one that is to be written. None = target, or the second."""

    def __post_init__(self) -> None:
        """Refuse half a choice of columns, and columns of what has none."""
        if (self.source is None) != (self.target is None):
            given, missing = ("source", "target") if self.target is None else ("target", "source")
            raise ValueError(f"{given} (={getattr(self, given)!r}) is one column of two: say the other by --{missing}")
        if self.source is not None and self.source == self.target:
            raise ValueError(f"source and target (={self.source!r}) are one column: name two")
        if not self.data:
            raise ValueError("data names no pairs: give a file, or dates")

    def files(self) -> list[Path]:
        """All files, in order; none of what is generated.

        Raises: ValueError for files of another form, OSError for those that are not there.
        """
        found: list[Path] = []
        for name in self.data:
            if dates.count_of(name) is None or at_home(name).exists():
                found += files_of(name)
        for file in found:
            if not file.name.lower().endswith(TABLES + CATALOGUES):
                raise ValueError(
                    f"data (={str(file)!r}) is no file of pairs: give {', '.join(TABLES + CATALOGUES)}, or dates"
                )
            if self.source is not None and file.name.lower().endswith(CATALOGUES):
                raise ValueError(
                    f"source (={self.source!r}) is for columns, and {file} has none: leave --source and --target out"
                )
        return found

    def fingerprint(self) -> str:
        """What changes when the pairs do: names, sizes and times of files."""
        parts: list[Any] = [self.data, self.source, self.target, dates.VERSION]
        for file in self.files():
            stat = file.stat()
            parts.append([str(file.resolve()), stat.st_size, stat.st_mtime_ns])
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def pairs(self) -> Iterator[Pair]:
        """Every pair, as it is written there."""
        files = self.files()
        for name in self.data:
            number = dates.count_of(name)
            if number is not None and not at_home(name).exists():
                yield from dates.dates(number)
        for file in files:
            rows = (
                messages(file) if file.name.lower().endswith(CATALOGUES) else table_rows(file, self.source, self.target)
            )
            for source, target in rows:
                yield Pair(source, target, " ".join(source.casefold().split()))


def files_of(name: str) -> list[Path]:
    """The files that a name stands for."""
    path = at_home(name)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder: give its files by a glob, as FOLDER/*.po", name)
    if path.exists() or not set("*?[") & set(name):
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return [path]
    found = sorted(file for file in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if file.is_file())
    if not found:
        raise FileNotFoundError(errno.ENOENT, "no file is called so", name)
    return found


# ----------------------------------------------------------------------------------------------------------------------
# Tables


def table_rows(file: Path, source: str | None, target: str | None) -> Iterator[tuple[str, str]]:
    """Source and target of every row that has text."""
    with file.open("rb") as opened:
        if file.name.lower().endswith(".jsonl"):
            yield from json_rows(opened, file, (source or "source", target or "target"))
        else:
            yield from tsv_rows(opened, file, source, target)


def lines_of(opened: BinaryIO, file: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines with something in them, without their ends.

    Raises: ValueError for one that is too long, or is not UTF-8.
    """
    number = 0
    while line := opened.readline(LONGEST + 1):
        number += 1
        if len(line) > LONGEST:
            raise ValueError(f"{file}, line {number}, is longer than {LONGEST:,} bytes: give one pair a line")
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{file}, line {number}, is not UTF-8 (byte 0x{line[error.start]:02X}): convert the file, as "
                "iconv -f latin1 -t utf-8 does"
            ) from None
        if "\0" in text:
            raise ValueError(f"{file}, line {number}, holds a zero byte: it is no text, or one in UTF-16; convert it")
        if text.strip():
            yield number, text.rstrip("\r\n")


def tsv_rows(opened: BinaryIO, file: Path, source: str | None, target: str | None) -> Iterator[tuple[str, str]]:
    """Of a table whose columns are separated by tabs."""
    lines, places = lines_of(opened, file), (0, 1)
    if source is not None and target is not None:
        if source.isdecimal() and target.isdecimal():
            if not 1 <= min(int(source), int(target)) <= max(int(source), int(target)) <= 10_000:
                raise ValueError(f"source (={source}) and target (={target}) are numbers of columns: from 1 on")
            places = int(source) - 1, int(target) - 1
        else:
            names = next(lines, (1, ""))[1].split("\t")
            places = place_of(names, source, "source", file), place_of(names, target, "target", file)
    for number, line in lines:
        cells = line.split("\t")
        if len(cells) <= max(places):
            columns = "one column" if len(cells) == 1 else f"{len(cells)} columns"
            raise ValueError(
                f"{file}, line {number}, has {columns}, and a pair needs {max(places) + 1}: separate source and target "
                "by a tab"
            )
        yield cells[places[0]], cells[places[1]]


def place_of(names: Sequence[str], name: str, side: str, file: Path) -> int:
    """Which column has a name."""
    if name in names:
        return names.index(name)
    near = get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(names)[:200] or 'none'}"
    raise ValueError(f"{side} (={name!r}) is no column of {file}: {hint}")


def json_rows(opened: BinaryIO, file: Path, names: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """Of a file with a JSON object a line, or one below `translation` in it, as data sets have it."""
    for number, line in lines_of(opened, file):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise ValueError(f"{file}, line {number}, is no JSON: give an object a line") from None
        if isinstance(row, Mapping) and isinstance(row.get("translation"), Mapping):
            row = row["translation"]
        if not isinstance(row, Mapping):
            raise ValueError(f"{file}, line {number}, is no JSON object: give one a line")
        texts = []
        for side, name in zip(SIDES, names, strict=True):
            if name not in row:
                place_of([str(key) for key in row], name, side, file)
            if not isinstance(row[name], str):
                raise ValueError(f"{file}, line {number}: {name} (={row[name]!r:.40}) must be a text")
            texts.append(row[name])
        yield texts[0], texts[1]
