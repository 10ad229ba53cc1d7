"""Tables with a target column as a source of labelled data: CSV, TSV and Parquet.

Two passes over the file, each in a stream: one finds what the columns hold, the other makes inputs of them. A column is
the target, others may say which rows belong together and when each was; what is left are features (`encoding`).

**The task**: a target of numbers is a number to be said, unless all are whole and there are at most 20 different ones,
each in two rows or more on average; then, and where it is text or a boolean, each value is a class. `task` says
otherwise.
"""

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.data.labelled.source import Block, Source, Task
from glassworks.data.labelled.tables.columns import scan
from glassworks.data.labelled.tables.encoding import Encoding, check_columns, encode
from glassworks.data.labelled.tables.formats import rows_of
from glassworks.data.labelled.tables.rows import Rows, listed
from glassworks.data.labelled.tables.summary import Summary, described, encoding_of, summary
from glassworks.data.labelled.tables.values import number_text, numbers, texts

__all__ = ["describe_columns", "encoded_file", "table_source"]

FEW_NUMBERS = 20
"""Different whole numbers of a target that are classes."""
MOST_CLASSES = 1000
BLOCK_ROWS, BLOCK_VALUES = 8192, 1 << 22


def table_source(
    path: Path | str, *, target: str | None, group: str | None = None, time: str | None = None, task: Task | None = None
) -> Source:
    """A table in a file as labelled data.

    Args:
        path: a .csv, .tsv (also .gz) or .parquet file; a CSV file names its columns in the first row.
        target: the column to be predicted. Rows where it is missing are left out.
        group: a column that says which rows belong together; it is no feature. A row without a group is one by itself.
        time: a column of numbers or times, when each row was; it is no feature. Rows without one are left out.
        task: "classes" or "number"; None = as the target says.

    Raises:
        ValueError: the file is no table, a row is wrong, a column is not there, or the target cannot be one.
        FileDamaged: the file is truncated or altered.
    """
    return source_of(rows_of(path), target, group, time, task)


def describe_columns(path: Path | str | Rows) -> list[dict[str, Any]]:
    """What each column of a table holds: for every one a dict, as JSON has it.

    name, type ("number", "boolean", "time", "category", "text" of too many kinds, "empty", "other"), rows, missing,
    distinct (None = too many to be counted), min, median and max of numbers and times (these as ISO dates), constant,
    id_like (text of which nearly every row has another, or a count of the rows), and its ten most frequent values
    with their counts.
    """
    return [described(column) for column in summaries(path if isinstance(path, Rows) else rows_of(path))]


def encoded_file(path: Path | str, encoding: Encoding) -> Iterator[tuple[NDArray[np.float32], list[str]]]:
    """The rows of another file as inputs, with their names, some thousand at a time: for `predict`.

    Columns that the encoding does not have are ignored, the target's too.

    Raises:
        ValueError: the file is no table, a row is wrong, or a column is not there.
    """
    rows = rows_of(path)
    check_columns(encoding, rows.columns, rows.where)
    for batch, first in small_batches(rows, len(encoding.features)):
        yield encode(encoding, batch), names_of(rows, first, np.arange(batch.num_rows))


def summaries(rows: Rows) -> list[Summary]:
    """What each column is, by a pass over all rows."""
    seen, sample = scan(rows)
    return [summary(column, values, rows.mark) for column, values in zip(seen, sample.columns, strict=True)]


def source_of(rows: Rows, target: str | None, group: str | None, time: str | None, task: Task | None) -> Source:
    """The source that reads these rows."""
    asked = {"target": target, "group": group, "time": time}
    for role, name in asked.items():
        check_named(role, name, rows)
    columns = {column.name: column for column in summaries(rows)}
    goal = columns[str(target)]
    task = task_of(goal, task, rows)
    features = [column for column in columns.values() if column.name not in asked.values()]
    encoding, notes = encoding_of(features, rows.where)
    classes = classes_of(goal) if task == "classes" else None
    check_time(columns[time] if time else None, rows)
    preprocessing = {"kind": "table", "target": target, "encoding": encoding.as_json()}
    return Source(
        kind="table",
        what=f"{rows.what} and {goal.rows:,} rows",
        task=task,
        shape=(len(encoding.features),),
        blocks=lambda: blocks(
            rows, encoding, goal, task, columns[group] if group else None, columns[time] if time else None
        ),
        fingerprint=f"table {rows.fingerprint} {json.dumps([target, group, time, task])}",
        preprocessing=preprocessing,
        classes=classes,
        features=encoding.features,
        notes=(*rows.notes, *target_notes(goal, task), *notes),
    )


def check_named(role: str, name: str | None, rows: Rows) -> None:
    """Refuse the name of a column that is not there; the target must have one."""
    if (name is None and role != "target") or name in rows.columns:
        return
    if name is None:
        raise ValueError(
            f"{rows.where} needs a target, the column to be predicted: name one of {listed([*rows.columns], 20)}"
        )
    folded = {column.casefold(): column for column in rows.columns}
    near = [folded[close] for close in difflib.get_close_matches(name.casefold(), folded, 2, 0.6)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"its columns are {listed([*rows.columns], 20)}"
    raise ValueError(f"{role} (={name!r}) is no column of {rows.where}: {hint}")


def task_of(goal: Summary, task: Task | None, rows: Rows) -> Task:
    """What is to be said of a row, by its target; refused where it can be neither."""
    where = f"target (={goal.name!r}) of {rows.where}"
    if task not in (None, "classes", "number"):
        raise ValueError(f'task (={task!r}) must be "classes" or "number"')
    if goal.type in ("empty", "other"):
        raise ValueError(f"{where} has no values that can be read: name another column")
    distinct = None if goal.counts is None else len(goal.counts)
    if goal.constant or distinct == 1:
        raise ValueError(
            f"{where} is {next(iter(goal.counts or {'?': 1}))!r} in every row that has one: name another column"
        )
    if task is None:
        few = (
            goal.whole and distinct is not None and distinct <= FEW_NUMBERS and 2 * distinct <= goal.rows - goal.missing
        )
        task = "number" if goal.type in ("number", "time") and not few else "classes"
    if task == "number" and goal.type not in ("number", "boolean"):
        wrong = f"row {goal.first[0]} has {goal.first[1]!r}" if goal.first else f"it is of type {goal.type}"
        raise ValueError(f"{where} holds no numbers ({wrong}): repair it, or name another column")
    if task == "classes":
        valid = goal.rows - goal.missing
        if distinct is None or distinct > MOST_CLASSES or (goal.type == "text" and 2 * distinct > valid):
            many = f"more than {MOST_CLASSES:,}" if distinct is None else f"{distinct:,}"
            wrong = f"; if they are numbers, row {goal.first[0]} ({goal.first[1]!r}) is none" if goal.first else ""
            raise ValueError(f"{where} has {many} different values in {valid:,} rows, too many for classes{wrong}")
    return task


def classes_of(goal: Summary) -> tuple[str, ...]:
    """The classes in their order: numbers by size, texts by their characters."""
    names = list(goal.counts or {})
    if goal.type == "number":
        return tuple(sorted({number_text(float(value)) for value in numbers_in(goal)}, key=float))
    return tuple(sorted(names))


def numbers_in(goal: Summary) -> list[float]:
    """The different numbers of a target."""
    import pyarrow as pa

    values = numbers(pa.array(list(goal.counts or {}), pa.string()), goal.how)
    return sorted({float(value) for value in values if not np.isnan(value)})


def check_time(when: Summary | None, rows: Rows) -> None:
    """Refuse a column of times that holds none."""
    if when is not None and when.type not in ("number", "time"):
        raise ValueError(
            f"time (={when.name!r}) of {rows.where} holds neither numbers nor times (it is of type {when.type}): "
            "write them like 2024-01-31 or 2024-01-31 12:30"
        )


def target_notes(goal: Summary, task: Task) -> tuple[str, ...]:
    """What is to be said of the target."""
    lines = []
    if task == "classes" and goal.type == "number":
        lines.append(f"{goal.name} has {len(goal.counts or ()):,} different whole numbers: each is a class")
    if task == "number" and goal.type == "number":
        lines.append(f"{goal.name} is a number to be said")
    if goal.missing:
        lines.append(f"left out, as {goal.name} is missing or cannot be read: {goal.missing:,} of {goal.rows:,} rows")
    return tuple(lines)


# ----------------------------------------------------------------------------------------------------------------------
# The second pass


def blocks(
    rows: Rows, encoding: Encoding, goal: Summary, task: Task, group: Summary | None, time: Summary | None
) -> Iterator[Block]:
    """The rows that have a target, and a time if there is such a column, in blocks."""
    places = {name: place for place, name in enumerate(rows.columns)}
    for batch, first in small_batches(rows, len(encoding.features)):
        column = batch.column(places[goal.name])
        targets = numbers(column, goal.how) if task == "number" else names_of_classes(column, goal)
        kept = np.array([target is not None and target == target for target in targets], dtype=bool)
        times = numbers(batch.column(places[time.name]), time.how) if time else None
        if times is not None:
            kept &= ~np.isnan(times)
        chosen = np.flatnonzero(kept)
        if not len(chosen):
            continue
        names = names_of(rows, first, chosen)
        yield Block(
            inputs=encode(encoding, batch)[chosen],
            targets=targets[chosen] if isinstance(targets, np.ndarray) else [str(targets[place]) for place in chosen],
            names=names,
            groups=groups_of(batch.column(places[group.name]), chosen, names) if group else None,
            times=times[chosen] if times is not None else None,
            contents=contents_of([batch.column(places[one.name]) for one in encoding.columns], chosen),
        )


def small_batches(rows: Rows, features: int) -> Iterator[tuple[Any, int]]:
    """Batches that are not too large once they are encoded, and the number of each one's first row, from 0."""
    size, first = max(min(BLOCK_ROWS, BLOCK_VALUES // features), 1), 0
    for batch in rows.batches():
        for start in range(0, batch.num_rows, size):
            yield batch.slice(start, size), first + start
        first += batch.num_rows


def contents_of(columns: list[Any], chosen: NDArray[np.intp]) -> list[str]:
    """Rows as they stand in the file, without the target: what they are encoded as follows from the other rows, too."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = [pc.fill_null(column.take(pa.array(chosen)).cast(pa.string()), "") for column in columns]
    joined: list[str] = pc.binary_join_element_wise(*values, "\x1f").to_pylist()
    return joined


def names_of(rows: Rows, first: int, places: NDArray[np.intp]) -> list[str]:
    """What rows are called: counted from 1, the header not among them."""
    return [f"{rows.name} row {first + place + 1}" for place in places.tolist()]


def names_of_classes(column: Any, goal: Summary) -> list[str | None]:
    """The class of each row; None where there is none."""
    if goal.type != "number":
        found: list[str | None] = texts(column).to_pylist()
        return found
    return [None if np.isnan(value) else number_text(float(value)) for value in numbers(column, goal.how)]


def groups_of(column: Any, places: NDArray[np.intp], names: list[str]) -> list[str]:
    """The group of each row; its own name where there is none."""
    values = texts(column).to_pylist()
    return [
        name if values[place] is None else values[place] for place, name in zip(places.tolist(), names, strict=True)
    ]
