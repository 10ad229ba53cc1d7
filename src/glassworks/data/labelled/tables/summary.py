"""What each column of a table is, once all rows were seen: a number, a boolean, a time, a category, or no feature."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from glassworks.data.labelled.tables.columns import ODD, Seen, Trial, scan
from glassworks.data.labelled.tables.encoding import Column, Encoding
from glassworks.data.labelled.tables.rows import Rows, listed
from glassworks.data.labelled.tables.values import TIMES, How, date_of, number_text, numbers, texts

Type = Literal["number", "boolean", "time", "category", "text", "empty", "other"]
CATEGORIES = 50
"""Features a column of categories gets at most; the values beyond are one feature together."""
FEW = 10
"""Different texts that are categories even if each occurs once."""
FEATURES = 1 << 16
"""Of a table at most: 256 kB a row."""


@dataclass(frozen=True)
class Summary:
    """What a column is, and what it holds."""

    name: str
    type: Type
    """text: strings of too many kinds to be categories; empty: no values; other: values of a type that is not read."""
    rows: int
    missing: int
    """Rows without a value, with one that is no number in a column of numbers, or with one beyond float32."""
    how: How = "point"
    counts: dict[str, int] | None = None
    """How often each value occurs, the most frequent first; None if there are too many."""
    low: float | None = None
    median: float | None = None
    high: float | None = None
    whole: bool = False
    """Whether all are whole numbers."""
    spread: float = 0.0
    """Between the quartiles, of numbers."""
    counting: bool = False
    """Whether it counts the rows, each number one more than the one before."""
    odd: tuple[str, ...] = ()
    """Values that are none of its type, taken as missing."""
    beyond: int = 0
    """Numbers that are infinite or beyond float32, taken as missing."""
    first: tuple[int, str] | None = None
    """The first row with a value that is no number, and it, where strings are numbers for the most part."""

    @property
    def constant(self) -> bool:
        """Whether all rows have the same value."""
        distinct = self.low == self.high if self.low is not None else self.counts is not None and len(self.counts) <= 1
        return distinct and not self.missing

    @property
    def id_like(self) -> bool:
        """Whether it tells rows apart rather than says something of them."""
        return self.type == "text" or self.counting


def summaries(rows: Rows) -> list[Summary]:
    """What each column is, by a pass over all rows."""
    seen, sample = scan(rows)
    return [summary(column, values, rows.mark) for column, values in zip(seen, sample.columns, strict=True)]


def summary(seen: Seen, sample: Any, mark: str) -> Summary:
    """What a column is, after a scan.

    Args:
        seen: what the scan found of it.
        sample: its values in the sample of rows.
        mark: what stands between values of the file; with another than a comma, decimal commas are the likelier.
    """
    numeric = [trial for trial in seen.trials if trial.how in ("point", "comma") and reads(seen, trial)]
    nearly = next((trial.first for trial in seen.trials if trial.how == "point"), None)
    if seen.type in ("", "null"):
        return Summary(seen.name, "other", seen.rows, seen.missing)
    if seen.missing == seen.rows:
        return Summary(seen.name, "empty", seen.rows, seen.missing)
    if numeric:
        comma_first = mark not in ("", ",") and not seen.plain
        best = min(numeric, key=lambda trial: (trial.odd.total(), (trial.how == "comma") != comma_first))
        return read_as("number", seen, best, sample)
    for trial in seen.trials:
        if trial.how == "boolean" and not trial.odd:
            return read_as("boolean", seen, trial, sample)
        if trial.how in TIMES and reads(seen, trial):
            return read_as("time", seen, trial, sample)
    counts = ordered(seen.counts)
    valid = seen.rows - seen.missing
    many = counts is None or (len(counts) > FEW and 2 * len(counts) > valid)
    return Summary(seen.name, "text" if many else "category", seen.rows, seen.missing, counts=counts, first=nearly)


def reads(seen: Seen, trial: Trial) -> bool:
    """Whether a column is rightly read in a way: all of it, or nearly all of one with many values."""
    if not trial.odd:
        return True
    varied = seen.counts is None or len(seen.counts) > 2 * CATEGORIES
    return varied and trial.odd.total() <= ODD * (seen.rows - seen.missing)


def read_as(kind: Type, seen: Seen, trial: Trial, sample: Any) -> Summary:
    """A column of numbers, booleans or times."""
    values = numbers(sample, trial.how)
    values = values[~np.isnan(values)]
    if not np.isfinite(trial.low):  # all are infinite
        return Summary(seen.name, "empty", seen.rows, seen.rows, beyond=trial.beyond)
    low, median, high = np.percentile(values, [25, 50, 75]) if len(values) else (trial.low,) * 3
    return Summary(
        seen.name,
        kind,
        seen.rows,
        seen.missing + trial.odd.total() + trial.beyond,
        trial.how,
        ordered(seen.counts),
        trial.low,
        float(median),
        trial.high,
        trial.whole,
        float(high - low),
        trial.counting and trial.whole and seen.rows > FEW,
        tuple(trial.odd),
        trial.beyond,
        trial.first,
    )


def ordered(counts: dict[Any, int] | None) -> dict[str, int] | None:
    """Values as texts, the most frequent first, then by name."""
    if counts is None:
        return None
    import pyarrow as pa

    named: dict[str, int] = {}
    for name, count in zip(texts(pa.array(list(counts))).to_pylist(), counts.values(), strict=True):
        named[name] = named.get(name, 0) + count
    return dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))


# ----------------------------------------------------------------------------------------------------------------------
# From what columns are to features


def encoding_of(columns: list[Summary], where: str) -> tuple[Encoding, tuple[str, ...]]:
    """How the columns become features, and what is to be said of that, a sentence each.

    Raises:
        ValueError: no column can be a feature, or there would be too many features.
    """
    kept = [column for column in columns if left_out(column) is None]
    encoding = Encoding(tuple(column_of(column) for column in kept))
    why = "; ".join(f"{column.name} {left_out(column)}" for column in columns[:5])
    if not kept:
        raise ValueError(f"{where} has no column to learn from: {why or 'there is only the target'}")
    if len(encoding.features) > FEATURES:
        raise ValueError(
            f"{where} would give {len(encoding.features):,} features, and {FEATURES:,} are the most: "
            "leave out columns, or join rare categories"
        )
    return encoding, tuple(notes_of(columns))


def left_out(column: Summary) -> str | None:
    """Why a column is no feature; None if it is."""
    if column.type == "other":
        return "is of a type that is not read"
    if column.type == "empty":
        return "is empty"
    if column.type == "text":
        return "is text, nearly every row another"
    if column.counting:
        return "counts the rows"
    return "is the same in every row" if column.constant else None


def column_of(column: Summary) -> Column:
    """How a column becomes features."""
    missing = column.missing > 0
    if column.type == "category":
        values = list(column.counts or {})
        kept = tuple(sorted(values[:CATEGORIES]))
        return Column(column.name, "category", categories=kept, other=len(values) > CATEGORIES, missing=missing)
    median = column.median or 0.0
    if column.type == "boolean":
        return Column(column.name, "boolean", column.how, median, missing=missing)
    if column.type == "time":
        return Column(column.name, "time", column.how, median, median, missing=missing)
    return Column(column.name, "number", column.how, median, median if needs_offset(column) else 0.0, missing=missing)


def needs_offset(column: Summary) -> bool:
    """Whether float32 would round the numbers by more than a thousandth of their spread."""
    low, high = column.low or 0.0, column.high or 0.0
    return max(abs(low), abs(high)) * 2**-24 > 1e-3 * (column.spread or high - low)


def notes_of(columns: list[Summary]) -> list[str]:
    """What was done to the columns, a sentence for each thing that was done to some."""
    reasons: dict[str, list[str]] = {}
    for column in columns:
        if why := left_out(column):
            reasons.setdefault(f"left out, as it {why}", []).append(column.name)
            continue
        if column.type == "category":
            reasons.setdefault("read as categories", []).append(f"{column.name} ({len(column.counts or ()):,})")
            if len(column.counts or ()) > CATEGORIES:
                reasons.setdefault(f"of more than {CATEGORIES} categories, the rarer ones are one", []).append(
                    column.name
                )
        if column.type == "time":
            order = {"iso": "", "%m/%d/%Y": ", month first", "%d/%m/%Y": ", day first"}.get(column.how, "")
            reasons.setdefault(f"read as times, in days from the median{order}", []).append(column.name)
        if column.how == "comma":
            reasons.setdefault("read with a decimal comma", []).append(column.name)
        if column.missing and column.type != "category":
            what = "missing values are the median, and a feature says where"
            reasons.setdefault(what, []).append(f"{column.name} ({column.missing:,})")
        if column.odd:
            odd = ", ".join(repr(value) for value in column.odd[:3])
            reasons.setdefault("values that are no such thing are taken as missing", []).append(
                f"{column.name} ({odd})"
            )
        if column.beyond:
            reasons.setdefault("infinite or too large for float32, taken as missing", []).append(column.name)
        if column.type == "number" and needs_offset(column):
            what = "numbers too close for float32, so the median is subtracted"
            reasons.setdefault(what, []).append(f"{column.name} ({number_text(column.median or 0.0)})")
    lines = [f"{what}: {listed(names)}" for what, names in reasons.items()]
    if any("median" in line or "categor" in line for line in lines):
        lines.append("medians and categories are those of all rows, of inputs only")
    return lines


def described(column: Summary) -> dict[str, Any]:
    """A column as JSON has it."""
    shown = date_of if column.type == "time" else float
    distinct = None if column.counts is None else len(column.counts)
    ends = {"min": column.low, "median": column.median, "max": column.high}
    return {
        "name": column.name,
        "type": column.type,
        "rows": column.rows,
        "missing": column.missing,
        "distinct": distinct,
        **{name: None if value is None else shown(value) for name, value in ends.items()},
        "constant": column.constant,
        "id_like": column.id_like,
        "values": dict(list((column.counts or {}).items())[:FEW]),
    }
