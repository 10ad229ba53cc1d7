"""How good found boxes or masks are: average precision and recall, as COCO and VOC have them, for one class.

Things are matched by a function of two groups to their overlaps: `box_ious` or `mask_ious`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

Array = np.ndarray
COCO = np.arange(0.5, 1.0, 0.05)
"""The overlaps from which COCO calls a thing found."""


class Found(NamedTuple):
    """Of one image: what was found with its scores, and what is there."""

    said: Array
    """Boxes (P, 4) as x1, y1, x2, y2, or masks (P, H, W)."""
    scores: Float[Array, " P"]
    there: Array


def box_ious(one: Float[Array, "A 4"], two: Float[Array, "B 4"]) -> Float[Array, "A B"]:
    """Intersection over union of all pairs of boxes.

    >>> box_ious(np.array([[0.0, 0, 2, 1]]), np.array([[1.0, 0, 3, 1]])).round(4).tolist()
    [[0.3333]]
    """
    low, high = np.maximum(one[:, None, :2], two[None, :, :2]), np.minimum(one[:, None, 2:], two[None, :, 2:])
    shared = (high - low).clip(min=0).prod(2)
    areas = [(each[:, 2:] - each[:, :2]).clip(min=0).prod(1) for each in (one, two)]
    union = areas[0][:, None] + areas[1][None] - shared
    ious: Array = np.divide(shared, union, out=np.zeros_like(union), where=union > 0)
    return ious


def mask_ious(one: Bool[Array, "A H W"], two: Bool[Array, "B H W"]) -> Float[Array, "A B"]:
    """Intersection over union of all pairs of masks."""
    flat = [each.reshape(len(each), int(np.prod(each.shape[1:]))).astype(float) for each in (one, two)]
    shared = flat[0] @ flat[1].T
    union = flat[0].sum(1)[:, None] + flat[1].sum(1)[None] - shared
    ious: Array = np.divide(shared, union, out=np.zeros_like(union), where=union > 0)
    return ious


Overlaps = Callable[[Array, Array], Array]


def matched(image: Found, threshold: float, overlaps: Overlaps, most: int | None = None) -> tuple[Array, Array]:
    """Scores of what was found, best first, and which of it is a thing that nothing better had found."""
    order = np.argsort(-image.scores, kind="stable")[:most]
    ious = overlaps(image.said[order], image.there)
    free, right = np.ones(len(image.there), dtype=bool), np.zeros(len(order), dtype=bool)
    for i in range(len(order)):
        candidates = np.where(free, ious[i], -1.0)
        if len(candidates) and candidates.max() >= threshold - 1e-12:
            free[candidates.argmax()] = False
            right[i] = True
    return image.scores[order], right


def average_precision(
    images: Sequence[Found], threshold: float = 0.5, *, points: int = 101, overlaps: Overlaps = box_ious
) -> float:
    """The mean precision at `points` recalls from 0 to 1: 101 as COCO, 11 as VOC 2007 (Everingham et al. 2010).

    Precision at a recall is the best at it or beyond. NaN where nothing is there.
    """
    there = sum(len(image.there) for image in images)
    if not there:
        return float("nan")
    pairs = [matched(image, threshold, overlaps) for image in images]
    scores, right = (np.concatenate(each) for each in zip(*pairs, strict=True))
    right = right[np.argsort(-scores, kind="stable")]
    recall = right.cumsum() / there
    precision = right.cumsum() / np.arange(1, len(right) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, points) - 1e-12)
    return float(np.append(best, 0.0)[at].mean())


def coco_average_precision(images: Sequence[Found], *, overlaps: Overlaps = box_ious) -> float:
    """Its mean over overlaps of .50, .55, ..., .95 (Lin et al. 2014); of several classes, take the mean of theirs."""
    return float(np.mean([average_precision(images, t, overlaps=overlaps) for t in COCO]))


def average_recall(images: Sequence[Found], most: int = 100, *, overlaps: Overlaps = box_ious) -> float:
    """The share of things found by the best `most` boxes an image, a mean over overlaps of .50, .55, ..., .95."""
    there = sum(len(image.there) for image in images)
    if not there:
        return float("nan")
    hits = [sum(matched(image, t, overlaps, most)[1].sum() for image in images) for t in COCO]
    return float(np.mean(hits) / there)
