"""A neuron in words: for every neuron of a layer a small decision tree from features to its activation.

Features are what people say about an input: board squares (mine, yours, empty), the identity of a token, how far it is
into its line. A tree of depth 5 asks at most five of them and answers with the mean activation of the training
examples that answered alike, so a path from its root to a leaf is a rule: "B4 mine and not C4 mine → 2.31". How much
of a neuron the rules explain is measured elsewhere: `rule_report.py` does on
examples that the trees did not see, with controls.

Trees are CART regression trees (Breiman et al. 1984): each split is the one that lowers the squared error most. They
are those of scikit-learn's `DecisionTreeRegressor`, 50 or more times as fast for thousands of neurons: `trees.py` says
how. Letters: N examples, P features, F neurons, K nodes of a tree.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from numpy.typing import NDArray
from torch import Tensor

from glassworks.interpret.access.arguments import public

MAX_DEPTH = 10
MAX_VALUES = 32
CHUNK_BYTES = 2**26


class Rule(NamedTuple):
    """One leaf of a neuron's tree: what holds there, and what the neuron did where it held."""

    words: str
    value: float
    """The neuron's mean activation."""
    fires: float
    """The share of examples with an activation above the threshold."""
    examples: int
    """Training examples."""


@dataclass(frozen=True, eq=False, repr=False)
class Rules:
    """A tree for each of F neurons, as heaps of K = 2^(depth + 1) - 1 nodes: node k has the children 2k + 1, 2k + 2.

    An example goes to 2k + 2 when its feature is above the threshold. Numbers of nodes that do not exist mean nothing.
    """

    feature: NDArray[np.int32]
    """(F, K), the column asked about; -1 at a leaf and where there is no node."""
    threshold: NDArray[np.float32]
    """(F, K)"""
    value: NDArray[np.float32]
    """(F, K), the mean activation of a node's training examples; (:, 0) is the mean over all."""
    fires: NDArray[np.float32]
    """(F, K), the share of a node's training examples whose activation is above `above`."""
    count: NDArray[np.int32]
    """(F, K), training examples; 0 where there is no node."""
    names: tuple[str, ...]
    """What the P features are called."""
    above: float = 0.0
    """A neuron fires where its activation is above this."""

    def __repr__(self) -> str:
        """How many trees there are, and how large; `explain` has a neuron's in words."""
        depth = (self.feature.shape[1] + 1).bit_length() - 2
        return f"Rules of {self.num_neurons:,} neurons, depth {depth}, on {len(self.names):,} features"

    @property
    def num_neurons(self) -> int:
        """F."""
        return len(self.feature)

    def predict(self, features: Shaped[Tensor, "N P"], *, threads: int | None = None) -> Float[Tensor, "N F"]:
        """The activations that the rules say, float32."""
        return self.look_up(features, self.value, threads)

    def predict_firing(self, features: Shaped[Tensor, "N P"], *, threads: int | None = None) -> Bool[Tensor, "N F"]:
        """Whether each neuron fires: whether most training examples in the leaf did."""
        return self.look_up(features, self.fires, threads) > 0.5

    def look_up(self, features: Tensor, table: NDArray[np.float32], threads: int | None) -> Tensor:
        """Each example's leaf's number in a table (F, K)."""
        from glassworks.interpret.neurons.trees import look_up  # numba loads slowly

        x = as_rows(features, len(self.names))
        out = np.empty((len(x), self.num_neurons), np.float32)
        parts = np.array_split(np.arange(len(x)), workers(threads))
        spans = [slice(part[0], part[-1] + 1) for part in parts if part.size]
        in_threads(lambda rows: look_up(x[rows], self.feature, self.threshold, table, out[rows]), spans, threads)
        return torch.from_numpy(out)

    def rules(self, neuron: int) -> list[Rule]:
        """Every leaf of one neuron's tree, the highest activation first."""
        if not 0 <= neuron < self.num_neurons:
            raise ValueError(f"neuron (={neuron}) must be between 0 and {self.num_neurons - 1}")
        leaves = []
        for k in np.flatnonzero((self.feature[neuron] < 0) & (self.count[neuron] > 0)).tolist():
            value, fires = float(self.value[neuron, k]), float(self.fires[neuron, k])
            leaves.append(Rule(self.path(neuron, k), value, fires, int(self.count[neuron, k])))
        return sorted(leaves, key=lambda rule: -rule.value)

    def explain(self, neuron: int, *, top: int = 5) -> str:
        """The `top` rules that a neuron answers most strongly, one a line: "B4 mine and not C4 mine → 2.31 (812)".

        The number in brackets counts training examples.
        """
        return "\n".join(f"{rule.words} → {rule.value:.2f} ({rule.examples:,})" for rule in self.rules(neuron)[:top])

    def path(self, neuron: int, node: int) -> str:
        """What holds at a node, in words: a feature of two values is there or not, others lie between thresholds."""
        low: dict[int, float] = {}
        high: dict[int, float] = {}
        while node:
            parent = (node - 1) // 2
            column, cut = int(self.feature[neuron, parent]), float(self.threshold[neuron, parent])
            if node % 2:  # a left child: at most the threshold
                high[column] = min(high.get(column, cut), cut)
            else:
                low[column] = max(low.get(column, cut), cut)
            node = parent
        there = [condition(self.names[i], low.get(i), None) for i in low if i not in high]
        between = [condition(self.names[i], low[i], high[i]) for i in low if i in high]
        absent = [condition(self.names[i], None, high[i]) for i in high if i not in low]
        return " and ".join(there[::-1] + between[::-1] + absent[::-1]) or "always"


def condition(name: str, low: float | None, high: float | None) -> str:
    """One feature's part of a rule. A threshold of one half is that of a feature that is 0 or 1."""
    if low is not None and high is not None:
        return f"{low:g} < {name} ≤ {high:g}"
    if low is not None:
        return name if low == 0.5 else f"{name} > {low:g}"
    return f"not {name}" if high == 0.5 else f"{name} ≤ {high:g}"


# ----------------------------------------------------------------------------------------------------------------------
# Fitting


@public
def fit_rules(
    features: Shaped[Tensor, "N P"],
    activations: Float[Tensor, "M F"],
    *,
    names: Sequence[str] | None = None,
    depth: int = 5,
    min_leaf: int = 1,
    above: float = 0.0,
    threads: int | None = None,
) -> Rules:
    """Grow a tree for every neuron: the same trees as scikit-learn's, up to the choice among equally good splits.

    Of equally good splits (on boards they are frequent: where a square is never empty, "mine" and "not yours" are one)
    the feature that comes first is taken, so the result does not depend on chance. A feature of more than two values
    is cut halfway between neighbouring values of the whole data, where scikit-learn cuts between those of the node.

    For trees of whether a neuron fires, give `(activations > 0).float()` and `above=0.5`: the squared error is then
    half the Gini impurity. The first call on a machine compiles, for some seconds.

    Args:
        features: one example a row; bool, whole or real numbers with at most 32 different values a feature.
        activations: the neurons' activations on the same examples, computed with as float32.
        names: what the features are called, for `explain`. None = "feature 0", ...
        depth: of the trees, at most 10: so many questions lead to an answer.
        min_leaf: the fewest training examples at a leaf.
        above: a neuron fires where its activation is above this.
        threads: None = as many as torch uses.

    Raises ValueError for shapes that do not fit, for values that are not finite, and for features of too many values.
    """
    from glassworks.interpret.neurons.trees import grow_trees

    if not 1 <= depth <= MAX_DEPTH:
        raise ValueError(f"depth (={depth}) must be between 1 and {MAX_DEPTH}")
    if min_leaf < 1:
        raise ValueError(f"min_leaf (={min_leaf}) must be at least 1 example")
    x, y = as_rows(features), activations.detach().cpu()
    check(x, y)
    labels = tuple(names) if names is not None else tuple(f"feature {i}" for i in range(x.shape[1]))
    if len(labels) != x.shape[1]:
        raise ValueError(f"names (of {len(labels)} features) must name the {x.shape[1]} columns of features")
    bits, columns, cuts = as_bits(x, labels)
    bit, value, fires, count = grow_trees(bits, y, depth, min_leaf, above, threads)
    split = bit >= 0
    return Rules(
        feature=np.where(split, columns[bit], -1).astype(np.int32),
        threshold=np.where(split, cuts[bit], 0).astype(np.float32),
        value=value.astype(np.float32),
        fires=fires.astype(np.float32),
        count=count,
        names=labels,
        above=above,
    )


Doubles = NDArray[np.float64]


def as_rows(features: Tensor, columns: int | None = None) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Features as uint8 where they are bool or uint8, else as float32; ValueError if they are no table."""
    if features.ndim != 2 or (columns is not None and features.size(1) != columns):
        shape = f"{tuple(features.shape)}"
        raise ValueError(
            f"features (of shape {shape}) must be (examples, {'features' if columns is None else columns})"
        )
    small = features.dtype in (torch.bool, torch.uint8)
    x = features.detach().cpu().to(torch.uint8 if small else torch.float32).numpy()
    return np.ascontiguousarray(x)


def check(x: NDArray[np.generic], y: Tensor) -> None:
    """Refuse tables that do not fit each other or are empty."""
    if len(x) != len(y):
        raise ValueError(f"features {x.shape} and activations {tuple(y.shape)} must have one row for each example")
    if not x.size or not y.numel():
        raise ValueError(f"features {x.shape} and activations {tuple(y.shape)} must not be empty")


def as_bits(
    x: NDArray[np.uint8] | NDArray[np.float32], names: Sequence[str]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], Doubles]:
    """Features as bits "above a threshold" (N, bits), with each bit's column and threshold; constant ones have none."""
    if x.dtype == np.uint8 and x.max() <= 1:
        varied = np.flatnonzero(x.any(0) & ~x.all(0))
        bits, columns, cuts = x[:, varied], varied, np.full(len(varied), 0.5)
    else:
        cuts_of: list[tuple[int, float]] = []
        for i, name in enumerate(names):
            values = np.unique(x[:, i])
            if not np.isfinite(values).all():
                raise ValueError(f"features (column {i}, {name!r}) must be finite")
            if len(values) > MAX_VALUES:
                raise ValueError(
                    f"features (column {i}, {name!r}) has {len(values)} different values: at most {MAX_VALUES} are "
                    "taken; round it, or make each value a column of its own"
                )
            cuts_of += [(i, halfway(float(a), float(b))) for a, b in pairwise(values)]
        columns = np.array([i for i, _ in cuts_of], np.int64)
        cuts = np.array([cut for _, cut in cuts_of])
        bits = np.empty((len(x), len(cuts_of)), np.uint8)
        for j, (i, cut) in enumerate(cuts_of):
            bits[:, j] = x[:, i] > cut
    if not len(columns):  # a tree without questions is still a tree
        return np.zeros((len(x), 1), np.uint8), np.zeros(1, np.int64), np.zeros(1)
    return np.ascontiguousarray(bits), columns, cuts


def halfway(a: float, b: float) -> float:
    """The float32 in the middle of two of them; the lower one where there is none between."""
    middle = float(np.float32(a + (b - a) / 2))
    return middle if middle < b else a


def workers(threads: int | None) -> int:
    """How many threads to use."""
    if threads is not None and threads < 1:
        raise ValueError(f"threads (={threads}) must be at least 1")
    return threads or min(torch.get_num_threads(), os.cpu_count() or 1)


def in_threads(work: Callable[[Any], None], parts: Iterable[Any], threads: int | None) -> None:
    """Do the parts beside each other; the first error is raised."""
    with ThreadPoolExecutor(workers(threads)) as pool:
        list(pool.map(work, parts))
