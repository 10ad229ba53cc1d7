"""What data are, before anything heavy is loaded: text, images or a table, by names, first bytes and folders."""

import os
from pathlib import Path
from typing import Literal, NamedTuple

from glassworks.core.files import at_home

TOYS = ("moons", "circles", "spirals", "blobs", "xor")
TABLES = (".csv", ".tsv", ".parquet")


class Kind(NamedTuple):
    """What data are, and how that is known, in a line."""

    name: Literal["text", "images", "table"]
    why: str


def kind_of(data: str | os.PathLike[str], target: str | None = None) -> Kind:
    """What kind of data a name stands for.

    >>> kind_of("moons:200").name, kind_of("digits").name, kind_of("stdlib").name
    ('table', 'images', 'text')

    A table is one only with a target column: without, its texts are read. What does not exist is text, whose reader
    says so.

    Raises: ValueError for a pickle, and for a target where there can be none.
    """
    name = os.fspath(data)
    if name == "digits":
        return without(target, name, Kind("images", "digits: the images that scikit-learn carries"))
    if is_toy(name):
        return without(target, name, Kind("table", f"{name}: points of a toy set"))
    if name.startswith("hf:"):
        return Kind("text", f"{name}: texts") if target is None else Kind("table", f"{name}: {target} is to be said")
    if at_home(name).suffix.lower() in TABLES and target is not None:
        return Kind("table", f"{name}: a table, of which {target} is to be said")
    return without(target, name, Kind("text", f"{name}: texts"))


def is_toy(name: str) -> bool:
    """Whether a name is that of a toy set, with or without a number of points."""
    return name.partition(":")[0] in TOYS and not Path(name).exists()


def without(target: str | None, name: str, kind: Kind) -> Kind:
    """The kind of what has no columns."""
    if target is not None:
        raise ValueError(f"target (={target!r}) is for tables, and data (={name!r}) has no columns: leave it out")
    return kind
