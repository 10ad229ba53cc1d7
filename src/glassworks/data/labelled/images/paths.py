"""A table of images: in each row the path of one, and what is to be said of it."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from glassworks.core.files import at_home
from glassworks.data.labelled.files import checked_name, inside
from glassworks.data.labelled.images.image import Colour, Size, check_colour, check_size
from glassworks.data.labelled.images.image_files import ImageFile, source_of_files
from glassworks.data.labelled.signs import LABEL_COLUMNS, PATH_COLUMNS
from glassworks.data.labelled.source import Source, Task
from glassworks.data.labelled.tables.formats import rows_of
from glassworks.data.labelled.tables.roles import (
    Roles,
    groups_in,
    roles_of,
    splits_in,
    target_notes,
    targets_in,
    times_in,
)
from glassworks.data.labelled.tables.rows import Rows, listed
from glassworks.data.labelled.tables.values import texts


def read_paths(
    path: Path | str,
    *,
    target: str | None = None,
    group: str | None = None,
    time: str | None = None,
    task: Task | None = None,
    size: Size | None = None,
    colour: Colour = "auto",
    skip_unreadable: bool = False,
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
        skip_unreadable: leave out images that cannot be read, and list them; one that is not there is refused.

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
    roles, _ = roles_of(rows, target, group, time, task)
    files = partial(images_of, rows, table.parent, names, roles)
    if next(files(), None) is None:
        raise ValueError(f"{table} has no row with a path and a {target}: add some")
    splits = [f"the splits are those of the column {roles.split}"] if roles.split else []
    return source_of_files(
        files,
        f"images that {rows.name} names",
        roles.task,
        size=size,
        colour=colour,
        notes=[f"paths are in the column {names}", *splits, *target_notes(roles.target, roles.task), *rows.notes],
        skip_unreadable=skip_unreadable,
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


# ----------------------------------------------------------------------------------------------------------------------
# The rows


def images_of(rows: Rows, folder: Path, column: str, roles: Roles) -> Iterator[ImageFile]:
    """The image of each row that has a target, and a time if there is such a column."""
    first = 1
    for batch in rows.batches():
        columns = dict(zip(rows.columns, batch.columns, strict=True))
        paths = texts(columns[column]).to_pylist()
        where = [f"{rows.name} row {row}" for row in range(first, first + len(paths))]
        names = [f"{path} ({row})" for path, row in zip(paths, where, strict=True)]
        found = [partial(located, path, folder, row) for path, row in zip(paths, where, strict=True)]
        yield from images_in(columns, names, found, roles)
        first += batch.num_rows


def images_in(
    columns: Mapping[str, Any], names: list[str], images: Sequence[Callable[[], Path | bytes]], roles: Roles
) -> Iterator[ImageFile]:
    """The images of some rows; `images` gives that of each row, when it is asked for: not of those without a target."""
    targets, times = targets_in(columns, roles), times_in(columns, roles)
    groups, splits = groups_in(columns, roles, names), splits_in(columns, roles)
    for place, label in enumerate(targets):
        when = float(times[place]) if times is not None else None
        if label is None or label != label or (when is not None and math.isnan(when)):
            continue
        yield ImageFile(
            images[place](),
            names[place],
            label if isinstance(label, str) else float(label),
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
