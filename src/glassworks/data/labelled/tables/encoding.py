"""How the columns of a table become the features of a network: found once, kept with the model, the same for any row.

    a number      itself; where it is missing the median, and if some were missing a feature that is 1 there
    a boolean     1 or 0, and likewise
    a time        days since the median of the column, and likewise
    a category    for each of its most frequent values a feature that is 1 there; one for all others, if there were
                  any; one for missing, if some were

What a row becomes depends on the encoding and that row alone. Medians and categories are those of all rows that were
read when the encoding was made, those held out as well: which rows are held out is decided later, by whoever prepares
them. They are statistics of inputs only, never of the target, and a source's notes say so.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from glassworks.core.errors import FileDamaged
from glassworks.data.labelled.tables.rows import listed, table_of
from glassworks.data.labelled.tables.values import How, numbers, texts

Kind = Literal["number", "boolean", "time", "category"]


@dataclass(frozen=True)
class Column:
    """How one column becomes features."""

    name: str
    kind: Kind
    how: How = "point"
    """How its strings are read as numbers."""
    fill: float = 0.0
    """What a missing number is taken as: the median."""
    offset: float = 0.0
    """What is subtracted: of times the median; of numbers 0, unless float32 could not tell them apart."""
    categories: tuple[str, ...] = ()
    """The values that have a feature of their own."""
    other: bool = False
    """Whether there is a feature of all other values."""
    missing: bool = False
    """Whether there is a feature of missing values."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind) or self.how not in get_args(How):
            raise ValueError(f"kind (={self.kind!r}) and how (={self.how!r}) of a column must be known ones")
        if not all(isinstance(text, str) for text in (self.name, *self.categories)):
            raise ValueError(f"name (={self.name!r}) and categories of a column must be texts")
        if not all(isinstance(number, int | float) and math.isfinite(number) for number in (self.fill, self.offset)):
            raise ValueError(f"fill (={self.fill!r}) and offset (={self.offset!r}) of a column must be finite numbers")

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its features, in their order."""
        own = [f"{self.name}={value}" for value in self.categories] if self.kind == "category" else [self.name]
        rest = [f"{self.name}: other"] * self.other + [f"{self.name}: missing"] * self.missing
        return (*own, *rest)


@dataclass(frozen=True)
class Encoding:
    """How a row becomes an input."""

    columns: tuple[Column, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """The names of all features, in their order."""
        return tuple(name for column in self.columns for name in column.features)

    def as_json(self) -> dict[str, Any]:
        """As JSON has it: fields that are as usual are left out."""
        usual = Column("", "number")
        columns = []
        for column in self.columns:
            fields = asdict(column)
            kept = {name: value for name, value in fields.items() if name == "kind" or value != getattr(usual, name)}
            columns.append(kept | ({"categories": list(column.categories)} if column.categories else {}))
        return {"columns": columns}

    @classmethod
    def from_json(cls, value: Any, where: str = "the encoding") -> "Encoding":
        """The encoding that `as_json` gave; FileDamaged, which calls it `where`, for what that cannot have given."""
        try:
            columns = [{**column, "categories": tuple(column.get("categories", ()))} for column in value["columns"]]
            found = tuple(Column(**column) for column in columns)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise FileDamaged(f"{where} is not that of a table ({error}): fetch or make the file again") from error
        return cls(found)


def encode_rows(encoding: Encoding, rows: Any) -> NDArray[np.float32]:
    """Rows as inputs; each depends on its own values alone.

    A value that is missing, cannot be read, is infinite or beyond what float32 holds becomes the median. Of categories,
    one that had no feature is "other", or none of them if there was no other. Columns that the encoding does not
    have are ignored.

    Args:
        encoding: how the columns become features.
        rows: an Arrow table or record batch, a dict of columns, or a list of dicts.

    Returns:
        (rows, features), finite.

    Raises:
        ValueError: a column is not there; the message names it.
    """
    batch = table_of(rows)
    check_columns(encoding, batch.schema.names, "rows")
    return encode(encoding, batch)


def check_columns(encoding: Encoding, names: list[str] | tuple[str, ...], where: str) -> None:
    """Refuse a table without all columns of the encoding."""
    there = set(names)
    lacking = [column.name for column in encoding.columns if column.name not in there]
    if lacking:
        wanted = "has no column" if len(lacking) == 1 else f"lacks {len(lacking):,} columns"
        raise ValueError(
            f"{where} {wanted} that the model reads: {listed(lacking)}; add it, or rename what it is called"
        )


def encode(encoding: Encoding, batch: Any) -> NDArray[np.float32]:
    """A cleaned record batch as inputs."""
    places = {name: place for place, name in enumerate(batch.schema.names)}
    inputs = np.zeros((batch.num_rows, len(encoding.features)), dtype=np.float32)
    start = 0
    for column in encoding.columns:
        end = start + len(column.features)
        fill(column, batch.column(places[column.name]), inputs[:, start:end])
        start = end
    return inputs


def fill(column: Column, values: Any, inputs: NDArray[np.float32]) -> None:
    """Write a column's features, which are 0 so far."""
    if column.kind != "category":
        read = numbers(values, column.how)
        missing = np.isnan(read)
        read[missing] = column.fill
        inputs[:, 0] = np.clip(read - column.offset, -np.finfo(np.float32).max, np.finfo(np.float32).max)
        if column.missing:
            inputs[:, -1] = missing
        return
    import pyarrow as pa
    import pyarrow.compute as pc

    values = texts(values)
    places = pc.index_in(values, value_set=pa.array(column.categories, pa.string())).fill_null(-1).to_numpy()
    rows = np.arange(len(places))
    known, missing = places >= 0, np.asarray(values.is_null())
    inputs[rows[known], places[known]] = 1
    if column.other:
        inputs[:, len(column.categories)] = ~known & ~missing
        if not column.missing:  # the nearest to a kind of value that was never seen
            inputs[missing, len(column.categories)] = 1
    if column.missing:
        inputs[:, -1] = missing
