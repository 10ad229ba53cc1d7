"""What the columns of a table are for: the target and its task, groups, times, splits; and their values in rows.

**The task**: a target of numbers is a number to be said, unless all are whole and there are at most 20 different ones,
each in two rows or more on average; then, and where it is text or a boolean, each value is a class. `task` says
otherwise.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.data.labelled.signs import SPLIT_FOLDERS
from glassworks.data.labelled.source import Split, Task
from glassworks.data.labelled.tables.rows import Rows, listed
from glassworks.data.labelled.tables.summary import Summary, summaries
from glassworks.data.labelled.tables.values import number_text, numbers, texts

FEW_NUMBERS = 20
"""Different whole numbers of a target that are classes."""
MOST_CLASSES = 1000
SPLIT = "split"
"""A column of this name says the split of each row, where all its values are names of one."""


@dataclass(frozen=True)
class Roles:
    """What each column is for."""

    target: Summary
    task: Task
    group: Summary | None
    time: Summary | None
    split: str | None
    """The column that says the split of each row."""

    @property
    def taken(self) -> set[str]:
        """The columns that are none of an input."""
        named = [column.name for column in (self.target, self.group, self.time) if column is not None]
        return {*named, *([] if self.split is None else [self.split])}


def roles_of(
    rows: Rows, target: str | None, group: str | None, time: str | None, task: Task | None
) -> tuple[Roles, dict[str, Summary]]:
    """What the columns of a table are for, and what each is; refused where one is not there, or cannot be that."""
    if task not in (None, "classes", "number"):
        raise ValueError(f'task (={task!r}) must be "classes" or "number"')
    goal = named("target", target, rows)
    groups = None if group is None else named("group", group, rows)
    times = None if time is None else named("time", time, rows)
    columns = {column.name: column for column in summaries(rows)}
    check_time(columns[times] if times else None, rows)
    roles = Roles(
        columns[goal],
        task_of(columns[goal], task, rows),
        columns[groups] if groups else None,
        columns[times] if times else None,
        split_column(columns, {goal, groups, times}),
    )
    return roles, columns


def named(role: str, name: str | None, rows: Rows) -> str:
    """The name of a column that is there."""
    if name is None:
        raise ValueError(
            f"{rows.where} needs a {role}, the column to be predicted: name one of {listed([*rows.columns], 20)}"
        )
    if name in rows.columns:
        return name
    folded = {column.casefold(): column for column in rows.columns}
    near = [folded[close] for close in difflib.get_close_matches(name.casefold(), folded, 2, 0.6)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"its columns are {listed([*rows.columns], 20)}"
    raise ValueError(f"{role} (={name!r}) is no column of {rows.where}: {hint}")


def task_of(goal: Summary, task: Task | None, rows: Rows) -> Task:
    """What is to be said of a row, by its target; refused where it can be neither."""
    where = f"target (={goal.name!r}) of {rows.where}"
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
            remedy = "name another column" if goal.type not in ("number", "time") else 'say task="number"'
            raise ValueError(
                f"{where} has {many} different values in {valid:,} rows, too many for classes{wrong}: {remedy}"
            )
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


def split_column(columns: Mapping[str, Summary], taken: set[str | None]) -> str | None:
    """The column that says the splits, if there is one."""
    column = columns.get(SPLIT)
    if column is None or column.name in taken or column.missing or not column.counts:
        return None
    return column.name if {value.lower() for value in column.counts} <= SPLIT_FOLDERS.keys() else None


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
# In rows

Columns = Mapping[str, Any]
"""Arrow's columns of some rows, by name."""


def targets_in(columns: Columns, roles: Roles) -> list[str | None] | NDArray[np.float64]:
    """The class of each row, None where there is none; or its number, NaN where there is none."""
    goal, column = roles.target, columns[roles.target.name]
    if roles.task == "number":
        return numbers(column, goal.how)
    if goal.type != "number":
        found: list[str | None] = texts(column).to_pylist()
        return found
    return [None if np.isnan(value) else number_text(float(value)) for value in numbers(column, goal.how)]


def groups_in(columns: Columns, roles: Roles, names: list[str]) -> list[str] | None:
    """The group of each row; its own name where there is none."""
    if roles.group is None:
        return None
    values = texts(columns[roles.group.name]).to_pylist()
    return [name if value is None else value for value, name in zip(values, names, strict=True)]


def times_in(columns: Columns, roles: Roles) -> NDArray[np.float64] | None:
    """When each row was; NaN where it is not said."""
    return None if roles.time is None else numbers(columns[roles.time.name], roles.time.how)


def splits_in(columns: Columns, roles: Roles) -> list[Split] | None:
    """The split of each row, by the column that says it."""
    if roles.split is None:
        return None
    return [SPLIT_FOLDERS[value.lower()] for value in texts(columns[roles.split]).to_pylist()]
