"""From what somebody names to a source of labelled data."""

import os

from glassworks.core.files import at_home
from glassworks.data.labelled import signs
from glassworks.data.labelled.images.image import Colour, Size
from glassworks.data.labelled.kinds import has_columns, is_toy, kind_of
from glassworks.data.labelled.source import Source, Task


def open_source(
    data: str | os.PathLike[str],
    *,
    target: str | None = None,
    group: str | None = None,
    time: str | None = None,
    task: Task | None = None,
    size: Size | None = None,
    colour: Colour = "auto",
    skip_unreadable: bool = False,
) -> Source:
    """A source by what it is called.

        "digits"                     scikit-learn's handwritten digits
        "moons" "xor:500"            points of a toy set (see `toys`)
        "train-images-idx3-ubyte"    an IDX file, packed or not; or a folder of them
        "cifar-10-batches-bin/"      CIFAR-10 or CIFAR-100, binary; for the latter `target` is "fine" or "coarse"
        "photos/"                    a folder of images, in folders called as their classes
        "photos.csv"                 a table with a column of paths of images, and one that says what they are
        "flowers.csv"                a table with a target column: CSV, TSV, Parquet
        "hf:<owner>/<name>"          images or a table of the Hugging Face hub (extra `hf`)

    `target`, `group`, `time` and `task` are of tables, as for `table_source`; `size` and `colour` of images, as for
    `read_image`; `skip_unreadable` leaves out the images of a folder, or of a table of paths, that cannot be read.

    Raises:
        ValueError: it is none, or not as its kind must be; something is said that is for another kind.
        FileDamaged: a file is truncated or altered.
        OSError: a file cannot be read.
    """
    name = os.fspath(data)
    if name.startswith("hf:"):
        from glassworks.data.labelled.hub import hub_source

        return hub_source(name, target=target, group=group, time=time, task=task, size=size, colour=colour)
    kind = kind_of(name, target).name
    if kind == "images" and has_columns(name):
        from glassworks.data.labelled.images.paths import read_paths

        return read_paths(
            at_home(name),
            target=target,
            group=group,
            time=time,
            task=task,
            size=size,
            colour=colour,
            skip_unreadable=skip_unreadable,
        )
    if kind == "images":
        refuse(name, "tables", group=group, time=time, task=task)
        return image_source(name, target, size, colour, skip_unreadable)
    refuse(name, "images", size=size, colour=None if colour == "auto" else colour)
    if is_toy(name):
        from glassworks.data.labelled.tables.toys import toy_source

        refuse(name, "tables with columns", group=group, time=time, task=task)
        return toy_source(name)
    if kind == "text" and not has_columns(name):
        raise ValueError(
            f"data (={name!r}) is no labelled data: give a folder of images by class, IDX files, CIFAR's batches, a "
            "table (.csv, .tsv, .parquet), digits or moons"
        )
    from glassworks.data.labelled.tables.table import table_source

    return table_source(at_home(name), target=target, group=group, time=time, task=task)


def image_source(
    name: str, target: str | None, size: Size | None, colour: Colour, skip_unreadable: bool = False
) -> Source:
    """A source of images by its name or path."""
    if name == "digits":
        from glassworks.data.labelled.images.digits import digits_source

        return digits_source(size=size, colour=colour)
    path = at_home(name)
    if signs.looks_like_idx(path):
        from glassworks.data.labelled.images.idx import read_idx

        return read_idx(path, size=size, colour=colour)
    if signs.looks_like_cifar(path):
        from glassworks.data.labelled.images.cifar import read_cifar

        return read_cifar(path, target="coarse" if target == "coarse" else "fine", size=size, colour=colour)
    from glassworks.data.labelled.images.folder import read_folder

    return read_folder(path, size=size, colour=colour, skip_unreadable=skip_unreadable)


def refuse(data: str, what: str, **given: object) -> None:
    """Refuse what is said of another kind of data."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name} (={value!r}) is for {what}, which data (={data!r}) is not: leave it out")
