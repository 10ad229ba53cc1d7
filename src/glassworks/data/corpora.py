"""Where text comes from: any source into a stream of documents, in an order that is the same every time.

    "stdlib"                         the interpreter's own standard library; no tests, nothing generated
    "notes.txt" "data/" "*.jsonl"    a file, a folder (recursive, hidden files left out) or a glob
    "hf:<dataset id>[:split[:field]]"  a Hugging Face dataset, streamed (extra `hf`); split `train` if not given

A document is what a held-out split keeps together: a file, a line of a jsonl file, a row of a table. A plain text file
of more than 64 kB, or one that is the whole source, is cut at blank lines into passages of about 4 kB instead, so that
a single book still has documents to hold out; their concatenation is the file, character for character. Python files
are never cut. Empty documents are left out.
"""

import difflib
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from glassworks.data.formats import SUFFIXES, read_file, row_text, text_field

CUT_ABOVE = 1 << 16  # bytes
NOT_STDLIB = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
# Generated: ninety encodings are one table with a few entries changed, so the held-out ones are known from the others.
NOT_STDLIB |= {"encodings", "pydoc_data"}


@dataclass(frozen=True)
class Document:
    """A text and where it came from (`json/decoder.py`, `book.txt:1201`)."""

    name: str
    text: str


def documents(source: str | Sequence[str]) -> Iterator[Document]:
    """Every document of one source or several, in order, read as it is asked for.

    Raises:
        ValueError: the source does not exist, holds no text, or holds something that is not text.
        FileDamaged: a file is truncated or corrupt; the message names the file and the line.
        OSError: a file cannot be read.
    """
    empty = True
    for one in as_list(source):
        rows = hub_rows(one) if one.startswith("hf:") else file_rows(one)
        for name, text in rows:
            if text:
                empty = False
                yield Document(name, text)
    if empty:
        raise ValueError(f"source (={source!r}) holds no text: give files that are not empty ({' '.join(SUFFIXES)})")


def fingerprint(source: str | Sequence[str]) -> Iterator[str]:
    """Lines that change when the source does: path, size and modification time of every file; the id of a dataset."""
    for one in as_list(source):
        if one == "stdlib":
            yield f"stdlib of {sys.version}"
            yield from (f"{name} {path.stat().st_size}" for path, name in source_files(one))
        elif one.startswith("hf:"):
            yield one
        else:
            for path, name in source_files(one):
                status = path.stat()
                yield f"{name} {path.absolute()} {status.st_size} {status.st_mtime_ns}"


def as_list(source: str | Sequence[str]) -> Sequence[str]:
    """One source or several, as several."""
    sources = [source] if isinstance(source, str) else source
    if not sources or not all(sources):
        raise ValueError(f'source (={source!r}) is empty: give "stdlib", a file, a folder, a glob or hf:<dataset id>')
    return sources


# ----------------------------------------------------------------------------------------------------------------------
# Files


def file_rows(source: str) -> Iterator[tuple[str, str]]:
    """(name, text) of every document in the files of a source."""
    files = source_files(source)
    first_two = list(islice(files, 2))
    for path, name in chain(first_two, files):
        cut = source != "stdlib" and (len(first_two) == 1 or path.stat().st_size > CUT_ABOVE)
        yield from read_file(path, name, cut=cut)


def source_files(source: str) -> Iterator[tuple[Path, str]]:
    """(path, name) of every file of a source, in order."""
    path = Path(source).expanduser()
    if source == "stdlib":
        yield from walk(Path(sysconfig.get_paths()["stdlib"]), (".py",), NOT_STDLIB)
    elif path.is_dir():
        yield from walk(path, SUFFIXES, set())
    elif path.is_file():
        yield path, path.name
    elif any(mark in source for mark in "*?["):
        found = sorted(p for p in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if p.is_file())
        if not found:
            raise ValueError(f"source (={source}) matches no file: check the pattern")
        yield from ((p, p.as_posix()) for p in found)
    elif path.exists():
        raise ValueError(f"source (={source}) is neither a file nor a folder: save its text in a file first")
    else:
        raise ValueError(f"source (={source}) does not exist{nearest(path)}")


def walk(root: Path, suffixes: tuple[str, ...], leave_out: set[str]) -> Iterator[tuple[Path, str]]:
    """(path, path relative to the root) of the files with these suffixes; sorted, hidden names left out."""

    def refuse(error: OSError) -> None:
        raise error

    for folder, folders, files in os.walk(root, onerror=refuse):
        folders[:] = sorted(f for f in folders if f not in leave_out and not f.startswith("."))
        for file in sorted(files):
            if file.endswith(suffixes) and not file.startswith("."):
                path = Path(folder, file)
                yield path, path.relative_to(root).as_posix()


def nearest(path: Path) -> str:
    """The end of a message about a missing path: what it may have meant."""
    folder = path.parent
    while not folder.is_dir():
        path, folder = folder, folder.parent
    close = difflib.get_close_matches(path.name, [p.name for p in folder.iterdir()], 1)
    if close:
        return f": did you mean {folder / close[0]}?"
    return f': give "stdlib", a file, a folder, a glob or hf:<dataset id> (nothing like it in {folder.absolute()})'


# ----------------------------------------------------------------------------------------------------------------------
# Datasets


def hub_rows(source: str) -> Iterator[tuple[str, str]]:
    """(name, text) of every row of `hf:<owner>/<name>[/<configuration>][:split[:field]]`, streamed."""
    name, split, field, *rest = [*source.removeprefix("hf:").split(":"), "", ""]
    if not name or any(rest):
        raise ValueError(f"source (={source}) must look like hf:<dataset id>[:split[:field]]")
    try:
        from datasets.load import load_dataset
    except ImportError as error:
        raise ValueError(f'source (={source}) needs the extra hf: pip install "glassworks[hf]"') from error
    parts = name.split("/")
    configuration = parts[2] if len(parts) == 3 else None
    try:
        rows = load_dataset("/".join(parts[:2]), configuration, split=split or "train", streaming=True)
        for number, row in enumerate(rows):
            field = field or text_field(row, source)
            yield f"{name}:{number}", row_text(row, field, f"{source}, row {number}")
    except ValueError:
        raise
    except Exception as error:  # the hub's client, its HTTP library and the system each raise their own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"source (={source}) cannot be read: {reason}: check the name and the network") from error
