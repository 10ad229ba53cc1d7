"""A folder of images by class: a folder each, which may lie in train/, validation/ and test/ of their own."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from glassworks.data.labelled.files import checked_name, inside
from glassworks.data.labelled.images.image import Colour, Size, check_colour, check_size
from glassworks.data.labelled.images.image_files import ImageFile, source_of_files
from glassworks.data.labelled.signs import IMAGE_SUFFIXES, SPLIT_FOLDERS, looks_like_paths
from glassworks.data.labelled.source import SPLITS, Source, Split

Parts = Sequence[tuple[Path, Split | None]]
"""Folders that hold a folder for each class, each with its split."""

LITTER = ("Thumbs.db", "desktop.ini", "__MACOSX")
"""What systems leave in folders."""
FEW = 5
"""Kinds of files, or folders, that a note lists."""
REMEDY = "put those of each class into a folder of its own, or give a table with their paths and labels"


def read_folder(
    path: Path, *, size: Size | None = None, colour: Colour = "auto", skip_unreadable: bool = False
) -> Source:
    """Images in folders that are called as their classes.

    <folder>/<class>/…/<image>, or <folder>/<split>/<class>/…/<image>, where the split is called train, val (valid,
    validation, dev) or test: what lies deeper belongs to the class, too. An image has one of the suffixes of
    `IMAGE_SUFFIXES`; other files, and images of no class, are passed over, which a note says; hidden ones are not seen.

    Args:
        path: the folder.
        size: (height, width) of all, as of `source_of_files`. None = found from the images.
        colour: as of `read_image`. "auto" = grey if all are.
        skip_unreadable: leave out images that cannot be read, and list them.

    Raises: ValueError if there are no classes, a split is there twice or a link leads out of the folder; as
        `read_image`, for the first image that cannot be read. Each names the file.
    """
    check_size(size)
    check_colour(colour)
    checked_name(path)
    if path.is_file():
        raise ValueError(
            f"{path} is one image: give a folder with a folder for each class, or a table of paths and labels"
        )
    parts, passed = split_folders(path)
    classes = {folder.name for part, _ in parts for folder in folders_in(part, path)}
    if len(classes) < 2:
        found = f"one folder, {', '.join(classes)}, where it needs one" if classes else "no folder"
        tables = [entry.name for entry in entries(path, path) if looks_like_paths(Path(entry.path))]
        remedy = f"give {path / tables[0]}, which names them" if tables else REMEDY
        raise ValueError(f"{path} has {found} for each class: {remedy}")
    passed.update(passed_over(path, parts))
    files = partial(images_of, path, parts)
    if next(files(), None) is None:
        raise ValueError(f"{path} has no images in its folders ({' '.join(IMAGE_SUFFIXES)}): {REMEDY}")
    listed = [f"{kind} ({count:,})" if count else kind for kind, count in passed.most_common(FEW)]
    more = f" and {len(passed) - FEW:,} more kinds" if len(passed) > FEW else ""
    notes = [f"passed over: {', '.join(listed)}{more}"] if passed else []
    return source_of_files(
        files,
        "images in folders by class",
        "classes",
        size=size,
        colour=colour,
        notes=notes,
        skip_unreadable=skip_unreadable,
    )


def split_folders(path: Path) -> tuple[Parts, Counter[str]]:
    """The folders that hold classes, each with its split; and what lies beside folders of splits.

    A folder is one of splits if all in it are called so, or two and train is among them: a class may be called train.
    """
    folders = folders_in(path, path)
    splits = {folder: SPLIT_FOLDERS[folder.name.lower()] for folder in folders if folder.name.lower() in SPLIT_FOLDERS}
    if not splits or (len(splits) < len(folders) and (len(splits) < 2 or "train" not in splits.values())):
        return [(path, None)], Counter()
    twice = [split for split, count in Counter(splits.values()).items() if count > 1]
    if twice:
        names = ", ".join(folder.name for folder, split in splits.items() if split == twice[0])
        raise ValueError(f"{path} has several folders for {twice[0]} ({names}): keep one")
    if "train" not in splits.values():
        raise ValueError(f"{path} has {', '.join(folder.name for folder in splits)} and no train: add it")
    ordered = sorted(splits.items(), key=lambda one: SPLITS.index(one[1]))
    return ordered, Counter({f"the folder {folder.name}": 0 for folder in folders if folder not in splits})


def images_of(path: Path, parts: Parts) -> Iterator[ImageFile]:
    """Every image with its class and split, sorted by name."""
    for part, split in parts:
        for folder in folders_in(part, path):
            for file in files_below(folder, path):
                if is_image(file.name):
                    yield ImageFile(Path(file.path), name_in(file.path, path), folder.name, split)


def passed_over(path: Path, parts: Parts) -> Counter[str]:
    """What is not read: images of no class, other files by suffix, folders without an image (with a count of 0)."""
    passed: Counter[str] = Counter()
    for part, _ in parts:
        if stray := sum(is_image(entry.name) for entry in entries(part, path) if not entry.is_dir()):
            passed[f"images of no class in {part.name}"] = stray
        for folder in folders_in(part, path):
            empty = True
            for file in files_below(folder, path):
                if is_image(file.name):
                    empty = False
                else:
                    passed[Path(file.name).suffix.lower() or "without a suffix"] += 1
            if empty:
                passed[f"the folder {name_in(os.fspath(folder), path)}, which has no image"] = 0
    return passed


# ----------------------------------------------------------------------------------------------------------------------
# What is in a folder


def is_image(name: str) -> bool:
    """Whether a file is one, by its suffix."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def name_in(file: str, path: Path) -> str:
    """What a file is called in the folder that was given: cats/3.png."""
    return checked_name(file.removeprefix(f"{path}{os.sep}"), str(path))


def folders_in(folder: Path, path: Path) -> list[Path]:
    """The folders in a folder."""
    return [Path(entry.path) for entry in entries(folder, path) if entry.is_dir()]


def files_below(folder: str | Path, path: Path) -> Iterator[os.DirEntry[str]]:
    """The files in a folder and in those inside, sorted by name."""
    for entry in entries(folder, path):
        if entry.is_dir():
            yield from files_below(entry.path, path)
        else:
            yield entry


def entries(folder: str | Path, path: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, sorted, without what is hidden; refuses links that lead out of `path`, or to folders."""
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if not entry.name.startswith(".") and entry.name not in LITTER]
    for entry in found:
        if entry.is_symlink():
            inside(Path(entry.path).relative_to(path), path, entry.path)
            if entry.is_dir():
                raise ValueError(f"{entry.path} is a link to a folder, whose images would count twice: remove it")
    return sorted(found, key=lambda entry: entry.name)
