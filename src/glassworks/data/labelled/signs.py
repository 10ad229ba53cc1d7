"""By what labelled images are known before anything is read: magic numbers, suffixes, names and folders.

Loads neither torch nor numpy, so that a command can say what it was given at once. What is damaged still looks like
what it was meant to be, where its name says so: then its reader says what is wrong with it.
"""

import csv
import gzip
import os
import re
import shlex
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm")
"""Of files that are taken for images in folders and tables; what they are in truth says their content."""
IMAGE_MAGIC = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*")
"""What files begin with that no text does; BMP, PGM and their like are known by their suffixes alone."""

IDX_TYPES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
"""Of an IDX file's elements, by the third byte of its magic number."""
IDX_NAME = re.compile(r"idx\d-u?(byte|int|short|long)", re.IGNORECASE)

CIFAR_NAMES = re.compile(r"(data_batch_\d+|test_batch|train|test)\.bin")
CIFAR_META = ("batches.meta.txt", "fine_label_names.txt")
CIFAR_PICKLES = ("batches.meta", "data_batch_1", "meta")
"""What the folders of CIFAR "for Python" have instead, which are pickles."""

PATH_COLUMNS = (
    "path",
    "file",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "image",
    "image_path",
    "img",
    "img_path",
)
LABEL_COLUMNS = ("target", "label", "class", "y", "category", "class_name", "label_name")
TABLE_SEPARATORS = {".csv": ",;\t|", ".tsv": "\t"}
SPLIT_FOLDERS: dict[str, Literal["train", "validation", "test"]] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""What folders, and values of a column, are called that say a split."""
LOOKED_AT = 1000
"""Files of a folder whose names decide what it holds."""


def looks_like_image(path: Path) -> bool:
    """Whether a file is a picture, by its first bytes or its suffix."""
    return path.is_file() and (path.suffix.lower() in IMAGE_SUFFIXES or is_picture(first_bytes(path, 12)))


def is_picture(start: bytes) -> bool:
    """Whether a file begins as pictures of the formats that are read do."""
    return start.startswith(IMAGE_MAGIC) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")


def looks_like_idx(path: Path) -> bool:
    """Whether a file is IDX by its magic number (packed by gzip or not) or its name; or most files of a folder are."""
    if path.is_dir():
        named = [IDX_NAME.search(file.name) is not None for file in files_in(path)]
        return any(named) and 2 * sum(named) >= len(named)
    return path.is_file() and (bool(IDX_NAME.search(path.name)) or is_idx(first_bytes(path, 4)))


def is_idx(start: bytes) -> bool:
    """Whether a file begins with an IDX magic number: two zeros, a type, and how many dimensions (1 to 4)."""
    return len(start) >= 4 and start[:2] == b"\0\0" and start[2] in IDX_TYPES and 1 <= start[3] <= 4


def looks_like_cifar(path: Path) -> bool:
    """Whether a file is one of CIFAR's binary batches by its name, or a folder has them, or has CIFAR as pickles."""
    if path.is_dir():
        names = {file.name for file in files_in(path)}
        binary = any(CIFAR_NAMES.fullmatch(name) for name in names)
        return (binary and any("batch" in name or name in CIFAR_META for name in names)) or is_pickled_cifar(path)
    return path.is_file() and bool(CIFAR_NAMES.fullmatch(path.name))


def is_pickled_cifar(path: Path) -> bool:
    """Whether a folder is CIFAR's version for Python: its batches and names are pickles."""
    return any((path / name).is_file() and is_pickle(path / name) for name in CIFAR_PICKLES)


def looks_like_image_folder(path: Path) -> bool:
    """Whether most files of a folder, of the first thousand met, have the suffix of an image."""
    if not path.is_dir():
        return False
    suffixes = [Path(name).suffix.lower() for name in islice(names_below(path), LOOKED_AT)]
    return 2 * sum(suffix in IMAGE_SUFFIXES for suffix in suffixes) > len(suffixes)


def looks_like_paths(path: Path) -> bool:
    """Whether a CSV, TSV or Parquet table names images, by its first row: in a column called path, file, image, ..."""
    if not path.is_file():
        return False
    try:
        header, row = first_rows(path)
    except (OSError, ValueError, csv.Error):
        return False
    columns = {name.strip().lower(): value for name, value in zip(header, row, strict=False)}
    return any(Path(columns.get(name, "")).suffix.lower() in IMAGE_SUFFIXES for name in PATH_COLUMNS)


def columns_of(path: Path) -> list[str]:
    """The names of a CSV or TSV table's columns; [] where the first line does not look like names: text, perhaps."""
    if not path.is_file() or path.name.lower().endswith(".parquet"):
        return []
    try:
        header, row = first_rows(path)
    except (OSError, ValueError, csv.Error):
        return []
    named = all(name.strip() and not re.fullmatch(r"[\d.,+-]+", name.strip()) for name in header)
    return header if named and len(row) == len(header) else []


def first_rows(path: Path) -> tuple[list[str], list[str]]:
    """The names of a table's columns (of Parquet, those of paths) and its first row as texts; empty for no table."""
    name = path.name.lower().removesuffix(".gz")
    suffix = name[name.rfind(".") :]
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            columns = [name for name in file.schema_arrow.names if name.lower() in PATH_COLUMNS]  # others may be large
            batches = file.iter_batches(batch_size=1, columns=columns) if columns else iter(())
            rows: list[dict[str, object]] = next((batch.to_pylist() for batch in batches), [{}])
            return list(map(str, rows[0])), list(map(str, rows[0].values()))
    if suffix not in TABLE_SEPARATORS:
        return [], []
    start = first_bytes(path, 1 << 16).decode("utf-8-sig", errors="replace")
    lines = start.splitlines()[:2]
    separator = max(TABLE_SEPARATORS[suffix], key=lambda mark: lines[0].count(mark) if lines else 0)
    header, row = [*csv.reader(lines, delimiter=separator), [], []][:2]
    return header, row


def refuse_pickle(path: Path) -> None:
    """Refuse what would have to be unpickled, which runs whatever code it holds; `ValueError` says what to do instead.

    Looks at a file's first bytes: a pickle, an array of Python objects (.npy), a PyTorch archive; and at a folder of
    CIFAR's version for Python.
    """
    if path.is_dir() and is_pickled_cifar(path):
        raise ValueError(
            f"{path} is CIFAR as pickles, which can run any code when they are read: take the binary version "
            "(cifar-10-binary.tar.gz or cifar-100-binary.tar.gz)"
        )
    if path.is_file() and is_pickle(path):
        raise ValueError(
            f"{path} is a pickle, which can run any code when it is read: where you trust it, save its images as PNG "
            "in a folder for each class, or its rows as CSV or Parquet"
        )


def refuse_archive(path: Path) -> None:
    """Refuse a packed folder, as data sets are handed on; `ValueError` says how it is unpacked."""
    start = first_bytes(path, 512) if path.is_file() else b""
    unpack = "unzip" if start.startswith(b"PK\x03\x04") else "tar -xf" if start[257:262] == b"ustar" else None
    if unpack is not None:
        raise ValueError(
            f"{path} is an archive: unpack it with `{unpack} {shlex.quote(str(path))}`, and give the folder"
        )


def is_pickle(path: Path) -> bool:
    """Whether a file is a pickle, or an array of objects, which is one inside."""
    start = first_bytes(path, 256)
    protocol = len(start) > 2 and start[0] == 0x80 and 2 <= start[1] <= 5  # PROTO, as every pickle since 2003 begins
    objects = start.startswith(b"\x93NUMPY") and re.search(rb"'descr':\s*(\[.*)?'\|O", start) is not None
    torch = path.suffix.lower() in (".pt", ".pth") and start.startswith(b"PK")
    return protocol or objects or torch or path.suffix.lower() in (".pkl", ".pickle")


def first_bytes(path: Path, count: int) -> bytes:
    """The first bytes of a file, of what it holds if it is packed by gzip; fewer where there are no more."""
    try:
        with path.open("rb") as file:
            start = file.read(count)
        if start[:2] == b"\x1f\x8b":
            with gzip.open(path) as unpacked:
                return unpacked.read(count)
    except (OSError, EOFError, zlib.error):  # whoever reads it says so
        return b""
    return start


def files_in(path: Path) -> list[Path]:
    """The files of a folder that are not hidden, sorted by name."""
    return sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))


def names_below(path: Path) -> Iterator[str]:
    """Names of the files in a folder and those inside, hidden ones left out."""
    for _, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (name for name in names if not name.startswith("."))
