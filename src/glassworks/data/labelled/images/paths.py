"""A table of images: in each row the path of one, and what is to be said of it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from glassworks.core.files import at_home
from glassworks.data.labelled.files import checked_name, inside
from glassworks.data.labelled.images.folder import SPLIT_FOLDERS
from glassworks.data.labelled.images.image import Colour, Size, check_colour, check_size
from glassworks.data.labelled.images.image_files import ImageFile, source_of_files
from glassworks.data.labelled.signs import LABEL_COLUMNS, PATH_COLUMNS
from glassworks.data.labelled.source import Source, Task
from glassworks.data.labelled.tables.formats import rows_of
from glassworks.data.labelled.tables.rows import Rows, listed
from glassworks.data.labelled.tables.summary import Summary
from glassworks.data.labelled.tables.table import (
    check_named,
    check_time,
    groups_of,
    names_of_classes,
    summaries,
    target_notes,
    task_of,
)
from glassworks.data.labelled.tables.values import numbers, texts

SPLIT_COLUMN = "split"
"""A column of this name says the split of each row, where all its values are names of one."""


@dataclass(frozen=True)
class Roles:
    """What each column is for."""

    path: str
    target: Summary
    task: Task
    group: Summary | None
    time: Summary | None
    split: str | None


def read_paths(
    path: Path | str,
    *,
    target: str | None = None,
    group: str | None = None,
    time: str | None = None,
    task: Task | None = None,
    size: Size | None = None,
    colour: Colour = "auto",
) -> Source:
    """The images that a CSV, TSV or Parquet table names, with the target beside each.

    The paths are in the first column that is called path, file, image, … (`PATH_COLUMNS`); they are relative to the
    table's folder, which none may leave. A column called split, of train, validation and test, gives the splits.

    Args:
        path: the table.
        target: the column that says what each image is. None = the first called target, label, class, …
            (`LABEL_COLUMNS`). Rows where it is missing are left out.
        group: a column that says which images belong together.
        time: a column of numbers or times, when each was. Rows without one are left out.
        task: "classes" or "number". None = as the target says; see `table_source`.
        size: (height, width) of all, as of `source_of_files`. None = found from the images.
        colour: as of `read_image`. "auto" = grey if all are.

    Raises: ValueError for a path that leaves the folder, is empty or not there, with its row, and as `table_source`;
        as `read_image` for the first image that cannot be read.
    """
    check_size(size)
    check_colour(colour)
    table = at_home(path)
    checked_name(table)
    rows = rows_of(table)
    names = column_called(rows, PATH_COLUMNS, "paths of images")
    target = target if target is not None else column_called(rows, LABEL_COLUMNS, "target")
    for role, name in {"target": target, "group": group, "time": time}.items():
        check_named(role, name, rows)
    columns = {column.name: column for column in summaries(rows)}
    goal = columns[target]
    check_time(columns[time] if time else None, rows)
    roles = Roles(
        names,
        goal,
        task_of(goal, task, rows),
        columns[group] if group else None,
        columns[time] if time else None,
        split_column(columns, {names, target, group, time}),
    )
    files = partial(images_of, rows, table.parent, roles)
    if next(files(), None) is None:
        raise ValueError(f"{table} has no row with a path and a {target}: add some")
    splits = [f"the splits are those of the column {roles.split}"] if roles.split else []
    return source_of_files(
        files,
        f"images that {rows.name} names",
        roles.task,
        size=size,
        colour=colour,
        notes=[f"paths are in the column {names}", *splits, *target_notes(goal, roles.task), *rows.notes],
    )


def column_called(rows: Rows, names: tuple[str, ...], what: str) -> str:
    """The column with the first of some names, in whatever case."""
    columns = {column.casefold(): column for column in reversed(rows.columns)}
    for name in names:
        if name in columns:
            return columns[name]
    raise ValueError(
        f"{rows.where} has no column of {what} ({', '.join(names)}); its columns are {listed([*rows.columns], 20)}: "
        "rename one"
    )


def split_column(columns: dict[str, Summary], taken: set[str | None]) -> str | None:
    """The column that says the splits, if there is one."""
    column = columns.get(SPLIT_COLUMN)
    if column is None or column.name in taken or column.missing or not column.counts:
        return None
    return column.name if {value.lower() for value in column.counts} <= SPLIT_FOLDERS.keys() else None


# ----------------------------------------------------------------------------------------------------------------------
# The rows


def images_of(rows: Rows, folder: Path, roles: Roles) -> Iterator[ImageFile]:
    """The image of each row that has a target, and a time if there is such a column."""
    first = 0
    for batch in rows.batches():
        columns = dict(zip(rows.columns, batch.columns, strict=True))
        yield from images_in(columns, rows.name, first, folder, roles)
        first += batch.num_rows


def images_in(columns: dict[str, Any], table: str, first: int, folder: Path, roles: Roles) -> Iterator[ImageFile]:
    """The images of some rows, of which the first has the number `first`, from 0."""
    goal, group, time = roles.target, roles.group, roles.time
    target = columns[goal.name]
    targets = numbers(target, goal.how).tolist() if roles.task == "number" else names_of_classes(target, goal)
    paths = texts(columns[roles.path]).to_pylist()
    names = [f"{path} ({table} row {row})" for row, path in enumerate(paths, first + 1)]
    groups = groups_of(columns[group.name], np.arange(len(paths)), names) if group else None
    times = numbers(columns[time.name], time.how).tolist() if time else None
    splits = (
        [SPLIT_FOLDERS[value.lower()] for value in texts(columns[roles.split]).to_pylist()] if roles.split else None
    )
    for place, (path, label) in enumerate(zip(paths, targets, strict=True)):
        when = times[place] if times else None
        if label is None or label != label or (when is not None and math.isnan(when)):
            continue
        yield ImageFile(
            located(path, folder, f"{table} row {first + place + 1}"),
            names[place],
            label,
            splits[place] if splits else None,
            groups[place] if groups else None,
            when,
        )


def located(path: str | None, folder: Path, where: str) -> Path:
    """The file that a row names, which must be there and in the table's folder."""
    if path is None:
        raise ValueError(f"{where} has no path: fill it in, or leave the row out")
    if "\0" in path:
        raise ValueError(f"{where} has a path with a zero byte (={path[:60]!r}): repair it")
    file = inside(Path(path), folder, f"{where}: {path}")
    try:
        there, why = file.is_file(), "there is no such file"
    except OSError as error:  # the name is longer than any can be, or a folder on the way is closed to us
        there, why = False, str(error.strerror)
    if not there:
        raise ValueError(f"{where} names {path[:200]}, and {why} in {folder}: repair it, or leave the row out")
    return file
