"""The rows of CSV and TSV files, also packed by gzip, in a stream; the separator is found from the first rows."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glassworks.core.errors import FileDamaged
from glassworks.data.labelled.tables.rows import Rows, cleaned, names_in
from glassworks.data.text.plain import binary, not_text, text_blocks
from glassworks.data.text.tables import SEPARATORS

SUFFIXES = (*SEPARATORS, *(f"{suffix}.gz" for suffix in SEPARATORS))
HEAD = 1 << 20
"""Bytes from which the separator is found, and the longest header."""
BLOCK, WIDEST = 1 << 20, 1 << 23
"""Bytes of a file that are read at once, and so its longest row; more for many columns. Arrow reads up to 32 ahead."""
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")


def csv_rows(path: Path, seen: str) -> Rows:
    """The rows of a CSV or TSV file, whose separator is found from its first rows."""
    head = head_of(path)
    if not head.strip():
        raise ValueError(f"{path} is blank: give a table with its columns' names in the first row")
    marks = SEPARATORS[path.name.lower().removesuffix(".gz")[-4:]]
    mark = max(marks, key=lambda mark: regularity(head, mark))
    header, notes = header_of(first_rows(head, mark), path, whole=len(head) < HEAD // 4)
    called = {",": "CSV", ";": "CSV with semicolons", "\t": "CSV with tabs", "|": "CSV with bars"}[mark]
    called = "TSV" if marks == "\t" else called
    return Rows(
        path.name,
        str(path),
        header,
        lambda: csv_batches(path, header, mark),
        f"{called} of {len(header):,} columns",
        seen,
        mark,
        notes,
    )


def header_of(rows: list[list[str]], path: Path, *, whole: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns' names and notes on them, by the first rows: `whole` says whether there are no others."""
    header = rows[0]
    if len(rows) == 1 and not whole:
        raise ValueError(f"{path} has a first row of more than {HEAD // 4:,} characters: shorten its columns' names")
    if len(header) == 1:
        raise ValueError(
            f"{path} has one column, {header[0][:80]!r}: give a table of several, with one of , ; tab | between them"
        )
    if all(NUMBER.fullmatch(name.strip()) for name in header):
        raise ValueError(
            f"{path} has numbers in its first row ({', '.join(header)[:60]}): put the columns' names there"
        )
    if len(rows) == 1:
        raise ValueError(f"{path} has a header and no rows: give a table with some")
    return names_in(header, str(path))


def head_of(path: Path) -> str:
    """The beginning of a text file, unpacked, without a byte-order mark."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            raw = file.read(HEAD)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileDamaged(f"{path} cannot be unpacked ({error}): fetch or make the file again") from error
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise not_text(path, "it begins as UTF-16 does", "utf16")
    if (nul := raw.find(b"\0")) >= 0:
        raise binary(path, f"at offset {nul}")
    try:
        return io.TextIOWrapper(io.BytesIO(raw[: whole_characters(raw)]), "utf-8-sig", newline="").read()
    except UnicodeDecodeError as error:
        raise not_text(path, f"{error.reason} at offset {error.start}") from error


def whole_characters(raw: bytes) -> int:
    """Where the bytes end that are whole characters of UTF-8, if only their end is cut off."""
    end = len(raw)
    while end and len(raw) - end < 3 and raw[end - 1] & 0b1100_0000 == 0b1000_0000:
        end -= 1
    return end - 1 if end and raw[end - 1] >= 0b1100_0000 and len(raw) == HEAD else len(raw)


def first_rows(head: str, mark: str, count: int = 20) -> list[list[str]]:
    """Rows at a file's beginning; the last may be cut off."""
    rows = []
    try:
        for row in csv.reader(io.StringIO(head, newline=""), delimiter=mark):
            if row:
                rows.append(row)
            if len(rows) > count:
                break
    except csv.Error:  # a value longer than csv's limit; what came before it is enough
        pass
    return rows or [[]]


def regularity(head: str, mark: str) -> tuple[bool, int]:
    """How well a separator fits: whether all rows have as many values as the header, and how many that are."""
    rows = first_rows(head, mark)
    rows = rows[:-1] if len(rows) > 2 else rows
    width = len(rows[0])
    return width > 1 and all(len(row) == width for row in rows), width


def csv_batches(path: Path, names: tuple[str, ...], mark: str) -> Iterator[Any]:
    """Batches of strings; a row that has not as many values as the header is named."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    bad: list[tuple[int, int, str]] = []

    def refuse(row: Any) -> str:
        bad.append((row.number - 1, row.actual_columns, row.text))
        return "error"

    block = block_bytes(names)
    reading = arrow.ReadOptions(use_threads=False, block_size=block, column_names=names, skip_rows_after_names=1)
    parsing = arrow.ParseOptions(delimiter=mark, newlines_in_values=True, invalid_row_handler=refuse)
    strings = arrow.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    row, last = 0, None
    try:
        with arrow.open_csv(path, reading, parsing, strings) as file:
            for batch in file:
                if batch.num_rows:
                    last = batch.slice(batch.num_rows - 1)
                    row += batch.num_rows
                    yield cleaned(batch)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, PermissionError | FileNotFoundError):
            raise
        raise csv_error(path, names, row, bad, error) from error
    if last is not None and unclosed(path, last.column(len(names) - 1)[0].as_py()):
        raise FileDamaged(f"{path}, row {row}: its quotes do not end: close them, or double those inside a value")


def block_bytes(names: tuple[str, ...]) -> int:
    """How many bytes are read at once of a file with these columns."""
    return max(BLOCK, min(2048 * len(names), WIDEST))


def csv_error(
    path: Path, names: tuple[str, ...], row: int, bad: list[tuple[int, int, str]], error: Exception
) -> Exception:
    """What is wrong with a CSV file that Arrow refused after so many rows."""
    if bad:
        number, count, text = bad[0]
        shown = text if len(text) <= 60 else f"{text[:60]}…"
        return ValueError(
            f"{path}, row {number} has {count:,} values and the header {len(names):,} ({shown!r}): put values that "
            "hold the separator in double quotes"
        )
    reason = str(error).splitlines()[0]
    if "UTF8" in reason:
        for _ in text_blocks(path):  # says where
            pass
    if "straddling" in reason:
        longest = f"{block_bytes(names):,} bytes"
        return FileDamaged(
            f"{path}: a row after row {row:,} does not end within {longest}: close its quotes, or cut it"
        )
    return FileDamaged(f"{path}, after row {row:,}: {reason}: fetch or make the file again")


def unclosed(path: Path, value: str | None) -> bool:
    """Whether a file ends inside quotes, by its last value: one with a line's end must itself end in a quote."""
    if value is None or not {"\n", "\r"} & set(value):
        return False
    tail = b""
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        while block := file.read(BLOCK):
            tail = (tail + block)[-16:]
    return not tail.rstrip(b"\r\n").endswith(b'"')
