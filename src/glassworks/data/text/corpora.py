"""Where text comes from: any source into a stream of documents, in an order that is the same every time.

    "stdlib"                         the interpreter's own standard library; no tests, nothing generated
    "notes.txt" "data/" "*.jsonl"    a file, a folder (recursive, hidden files left out) or a glob
    "hf:<dataset id>[:split[:field]]"  a Hugging Face dataset, streamed (extra `hf`); split `train` if not given

A document is what a held-out split keeps together: a file, a line of a jsonl file, a row of a table. A plain text file
of more than 64 kB, or one that is the whole source, is cut at blank lines into passages of about 4 kB instead, so that
a single book still has documents to hold out; their concatenation is the file, character for character. Python files
are never cut. Empty documents are left out. A column of a table may be named, and unreadable files left out: `Reading`.
"""

import difflib
import os
import sys
import sysconfig
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path

from glassworks.core.called import install
from glassworks.core.errors import FileDamaged
from glassworks.core.files import at_home
from glassworks.core.progress import counted
from glassworks.core.text import RENAME, check_text, writable
from glassworks.data.labelled.signs import IMAGE_SUFFIXES
from glassworks.data.text.formats import SUFFIXES, read_file, suffixes
from glassworks.data.text.reading import FEW, Reading, noted, passed_over, unreadable_files
from glassworks.data.text.tables import row_text, text_field

CUT_ABOVE = 1 << 16  # bytes
NOT_STDLIB = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
# Generated: ninety encodings are one table with a few entries changed, so the held-out ones are known from the others.
NOT_STDLIB |= {"encodings", "pydoc_data"}


@dataclass(frozen=True)
class Document:
    """A text and where it came from (`json/decoder.py`, `book.txt:1201`)."""

    name: str
    text: str


Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def documents(source: Source, reading: Reading | None = None) -> Iterator[Document]:
    """Every document of one source or several, in order, read as it is asked for.

    Raises:
        ValueError: the source does not exist, holds no text, or holds something that is not text.
        FileDamaged: a file is truncated or corrupt; the message names the file and the line.
        OSError: a file cannot be read.
    """
    reading = reading or Reading()
    empty = True
    for one in as_list(source):
        rows = hub_rows(one, reading) if one.startswith("hf:") else file_rows(one, reading)
        for name, text in rows:
            if text:
                empty = empty and text.isspace()
                yield Document(name, text)
    if empty:
        raise ValueError(f"source (={source!r}) holds no text: {why_empty(reading)}{of_images(source, reading)}")
    if reading.column is not None and not any(column for _, column in reading.columns.values()):
        raise ValueError(
            f"column (={reading.column!r}) is for tables, and source (={source!r}) has none: leave it out, or give "
            ".jsonl, .parquet, .csv or .tsv"
        )


def why_empty(reading: Reading) -> str:
    """What became of the files of a source without text."""
    if reading.skipped:
        empty = f"{counted(len(reading.readable), 'file')} without text, and " if reading.readable else ""
        skipped = list(reading.skipped.values())
        return f"it has {empty}{counted(len(skipped), 'file')} that cannot be read: {unreadable_files(skipped)}"
    passed = next(passed_over(noted(reading)["passed"]), None)
    return passed or f"give files that are not empty or blank ({' '.join(SUFFIXES)})"


def of_images(source: Source, reading: Reading) -> str:
    """What a folder would hold if it were of images: who trains on some has come to the wrong place unawares.

    Nothing where files are there that would be text if they could be read.
    """
    folder = not reading.skipped and any(at_home(one).is_dir() for one in as_list(source))
    return f"; nor are images in it, as {' '.join(IMAGE_SUFFIXES)} in a folder for each class" if folder else ""


def fingerprint(source: Source, reading: Reading | None = None) -> Iterator[str]:
    """Lines that change when the source does: path, size and modification time of every file; the id of a dataset."""
    reading = reading or Reading()
    for one in as_list(source):
        if one == "stdlib":
            yield f"stdlib of {sys.version}"
            yield from (f"{name} {path.stat().st_size}" for path, name in source_files(one, reading))
        elif one.startswith("hf:"):
            yield one
        else:
            for path, name in source_files(one, reading):
                try:
                    status = path.stat()
                    refused = " unreadable" if reading.skip_unreadable and not os.access(path, os.R_OK) else ""
                    yield f"{name} {path.absolute()} {status.st_size} {status.st_mtime_ns}{refused}"
                except OSError:
                    if not reading.skip_unreadable:
                        raise
                    yield f"{name} {path.absolute()}"


def as_list(source: Source) -> list[str]:
    """One source or several, as several."""
    sources = list(source) if isinstance(source, Sequence) and not isinstance(source, str | bytes) else [source]
    remedy = 'give "stdlib", a file, a folder, a glob or hf:<dataset id>'
    if not sources or "" in sources:
        raise ValueError(f"source (={source!r}) is empty: {remedy}")
    names = []
    for one in sources:
        if not isinstance(one, str | os.PathLike):
            raise ValueError(f"source (={one!r}) is no name: {remedy}")
        names.append(os.fspath(one))
        check_text(names[-1], "source", RENAME)
    return names


# ----------------------------------------------------------------------------------------------------------------------
# Files


def file_rows(source: str, reading: Reading) -> Iterator[tuple[str, str]]:
    """(name, text) of every document in the files of a source."""
    files = source_files(source, reading)
    first_two = list(islice(files, 2))
    for path, name in chain(first_two, files):
        rows = partial(rows_of, path, name, reading, whole=source == "stdlib", alone=len(first_two) == 1)
        if reading.skip_unreadable and not reading.can_read(path, name, rows):
            continue
        try:
            yield from rows()
        except (ValueError, FileDamaged) as error:
            if len(first_two) == 1:
                raise
            kind = FileDamaged if isinstance(error, FileDamaged) else ValueError
            raise kind(f"{error}; skip_unreadable=True leaves such files out, and lists them") from error


def rows_of(path: Path, name: str, reading: Reading, *, whole: bool, alone: bool) -> Iterator[tuple[str, str]]:
    """(name, text) of every document of a file; long ones, and those that are alone, are cut unless `whole`."""
    cut = not whole and (alone or path.stat().st_size > CUT_ABOVE)
    yield from read_file(path, name, cut=cut, column=reading.column, took=partial(reading.took, path, name))


def source_files(source: str, reading: Reading) -> Iterator[tuple[Path, str]]:
    """(path, name) of every file of a source, in order; the name is one that UTF-8 can write."""

    def refuse(error: OSError) -> None:
        if not reading.skip_unreadable:
            raise error
        reading.skip(Path(error.filename), writable(str(error.filename)), error)

    path = at_home(source)
    if source == "stdlib":
        yield from walk(Path(sysconfig.get_paths()["stdlib"]), (".py",), NOT_STDLIB, refuse, Counter())
    elif path.is_dir():
        passed = reading.passed[path] = Counter()
        yield from walk(path, suffixes(reading.column), set(), refuse, passed)
    elif path.is_file():
        yield path, writable(path.name)
    elif any(mark in source for mark in "*?["):
        files = sorted(p for p in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if p.is_file())
        if not files:
            raise ValueError(f"source (={source!r}) matches no file: check the pattern")
        yield from ((p, writable(p.as_posix())) for p in files)
    elif path.exists():
        raise ValueError(f"source (={source!r}) is neither a file nor a folder: save its text in a file first")
    else:
        raise ValueError(f"source (={source!r}) cannot be read: {nearest(path)}")


def walk(
    root: Path,
    endings: tuple[str, ...],
    leave_out: set[str],
    refuse: Callable[[OSError], None],
    passed: Counter[str],
) -> Iterator[tuple[Path, str]]:
    """(path, path relative to the root) of the files with these suffixes; sorted, hidden names left out.

    Files with other suffixes are counted by them in `passed`.
    """
    for folder, folders, files in os.walk(root, onerror=refuse):
        folders[:] = sorted(f for f in folders if f not in leave_out and not f.startswith("."))
        for file in sorted(files):
            if file.startswith("."):
                continue
            path = Path(folder, file)
            if file.lower().endswith(endings):
                yield path, writable(path.relative_to(root).as_posix())
            else:
                passed[writable(path.suffix.lower())] += 1


def nearest(path: Path) -> str:
    """The end of a message about a missing path: where it was looked for, and what it may have meant."""
    if path.is_symlink():
        return f"{path.absolute()} is a link to {path.readlink()}, where there is nothing"
    folder, name = path.parent, path.name
    while not folder.is_dir():
        if folder.is_file():
            return f"{folder} is a file, no folder: give the file itself"
        folder, name = folder.parent, folder.name
    close = difflib.get_close_matches(name, sorted(inside.name for inside in folder.iterdir()), FEW, 0.7)
    meant = f"did you mean {' or '.join(str(folder / name) for name in close)}?"
    wanted = 'give "stdlib", a file, a folder, a glob or hf:<dataset id>'
    return f"there is no {folder.absolute() / name}: {meant if close else wanted}"


# ----------------------------------------------------------------------------------------------------------------------
# Datasets


def hub_rows(source: str, reading: Reading) -> Iterator[tuple[str, str]]:
    """(name, text) of every row of `hf:<owner>/<name>[/<configuration>][:split[:field]]`, streamed."""
    name, split, column, *rest = [*source.removeprefix("hf:").split(":"), "", ""]
    if not name or any(rest):
        raise ValueError(f"source (={source}) must look like hf:<dataset id>[:split[:field]]")
    try:
        from datasets.load import load_dataset
    except ImportError as error:
        raise ValueError(f"source (={source}) needs the package datasets: {install('datasets')}") from error
    parts = name.split("/")
    configuration = parts[2] if len(parts) == 3 else None
    try:
        rows = load_dataset("/".join(parts[:2]), configuration, split=split or "train", streaming=True)
        for number, row in enumerate(rows):
            column = text_field(row, source, column or reading.column)
            reading.took(Path(source), name, column)
            yield f"{name}:{number}", row_text(row, column, f"{source}, row {number}")
    except ValueError:
        raise
    except Exception as error:  # the hub's client, its HTTP library and the system each raise their own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"source (={source}) cannot be read: {reason}: check the name and the network") from error
