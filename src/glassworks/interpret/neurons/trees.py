"""Regression trees for thousands of neurons at once: the loops beneath `rules`, compiled by numba.

Every feature is one bit of an example. Then a split needs only, for each feature, how many of a node's examples have
the bit and the sum of their activations; both are adds along a row of bits, which the processor does many at a time.
Three things keep the work small: the sums of all roots are one matrix product, of two children only the smaller is
added up (the other is the rest), and an activation of exactly 0 adds nothing.

A tree is a heap: node k has the children 2k + 1 (bit not set) and 2k + 2 (bit set), and a leaf has feature -1.
"""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from glassworks.core.machine.jit import compiled
from glassworks.core.progress import tracked
from glassworks.interpret.neurons.rules import CHUNK_BYTES, in_threads, workers

Bits = NDArray[np.uint8]
Ints = NDArray[np.int32]
Reals = NDArray[np.float32]
Doubles = NDArray[np.float64]

TIE = 1e-9  # gains this close, relative to each other, are equal: the feature that comes first wins


class Tree(NamedTuple):
    """One neuron's tree, or (F, K) those of all: K = 2^(depth + 1) - 1 nodes."""

    feature: Ints
    """The bit asked about; -1 of a leaf."""
    value: Doubles
    """Mean activation of a node's examples."""
    fires: Doubles
    """The share of them above a threshold."""
    examples: Ints
    """How many reach a node."""


@compiled
def add_rows(bits: Bits, y: Reals, order: Ints, sums: Doubles, counts: Ints) -> None:
    """Add the examples in `order` to each feature's sum of activations and number of examples."""
    P = bits.shape[1]
    few = np.zeros(P, np.uint8)  # counts of up to 255 rows: four times as many to a machine word
    for t in range(order.size):
        row = bits[order[t]]
        value = np.float64(y[order[t]])
        if value != 0:
            for f in range(P):
                sums[f] += value * row[f]
        for f in range(P):
            few[f] += row[f]
        if t % 255 == 254 or t == order.size - 1:
            for f in range(P):
                counts[f] += few[f]
                few[f] = 0


@compiled
def best_split(sums: Doubles, counts: Ints, total: float, n: int, min_leaf: int, least: float) -> int:
    """The feature whose split lowers the sum of squares most, by more than `least`; -1 if there is none."""
    best, gain = -1, least
    for f in range(len(sums)):
        ones = counts[f]
        zeros = n - ones
        if ones >= min_leaf and zeros >= min_leaf:
            apart = sums[f] - total * ones / n
            this = apart * apart * n / (np.float64(ones) * zeros)
            if this > gain * (1 + TIE):
                best, gain = f, this
    return best


@compiled
def partition(bits: Bits, feature: int, order: Ints, spare: Ints) -> int:
    """Put the examples without the bit before those with it, both in their old order; returns how many come first."""
    first, rest = 0, 0
    for t in range(order.size):
        i = order[t]
        if bits[i, feature]:
            spare[rest] = i
            rest += 1
        else:
            order[first] = i
            first += 1
    order[first:] = spare[:rest]
    return first


@compiled
def moments(y: Reals) -> tuple[float, float]:
    """Sum and sum of squares, in float64."""
    total, square = 0.0, 0.0
    for v in y:
        total += np.float64(v)
        square += np.float64(v) * np.float64(v)
    return total, square


@compiled
def share_above(y: Reals, order: Ints, above: float) -> float:
    """The share of the examples in `order` whose activation is above a threshold."""
    hits = 0
    for i in order:
        if y[i] > above:
            hits += 1
    return hits / order.size


@compiled
def grow(
    tree: Tree, bits: Bits, y: Reals, root: tuple[Doubles, Ints], scratch: Ints, depth: int, min_leaf: int, above: float
) -> None:
    """Grow one neuron's tree, level by level.

    bits (N, P); y (N,) activations; root, the sums and counts (P,) over all examples; scratch (2, N).
    """
    N, P = bits.shape
    feature, value, fires, count = tree
    order, spare = scratch[0], scratch[1]
    start, total = np.zeros(count.size, np.int64), np.zeros(count.size)
    sums, counts = root[0].reshape(1, P), root[1].reshape(1, P)
    order[:] = np.arange(N)
    total[0], square = moments(y)
    feature[:], count[:] = -1, 0
    count[0], value[0], fires[0] = N, total[0] / N, share_above(y, order, above)
    for level in range(depth):
        first, width = 2**level - 1, 2**level
        grandchildren = level + 1 < depth
        next_sums = np.zeros((2 * width if grandchildren else 0, P))
        next_counts = np.zeros((2 * width if grandchildren else 0, P), np.int32)
        for j in range(width):
            k = first + j
            n = count[k]
            if n < 2 * min_leaf:
                continue
            best = best_split(sums[j], counts[j], total[k], n, min_leaf, 1e-14 * square)
            if best < 0:
                continue
            mine = order[start[k] : start[k] + n]
            zeros = partition(bits, best, mine, spare)
            feature[k] = best
            small = 0 if 2 * zeros <= n else 1
            for side in range(2):
                child = 2 * k + 1 + side
                part = mine[:zeros] if side == 0 else mine[zeros:]
                start[child] = start[k] + (zeros if side else 0)
                count[child] = part.size
                total[child] = sums[j, best] if side else total[k] - sums[j, best]
                value[child], fires[child] = total[child] / part.size, share_above(y, part, above)
                if grandchildren and side == small:
                    add_rows(bits, y, part, next_sums[2 * j + side], next_counts[2 * j + side])
            if grandchildren:
                next_sums[2 * j + 1 - small] = sums[j] - next_sums[2 * j + small]
                next_counts[2 * j + 1 - small] = counts[j] - next_counts[2 * j + small]
        sums, counts = next_sums, next_counts


@compiled
def look_up(features: Bits | Reals, feature: Ints, threshold: Reals, table: Reals, out: Reals) -> None:
    """Fill out (N, F) with the number that `table` (F, K) has for the leaf in which each example ends."""
    for i in range(features.shape[0]):
        for u in range(feature.shape[0]):
            k = 0
            while feature[u, k] >= 0:
                k = 2 * k + (2 if features[i, feature[u, k]] > threshold[u, k] else 1)
            out[i, u] = table[u, k]


# ----------------------------------------------------------------------------------------------------------------------
# All neurons


def grow_trees(bits: Bits, y: Tensor, depth: int, min_leaf: int, above: float, threads: int | None) -> Tree:
    """Those of all neurons of y (N, F), on bits (N, P)."""
    N, F, K = len(bits), y.size(1), 2 ** (depth + 1) - 1
    trees = Tree(np.empty((F, K), np.int32), np.zeros((F, K)), np.zeros((F, K)), np.empty((F, K), np.int32))
    ones = bits.sum(0, dtype=np.int32)
    chunk, done = max(1, CHUNK_BYTES // (4 * N)), itertools.count(1)
    with tracked("grow trees", F) as report:
        for first in range(0, F, chunk):
            part = np.ascontiguousarray(y[:, first : first + chunk].float().numpy().T)  # (f, N)
            if not np.isfinite(part).all():
                bad = first + int(np.flatnonzero(~np.isfinite(part).all(1))[0])
                raise ValueError(f"activations of neuron {bad} hold NaN or infinity: look where they begin with health")
            sums = root_sums(bits, part)

            def grow_some(rows: range, first: int = first, part: Reals = part, sums: Doubles = sums) -> None:
                scratch = np.empty((2, N), np.int32)
                for i in rows:
                    tree = Tree(*(array[first + i] for array in trees))
                    grow(tree, bits, part[i], (sums[i], ones), scratch, depth, min_leaf, above)
                    report(next(done))

            in_threads(grow_some, [range(i, len(part), workers(threads)) for i in range(workers(threads))], threads)
    return trees


def root_sums(bits: Bits, y: Reals) -> Doubles:
    """(f, P): the sum of each neuron's activations over the examples that have the bit, in float64."""
    sums = np.zeros((len(y), bits.shape[1]))
    for rows in range(0, len(bits), 4096):
        some = slice(rows, rows + 4096)
        sums += y[:, some].astype(np.float64) @ bits[some].astype(np.float64)
    return sums
