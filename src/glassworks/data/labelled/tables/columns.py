"""What the columns of a table hold, found in one pass over all of its rows, a batch at a time.

A column of strings is tried in every way of writing that `values` knows; a way that most values of a batch are not
written in is given up. Different values are counted as long as there are few of them. Medians are those of a sample of
rows, drawn without regard to what is in them: of all rows, where there are no more than the sample holds.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.data.labelled.tables.rows import Rows
from glassworks.data.labelled.tables.values import LARGEST, NUMBERS, TIMES, How, floats, parsed

KINDS = 8
"""Different values in a column of numbers or times that are neither, above which it holds texts."""
ODD = 0.05
"""The share of such values above which it does."""
MANY = 1000
"""Different values of a column up to which they are counted."""
SAMPLE = 1 << 20
"""Values in the sample of rows that medians are of."""


@dataclass(eq=False)
class Trial:
    """How well a column reads in one way."""

    how: How
    odd: Counter[str] = field(default_factory=Counter)
    """Values that are not written so."""
    first: tuple[int, str] | None = None
    """The row of the first of them, and it."""
    low: float = np.inf
    high: float = -np.inf
    whole: bool = True
    beyond: int = 0
    """How many are infinite, or beyond what float32 holds."""
    counting: bool = True
    """Whether each is one more than the one before."""
    last: float | None = None

    def take(self, values: NDArray[np.float64]) -> None:
        """Note numbers."""
        finite = np.abs(values) <= LARGEST
        self.beyond += len(values) - int(finite.sum())
        values = values[finite]
        if not len(values):
            return
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        self.whole = self.whole and bool((values == np.floor(values)).all())
        if self.counting:
            before = values[:1] - 1 if self.last is None else np.array([self.last])
            self.counting = bool((np.diff(values, prepend=before) == 1).all())
            self.last = float(values[-1])


@dataclass(eq=False)
class Seen:
    """What has been seen of a column."""

    name: str
    type: str = ""
    """Of Arrow: string, double, bool, timestamp[us] or null; null as long as nothing was seen."""
    rows: int = 0
    missing: int = 0
    counts: dict[Any, int] | None = field(default_factory=dict)
    """How often each value occurs; None once there were too many."""
    trials: list[Trial] = field(default_factory=list)
    plain: bool = True
    """Whether all are numbers without marks between thousands or a decimal comma."""

    def take(self, column: Any, many: int) -> None:
        """Note the next rows of the column."""
        if not self.type:
            self.type = str(column.type)
            self.trials = [Trial(how) for how in ways(self.type)]
        values = column.drop_null()
        if len(values):
            self.count(values, many)
            self.read(column, values)
        self.rows += len(column)
        self.missing += len(column) - len(values)

    def count(self, values: Any, many: int) -> None:
        """Count the values, while there are few."""
        import pyarrow.compute as pc

        if self.counts is None:
            return
        found = pc.value_counts(values)
        if len(found) <= many:
            for value, count in zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True):
                self.counts[value] = self.counts.get(value, 0) + count
        if len(found) > many or len(self.counts) > many:
            self.counts = None

    def read(self, column: Any, values: Any) -> None:
        """Try the ways of writing that are left. What plainly is a number is not tried as anything else."""
        import pyarrow.compute as pc

        left = []
        for trial in self.trials:
            read = parsed(values, trial.how)
            found = floats(read.drop_null())
            trial.take(found)
            if len(found) == len(values):
                left.append(trial)
                if trial.how == "point" and not has_commas(values):
                    if (found == np.floor(found)).all():  # 12 is 12 with a decimal comma, too; 1.5 is not 1.5
                        left += self.also_with_comma(found)
                    break
            elif len(found) * 2 >= len(values) and self.fails(trial, column, values.filter(pc.is_null(read))):
                left.append(trial)
            self.plain = False
        self.trials = left

    def also_with_comma(self, found: NDArray[np.float64]) -> list[Trial]:
        """The way of writing with a decimal comma, if it is left, for which these are the same numbers."""
        commas = [trial for trial in self.trials if trial.how == "comma"]
        for trial in commas:
            trial.take(found)
        return commas

    def fails(self, trial: Trial, column: Any, failed: Any) -> bool:
        """Note values that are not written in a way; whether there are still few different ones."""
        import pyarrow.compute as pc

        trial.odd.update(failed.to_pylist())
        if trial.first is None:
            value = failed[0].as_py()
            trial.first = self.rows + pc.index(column, value).as_py() + 1, value
        return len(trial.odd) <= KINDS


def has_commas(values: Any) -> bool:
    """Whether there is a comma in some value of a column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return values.type == pa.string() and bool(pc.any(pc.match_substring(values, ",")).as_py())


def ways(kind: str) -> tuple[How, ...]:
    """The ways in which a column of an Arrow type may be written."""
    if kind == "string":
        return (*NUMBERS, "boolean", *TIMES)
    typed: dict[str, tuple[How, ...]] = {"double": ("point",), "bool": ("boolean",), "timestamp[us]": ("iso",)}
    return typed.get(kind, ())


# ----------------------------------------------------------------------------------------------------------------------
# A whole table


def scan(rows: Rows) -> tuple[list[Seen], Any]:
    """What each column holds, by one pass over all rows, and a sample of the rows.

    Raises:
        ValueError: there are no rows, or one is wrong; the message names it.
        FileDamaged: the file is truncated or altered.
    """
    many = max(min(MANY, 1_000_000 // len(rows.columns)), 64)
    seen = [Seen(name) for name in rows.columns]
    sample = Sample(max(min(SAMPLE // len(rows.columns), 20_000), 500))
    for batch in rows.batches():
        for column, values in zip(seen, batch.columns, strict=True):
            column.take(values, many)
        sample.take(batch)
    if not seen[0].rows:
        raise ValueError(f"{rows.where} has a header and no rows: give a table with some")
    return seen, sample.rows()


class Sample:
    """Rows drawn at random with equal chances, as many as it holds; the same of the same number of rows."""

    def __init__(self, size: int) -> None:
        self.size, self.rng = size, np.random.default_rng(0)
        self.places = np.empty(0)
        self.batches: list[Any] = []

    def take(self, batch: Any) -> None:
        """Draw among these rows and those before them: the ones with the lowest of random numbers stay."""
        places = self.rng.random(batch.num_rows)
        if len(self.places) >= self.size:
            low = np.flatnonzero(places < self.places.max())
            batch, places = batch.take(low), places[low]
        self.batches.append(batch)
        self.places = np.concatenate([self.places, places])
        if len(self.places) > 2 * self.size:
            self.cut()

    def cut(self) -> None:
        """Keep as many rows as the sample holds, in the table's order."""
        kept = np.sort(np.argpartition(self.places, self.size)[: self.size])
        self.batches, self.places = [self.joined().take(kept)], self.places[kept]

    def joined(self) -> Any:
        """All rows that are held, as one batch."""
        import pyarrow as pa

        return pa.concat_batches(self.batches)

    def rows(self) -> Any:
        """The sample."""
        if len(self.places) > self.size:
            self.cut()
        return self.joined()
