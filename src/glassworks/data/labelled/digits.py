"""The handwritten digits that scikit-learn carries: 1,797 images of 8 × 8, the data that needs no file."""

from collections.abc import Iterator

import numpy as np

from glassworks.data.labelled.source import Block, Source

LEVELS = 16  # from white paper, 0, to ink everywhere, 16: how many of a square's 4 × 4 dots were black


def digits_source() -> Source:
    """Alpaydin and Kaynak (1998), "Optical recognition of handwritten digits", UCI: its test set of 13 writers.

    Images are uint8 (1, 8, 8), light on dark; classes are "0" to "9".
    """
    return Source(
        kind="images",
        what="1,797 handwritten digits of 8 × 8, grey (scikit-learn)",
        task="classes",
        shape=(1, 8, 8),
        blocks=read,
        fingerprint="digits of scikit-learn",
        preprocessing={"size": [8, 8], "colour": "grey"},
        classes=tuple("0123456789"),
    )


def read() -> Iterator[Block]:
    """All of them, in scikit-learn's order."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / LEVELS)).astype(np.uint8)[:, None]
    yield Block(pixels, [str(label) for label in digits.target], [f"digit {i}" for i in range(len(pixels))])
