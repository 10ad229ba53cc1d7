"""Near copies: the same picture saved again, brighter or scaled; the same row but for rounding.

Every example becomes 64 bits: on which side of the median its small version falls along 64 random directions (Charikar
2002, "Similarity estimation techniques from rounding algorithms"), so that each bit halves the data. Examples that
agree on some bits drawn at random, in one of some draws, are candidates: that costs a sort for each draw, and finds
nearly all pairs that differ in few bits (multi-index hashing). Candidates are then compared as they are.

What is near depends on the data: digits are alike that were written by different hands. So a pair of images is near
only where it is several times nearer than an image usually is to the one nearest to it.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, UInt64

from glassworks.evaluate.card.whole import AT_ONCE, Whole
from glassworks.evaluate.labelled.features import flat

Array = np.ndarray
PIXELS = 1024
"""Numbers of an image that are compared."""
DRAWS, WINDOW, APART = 12, 12, 8
"""Draws of bits; how many that agree on them are compared with each; bits of 64 in which a pair may differ."""
QUERIES, REFERENCES = 500, 4000
"""Images by which it is told how near the nearest usually is."""
SHARE, FLOOR, CEILING = 0.25, 0.04, 0.3
"""A pair is near if nearer than this share of the usual distance, which is a correlation between 0.999 and 0.955."""
ROUNDING = 0.005
"""Of a column's spread: rows that differ by less in every column are near."""
PAIRS_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Near:
    """Pairs that are nearly the same, the nearest first; exact copies are not among them."""

    pairs: Int[Array, "P 2"]
    distances: Float[Array, " P"]
    """Of images the distance between them, each brought to mean 0 and length 1: sqrt(2 - 2 correlation). Of rows the
    largest difference of a column, in spreads of it."""
    limit: float
    usual: float
    """The median distance of an image to the nearest other; 0 of rows."""
    beyond: int
    """Pairs that were found between the limit and twice that: by chance there are more of them than of nearer ones."""


class Small:
    """The small version of examples, in which they are compared."""

    def __init__(self, whole: Whole, seed: int) -> None:
        self.whole, self.images = whole, whole.data.kind == "images"
        self.centre, self.spread = np.zeros(0, np.float32), np.ones(0, np.float32)
        if not self.images:
            rows = whole.inputs(whole.sample(REFERENCES, seed))
            low, middle, high = np.percentile(rows, [25, 50, 75], axis=0)
            deviation = rows.std(0)
            spread = np.where(high > low, high - low, deviation)
            self.centre = middle.astype(np.float32)
            self.spread = np.where(spread > 0, spread, 1).astype(np.float32)

    def of(self, inputs: Array) -> Float32[Array, "n F"]:
        """Images at mean 0 and length 1; rows in spreads from the median of each column."""
        if not self.images:
            scaled: Array = (inputs - self.centre) / self.spread
            return scaled
        vectors = flat(inputs, PIXELS)
        vectors = vectors - vectors.mean(1, keepdims=True)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Array = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-3)
        return unit

    def at(self, indices: Int[Array, " n"]) -> Float32[Array, "n F"]:
        """The same of some examples."""
        return self.of(self.whole.inputs(indices))

    def distances(self, first: Array, second: Array) -> Float[Array, " n"]:
        """Between pairs of small versions; what has no length, an image of one colour, is far from all."""
        if not self.images:
            largest: Array = np.abs(first - second).max(1)
            return largest
        apart: Array = np.linalg.norm(first - second, axis=1)
        return np.where((first.any(1)) & (second.any(1)), apart, np.inf)


def near_pairs(whole: Whole, firsts: Int[Array, " n"], seed: int) -> Near:
    """Pairs of nearly equal examples.

    Args:
        whole: all examples.
        firsts: one of each different input: what is compared.
        seed: of directions, draws and samples.

    Memory is 8 bytes an example, and the pairs.
    """
    small = Small(whole, seed)
    usual = usual_distance(small, firsts, seed) if small.images else 0.0
    limit = min(max(SHARE * usual, FLOOR), CEILING) if small.images else ROUNDING
    codes = hashed(small, firsts, seed)
    kept_pairs, kept_distances = [np.zeros((0, 2), np.int64)], [np.zeros(0)]
    rng = np.random.default_rng(seed)
    seen = np.zeros(0, np.uint64)
    for _ in range(DRAWS):
        new = np.setdiff1d(candidates(codes, rng), seen)
        seen = np.union1d(seen, new)
        for start in range(0, len(new), PAIRS_AT_ONCE):
            block = new[start : start + PAIRS_AT_ONCE]
            pairs = firsts[np.stack([block >> np.uint64(32), block & np.uint64(0xFFFFFFFF)], 1).astype(np.int64)]
            different, places = np.unique(pairs, return_inverse=True)  # one is in many pairs, and read once
            rows, places = small.at(different), places.reshape(pairs.shape)
            distances = small.distances(rows[places[:, 0]], rows[places[:, 1]])
            close = distances <= 2 * limit
            kept_pairs.append(pairs[close])
            kept_distances.append(distances[close])
    pairs, distances = np.concatenate(kept_pairs), np.concatenate(kept_distances)
    order = np.argsort(distances, kind="stable")
    near = order[distances[order] <= limit]
    beyond = len(order) - len(near)
    return Near(pairs[near], distances[near].astype(np.float64), float(limit), float(usual), beyond)


def usual_distance(small: Small, firsts: Int[Array, " n"], seed: int) -> float:
    """The median, over some examples, of the distance to the nearest of many others."""
    drawn = np.random.default_rng(seed).permutation(firsts)
    references = small.at(np.sort(drawn[:REFERENCES]))
    similar = references[:QUERIES] @ references.T
    similar[np.arange(len(similar)), np.arange(len(similar))] = -1
    return float(np.median(np.sqrt(np.maximum(2 - 2 * similar.max(1), 0)))) if len(references) > 1 else 0.0


def hashed(small: Small, firsts: Int[Array, " n"], seed: int) -> UInt64[Array, " n"]:
    """64 bits of each example: on which side of the median it lies along each direction."""
    rng = np.random.default_rng(seed)
    example = small.at(firsts[:1])
    directions = rng.standard_normal((example.shape[1], 64)).astype(np.float32)
    drawn = np.sort(rng.permutation(firsts)[:REFERENCES])
    middle = np.median(small.at(drawn) @ directions, axis=0)
    weights = np.uint64(1) << np.arange(64, dtype=np.uint64)
    step = max(1, AT_ONCE // (4 * int(np.prod(small.whole.shape))))
    codes = np.empty(len(firsts), np.uint64)
    for start in range(0, len(firsts), step):
        bits = small.at(firsts[start : start + step]) @ directions > middle
        codes[start : start + step] = (bits * weights).sum(1, dtype=np.uint64)
    return codes


def candidates(codes: UInt64[Array, " n"], rng: np.random.Generator) -> UInt64[Array, " m"]:
    """Pairs that agree on some bits drawn at random and differ in few of all, each as two halves of 64 bits."""
    number = int(np.clip(np.ceil(np.log2(max(2, len(codes)))), 4, 24))
    mask = np.bitwise_or.reduce(np.uint64(1) << rng.choice(64, number, replace=False).astype(np.uint64))
    order = np.lexsort([codes, codes & mask])
    ordered = codes[order]
    masked = ordered & mask
    found = []
    for apart in range(1, min(WINDOW, len(codes) - 1) + 1):
        agree = masked[apart:] == masked[:-apart]
        agree &= np.bitwise_count(ordered[apart:] ^ ordered[:-apart]) <= APART
        at = np.flatnonzero(agree)
        low, high = np.minimum(order[at], order[at + apart]), np.maximum(order[at], order[at + apart])
        found.append(low.astype(np.uint64) << np.uint64(32) | high.astype(np.uint64))
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.uint64)
