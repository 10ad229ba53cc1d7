"""Values of a table that a network cannot take for what they are: told by row and value, and counted."""

from typing import Any

import numpy as np

from glassworks.data.labelled.tables.encoding import Column, Encoding
from glassworks.data.labelled.tables.values import numbers, texts

WRONG = {"number": "is no number", "boolean": "is neither true nor false", "time": "is no time as in training"}


class Strange:
    """What was met in the rows of a file: of each column the first such value with its row, and how many there are."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.first: dict[str, tuple[str, str]] = {}
        """By the column's name: what the row is called, and the value."""
        self.count: dict[str, int] = {}

    def look(self, batch: Any, names: list[str]) -> None:
        """Add what is strange in a record batch, whose rows are called so."""
        places = {name: place for place, name in enumerate(batch.schema.names)}
        for column in self.encoding.columns:
            values = texts(batch.column(places[column.name]))
            wrong = np.flatnonzero(is_strange(column, batch.column(places[column.name]), values))
            if len(wrong):
                row = int(wrong[0])
                self.first.setdefault(column.name, (names[row], values[row].as_py()))
                self.count[column.name] = self.count.get(column.name, 0) + len(wrong)

    def sentences(self) -> list[str]:
        """One for each column that has some."""
        said = []
        for column in self.encoding.columns:
            if column.name in self.first:
                row, value = self.first[column.name]
                what = "was never seen" if column.kind == "category" else f"{WRONG[column.kind]} and counts as missing"
                more = f", as {self.count[column.name] - 1:,} more" if self.count[column.name] > 1 else ""
                said.append(f"{row}: {column.name} {value[:60]!r} {what}{more}")
        return said


def is_strange(column: Column, raw: Any, values: Any) -> Any:
    """Of which rows the value is there and cannot be read as its column's kind; or is of no category, nor an other."""
    import pyarrow as pa
    import pyarrow.compute as pc

    there = ~np.asarray(values.is_null())
    if column.kind != "category":
        return there & np.isnan(numbers(raw, column.how))
    if column.other:  # rare values have that feature, and which they were is not kept
        return np.zeros_like(there)
    known = pc.is_in(values, value_set=pa.array(column.categories, pa.string()))
    return there & ~np.asarray(known)
