"""Files into texts, one format a function, each in a stream: no file is ever whole in memory.

    .txt .md and others   plain UTF-8; long ones are cut into passages          (text_file)
    .py                   plain UTF-8, always one document                      (text_file)
    .jsonl .jsonl.gz      an object a line with a text field                    (jsonl_file)
    .parquet              a table with a text column                            (parquet_file)

A damaged file is a `FileDamaged` that names the file and the line; a file that is something else is a `ValueError`.
"""

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from glassworks.core.errors import FileDamaged

LONGEST = 1 << 26  # bytes of a line or of an uncut file; keeps a gzip bomb or a stray dump from filling the memory
BLOCK = 1 << 16  # larger ones fragment the heap of glibc: peak memory would creep up with the corpus
PASSAGE = 4096  # characters
SUFFIXES = (".txt", ".md", ".py", ".jsonl", ".jsonl.gz", ".parquet")


def read_file(path: Path, name: str, *, cut: bool) -> Iterator[tuple[str, str]]:
    """(name, text) of every document of a file. `cut` says whether plain text is cut into passages."""
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        return jsonl_file(path, name)
    if path.suffix == ".parquet":
        return parquet_file(path, name)
    return text_file(path, name, cut=cut and path.suffix != ".py")


def text_file(path: Path, name: str, *, cut: bool) -> Iterator[tuple[str, str]]:
    """The file as one document, or cut into passages named `<name>:<line>` whose concatenation is the file."""
    if cut:
        line = 1
        for passage in passages(text_blocks(path)):
            yield f"{name}:{line}", passage
            line += passage.count("\n")
    elif (size := path.stat().st_size) > LONGEST:
        raise ValueError(f"{path} has {size:,} bytes, and one document holds at most {LONGEST:,}: split it")
    else:
        yield name, "".join(text_blocks(path))


def text_blocks(path: Path) -> Iterator[str]:
    """The file's characters, about a megabyte at a time; line ends stay as they are."""
    decoder, offset = codecs.getincrementaldecoder("utf-8")(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if (nul := block.find(b"\0")) >= 0:
                raise not_text(path, f"a NUL byte at offset {offset + nul}")
            try:
                yield decoder.decode(block)
            except UnicodeDecodeError as error:
                raise not_text(path, f"{error.reason} near offset {offset + error.start}") from error
            offset += len(block)
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise not_text(path, f"it ends inside a character, at offset {offset}") from error


def not_text(path: Path, reason: str) -> ValueError:
    """The one line for a binary file given as text."""
    return ValueError(f"{path} is not UTF-8 text ({reason}): convert it to UTF-8, or give one of {' '.join(SUFFIXES)}")


def passages(blocks: Iterator[str], size: int = PASSAGE) -> Iterator[str]:
    """Cut a stream of text after the first blank line (or else line end) past `size` characters; 2 `size` at most."""
    text = ""
    for block in blocks:
        text, start = text + block, 0
        while len(text) - start >= 2 * size:
            end = cut_point(text, start, size)
            yield text[start:end]
            start = end
        text = text[start:]
    if len(text) > size:
        end = cut_point(text, 0, size // 2)
        yield text[:end]
        text = text[end:]
    if text:
        yield text


def cut_point(text: str, start: int, size: int) -> int:
    """Where the passage that begins at `start` ends."""
    for mark in ("\n\n", "\n"):
        if (found := text.find(mark, start + size, start + 2 * size)) >= 0:
            return found + len(mark)
    return min(start + 2 * size, len(text))


def jsonl_file(path: Path, name: str) -> Iterator[tuple[str, str]]:
    """The text field of every line, named `<name>:<line>`. Lines without text (null, empty) are left out."""
    field: str | None = None
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            while line := file.readline(LONGEST + 1):
                number += 1
                if len(line) > LONGEST:
                    raise ValueError(f"{path}:{number} is longer than {LONGEST:,} bytes: split it, or leave it out")
                if not line.isspace():
                    row = json_row(line, path, number)
                    field = field or text_field(row, f"{path}:{number}")
                    yield f"{name}:{number}", row_text(row, field, f"{path}:{number}")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileDamaged(f"{path}:{number + 1} cannot be unpacked ({error}): fetch or make the file again") from error


def json_row(line: bytes, path: Path, number: int) -> Mapping[str, Any]:
    """One line of a jsonl file as an object."""
    if b"\0" in line:
        raise not_text(path, f"a NUL byte in line {number}")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FileDamaged(f"{path}:{number} is not valid JSON ({error}): repair or remove the line") from error
    if not isinstance(row, dict):
        raise ValueError(f'{path}:{number} is not a JSON object: write lines like {{"text": "..."}}')
    return row


def text_field(row: Mapping[str, Any], where: str) -> str:
    """The field that holds the text: "text", or the only one that holds a string."""
    if "text" in row:
        return "text"
    strings = [key for key, value in row.items() if isinstance(value, str)]
    if len(strings) != 1:
        raise ValueError(f'{where} has no field "text" and not one string field: its fields are {fields(row)}')
    return strings[0]


def row_text(row: Mapping[str, Any], field: str, where: str) -> str:
    """The row's text; null counts as empty. Half a surrogate pair cannot be written as UTF-8 and is refused."""
    text = row.get(field, 0)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise ValueError(f'{where} has no string in the field "{field}": its fields are {fields(row)}')
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{where} holds half a character ({error.reason}): repair or remove it") from error
    return text


def fields(row: Mapping[str, Any]) -> str:
    """The fields and their types, for a message."""
    return ", ".join(f"{key} ({type(value).__name__})" for key, value in row.items()) or "none"


def parquet_file(path: Path, name: str) -> Iterator[tuple[str, str]]:
    """The text column of every row, named `<name>:<row>` from row 0; null and empty rows are left out."""
    import pyarrow.parquet as pq
    from pyarrow.lib import ArrowException
    from pyarrow.types import is_large_string, is_string

    number = 0
    try:
        with pq.ParquetFile(path) as file:  # type: ignore[no-untyped-call]
            schema = file.schema_arrow
            strings = [f.name for f in schema if is_string(f.type) or is_large_string(f.type)]
            column = "text" if "text" in strings else strings[0] if len(strings) == 1 else None
            if column is None:
                listed = ", ".join(f"{f.name} ({f.type})" for f in schema)
                raise ValueError(f'{path} has no column "text" and not one string column: its columns are {listed}')
            for batch in file.iter_batches(batch_size=256, columns=[column]):
                for text in batch.column(0).to_pylist():
                    yield f"{name}:{number}", text or ""
                    number += 1
    except (ArrowException, UnicodeDecodeError, OSError) as error:
        if isinstance(error, PermissionError):
            raise
        reason = str(error).splitlines()[0]
        raise FileDamaged(f"{path}, row {number}: {reason}: fetch or make the file again") from error
