"""Points in the plane, from -6 to 6 both ways: toy sets, numbers to be fitted, and points of one's own.

One's own are texts, so that a link holds them: what they are ("c2." two classes, "n." numbers), then for each point two
characters of x1, two of x2, and of what it is one (a class) or two (a number from -1 to 1); base64url's digits.
"""

import csv
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.data.labelled.tables import toys
from glassworks.studio.playground.settings import NUMBERS, Settings

REACH = 6.0
FITTED = 5.0
"""How far a table's columns reach, once they are brought to the plane."""
MOST_OWN, MOST_CLASSES = 1000, 8
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
FINE = len(DIGITS) ** 2 - 1
HILLS = ((-4, 2.5, 1), (0, 2.5, -1), (4, 2.5, 1), (-4, -2.5, -1), (0, -2.5, 1), (4, -2.5, -1))
"""x1, x2 and sign of TensorFlow's playground's `reg-gauss`."""
RADIUS = 5.0
"""Of the toy sets, whose own is about 1."""


@dataclass(frozen=True, eq=False)
class Points:
    """Examples, those for training first."""

    inputs: NDArray[np.float32]
    """(N, 2)."""
    targets: NDArray[Any]
    """(N,) int64 classes, or float32 numbers from about -1 to 1."""
    train: int
    """How many are for training."""
    classes: tuple[str, ...]
    """Their names; none where targets are numbers."""


def points_of(settings: Settings) -> Points:
    """The points of a playground, in an order that the seed shuffles.

    Raises: ValueError where points of one's own are too few, or no such text.
    """
    rng = np.random.default_rng([settings.seed, 1])
    if settings.data == "own":
        inputs, targets, classes = decoded(settings.own)
    elif settings.data in NUMBERS:
        inputs, targets, classes = numbers(settings, rng)
    else:
        inputs, targets, classes = labelled(settings, rng)
    order = rng.permutation(len(inputs))
    train = min(len(inputs) - 1, max(1, round(len(inputs) * settings.share / 100)))
    return Points(inputs[order].astype(np.float32), targets[order], train, classes)


def labelled(
    settings: Settings, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64], tuple[str, ...]]:
    """A toy set of classes, as large as the plane."""
    clouds = settings.data in ("gaussians", "blobs")
    draw, classes = toys.SHAPES["blobs" if clouds else settings.data]
    classes = classes[:2] if settings.data == "gaussians" else classes
    labels = np.arange(settings.points) % len(classes)
    std = settings.noise / 100 + (0.2 if clouds else 0.0)
    drawn = draw(3 * labels if settings.data == "gaussians" else labels, rng, std)  # the first and last are opposite
    if settings.data == "moons":
        drawn = (drawn - [0.5, 0.25]) / 1.5
    return drawn * (0.6 * RADIUS if clouds else RADIUS), labels, classes


def numbers(
    settings: Settings, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float32], tuple[str, ...]]:
    """A set of numbers: what each is follows from where it is before noise moves it."""
    places = rng.uniform(-REACH, REACH, (settings.points, 2))
    if settings.data == "plane":
        values = places.sum(1) / (2 * RADIUS)
    else:
        centres = np.array(HILLS)
        far = np.linalg.norm(places[:, None] - centres[None, :, :2], axis=2)
        heights = centres[:, 2] * np.clip(1 - far / 2, 0, None)
        values = heights[np.arange(len(places)), np.abs(heights).argmax(1)]
    moved = places + rng.normal(0, settings.noise / 100 * RADIUS, places.shape)
    return moved, values.astype(np.float32), ()


# ----------------------------------------------------------------------------------------------------------------------
# Points of one's own


def encoded(inputs: NDArray[Any], targets: NDArray[Any], classes: int) -> str:
    """Points as a text; `classes` is 0 for numbers."""
    parts = [f"c{classes}." if classes else "n."]
    for (a, b), target in zip(inputs.tolist(), targets.tolist(), strict=True):
        what = DIGITS[int(target)] if classes else two((target + 1) / 2)
        parts.append(two((a + REACH) / (2 * REACH)) + two((b + REACH) / (2 * REACH)) + what)
    return "".join(parts)


def two(share: float) -> str:
    """A share in [0, 1] as two digits; beyond it the end."""
    level = round(min(1.0, max(0.0, share)) * FINE)
    return DIGITS[level // len(DIGITS)] + DIGITS[level % len(DIGITS)]


def decoded(text: str) -> tuple[NDArray[np.float64], NDArray[Any], tuple[str, ...]]:
    """Points from the text of a link; ValueError where it is none, or of fewer than two points."""
    kind, _, rest = text.partition(".")
    classes = int(kind[1:]) if kind[:1] == "c" and kind[1:].isdecimal() else 0
    size = 5 if classes else 6
    if not text:
        raise ValueError("own (='') has no points yet: draw some on the output, or paste a table")
    if not (2 <= classes <= MOST_CLASSES or kind == "n") or len(rest) % size or set(rest) - set(DIGITS):
        raise ValueError(f"own (={text[:20]!r} …) is no text of points: draw or paste them again")
    if not 2 <= len(rest) // size <= MOST_OWN:
        raise ValueError(
            f"own (of {len(rest) // size} points) must be of 2 to {MOST_OWN:,} points: draw some on the output, or "
            "paste a table"
        )
    digits = np.array([DIGITS.index(letter) for letter in rest]).reshape(-1, size)
    shares = (digits[:, 0:4:2] * len(DIGITS) + digits[:, 1:4:2]) / FINE
    inputs = (2 * shares - 1) * REACH
    if not classes:
        return inputs, (2 * (digits[:, 4] * len(DIGITS) + digits[:, 5]) / FINE - 1).astype(np.float32), ()
    if digits[:, 4].max() >= classes:
        raise ValueError(f"own (={text[:20]!r} …) has a class {digits[:, 4].max()} of {classes}: draw or paste again")
    return inputs, digits[:, 4].astype(np.int64), tuple("abcdefgh"[:classes])


def pasted(text: str) -> tuple[str, str]:
    """A pasted table as a text of points, and what was made of it in words.

    The first two columns are the coordinates, brought to the plane; the last one is a class, or a number where it has
    more than eight. A first row that is no numbers are their names.

    Raises: ValueError for what is no such table.
    """
    rows = [row for row in read_rows(text) if any(cell.strip() for cell in row)]
    names = ["x1", "x2", "label"]
    if rows and not all(map(is_number, rows[0][:2])):
        first, *rows = rows
        names = [first[0], first[1], first[-1]] if len(first) > 2 else names
    if not 2 <= len(rows) <= MOST_OWN:
        raise ValueError(f"the table (of {len(rows):,} rows) must have 2 to {MOST_OWN:,} rows of x1, x2, label")
    for number, row in enumerate(rows, 1):
        if len(row) < 3 or not all(map(is_number, row[:2])):
            raise ValueError(f"row {number} (={','.join(row)[:60]!r}) must be two numbers and a label, as in 1.5,-2,a")
    places = np.array([[number_in(cell) for cell in row[:2]] for row in rows])
    labels = [row[-1].strip() for row in rows]
    inputs, ranges = fitted(places)
    about = f"{names[0]} {ranges[0]}, {names[1]} {ranges[1]}, brought to the plane"
    classes = sorted(set(labels))
    if len(classes) > MOST_CLASSES:
        if not all(map(is_number, labels)):
            raise ValueError(f"{names[2]} (of {len(classes)} classes) must be of 2 to {MOST_CLASSES}, or numbers")
        values, (spread,) = fitted(np.array([[number_in(label)] for label in labels]))
        return encoded(inputs, values[:, 0] / FITTED, 0), f"{len(rows)} points: {about}; {names[2]} {spread} as -1 to 1"
    if len(classes) < 2:
        raise ValueError(f"{names[2]} (={labels[0]!r} alone) must be of two classes or more")
    found = np.array([classes.index(label) for label in labels])
    return encoded(inputs, found, len(classes)), f"{len(rows)} points: {about}; classes {', '.join(classes)}"


def read_rows(text: str) -> list[list[str]]:
    """The cells of each line, parted by tabs, semicolons, commas or spaces; ValueError for what csv cannot part."""
    head = text.strip().partition("\n")[0]
    mark = next((mark for mark in "\t;," if mark in head), " ")
    try:
        return list(csv.reader(text.strip().splitlines(), delimiter=mark, skipinitialspace=True))
    except csv.Error as error:
        raise ValueError(f"the table cannot be read ({error}): paste rows of x1, x2, label") from None


def is_number(cell: str) -> bool:
    """Whether a cell is a finite number."""
    try:
        return math.isfinite(number_in(cell))
    except ValueError:
        return False


def number_in(cell: str) -> float:
    """A cell's number, with a point or a comma."""
    return float(cell.strip().replace(",", "."))


def fitted(columns: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[str]]:
    """Columns from -5 to 5, and from where to where each went before."""
    low, high = columns.min(0), columns.max(0)
    width = np.where(high > low, high - low, 1.0)
    ranges = [f"from {a:.4g} to {b:.4g}" for a, b in zip(low, high, strict=True)]
    scaled: NDArray[np.float64] = FITTED * (2 * (columns - low) / width - 1)
    return scaled, ranges
