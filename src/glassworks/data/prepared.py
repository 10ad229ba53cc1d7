"""A folder of prepared data: made once of a source, whoever wants it, and opened again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from glassworks.core.files import locked, read_sealed_json, sweep
from glassworks.data.arrays import check_sizes

META = "meta.json"
"""What is written last: without it a folder is not whole."""


def made_once(folder: Path, make: Callable[[], object]) -> None:
    """Let `make` write a folder, unless it is there. Of several processes one makes it, and the others wait."""
    if (folder / META).exists():
        return
    with locked(folder.parent / f".{folder.name}.lock"):
        sweep(folder.parent, folder.name)
        if not (folder / META).exists():
            make()


def read_meta(path: Path, what: str, version: int) -> dict[str, Any]:
    """What a folder says of itself; the sizes of its files are checked, their contents when they are first touched.

    Raises: ValueError if it is no prepared `what`, or of another version of its format; FileDamaged.
    """
    if not (path / META).is_file():
        raise ValueError(f"{path} is not {what}: it has no {META}")
    remedy = f"delete the folder {path}; it is made again from the source"
    meta = read_sealed_json(path / META, remedy)
    if meta["format"] != version:
        raise ValueError(f"{path} has format {meta['format']}, and this version reads {version}: {remedy}")
    check_sizes(path, meta["files"], remedy)
    return meta
