"""The rows of a table, as batches that Arrow reads in a stream.

Whatever the file, a column is one of four Arrow types: string, float64, bool or timestamp in microseconds; what is none
of these (lists, bytes, ...) is null. Texts are without space at their ends, and what commonly stands for "missing" is
null. What a column of strings means is for `columns` to find out.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MISSING = ("", "?", "-", "NA", "N/A", "n/a", "na", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "None", "none", "<NA>")
"""Texts that stand for a value that is not there."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a table, as often as they are asked for."""

    name: str
    """What its rows are named by: iris.csv."""
    where: str
    """What messages call it: its path."""
    columns: tuple[str, ...]
    """Their names, each once."""
    batches: Callable[[], Iterator[Any]] = field(repr=False)
    """Record batches of these columns, from the first row on."""
    what: str
    """In words: "CSV of 5 columns"."""
    fingerprint: str
    """Changes when the content does."""
    mark: str = ""
    """What stands between the values of a CSV file."""
    notes: tuple[str, ...] = ()
    """What was found that a user should know, a sentence each."""


def names_in(header: list[str], where: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of a table's columns, each once, and what was found: columns without a name are numbered."""
    names = [name.strip() or f"column {number}" for number, name in enumerate(header, 1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = ", ".join(str(number) for number, name in enumerate(names, 1) if name == twice[0])
        more = f" (and {len(twice) - 1:,} other names)" if len(twice) > 1 else ""
        raise ValueError(f"{where} has several columns called {twice[0]!r}{more}, at {places}: rename all but one")
    unnamed = [name for name, given in zip(names, header, strict=True) if not given.strip()]
    notes = (f"columns without a name are called by their number: {listed(unnamed)}",) if unnamed else ()
    return tuple(names), notes


def table_of(rows: Any) -> Any:
    """Rows in memory, as an Arrow table, a dict of columns or a list of dicts, as one cleaned record batch."""
    import pyarrow as pa

    if isinstance(rows, Mapping):
        rows = pa.table({str(name): list(values) for name, values in rows.items()})
    elif not isinstance(rows, pa.Table | pa.RecordBatch):
        rows = pa.Table.from_pylist([dict(row) for row in rows])
    if isinstance(rows, pa.Table):
        arrays = [column.combine_chunks() for column in rows.columns]
        rows = pa.RecordBatch.from_arrays(arrays, names=rows.column_names)
    return cleaned(rows)


def cleaned(batch: Any) -> Any:
    """A record batch whose columns are strings, float64, bool or timestamps, and null where a value is missing."""
    import pyarrow as pa

    columns = [cells(column) for column in batch.columns]
    strings = [place for place, column in enumerate(columns) if column.type == pa.string()]
    if strings and len(batch):  # all at once: a call a column takes most of the time where there are thousands
        known = known_texts(pa.concat_arrays([columns[place] for place in strings]))
        for number, place in enumerate(strings):
            columns[place] = known.slice(number * len(batch), len(batch))
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def known_texts(column: Any) -> Any:
    """Strings without space at their ends, null where they stand for a missing value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(text, value_set=pa.array(MISSING)), None, text)


def cells(column: Any) -> Any:
    """A column in one of the four types, texts as they are; null where it holds something else."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        return cells(column.dictionary_decode())
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return column.cast(pa.string())
    if types.is_boolean(kind):
        return column
    if types.is_date(kind) or types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", kind.tz if types.is_timestamp(kind) else None), safe=False).cast(
            pa.timestamp("us")
        )
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        numbers = column.cast(pa.float64(), safe=False)
        return pc.if_else(pc.is_nan(numbers), None, numbers)
    return pa.nulls(len(column), pa.null())


def listed(names: list[str], few: int = 5) -> str:
    """The first few names and how many more there are."""
    more = f" and {len(names) - few:,} more" if len(names) > few else ""
    return f"{', '.join(names[:few])}{more}"
