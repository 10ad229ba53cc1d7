"""Image files that cannot be read: how many there are, which, and the list without them."""

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from glassworks.core.errors import FileDamaged, GlassworksError
from glassworks.core.progress import counted
from glassworks.data.labelled.images.image import decoded, quiet

if TYPE_CHECKING:
    from glassworks.data.labelled.images.image_files import ImageFile

SMALL = (64, 64)


@contextmanager
def counted_first(files: "Callable[[], Iterator[ImageFile]]") -> Iterator[None]:
    """Of the first image that cannot be read it is said how many are like it, and what leaves them out."""
    try:
        yield
    except FileDamaged as error:
        like_it = counted(len(unreadable(files)), "such image")
        raise FileDamaged(f"{error}; {like_it} in all: skip_unreadable=True leaves them out, and lists them") from error


def unreadable(files: "Callable[[], Iterator[ImageFile]]") -> dict[int, str]:
    """The names of the files that cannot be read, by their places."""
    lost = {}
    with quiet():
        for place, file in enumerate(files()):
            try:
                decoded(file.image, file.name, SMALL, "rgb")
            except (ValueError, GlassworksError, OSError):
                lost[place] = file.name
    return lost


def without(files: "Callable[[], Iterator[ImageFile]]", lost: Container[int]) -> "Iterator[ImageFile]":
    """The files but those at some places."""
    return (file for place, file in enumerate(files()) if place not in lost)
