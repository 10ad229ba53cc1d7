"""Labelled image files, wherever their list comes from: what they have in common, and their pixels in blocks.

The list is a function that gives the files again each time, so that memory stays flat with their number: once to look
at each header, and once for the pixels.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from glassworks.data.labelled.files import block_size
from glassworks.data.labelled.images.image import (
    CHANNELS,
    Colour,
    Size,
    decoded,
    header,
    image_preprocessing,
    is_grey,
    quiet,
)
from glassworks.data.labelled.images.unreadable import counted_first, unreadable, without
from glassworks.data.labelled.source import Block, Source, Split, Task

SMALL = 128
"""Images of one size are kept as they are, if no side is longer."""
USUAL = 64
"""The side of the square that others are brought to, where no size is asked for."""
AT_ONCE = 16
"""Files that a thread takes in one go: small ones are read sooner than a thread is told of them."""
SMALL_FILE = 1 << 13
"""Bytes of a file, on average, below which one thread is faster than two: opening it holds Python's lock."""
FEW = 5
"""Files that a note names."""
SIZES = 20
"""Different sizes that are listed."""
IN_MEMORY = 1 << 24
"""Bytes of a file up to which it is read once, into memory, to be decoded and told from others."""
THREADS = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class ImageFile(NamedTuple):
    """An image, and what is said of it."""

    image: Path | bytes
    """A file, or what it holds."""
    name: str
    """In messages and pages; of a table's, with the row."""
    target: str | float
    split: Split | None = None
    group: str | None = None
    time: float | None = None


Files = Callable[[], Iterator[ImageFile]]


@dataclass
class Survey:
    """What is found of the files by their headers."""

    count: int = 0
    bytes: int = 0
    grey: bool = True
    """Whether every pixel of every image is; looked for until the first that is not."""
    first: Size | None = None
    alike: bool = True
    """Whether all are of the size of the first."""
    sides: Counter[int] = field(default_factory=Counter)
    """Lengths of the shorter side."""
    changes: Counter[str] = field(default_factory=Counter)
    """What reading will change, and of how many."""
    sizes: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    digest: Any = field(default_factory=hashlib.sha256)


def source_of_files(
    files: Files,
    what: str,
    task: Task,
    *,
    size: Size | None,
    colour: Colour,
    notes: Sequence[str] = (),
    skip_unreadable: bool | None = None,
) -> Source:
    """A source of image files.

    Args:
        files: gives them, in the same order each time.
        what: what they are, in words.
        task: what their targets are.
        size: (height, width) of all. None = their own if they have one and are small, else a square of 64 pixels, or of
            the usual shorter side where that is less.
        colour: as of `read_image`, where "auto" is grey only if every pixel of every image is.
        notes: what else was found.
        skip_unreadable: leave out those that cannot be read, which a note lists; all are unpacked once to find out.
            None = nobody can ask for it.

    Raises: as `read_image`, for the first that cannot be read.
    """
    lost = unreadable(files) if skip_unreadable else {}
    if lost:
        every, some = files, ", ".join([*lost.values()][:FEW])
        files = partial(without, every, lost)
        if next(files(), None) is None:
            raise ValueError(f"{what}: none of {len(lost):,} can be read ({some}): restore them")
        more = f" and {len(lost) - FEW:,} more" if len(lost) > FEW else ""
        notes = [f"left out, as they cannot be read: {some}{more} ({len(lost):,} in all)", *notes]
    counting = partial(counted_first, files) if skip_unreadable is False else nullcontext
    with counting():
        found = survey(files, headers=size is None or colour == "auto")
    chosen, resizing = chosen_size(found, size)
    colour = ("grey" if found.grey else "rgb") if colour == "auto" else colour
    changes = [f"{change}: {count:,} of {found.count:,} images" for change, count in found.changes.items()]
    threads = THREADS if found.bytes >= SMALL_FILE * found.count else 1
    found.digest.update(repr((1, chosen, colour)).encode())
    return Source(
        kind="images",
        what=f"{found.count:,} {what}, {'grey' if colour == 'grey' else 'in colour'}, of {chosen[0]} × {chosen[1]}",
        task=task,
        shape=(CHANNELS[colour], *chosen),
        blocks=partial(blocks, files, chosen, colour, threads, counting),
        fingerprint=found.digest.hexdigest(),
        preprocessing=image_preprocessing(chosen, colour),
        notes=(*resizing, *changes, *notes),
        found=as_found(found, chosen) | ({"unreadable": [*lost.values()]} if lost else {}),
    )


def as_found(found: Survey, chosen: Size) -> dict[str, Any]:
    """Sizes, modes and formats of files with their counts, the commonest first; of sizes, a few, and how they range.

    "cut" counts images that lose more than a pixel in a hundred by being brought to the chosen size.
    """
    counts = {"sizes": found.sizes.most_common(SIZES), "modes": found.modes.most_common()}
    counts["formats"] = found.formats.most_common()
    listed: dict[str, Any] = {name: dict(some) for name, some in counts.items()}
    listed["different_sizes"] = len(found.sizes)
    if not found.sizes:
        return listed
    sides = np.array([[int(side) for side in one.split(" × ")] for one in found.sizes])
    shape = sides[:, 0] * chosen[1] / (sides[:, 1] * chosen[0])  # 1 = as the chosen size
    cut = np.abs(np.log(shape)) > 0.01
    ranges = {"heights": sides[:, 0], "widths": sides[:, 1]}
    listed |= {name: [int(some.min()), int(some.max())] for name, some in ranges.items()}
    return listed | {"cut": int(np.array(list(found.sizes.values()))[cut].sum())}


def survey(files: Files, *, headers: bool) -> Survey:
    """Go through the files once: which they are, and, if asked for, what their headers say."""
    found = Survey()
    with quiet():
        for file in files():
            said, size = identity(file.image)
            found.digest.update(repr((*said, *file[1:])).encode())
            found.count += 1
            found.bytes += size
            if headers:
                look(file, found)
    return found


def identity(image: Path | bytes) -> tuple[tuple[str | int, ...], int]:
    """What changes when an image does, and its bytes."""
    if isinstance(image, bytes):
        return (hashlib.sha256(image).hexdigest(),), len(image)
    status = image.stat()
    return (str(image.absolute()), status.st_size, status.st_mtime_ns), status.st_size


def look(file: ImageFile, found: Survey) -> None:
    """Add what a file's header says; of its pixels, whether they are grey, while all before were."""
    size, grey, changes, mode, kind = header(file.image, file.name)
    found.sizes[f"{size[0]} × {size[1]}"] += 1
    found.modes[mode] += 1
    found.formats[kind] += 1
    found.first = found.first or size
    found.alike = found.alike and size == found.first
    found.sides[min(size)] += 1
    found.changes.update(changes)
    if found.grey and not grey:
        found.grey = is_grey(decoded(file.image, file.name, None, "rgb"))


def chosen_size(found: Survey, size: Size | None) -> tuple[Size, list[str]]:
    """The size that all images are brought to, and a note on it where some change."""
    if size is not None:
        changed = found.first is not None and not (found.alike and found.first == size)
        return size, [f"scaled to cover {size[0]} × {size[1]}, the middle cut out"] if changed else []
    if found.first is None:
        raise AssertionError("there is a file, or its list said why not")
    if found.alike and max(found.first) <= SMALL:
        return found.first, []
    low, high = min(found.sides), max(found.sides)
    side = min(USUAL, middle(found.sides))
    those = f"all of {found.first[0]} × {found.first[1]}" if found.alike else f"of {low} to {high} on the shorter side"
    return (side, side), [f"{those}: scaled to cover {side} × {side}, the middle cut out; a larger size keeps more"]


def middle(counts: Counter[int]) -> int:
    """The median of numbers that are counted; of an even count, the lower of the two in the middle."""
    left = counts.total() / 2
    for number in sorted(counts):
        left -= counts[number]
        if left <= 0:
            return number
    raise ValueError("counts are empty: count one number")


# ----------------------------------------------------------------------------------------------------------------------
# Pixels


def blocks(
    files: Files, size: Size, colour: Colour, threads: int, counting: Callable[[], AbstractContextManager[None]]
) -> Iterator[Block]:
    """Every file, in order, decoded by so many threads, in a context that says more of one that cannot be read."""
    rest = files()
    count = block_size(CHANNELS[colour] * size[0] * size[1])
    with ThreadPoolExecutor(threads) as pool, counting():
        while some := list(islice(rest, count)):
            yield block_of(some, *pixels_of(some, size, colour, pool))


def pixels_of(
    files: list[ImageFile], size: Size, colour: Colour, pool: ThreadPoolExecutor
) -> tuple[UInt8[np.ndarray, "N C H W"], list[str]]:
    """The pixels of some files, and a hash of each file; of those that cannot be read, the first is told."""

    def several(start: int) -> list[tuple[UInt8[np.ndarray, "C H W"], str]]:
        return [pixels_and_hash(file, size, colour) for file in files[start : start + AT_ONCE]]

    with quiet():
        found = [one for some in pool.map(several, range(0, len(files), AT_ONCE)) for one in some]
    return np.stack([pixels for pixels, _ in found]), [digest for _, digest in found]


def pixels_and_hash(file: ImageFile, size: Size, colour: Colour) -> tuple[UInt8[np.ndarray, "C H W"], str]:
    """A file's pixels, and a hash of its bytes: what it is before it is brought to the size of the others."""
    if isinstance(file.image, Path) and file.image.stat().st_size > IN_MEMORY:
        with file.image.open("rb") as stream:
            digest = hashlib.file_digest(stream, "blake2b")
        return decoded(file.image, file.name, size, colour), digest.hexdigest()
    content = file.image.read_bytes() if isinstance(file.image, Path) else file.image
    return decoded(content, file.name, size, colour), hashlib.blake2b(content).hexdigest()


def block_of(files: list[ImageFile], pixels: UInt8[np.ndarray, "N C H W"], hashes: list[str]) -> Block:
    """Some files with their pixels and hashes."""
    targets = [file.target for file in files]
    numbers = all(isinstance(target, float) for target in targets)
    splits = [file.split for file in files if file.split is not None]
    groups = [file.group for file in files if file.group is not None]
    times = [file.time for file in files if file.time is not None]
    return Block(
        inputs=pixels,
        targets=np.array(targets, np.float64) if numbers else [str(target) for target in targets],
        names=[file.name for file in files],
        groups=groups or None,
        times=np.array(times, np.float64) if times else None,
        splits=splits or None,
        contents=hashes,
    )
