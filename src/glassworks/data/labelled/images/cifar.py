"""CIFAR-10 and CIFAR-100 in their binary version: records of one or two labels and 32 × 32 pixels, red, green, blue.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009; the layout is described at
https://www.cs.toronto.edu/~kriz/cifar.html ("Binary version").
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from glassworks.core.errors import FileDamaged
from glassworks.core.files import read_text
from glassworks.data.labelled.files import block_size, checked_name, fingerprint
from glassworks.data.labelled.images.image import (
    CHANNELS,
    Colour,
    Size,
    as_asked,
    check_colour,
    check_size,
    image_preprocessing,
)
from glassworks.data.labelled.signs import CIFAR_NAMES, files_in, refuse_pickle
from glassworks.data.labelled.source import Block, Source, Split

SIDE = 32
PIXELS = 3 * SIDE * SIDE
REMEDY = "unpack the archive again"


@dataclass(frozen=True)
class Layout:
    """How a version's records lie, and what its classes are called."""

    name: str
    labels: int
    """Bytes before the pixels."""
    label: int
    """Which of them counts."""
    classes: int
    names_file: str

    @property
    def record(self) -> int:
        """Bytes of an image and its labels."""
        return self.labels + PIXELS


CIFAR10 = Layout("CIFAR-10", 1, 0, 10, "batches.meta.txt")
CIFAR100 = Layout("CIFAR-100", 2, 1, 100, "fine_label_names.txt")
CIFAR20 = Layout("CIFAR-100 by its 20 coarse classes", 2, 0, 20, "coarse_label_names.txt")


def read_cifar(
    path: Path, *, target: Literal["fine", "coarse"] = "fine", size: Size | None = None, colour: Colour = "auto"
) -> Source:
    """CIFAR's binary batches.

    Args:
        path: the folder with data_batch_1.bin … test_batch.bin (CIFAR-10) or train.bin and test.bin (CIFAR-100), whose
            names say the split; or one of these files.
        target: CIFAR-100's 100 "fine" classes, or its 20 "coarse" ones.
        size: (height, width) to bring the images to, as of `read_image`. None = 32 × 32.
        colour: "grey" makes them so; "rgb" and "auto" leave them in colour.

    Classes are called as batches.meta.txt or fine_label_names.txt beside them say, or by their numbers.

    Raises: FileDamaged for a batch that is truncated or has a label of no class, with the record; ValueError for
        a folder without batches, and for CIFAR's version for Python, which is pickles.
    """
    check_size(size)
    check_colour(colour)
    checked_name(path)
    refuse_pickle(path)
    files = batches(path)
    layout = layout_of(files[0][0], target)
    for file, _ in files:
        check_length(file, layout)
    names, notes = class_names(files[0][0].parent, layout)
    size = size or (SIDE, SIDE)
    colour = "rgb" if colour == "auto" else colour
    return Source(
        kind="images",
        what=f"{layout.name}, images of {SIDE} × {SIDE} in colour",
        task="classes",
        shape=(CHANNELS[colour], *size),
        blocks=partial(blocks, files, layout, names, size, colour),
        fingerprint=fingerprint([file for file, _ in files], "cifar", 1, layout, names, size, colour),
        preprocessing=image_preprocessing(size, colour),
        classes=tuple(names),
        notes=tuple(notes),
    )


def batches(path: Path) -> list[tuple[Path, Split | None]]:
    """The files to read, each with its split, if a folder was given that has both."""
    if not path.is_dir():
        return [(path, None)]
    files = [file for file in files_in(path) if CIFAR_NAMES.fullmatch(file.name)]
    if not files:
        raise ValueError(f"{path} has no batches: CIFAR's binary version has data_batch_1.bin …, or train.bin")
    if len({"batch" in file.name for file in files}) > 1:
        raise ValueError(f"{path} has CIFAR-10 and CIFAR-100 ({', '.join(file.name for file in files)}): give one file")
    tests = [file for file in files if file.name.startswith("test")]
    trains = [file for file in files if file not in tests]
    if not (tests and trains):
        return [(file, None) for file in files]
    return [*((file, "train") for file in trains), *((file, "test") for file in tests)]


def layout_of(file: Path, target: str) -> Layout:
    """Which version a file is of: what its length says, or its name where that fits neither or both."""
    if target not in ("fine", "coarse"):
        raise ValueError(f'target (={target!r}) must be "fine" or "coarse", of CIFAR-100\'s classes')
    length = file.stat().st_size
    fits = [layout for layout in (CIFAR10, CIFAR100) if length % layout.record == 0]
    layout = fits[0] if len(fits) == 1 else CIFAR100 if file.name in ("train.bin", "test.bin") else CIFAR10
    if target == "coarse" and layout is CIFAR10:
        raise ValueError(f'target (="coarse") is of CIFAR-100, and {file} is CIFAR-10: leave it out')
    return CIFAR20 if target == "coarse" else layout


def check_length(file: Path, layout: Layout) -> None:
    """Refuse a file of no records, or that ends in one."""
    length = file.stat().st_size
    if not length:
        raise FileDamaged(f"{file} is empty: {REMEDY}")
    if length % layout.record:
        raise FileDamaged(
            f"{file} ends in record {length // layout.record:,}, of {layout.record:,} bytes each: {REMEDY}"
        )


def class_names(folder: Path, layout: Layout) -> tuple[list[str], list[str]]:
    """What the classes are called, and a note where nothing says so."""
    file = folder / layout.names_file
    if not file.is_file():
        return [str(number) for number in range(layout.classes)], [
            f"classes called by their numbers, since there is no {layout.names_file} beside the batches"
        ]
    names = [line.strip() for line in read_text(file).splitlines() if line.strip()]
    if len(names) != layout.classes or len(set(names)) < len(names):
        raise FileDamaged(f"{file} has {len(set(names))} names of {layout.classes} classes: {REMEDY}, or remove it")
    return names, []


def blocks(
    files: Sequence[tuple[Path, Split | None]], layout: Layout, names: Sequence[str], size: Size, colour: Colour
) -> Iterator[Block]:
    """Every record of every batch, in order."""
    each = block_size(max(layout.record, CHANNELS[colour] * size[0] * size[1]))
    for file, split in files:
        start = 0
        with file.open("rb") as batch:
            while content := batch.read(each * layout.record):
                if len(content) % layout.record:
                    raise FileDamaged(f"{file} has changed while it was read: start again")
                records = np.frombuffer(content, np.uint8).reshape(-1, layout.record)
                labels = records[:, layout.label]
                wrong = np.flatnonzero(labels >= layout.classes)
                if len(wrong):
                    raise FileDamaged(
                        f"{file}, record {start + wrong[0]:,} has label {labels[wrong[0]]}, and {layout.name} has "
                        f"{layout.classes} classes: {REMEDY}"
                    )
                pixels = np.ascontiguousarray(records[:, layout.labels :]).reshape(-1, 3, SIDE, SIDE)
                yield Block(
                    inputs=as_asked(pixels, size, colour),
                    targets=[names[label] for label in labels],
                    names=[f"{file.name} image {start + index}" for index in range(len(records))],
                    splits=None if split is None else [split] * len(records),
                )
                start += len(records)
