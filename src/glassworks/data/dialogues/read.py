"""Examples from what a recipe names: files of rows, stores of choices, those that ship, or any text.

rows.jsonl, .jsonl.gz, .json, .parquet     an example a row
a run of choices, choices.sqlite, postgresql://...
                                           preferences; with :unpaired or :rewrites behind it, what else is in it
anything else                              text, a document an example
"""

import codecs
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from glassworks.core.errors import FileDamaged
from glassworks.core.files import at_home
from glassworks.core.progress import counted, tell
from glassworks.data.choices.runs import where_of
from glassworks.data.dialogues.rows import Row, checked, form_of
from glassworks.data.dialogues.shipped import is_shipped, shipped
from glassworks.data.text.corpora import documents
from glassworks.data.text.reading import Reading

ROWS = (".jsonl", ".jsonl.gz", ".json", ".parquet")
LONGEST = 16_000_000
"""Bytes of a line at most."""


def read_rows(data: Sequence[str]) -> Iterator[Row]:
    """Every example of some files, globs or folders, checked; all must be of one form.

    Raises: ValueError, naming file and line, for what is no example; OSError for what is not there; FileDamaged.
    """
    form, first = None, ""
    for where, row in placed_rows(data):
        if not isinstance(row, Mapping):
            raise ValueError(f"{where} (={row!r:.40}) is no object: an example has fields, such as prompt")
        made = checked(row, where)
        if form not in (None, form_of(made, where)):
            raise ValueError(
                f"{where} is of another form ({form_of(made, where)}) than {first} ({form}): give one form"
            )
        form, first = form or form_of(made, where), first or where
        yield made


def placed_rows(data: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Where each row stands, and what it is."""
    for name in data:
        if is_shipped(name):
            yield from ((f"{name}, example {number}", row) for number, row in enumerate(shipped(name), 1))
            continue
        if (store := store_of(name)) is not None:
            yield from chosen_rows(*store)
            continue
        files = files_of_rows(name)
        if files is None:
            for document in documents(name, Reading()):
                yield document.name, {"text": document.text}
        for file in files or ():
            yield from (parquet_rows if file.suffix == ".parquet" else json_rows)(file)


STORES = (".db", ".sqlite", ".sqlite3")
TAKEN = ("preference", "unpaired", "rewrites")
"""What examples can be of a store of choices."""


def store_of(name: str) -> tuple[str, str] | None:
    """The store of choices that a name stands for, and what is taken of it; None where it means files."""
    where, colon, form = name.rpartition(":")
    if not colon or form not in TAKEN:
        where, form = name, TAKEN[0]
    where = where_of(where) or where
    return (where, form) if where.lower().endswith(STORES) or where.startswith("postgres") else None


def chosen_rows(where: str, form: str) -> Iterator[tuple[str, Any]]:
    """The choices of a store, as rows of a form; those that it cannot hold, such as ties, are left out."""
    from glassworks.data.choices.formats.table import rows_in
    from glassworks.data.choices.store import Store

    store = Store(where, create=False)
    try:
        rows, left_out = rows_in(store, form)
    finally:
        store.close()
    if left_out:
        tell(
            f"{where}: {counted(left_out, 'choice')} left out, which {form} rows cannot hold: ties, skips and the like"
        )
    if not rows:
        raise ValueError(f"data (={where!r}) has no choice of which {form} rows can be made: choose first")
    yield from ((f"{where}, choice {number}", row) for number, row in enumerate(rows, 1))


def files_of_rows(name: str) -> list[Path] | None:
    """The files of rows that a name stands for; None where it means text."""
    path = at_home(name)
    if path.name.lower().endswith(ROWS) and (path.exists() or not set("*?[") & set(name)):
        return [path]
    if path.is_dir() or not set("*?[") & set(name):
        return None
    found = sorted(file for file in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if file.is_file())
    return found if found and all(file.name.lower().endswith(ROWS) for file in found) else None


def json_rows(file: Path) -> Iterator[tuple[str, Any]]:
    """Of a file with an object a line, or of one that is a list of them."""
    with gzip.open(file) if file.name.lower().endswith(".gz") else file.open("rb") as opened:
        if file.suffix.lower() == ".json":
            try:
                rows = json.loads(opened.read().removeprefix(codecs.BOM_UTF8))
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{file} is no JSON ({error}): give a list of objects, or .jsonl") from None
            if not isinstance(rows, list):
                raise ValueError(f"{file} holds no list: give a list of objects, or .jsonl with one a line")
            yield from ((f"{file}, row {number}", row) for number, row in enumerate(rows, 1))
            return
        number = 0
        while line := opened.readline(LONGEST + 1):
            number += 1
            if len(line) > LONGEST:
                raise ValueError(f"{file}, line {number}, is longer than {LONGEST:,} bytes: split it, or leave it out")
            if line.removeprefix(codecs.BOM_UTF8).strip():
                try:
                    row = json.loads(line.removeprefix(codecs.BOM_UTF8))
                except (ValueError, RecursionError):
                    raise ValueError(f"{file}, line {number}, is no JSON: give an object a line") from None
                yield f"{file}, line {number}", row


def parquet_rows(file: Path) -> Iterator[tuple[str, Any]]:
    """Of a Parquet file; columns that are null in a row are not of it."""
    import pyarrow.parquet as pq
    from pyarrow.lib import ArrowException

    number = 0
    try:
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{file}, row {number}", {name: value for name, value in row.items() if value is not None}
    except (ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise FileDamaged(f"{file}, row {number}: {str(error).splitlines()[0]}: fetch or make it again") from error
