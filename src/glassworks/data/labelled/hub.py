"""Labelled images and tables of the Hugging Face hub, by the package `datasets`.

It fetches a data set once and maps it from its own files, so memory stays flat. Nothing of a data set is run: images
are read from their bytes as those of files are, and what its features say decides what it is:

    a feature Image                 labelled images; other columns are the target, groups and times
    Value, ClassLabel               columns of a table; the numbers of a ClassLabel are its names
    splits train, validation, test  kept
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from glassworks.core.called import install
from glassworks.data.labelled.signs import LABEL_COLUMNS, SPLIT_FOLDERS
from glassworks.data.labelled.source import Source, Task
from glassworks.data.labelled.tables.roles import SPLIT, Roles, roles_of, target_notes
from glassworks.data.labelled.tables.rows import Rows, listed, names_in, table_of
from glassworks.data.labelled.tables.table import source_of

READ_AT_ONCE = 1024
"""Rows."""


@dataclass(frozen=True, eq=False)
class Hub:
    """A data set: its splits by name, and its features."""

    name: str
    splits: Mapping[str, Any]
    features: Mapping[str, Any]

    def columns_of(self, kind: str) -> list[str]:
        """The columns of a type: Image, ClassLabel, Value."""
        return [name for name, feature in self.features.items() if type(feature).__name__ == kind]


def hub_source(
    data: str,
    *,
    target: str | None = None,
    group: str | None = None,
    time: str | None = None,
    task: Task | None = None,
    size: tuple[int, int] | None = None,
    colour: Any = "auto",
) -> Source:
    """A data set of the hub as labelled data.

    Args:
        data: hf:<owner>/<name>[/<configuration>][:split]; without a split all of them, each kept.
        target: the column to be predicted. None = the only ClassLabel, or the first called target, label, class, ...
        group: a column that says which examples belong together.
        time: a column of numbers or times, when each was.
        task: "classes" or "number"; None = as the target says, see `table_source`.
        size: (height, width) of images; None = found from them.
        colour: of images, as of `read_image`.

    Raises:
        ValueError: there is no such data set, it cannot be fetched, or its columns are not as asked for; the package
            is missing.
        FileDamaged: an image is truncated or altered.
    """
    hub = fetched(data)
    target = target if target is not None else usual_target(hub)
    rows = hub_rows(hub, notes_on(hub))
    images = hub.columns_of("Image")
    if len(images) > 1:
        raise ValueError(f"data (={data}) has several columns of images, {listed(images)}: one is what can be read")
    if images:
        return image_source(hub, rows, images[0], target, group, time, task, size, colour)
    if size is not None or colour != "auto":
        raise ValueError(f"size (={size}) and colour (={colour}) are for images, and data (={data}) has none")
    return source_of(rows, target, group, time, task)


def fetched(data: str) -> Hub:
    """The data set of that name, fetched if it was not before."""
    name, split, *rest = [*data.removeprefix("hf:").split(":"), ""]
    parts = name.split("/")
    if not all(parts) or len(parts) > 3 or any(rest):
        raise ValueError(f"data (={data}) must look like hf:<dataset id>[/<configuration>][:split]")
    try:
        from datasets.load import load_dataset
    except ImportError as error:
        raise ValueError(f"data (={data}) needs the package datasets: {install('datasets')}") from error
    try:
        found = load_dataset("/".join(parts[:2]), parts[2] if len(parts) == 3 else None, split=split or None)
    except Exception as error:  # the hub's client, its HTTP library and the system each raise their own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"data (={data}) cannot be read: {reason}: check the name and the network") from error
    splits = {split: found} if split else dict(found)
    return Hub(name, kept_splits(splits, data), next(iter(splits.values())).features)


def kept_splits(splits: dict[str, Any], data: str) -> dict[str, Any]:
    """The splits that are for training, validation and test; the only one, whatever it is called."""
    if len(splits) == 1:
        return splits
    kept = {name: rows for name, rows in splits.items() if name.lower() in SPLIT_FOLDERS}
    if "train" not in {SPLIT_FOLDERS[name.lower()] for name in kept}:
        raise ValueError(f"data (={data}) has no split for training: name one, as {data}:{next(iter(splits))}")
    return kept


def notes_on(hub: Hub) -> tuple[str, ...]:
    """What is to be said of the splits."""
    return (f"the splits are its own: {listed(list(hub.splits))}",) if len(hub.splits) > 1 else ()


def usual_target(hub: Hub) -> str | None:
    """The column that is meant where none is named."""
    labels = hub.columns_of("ClassLabel")
    if len(labels) == 1:
        return labels[0]
    by_name = {name.casefold(): name for name in hub.features}
    return next((by_name[name] for name in LABEL_COLUMNS if name in by_name), None)


# ----------------------------------------------------------------------------------------------------------------------
# Rows


def hub_rows(hub: Hub, notes: Sequence[str]) -> Rows:
    """The rows of all splits, one after the other; where there are several, with a column that says which."""
    where = f"hf:{hub.name}"
    names, _ = names_in(list(hub.features), where)
    split = SPLIT if len(hub.splits) > 1 else None
    if split in names:
        raise ValueError(f"{where} has splits and a column called {split}: name one split, as {where}:train")
    files = [file for rows in hub.splits.values() for file in rows.cache_files]
    seen = [(len(rows), name) for name, rows in hub.splits.items()]
    return Rows(
        hub.name,
        where,
        (*names, split) if split else names,
        partial(batches, hub, split),
        f"data set of {len(names):,} columns",
        f"{where} {seen} {[identity(file['filename']) for file in files]}",
        notes=tuple(notes),
    )


def identity(file: str) -> tuple[str, int, int]:
    """What changes when a file does."""
    status = Path(file).stat()
    return file, status.st_size, status.st_mtime_ns


def batches(hub: Hub, split: str | None) -> Iterator[Any]:
    """Batches of all columns in this package's types; those of images are null."""
    for batch, name in raw_batches(hub):
        for column in hub.columns_of("ClassLabel"):
            place = batch.column_names.index(column)
            batch = batch.set_column(place, column, [named(batch.column(place), hub.features[column].names)])
        yield table_of(batch.append_column(split, [[SPLIT_FOLDERS[name.lower()]] * len(batch)]) if split else batch)


def raw_batches(hub: Hub) -> Iterator[tuple[Any, str]]:
    """Arrow tables of some rows, with the split that they are of."""
    for name, rows in hub.splits.items():
        arrow = rows.with_format("arrow")  # images stay the bytes that they are
        for start in range(0, len(rows), READ_AT_ONCE):
            yield arrow[start : min(start + READ_AT_ONCE, len(rows))], name


def named(labels: Any, names: Sequence[str]) -> list[str | None]:
    """The names of classes by their numbers; -1, as test sets without labels have, is missing."""
    numbers = labels.to_pylist()
    return [None if number is None or not 0 <= number < len(names) else names[number] for number in numbers]


# ----------------------------------------------------------------------------------------------------------------------
# Images


def image_source(
    hub: Hub,
    rows: Rows,
    image: str,
    target: str | None,
    group: str | None,
    time: str | None,
    task: Task | None,
    size: tuple[int, int] | None,
    colour: Any,
) -> Source:
    """The images of a data set, as those of a table of paths are read."""
    from glassworks.data.labelled.images.image import check_colour, check_size
    from glassworks.data.labelled.images.image_files import source_of_files

    check_size(size)
    check_colour(colour)
    roles, _ = roles_of(rows, target, group, time, task)
    return source_of_files(
        partial(images_of, hub, rows, image, roles),
        f"images of {rows.where}",
        roles.task,
        size=size,
        colour=colour,
        notes=[*target_notes(roles.target, roles.task), *rows.notes],
    )


def images_of(hub: Hub, rows: Rows, image: str, roles: Roles) -> Iterator[Any]:
    """The image of each row that has a target, and a time if there is such a column."""
    from glassworks.data.labelled.images.paths import images_in

    first = 1
    for batch, (raw, _) in zip(rows.batches(), raw_batches(hub), strict=True):
        columns = dict(zip(rows.columns, batch.columns, strict=True))
        names = [f"{hub.name} row {row}" for row in range(first, first + batch.num_rows)]
        cells = raw.column(image).to_pylist()
        images = [partial(content, cell, name) for cell, name in zip(cells, names, strict=True)]
        yield from images_in(columns, names, images, roles)
        first += batch.num_rows


def content(cell: Any, name: str) -> Path | bytes:
    """An image as the hub keeps it: its bytes, or where its file is."""
    if isinstance(cell, dict) and cell.get("bytes"):
        return bytes(cell["bytes"])
    if isinstance(cell, dict) and cell.get("path"):
        return Path(cell["path"])
    raise ValueError(f"{name} has no image: leave the row out, or take another split")
