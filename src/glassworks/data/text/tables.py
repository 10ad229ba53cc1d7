"""Tables of texts, a document a row, each format in a stream: JSON lines, Parquet, CSV and TSV.

The text is in the column asked for; where none is, in "text", or in the only one that holds strings. A reader calls
`took` with the column's name as soon as it knows it.
"""

import codecs
import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from glassworks.core.errors import FileDamaged
from glassworks.core.text import check_text
from glassworks.data.text.plain import BLOCK, LONGEST, binary, text_blocks

Took = Callable[[str | None], None]
NAME_ONE = "; name one that holds text by column=NAME"
SEPARATORS = {".csv": ",;\t|", ".tsv": "\t"}


def jsonl_file(path: Path, name: str, column: str | None, took: Took) -> Iterator[tuple[str, str]]:
    """The text field of every line, named `<name>:<line>`. Lines without text (null, empty) are left out."""
    field: str | None = None
    number = 0
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            while line := file.readline(LONGEST + 1):
                number += 1
                if len(line) > LONGEST:
                    raise ValueError(f"{path}:{number} is longer than {LONGEST:,} bytes: split it, or leave it out")
                line = line.removeprefix(codecs.BOM_UTF8)
                if line.strip():
                    row = json_row(line, path, number)
                    if field is None:
                        took(field := text_field(row, f"{path}:{number}", column))
                    yield f"{name}:{number}", row_text(row, field, f"{path}:{number}")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileDamaged(f"{path}:{number + 1} cannot be unpacked ({error}): fetch or make the file again") from error


def json_row(line: bytes, path: Path, number: int) -> Mapping[str, Any]:
    """One line of a jsonl file as an object."""
    if b"\0" in line:
        raise binary(path, f"in line {number}")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FileDamaged(f"{path}:{number} is not valid JSON ({error}): repair or remove the line") from error
    if not isinstance(row, dict):
        raise ValueError(f'{path}:{number} is not a JSON object: write lines like {{"text": "..."}}')
    return row


def text_field(row: Mapping[str, Any], where: str, column: str | None = None) -> str:
    """The field that holds the text: the one asked for, or "text", or the only one that holds a string."""
    name = column or "text"
    if name in row:
        return name
    strings = [key for key, value in row.items() if isinstance(value, str)]
    if column is None and len(strings) == 1:
        return strings[0]
    raise ValueError(f"{where} {unclear('field', column, strings)}: its fields are {fields(row)}{NAME_ONE}")


def unclear(kind: str, column: str | None, strings: Sequence[str]) -> str:
    """Why it is not clear which field or column of a table holds the text."""
    if column is not None:
        return f'has no {kind} "{column}" that holds text'
    return f'has no {kind} "text", and {"several hold text" if strings else "none holds text"}'


def row_text(row: Mapping[str, Any], field: str, where: str) -> str:
    """The row's text; null counts as empty. Half a surrogate pair cannot be written as UTF-8 and is refused."""
    text = row.get(field, 0)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise ValueError(f'{where} has no string in the field "{field}": its fields are {fields(row)}')
    check_text(text, f"{where}, {field}")
    return text


def fields(row: Mapping[str, Any]) -> str:
    """The fields and their types, for a message."""
    return ", ".join(f"{key} ({type(value).__name__})" for key, value in row.items()) or "none"


def parquet_file(path: Path, name: str, column: str | None, took: Took) -> Iterator[tuple[str, str]]:
    """The text column of every row, named `<name>:<row>` from row 0; null and empty rows are left out."""
    import pyarrow.parquet as pq
    from pyarrow.lib import ArrowException

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            column = text_column(path, file.schema_arrow, column)
            took(column)
            for batch in file.iter_batches(batch_size=256, columns=[column]):
                for text in batch.column(0).to_pylist():
                    yield f"{name}:{number}", text or ""
                    number += 1
    except (ArrowException, UnicodeDecodeError, OSError) as error:
        if isinstance(error, PermissionError):
            raise
        reason = str(error).splitlines()[0]
        raise FileDamaged(f"{path}, row {number}: {reason}: fetch or make the file again") from error


def text_column(path: Path, schema: Any, column: str | None) -> str:
    """The column of a Parquet file that holds the text; dictionary-encoded ones hold strings too."""
    strings: list[str] = [f.name for f in schema if is_text(f.type)]
    name = column or "text"
    if name in strings:
        return name
    if column is None and len(strings) == 1:
        return strings[0]
    listed = ", ".join(f"{f.name} ({f.type})" for f in schema)
    raise ValueError(f"{path} {unclear('column', column, strings)}: its columns are {listed}{NAME_ONE}")


def is_text(kind: Any) -> bool:
    """Whether a column of this Arrow type holds texts."""
    from pyarrow.types import is_dictionary, is_large_string, is_string, is_string_view

    if is_dictionary(kind):
        return is_text(kind.value_type)
    return any(is_kind(kind) for is_kind in (is_string, is_large_string, is_string_view))


def csv_file(path: Path, name: str, column: str, took: Took) -> Iterator[tuple[str, str]]:
    """A column of a CSV or TSV file with a header, every row named `<name>:<line>`; empty ones are left out.

    Values with the separator, a quote or a line's end in them stand in double quotes (RFC 4180). Of comma, semicolon,
    tab and bar, the separator of a CSV file is the one that makes the column one of the header's.
    """
    csv.field_size_limit(LONGEST)  # of the whole process; its default, 128 kB, is shorter than a chapter
    lines, line = split_lines(path), 1
    try:
        names, separator = header_of(next(lines, ""), path, column)
        took(column)
        place, rows, line = names.index(column), csv.reader(lines, delimiter=separator, strict=True), 2
        for row in rows:
            if row and len(row) != len(names):
                raise ValueError(
                    f"{path}:{line} has {len(row)} values and the header {len(names)}: put values that hold the "
                    "separator in double quotes"
                )
            if row:
                yield f"{name}:{line}", row[place]
            line = rows.line_num + 2
    except csv.Error as error:
        raise FileDamaged(f"{path}:{line} is not valid CSV ({error}): repair its quotes or its line ends") from error


def header_of(line: str, path: Path, column: str) -> tuple[list[str], str]:
    """The names in a header, and the separator by which the column is one of them."""
    marks = SEPARATORS[path.suffix.lower()]
    headers = {mark: next(csv.reader([line], delimiter=mark), []) for mark in marks}
    separator = next((mark for mark in marks if column in headers[mark]), None)
    if separator is None:
        likeliest = max(headers.values(), key=len)
        named = ", ".join(likeliest) or "none"
        named = f"{named[:200]}…" if len(named) > 200 else named
        raise ValueError(f'{path} has no column "{column}": its header names {named}')
    return headers[separator], separator


def split_lines(path: Path) -> Iterator[str]:
    """The lines of a text file, each with its end."""
    parts: list[str] = []  # of a line that goes on
    for block in text_blocks(path):
        *lines, rest = block.split("\n")
        for line in lines:
            yield "".join((*parts, line, "\n"))
            parts = []
        parts.append(rest)
        if len(parts) > LONGEST // BLOCK:
            raise ValueError(f"{path} has a line of more than {LONGEST:,} bytes: split it, or leave it out")
    yield from filter(None, ["".join(parts)])


def ignored(column: str | None) -> None:
    """For those who do not ask which column was taken."""
