"""Comparisons of a folder's images: a folder for each prompt, called as the prompt; or pairs of all, at random."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from glassworks.data.choices.comparison import MOST_OPTIONS, Comparison
from glassworks.data.choices.formats.offered import keep_image
from glassworks.data.choices.store import Store

ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp")
Group = tuple[str, list[Path]]
"""A prompt, and the images that answer it."""


def groups_of(folder: Path, count: int, options: int, seed: int) -> list[Group]:
    """What is to be compared; ValueError for a folder in which there are no two images to compare."""
    inside = [(path.name, images_in(path)[:MOST_OPTIONS]) for path in sorted(folder.iterdir()) if path.is_dir()]
    groups = [(name, images) for name, images in inside if len(images) > 1]
    if groups:
        return groups[:count]
    images = images_in(folder)
    if len(images) < options:
        raise ValueError(
            f"{folder} holds {len(images)} images ({', '.join(ENDINGS)}) to compare {options} of: give more"
        )
    chance, drawn = np.random.default_rng(seed), dict[tuple[int, ...], None]()
    for _ in range(20 * count):
        drawn[tuple(sorted(chance.choice(len(images), options, replace=False).tolist()))] = None
        if len(drawn) == count:
            break
    return [("", [images[i] for i in places]) for places in drawn]


def images_in(folder: Path) -> list[Path]:
    """A folder's images by their names."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and path.is_file())


def image_comparisons(store: Store, groups: list[Group]) -> Iterator[Comparison]:
    """The comparisons, whose pictures go into the store; who made an image is its file's name."""
    for prompt, images in groups:
        yield Comparison.of(prompt, [keep_image(store, path, path.name) for path in images])[0]
