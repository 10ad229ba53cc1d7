"""What data are, before anything heavy is loaded: text, images or a table, by names, first bytes and folders."""

import os
from pathlib import Path
from typing import Literal, NamedTuple

from glassworks.core.files import at_home
from glassworks.data.labelled import signs

TOYS = ("moons", "circles", "spirals", "blobs", "xor")
TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")


class Kind(NamedTuple):
    """What data are, and how that is known, in a line."""

    name: Literal["text", "images", "table"]
    why: str


def kind_of(data: str | os.PathLike[str], target: str | None = None) -> Kind:
    """What kind of data a name stands for.

    >>> kind_of("moons:200").name, kind_of("digits").name, kind_of("stdlib").name
    ('table', 'images', 'text')

    A table is one only with a target column: without, its texts are read, unless it names images. What does not exist
    is text, whose reader says so.

    Raises: ValueError for a pickle, an archive or an empty folder, and for a target where there are no columns.
    """
    name = os.fspath(data)
    found = kind_of_name(name, target) or kind_of_path(at_home(name), target)
    if target is not None and not (has_columns(name) or is_cifar_100(name, target)):
        raise ValueError(f"target (={target!r}) is for tables, and data (={name!r}) has no columns: leave it out")
    return found


def kind_of_name(name: str, target: str | None) -> Kind | None:
    """The kind of what is no path."""
    if name == "digits":
        return Kind("images", "digits: images that scikit-learn carries")
    if is_toy(name):
        return Kind("table", f"{name}: points of a toy set")
    if name.startswith("hf:"):
        return Kind("text", f"{name}: texts") if target is None else Kind("table", f"{name}: {target} is to be said")
    return None


def kind_of_path(path: Path, target: str | None) -> Kind:
    """The kind of a file or folder."""
    signs.refuse_pickle(path)
    signs.refuse_archive(path)
    if path.is_dir() and next(signs.names_below(path), None) is None:
        raise ValueError(
            f"data (={str(path)!r}) is a folder without a file: give texts, or images in a folder for each class"
        )
    for looks, what in (
        (signs.looks_like_idx, "images in IDX files"),
        (signs.looks_like_cifar, "images in CIFAR's batches"),
        (signs.looks_like_image, "a picture"),
        (signs.looks_like_image_folder, "a folder of pictures"),
    ):
        if looks(path):
            return Kind("images", f"{path}: {what}")
    if has_columns(str(path)) and signs.looks_like_paths(path):
        return Kind("images", f"{path}: a table of images")
    if target is not None:
        return Kind("table", f"{path}: a table, of which {target} is to be said")
    columns = signs.columns_of(path)
    if len(columns) > 1:
        many = f"a table of {len(columns):,} columns"
        return Kind("text", f"{path}: {many}, as plain text; for its columns say --target COLUMN")
    return Kind("text", f"{path}: text")


def is_toy(name: str) -> bool:
    """Whether a name is that of a toy set, with or without a number of points."""
    return name.partition(":")[0] in TOYS and not Path(name).exists()


def is_cifar_100(name: str, target: str) -> bool:
    """Whether a target says which of CIFAR-100's two labels is meant."""
    return target in ("fine", "coarse") and signs.looks_like_cifar(at_home(name))


def has_columns(name: str) -> bool:
    """Whether data of this name have columns, of which one may be the target."""
    return name.startswith("hf:") or name.lower().endswith(TABLES)
