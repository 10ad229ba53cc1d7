"""Tables with a target column as a source of labelled data: CSV, TSV and Parquet.

Two passes over the file, each in a stream: one finds what the columns hold, the other makes inputs of them. A column is
the target, others may say which rows belong together and when each was; what is left are features (`encoding`).

What the target is to be, classes or a number, is found from it: the rule stands in `roles`. A column called split, of
train, validation and test (or valid, val, dev), gives the splits and is no feature.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.data.labelled.source import Block, Source, Task
from glassworks.data.labelled.tables.encoding import Encoding, check_columns, encode
from glassworks.data.labelled.tables.formats import rows_of
from glassworks.data.labelled.tables.roles import (
    Roles,
    classes_of,
    groups_in,
    named,
    roles_of,
    split_column,
    splits_in,
    target_notes,
    targets_in,
    times_in,
)
from glassworks.data.labelled.tables.rows import Rows
from glassworks.data.labelled.tables.strange import Strange
from glassworks.data.labelled.tables.summary import described, encoding_of, summaries

__all__ = ["describe_columns", "encoded_file", "table_as", "table_source"]

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


def table_as(
    path: Path | str,
    *,
    encoding: Encoding,
    target: str,
    group: str | None = None,
    task: Task,
    classes: tuple[str, ...],
) -> Source:
    """Another table as that which a network was trained on: to the same inputs and classes, whatever else it holds.

    Raises: as `table_source`, but a target may be constant.
    """
    rows = rows_of(path)
    check_columns(encoding, rows.columns, rows.where)
    columns = {column.name: column for column in summaries(rows)}
    goal = columns[named("target", target, rows)]
    if goal.type in ("empty", "other") or (task == "number" and goal.type not in ("number", "boolean")):
        raise ValueError(f"target (={target!r}) of {rows.where} holds no {task}, as it did in training: repair it")
    groups = None if group is None else columns[named("group", group, rows)]
    roles = Roles(goal, task, groups, None, split_column(columns, {target, group}))
    return Source(
        kind="table",
        what=f"{rows.what} and {goal.rows:,} rows",
        task=task,
        shape=(len(encoding.features),),
        blocks=partial(blocks, rows, encoding, roles),
        fingerprint=f"table {rows.fingerprint} {json.dumps([target, group, task, encoding.as_json()])}",
        classes=classes if task == "classes" else None,
        features=encoding.features,
        notes=rows.notes,
    )


def describe_columns(path: Path | str | Rows) -> list[dict[str, Any]]:
    """What each column of a table holds: for every one a dict, as JSON has it.

    name, type ("number", "boolean", "time", "category", "text" of too many kinds, "empty", "other"), rows, missing,
    distinct (None = too many to be counted), min, median and max of numbers and times (these as ISO dates), constant,
    id_like (text of which nearly every row has another, or a count of the rows), and its ten most frequent values
    with their counts.
    """
    return [described(column) for column in summaries(path if isinstance(path, Rows) else rows_of(path))]


def encoded_file(
    path: Path | str, encoding: Encoding, tell: Callable[[str], object] | None = None
) -> Iterator[tuple[NDArray[np.float32], list[str]]]:
    """The rows of another file as inputs, with their names, some thousand at a time: for `predict`.

    Columns that the encoding does not have are ignored, the target's too. `tell` is told, in a sentence each once the
    file is read, of columns with values that cannot be read as theirs or that training never saw.

    Raises:
        ValueError: the file is no table, a row is wrong, or a column is not there.
    """
    rows = rows_of(path)
    check_columns(encoding, rows.columns, rows.where)
    strange = Strange(encoding)
    for batch, first in small_batches(rows, len(encoding.features)):
        names = names_of(rows, first, np.arange(batch.num_rows))
        if tell is not None:
            strange.look(batch, names)
        yield encode(encoding, batch), names
    if tell is not None:
        for sentence in strange.sentences():
            tell(sentence)


def source_of(rows: Rows, target: str | None, group: str | None, time: str | None, task: Task | None) -> Source:
    """The source that reads these rows."""
    roles, columns = roles_of(rows, target, group, time, task)
    features = [column for name, column in columns.items() if name not in roles.taken]
    encoding, notes = encoding_of(features, rows.where)
    goal = roles.target
    splits = (
        (f"the splits are those of the column {roles.split}",) if roles.split and roles.split in rows.columns else ()
    )
    return Source(
        kind="table",
        what=f"{rows.what} and {goal.rows:,} rows",
        task=roles.task,
        shape=(len(encoding.features),),
        blocks=partial(blocks, rows, encoding, roles),
        fingerprint=f"table {rows.fingerprint} {json.dumps([target, group, time, task])}",
        preprocessing={"kind": "table", "target": target, "encoding": encoding.as_json()},
        classes=classes_of(goal) if roles.task == "classes" else None,
        features=encoding.features,
        notes=(*rows.notes, *target_notes(goal, roles.task), *splits, *notes),
        found={"columns": [described(column) for column in columns.values()]},
    )


# ----------------------------------------------------------------------------------------------------------------------
# The second pass


def blocks(rows: Rows, encoding: Encoding, roles: Roles) -> Iterator[Block]:
    """The rows that have a target, and a time if there is such a column, in blocks."""
    for batch, first in small_batches(rows, len(encoding.features)):
        columns = dict(zip(rows.columns, batch.columns, strict=True))
        targets = targets_in(columns, roles)
        times = times_in(columns, roles)
        kept = np.array([target is not None and target == target for target in targets], dtype=bool)
        if times is not None:
            kept &= ~np.isnan(times)
        chosen = np.flatnonzero(kept)
        if not len(chosen):
            continue
        names = names_of(rows, first, np.arange(batch.num_rows))
        groups, splits = groups_in(columns, roles, names), splits_in(columns, roles)
        yield Block(
            inputs=encode(encoding, batch)[chosen],
            targets=targets[chosen] if isinstance(targets, np.ndarray) else [str(targets[place]) for place in chosen],
            names=[names[place] for place in chosen],
            groups=groups and [groups[place] for place in chosen],
            times=times[chosen] if times is not None else None,
            splits=splits and [splits[place] for place in chosen],
            contents=contents_of([columns[one.name] for one in encoding.columns], chosen),
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
