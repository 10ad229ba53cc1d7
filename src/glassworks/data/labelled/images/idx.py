"""IDX files, the format of MNIST and what followed it: Fashion-MNIST, EMNIST, KMNIST; packed by gzip or not.

A file is two zeros, the type of its elements, the number of its dimensions, each dimension in 32 bits (big-endian),
then the elements (http://yann.lecun.com/exdb/mnist, "the IDX file format"). Images are one file, their labels another.
"""

import gzip
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from glassworks.core.errors import FileDamaged
from glassworks.core.files import read_text
from glassworks.data.labelled.files import block_size, checked_name, fingerprint
from glassworks.data.labelled.images.image import (
    MOST_PIXELS,
    Colour,
    Size,
    as_asked,
    check_colour,
    check_size,
    image_preprocessing,
)
from glassworks.data.labelled.signs import IDX_TYPES, files_in, is_idx
from glassworks.data.labelled.source import Block, Source, Split

SPLIT_NAMES: dict[str, Split] = {"train": "train", "t10k": "test", "test": "test", "valid": "validation"}
IMAGES = re.compile(rf"(?P<set>.*?)((?P<split>{'|'.join(SPLIT_NAMES)})[-_.])?images[-_.]?idx3.*", re.IGNORECASE)
REMEDY = "fetch the file again"
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile)
PIECE = 1 << 16
"""Bytes that are unpacked at a time: at most so many are lost before a damaged place."""
FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
"""Fashion-MNIST's classes in their order (Xiao, Rasul and Vollgraf 2017, table 2): its files have numbers only."""


@dataclass(frozen=True)
class Part:
    """A file of images with its labels."""

    images: Path
    labels: Path
    split: Split | None
    count: int
    size: Size


def read_idx(path: Path, *, size: Size | None = None, colour: Colour = "auto") -> Source:
    """Labelled images of IDX files.

    Args:
        path: a file of images (…images-idx3-ubyte, …images-idx3-ubyte.gz), whose labels lie beside it under the same
            name with labels-idx1; or a folder with such files, where train-… and t10k-… give the splits.
        size: (height, width) to bring them to, as of `read_image`. None = their own.
        colour: "rgb" repeats the grey in three channels; "grey" and "auto" leave it.

    Classes are called by their numbers; by their characters where EMNIST's …-mapping.txt lies beside; by their names
    where the folder is called fashion-mnist.

    Raises: FileDamaged for a file that is truncated or is not what its name says, ValueError for one that has no
        labels, or as many as it should not; each names the file and the place.
    """
    check_size(size)
    check_colour(colour)
    parts = [opened_part(images, split) for images, split in image_files(path)]
    if len({part.size for part in parts}) > 1:
        sizes = ", ".join(f"{part.images.name} {part.size[0]} × {part.size[1]}" for part in parts)
        raise ValueError(f"{path} has images of several sizes ({sizes}): give one file")
    labels = [read_labels(part) for part in parts]
    names, notes = class_names(parts[0], np.unique(np.concatenate(labels)).tolist())
    for part, of_part in zip(parts, labels, strict=True):
        check_labels(part, of_part, names)
    height, width = size or parts[0].size
    colour = "grey" if colour == "auto" else colour
    files = [file for part in parts for file in (part.images, part.labels)]
    return Source(
        kind="images",
        what=f"IDX images of {parts[0].size[0]} × {parts[0].size[1]}, grey",
        task="classes",
        shape=(1 if colour == "grey" else 3, height, width),
        blocks=partial(blocks, parts, labels, names, (height, width), colour),
        fingerprint=fingerprint(files, "idx", 1, height, width, colour, names),
        preprocessing=image_preprocessing((height, width), colour),
        classes=tuple(names.values()),
        notes=tuple(notes),
    )


def blocks(
    parts: Sequence[Part], labels: Sequence[UInt8[np.ndarray, " _"]], names: dict[int, str], size: Size, colour: Colour
) -> Iterator[Block]:
    """Every image of every file, in order."""
    for part, of_part in zip(parts, labels, strict=True):
        start = 0
        for pixels in image_blocks(part.images, part.count, part.size):
            numbers = range(start, start + len(pixels))
            start += len(pixels)
            yield Block(
                inputs=as_asked(pixels, size, colour),
                targets=[names[int(label)] for label in of_part[numbers.start : numbers.stop]],
                names=[f"{part.images.name} image {number}" for number in numbers],
                splits=None if part.split is None else [part.split] * len(pixels),
            )


# ----------------------------------------------------------------------------------------------------------------------
# Which files


def image_files(path: Path) -> list[tuple[Path, Split | None]]:
    """The files of images that `path` means, each with the split that its name says, in a folder."""
    checked_name(path)
    if not path.is_dir():
        return [(path, None)]
    found = {file: match for file in files_in(path) if (match := IMAGES.fullmatch(file.name))}
    unpacked = {file.with_suffix("") for file in found if file.suffix == ".gz"} & found.keys()  # the same one twice
    named = [(file, match) for file, match in found.items() if file.with_suffix("") not in unpacked or file in unpacked]
    if not named:
        raise ValueError(f"{path} has no file of images: IDX has …images-idx3-ubyte, packed by gzip or not")
    if len({match["set"] for _, match in named}) > 1 or len({match["split"] for _, match in named}) < len(named):
        raise ValueError(f"{path} has several data sets ({', '.join(file.name for file, _ in named)}): give one file")
    if len(named) == 1:
        return [(named[0][0], None)]
    splits = [(file, SPLIT_NAMES[(match["split"] or "train").lower()]) for file, match in named]
    return sorted(splits, key=lambda one: one[1] != "train")


def labels_of(images: Path) -> Path:
    """The file of labels that belongs to a file of images, packed or not."""
    name = re.sub("images", "labels", images.name, flags=re.IGNORECASE)
    name = re.sub("idx3", "idx1", name, flags=re.IGNORECASE)
    plain = name.removesuffix(".gz")
    found = [images.with_name(one) for one in (name, plain, f"{plain}.gz") if images.with_name(one).is_file()]
    found = [one for one in found if one != images]
    if not found:
        raise ValueError(f"{images} has no labels: they lie beside it in {plain} or {plain}.gz")
    return found[0]


def class_names(part: Part, present: Sequence[int]) -> tuple[dict[int, str], list[str]]:
    """What the labels are called, by number, and a note on where that is from."""
    mapping = part.images.with_name(re.split("-(train|test)-", part.images.name)[0] + "-mapping.txt")
    if part.images.name.startswith("emnist") and mapping.is_file():
        names = {}
        for number, line in enumerate(read_text(mapping).splitlines(), 1):
            codes = line.split()
            if not (len(codes) >= 2 and all(code.isdecimal() and int(code) < 0x110000 for code in codes)):
                raise FileDamaged(
                    f"{mapping}, line {number} (={line!r}) is no label with its character codes: {REMEDY}"
                )
            names[int(codes[0])] = chr(int(codes[1]))
        return names, ["EMNIST holds its images with rows and columns exchanged, and so they are here"]
    folder = part.images.absolute().parent.name.lower()
    if "fashion" in folder and list(present) == list(range(len(FASHION))):
        return dict(enumerate(FASHION)), [f"classes called as in Fashion-MNIST, since the folder is {folder}"]
    return {int(label): str(label) for label in present}, []


# ----------------------------------------------------------------------------------------------------------------------
# Reading


def images_alone(images: Path, *, size: Size, colour: Colour) -> Iterator[UInt8[np.ndarray, "n C H W"]]:
    """The images of a file, with labels or without, brought to a size and colour, a block at a time: for `predict`."""
    count, own = count_and_size(images)
    for pixels in image_blocks(images, count, own):
        yield as_asked(pixels, size, colour)


def opened_part(images: Path, split: Split | None) -> Part:
    """A file of images and its labels, as their headers say; `ValueError` if those disagree."""
    count, size = count_and_size(images)
    part = Part(images, labels_of(images), split, count, size)
    of_labels = read_header(part.labels)
    if of_labels != (count,):
        found = f"{of_labels[0]:,} labels" if len(of_labels) == 1 else f"{len(of_labels)} dimensions"
        raise ValueError(f"{part.labels} has {found}, and {images.name} {count:,} images: they are not of one another")
    return part


def count_and_size(images: Path) -> tuple[int, Size]:
    """How many images a file has, and their size, by its header; refused where it has none."""
    dimensions = read_header(images)
    if len(dimensions) == 1:
        raise ValueError(f"{images} holds labels: give the file of images, …images-idx3-ubyte")
    if len(dimensions) != 3:
        raise ValueError(f"{images} has {len(dimensions)} dimensions, and grey images have 3 (number, rows, columns)")
    count, height, width = dimensions
    if not count or not 0 < height * width <= MOST_PIXELS:
        raise FileDamaged(
            f"{images} has {count:,} images of {height:,} × {width:,} pixels by its header, and an image has from 1 to "
            f"{MOST_PIXELS:,}: {REMEDY}"
        )
    return count, (height, width)


def read_header(path: Path) -> tuple[int, ...]:
    """The dimensions that a file says it has."""
    with unpacked(path) as file:
        return dimensions_of(file, path)


def dimensions_of(file: BufferedIOBase, path: Path) -> tuple[int, ...]:
    """Read a header to its end."""
    magic = file.read(4)
    if not is_idx(magic):
        raise FileDamaged(f"{path} begins with {magic.hex(' ') or 'nothing'}, and IDX with 00 00 08: {REMEDY}")
    if magic[2] != 0x08:
        raise ValueError(f"{path} has elements of type {IDX_TYPES[magic[2]]}, and images and labels are uint8")
    dimensions = file.read(4 * magic[3])
    if len(dimensions) < 4 * magic[3]:
        raise FileDamaged(f"{path} ends in its header: {REMEDY}")
    return struct.unpack(f">{magic[3]}I", dimensions)


def image_blocks(images: Path, count: int, size: Size) -> Iterator[UInt8[np.ndarray, "n 1 H W"]]:
    """The images of a file, a block at a time; what it holds beyond its header's count is never unpacked."""
    height, width = size
    done = 0
    with unpacked(images) as file:
        if dimensions_of(file, images) != (count, height, width):
            raise FileDamaged(f"{images} has changed while it was read: start again")
        while done < count:
            wanted = min(block_size(height * width), count - done)
            content = read_some(file, wanted * height * width)
            if len(content) < wanted * height * width:
                whole = done + len(content) // (height * width)
                raise FileDamaged(f"{images} ends, or is damaged, in image {whole:,} of {count:,}: {REMEDY}")
            yield np.frombuffer(content, np.uint8).reshape(wanted, 1, height, width)
            done += wanted
        refuse_more(file, images, f"{count:,} images")


def read_labels(part: Part) -> UInt8[np.ndarray, " n"]:
    """The labels of a file."""
    with unpacked(part.labels) as file:
        dimensions_of(file, part.labels)
        content = read_some(file, part.count)
        if len(content) < part.count:
            raise FileDamaged(
                f"{part.labels} ends, or is damaged, at label {len(content):,} of {part.count:,}: {REMEDY}"
            )
        refuse_more(file, part.labels, f"{part.count:,} labels")
    return np.frombuffer(content, np.uint8)


def check_labels(part: Part, labels: UInt8[np.ndarray, " n"], names: dict[int, str]) -> None:
    """Refuse a label that is none of the classes."""
    wrong = np.flatnonzero(~np.isin(labels, list(names)))
    if len(wrong):
        first = int(wrong[0])
        raise FileDamaged(
            f"{part.labels}, label {first:,} (={labels[first]}) is none of the {len(names)} classes: {REMEDY}"
        )


def read_some(file: BufferedIOBase, count: int) -> bytes:
    """So many bytes, or as many as there are before the file ends or cannot be unpacked further."""
    content = bytearray()
    try:
        while len(content) < count and (piece := file.read(min(count - len(content), PIECE))):
            content += piece
    except BROKEN:
        pass
    return bytes(content)


def refuse_more(file: BufferedIOBase, path: Path, said: str) -> None:
    """Refuse a file that goes on."""
    if file.read(1):
        raise FileDamaged(f"{path} goes on after the {said} that its header says: {REMEDY}")


@contextmanager
def unpacked(path: Path) -> Iterator[BufferedIOBase]:
    """A file's content, unpacked if gzip packed it; FileDamaged names a file that cannot be."""
    with path.open("rb") as packed:
        is_packed = packed.read(2) == b"\x1f\x8b"
        packed.seek(0)
        if not is_packed:
            yield packed
            return
        with gzip.GzipFile(fileobj=packed) as file:
            try:
                yield file
            except BROKEN as error:
                raise FileDamaged(f"{path} cannot be unpacked to its end ({error}): {REMEDY}") from error
