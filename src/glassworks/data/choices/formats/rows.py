"""Rows of a file, in and out: JSON lines (also packed by gzip), a JSON list, Parquet."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from glassworks.core.errors import FileDamaged
from glassworks.core.files import atomic_file, read_json

Row = dict[str, Any]
READS = (".jsonl", ".jsonl.gz", ".json", ".parquet")
WRITES = (".jsonl", ".jsonl.gz", ".parquet")


def rows_of(path: Path) -> Iterator[Row]:
    """Every row of a file; FileDamaged or ValueError, with the row, for what is none."""
    name = path.name.lower()
    if not name.endswith(READS):
        raise ValueError(f"{path} is no file of rows: give {', '.join(READS)}")
    if name.endswith(".parquet"):
        yield from parquet_rows(path)
    elif name.endswith(".json"):
        found = read_json(path)
        yield from (checked(row, path, i) for i, row in enumerate(found if isinstance(found, list) else [found], 1))
    else:
        try:
            with gzip.open(path) if name.endswith(".gz") else path.open("rb") as file:
                for i, line in enumerate(file, 1):
                    if line.strip():
                        yield checked(parsed(line, path, i), path, i)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FileDamaged(f"{path} cannot be unpacked ({error}): fetch or make the file again") from error


def parsed(line: bytes, path: Path, number: int) -> Any:
    """A line as JSON."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FileDamaged(f"{path}:{number} is not valid JSON ({error}): repair or remove the line") from error


def checked(row: Any, path: Path, number: int) -> Row:
    """A row that is an object."""
    if not isinstance(row, dict):
        raise ValueError(f'{path}:{number} is not a JSON object: write rows like {{"prompt": ..., "options": [...]}}')
    return row


def parquet_rows(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file, a batch at a time."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(1024):
                yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise FileDamaged(f"{path} is not valid Parquet ({error}): fetch or make the file again") from error


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write rows as the file's name says, whole or not at all; how many."""
    name, count = path.name.lower(), 0
    if not name.endswith(WRITES):
        raise ValueError(f"out (={str(path)!r}) must end in {', '.join(WRITES)}")
    with atomic_file(path) as temporary:
        if name.endswith(".parquet"):
            import pyarrow
            import pyarrow.parquet

            kept = list(rows)
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(kept), temporary)
            return len(kept)
        with gzip.open(temporary, "wb") if name.endswith(".gz") else temporary.open("wb") as file:
            for row in rows:
                count += 1
                file.write(line_of(row))
    return count


def line_of(row: Row) -> bytes:
    """A row as a line; half a surrogate pair, which no UTF-8 can write, escaped."""
    try:
        return json.dumps(row, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(row).encode() + b"\n"
