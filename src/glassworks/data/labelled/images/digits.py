"""The handwritten digits that scikit-learn carries: 1,797 images of 8 × 8, the data that needs no file."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from glassworks.data.labelled.images.image import (
    CHANNELS,
    Colour,
    Size,
    as_asked,
    check_colour,
    check_size,
    image_preprocessing,
)
from glassworks.data.labelled.source import Block, Source

LEVELS = 16  # from paper, 0, to ink everywhere, 16: how many of a square's 4 × 4 dots were black


def digits_source(*, size: Size | None = None, colour: Colour = "auto") -> Source:
    """Alpaydin and Kaynak (1998), "Optical recognition of handwritten digits", UCI: its test set, of 13 writers.

    Images are uint8, light on dark; classes are "0" to "9". `size` and `colour` are as of `read_image`; None and "auto"
    leave them 8 × 8 and grey.
    """
    check_size(size)
    check_colour(colour)
    size, colour = size or (8, 8), "grey" if colour == "auto" else colour
    return Source(
        kind="images",
        what="1,797 handwritten digits of 8 × 8, grey (scikit-learn)",
        task="classes",
        shape=(CHANNELS[colour], *size),
        blocks=partial(read, size, colour),
        fingerprint="digits of scikit-learn",
        preprocessing=image_preprocessing(size, colour),
        classes=tuple("0123456789"),
    )


def read(size: Size, colour: Colour) -> Iterator[Block]:
    """All of them, in scikit-learn's order."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = as_asked(np.rint(digits.images * (255 / LEVELS)).astype(np.uint8)[:, None], size, colour)
    yield Block(pixels, [str(label) for label in digits.target], [f"digit {i}" for i in range(len(pixels))])
