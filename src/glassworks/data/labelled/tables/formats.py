"""Which files are tables, and their rows: CSV and TSV by `delimited`, Parquet here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glassworks.core.errors import FileDamaged
from glassworks.core.files import at_home
from glassworks.data.labelled.tables import delimited
from glassworks.data.labelled.tables.rows import Rows, cleaned, names_in

SUFFIXES = (*delimited.SUFFIXES, ".parquet")
CELLS = 1 << 20
"""Values of a Parquet file that are read at once."""


def rows_of(path: Path | str) -> Rows:
    """The rows of a CSV, TSV or Parquet file.

    Raises:
        ValueError: it is of no such kind, is empty, or its header has a name twice.
        FileDamaged: it is truncated or altered. Rows that are wrong are found as they are read.
        OSError: it cannot be read.
    """
    path = at_home(path)
    status = path.stat()
    lower = path.name.lower()
    if not path.is_file() or not lower.endswith(SUFFIXES):
        raise ValueError(f"{path} is no table that can be read: give one of {' '.join(SUFFIXES)}")
    if not status.st_size:
        raise ValueError(f"{path} is empty: give a table with its columns' names in the first row")
    seen = f"{path.absolute()} {status.st_size} {status.st_mtime_ns}"
    return parquet_rows(path, seen) if lower.endswith(".parquet") else delimited.csv_rows(path, seen)


def parquet_rows(path: Path, seen: str) -> Rows:
    """The rows of a Parquet file."""
    import pyarrow.parquet as pq
    from pyarrow.lib import ArrowException

    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            count = file.metadata.num_rows
    except (ArrowException, OSError) as error:
        raise parquet_error(path, 0, error) from error
    names, notes = names_in(list(schema.names), str(path))
    if not count or not names:
        raise ValueError(f"{path} has no {'rows' if names else 'columns'}: give a table with some")
    return Rows(
        path.name,
        str(path),
        names,
        lambda: parquet_batches(path, names),
        f"Parquet of {len(names):,} columns",
        seen,
        "",
        notes,
    )


def parquet_batches(path: Path, names: tuple[str, ...]) -> Iterator[Any]:
    """Batches of the columns in this package's four types."""
    import pyarrow.parquet as pq
    from pyarrow.lib import ArrowException

    row = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=max(CELLS // len(names), 64)):
                yield cleaned(batch.rename_columns(list(names)))
                row += batch.num_rows
    except (ArrowException, OSError) as error:
        raise parquet_error(path, row, error) from error


def parquet_error(path: Path, row: int, error: Exception) -> Exception:
    """The one line for a Parquet file that Arrow cannot read."""
    if isinstance(error, PermissionError | FileNotFoundError):
        return error
    reason = str(error).splitlines()[0]
    return FileDamaged(f"{path}, after row {row:,}: {reason}: fetch or make the file again")
