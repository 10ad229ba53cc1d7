"""How much of its neurons rules explain: scores on held-out inputs, beside the scores that mean nothing.

A tree that fits a neuron may still be worth nothing: features that say little fit anything a bit, and a neuron that
fires everywhere is easy to foretell. So `rule_report` scores on examples that no tree has seen, beside trees that were
grown from shuffled features and trees of an untrained network's neurons. `swap_in` (rule_swap.py) then asks what the
network still does when rules speak instead of its neurons.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from glassworks.core.machine.memory import free_memory
from glassworks.core.progress import tracked
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.points import find_points
from glassworks.interpret.access.tallies import activations_of
from glassworks.interpret.control import randomised
from glassworks.interpret.neurons.fit_legends import NEURON_RULES
from glassworks.interpret.neurons.rules import CHUNK_BYTES, Doubles, Rules, as_rows, check, fit_rules
from glassworks.trace.legend import points as points_axis
from glassworks.trace.trace import Trace

TREE = ("feature", "threshold", "value", "fires", "count")
RANKS = ("best", "second best", "median", "least")  # neurons whose rules are told in words, by their R²
MOST_RULES = 6  # rules of a neuron


class Scores(NamedTuple):
    """How well rules predict, neuron by neuron, float64 (F,); NaN where there is nothing to predict."""

    r2: Doubles
    """1 - squared error / squared deviation from the mean of these examples; NaN for a constant neuron."""
    f1: Doubles
    """2·hits / (2·hits + false alarms + misses) of "fires"; NaN where nothing fires and nothing was said to."""
    always: Doubles
    """The F1 of saying "fires" everywhere: what a neuron that fires often gives to anybody."""
    rate: Doubles
    """The share of examples on which the neuron fires."""


def score_rules(
    rules: Rules, features: Shaped[Tensor, "N P"], activations: Float[Tensor, "M F"], *, threads: int | None = None
) -> Scores:
    """Compare what rules say with what neurons did, on examples that the rules were not fitted to."""
    check(as_rows(features, len(rules.names)), activations)
    F, N = rules.num_neurons, len(activations)
    if activations.size(1) != F:
        raise ValueError(f"activations {tuple(activations.shape)} must have the rules' {F} neurons")
    error, total, square = torch.zeros(3, F, dtype=torch.float64)
    hits, predicted, fired = torch.zeros(3, F, dtype=torch.float64)
    shift = activations[0].detach().cpu().double()  # sums of squares about a value of its own lose no digits
    rows = max(1, CHUNK_BYTES // (4 * F))
    for first in range(0, N, rows):
        some = slice(first, first + rows)
        y = activations[some].detach().cpu().double()
        error += (y - rules.predict(features[some], threads=threads)).square().sum(0)
        total, square = total + (y - shift).sum(0), square + (y - shift).square().sum(0)
        fires, says = y > rules.above, rules.predict_firing(features[some], threads=threads)
        hits, predicted, fired = hits + (fires & says).sum(0), predicted + says.sum(0), fired + fires.sum(0)
    spread = (square - total.square() / N).clamp(min=0)
    none = torch.tensor(torch.nan, dtype=torch.float64)
    r2 = torch.where(spread > 1e-12 * square, 1 - error / spread, none)
    f1 = torch.where(predicted + fired > 0, 2 * hits / (predicted + fired), none)
    always = torch.where(fired > 0, 2 * fired / (N + fired), none)
    return Scores(*(x.numpy() for x in (r2, f1, always, fired / N)))


# ----------------------------------------------------------------------------------------------------------------------
# Layer by layer


@public
def rule_report(
    model: nn.Module,
    inputs: Shaped[Tensor, "B ..."],
    features: Shaped[Tensor, "N ... P"],
    points: str | Sequence[str],
    *,
    names: Sequence[str] | None = None,
    keep: Bool[Tensor, "N ..."] | None = None,
    depth: int = 5,
    min_leaf: int = 1,
    above: float = 0.0,
    min_r2: float = 0.7,
    held_out: float = 0.2,
    fresh: nn.Module | None = None,
    batch_size: int = 64,
    max_bytes: int | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> Trace:
    """Grow a tree for each neuron of the points and score all of them on held-out inputs.

    Inputs are held out whole (a game, a document), so that no position of theirs was fitted. `rules_of` makes the
    trees in the trace usable again, `swap_in` tries them in the network.

    Args:
        model: any module that takes `inputs`. The channels of a convolution's map are neurons, its places (B, H, W).
        inputs: what the model takes, one example a row, such as tokens (B, T).
        features: what may be said about each place that the points have activations for, as `fit_rules` takes it.
        points: names or globs, as `capture` takes them; all of one width.
        names: of the features.
        keep: true where a place counts; None = everywhere.
        depth: of the trees.
        min_leaf: the fewest fitted places at a leaf.
        above: a neuron fires where its activation is above this.
        min_r2: a neuron with at least this R² counts as explained.
        held_out: the share of inputs that is kept for scoring, drawn from `seed`.
        fresh: an untrained network of the same shape, for the control; None makes one, `randomised(model)`.
        batch_size: inputs to a forward pass.
        max_bytes: the most that the activations of one point may take; None = half of what is free.
        seed: draws the split, the shuffling and the fresh network's weights.
        threads: None = as many as torch uses.

    Arrays, where row is "trees", "shuffled features" or "untrained network":
        explained (row, point): the share of neurons with an R² of at least `min_r2`.
        median_r2, median_f1 (row, point): over the neurons of a point: half of them have more.
        r2 (row, point, neuron): 1 is all of a neuron's variation on held-out places, 0 no more than its mean tells; NaN
            for a neuron that is constant there.
        f1 (row, point, neuron): 1 is right at every held-out place; NaN for a neuron that never fires.
        f1_always (point, neuron): what one gets who says that the neuron fires at every place.
        firing_rate (point, neuron): the share of held-out places at which the neuron fires.
        feature, threshold, value, fires, count (point, neuron, node): the trees, as `Rules` has them.
        feature_mean (feature,): over the fitted places.  held_out (held_out_input,): rows of `inputs`.
        told_neuron (point, told): the neurons whose rules are told in words: of each point the two of highest R², the
            median one and the one of lowest, that which rules explain least.
        told_rule, told_value, told_fires, told_count (point, told, rule): their strongest rules, as `Rules.rules` has
            them; "" and NaN (0 places) where a tree has fewer.
    """
    train, test, rows = split(inputs, features, keep, held_out, seed)
    networks = {"trees": model, "untrained network": randomised(model, seed=seed + 1) if fresh is None else fresh}
    keys = [point.key(0) for point in find_points(model, [points] if isinstance(points, str) else points)]
    options = {"names": names, "depth": depth, "min_leaf": min_leaf, "above": above, "threads": threads}
    room = max_bytes if max_bytes is not None else (free_memory() or 2**34) // 2
    generator = torch.Generator().manual_seed(seed)
    mixed = [part.features[torch.randperm(len(part.features), generator=generator)] for part in (train, test)]
    scores: dict[str, list[Scores]] = {row: [] for row in ("trees", "shuffled features", "untrained network")}
    trees: list[Rules] = []
    with tracked("grow and score rules", len(keys) * len(networks)) as report:
        for number, (point, (row, network)) in enumerate(itertools.product(keys, networks.items()), 1):
            y = [activations(network, part, point, batch_size, room) for part in (train, test)]
            rules = fit_rules(train.features, y[0], **options)  # type: ignore[arg-type]
            scores[row].append(score_rules(rules, test.features, y[1], threads=threads))
            if row == "trees":
                trees.append(rules)
                null = fit_rules(mixed[0], y[0], **options)  # type: ignore[arg-type]
                scores["shuffled features"].append(score_rules(null, mixed[1], y[1], threads=threads))
            if rules.num_neurons != trees[0].num_neurons:
                sizes = f"{trees[0].num_neurons} neurons, {point} {rules.num_neurons}"
                raise ValueError(
                    f"points (={keys[0]!r}, ...) has {sizes}: report on points of each width by themselves"
                )
            report(number)
    meta: dict[str, str | float | int] = {
        "min_r2": min_r2, "above": above, "depth": depth, "seed": seed,
        "num_places_fitted": len(train.features), "num_places_scored": len(test.features),
    }  # fmt: skip
    arrays = score_arrays(scores, min_r2) | tree_arrays(trees)
    arrays |= {"feature_mean": train.features.double().mean(0).numpy(), "held_out": rows.numpy()}
    arrays |= word_arrays(trees, arrays["r2"][0])
    axes = {name: AXES.get(name, ("point", "neuron", "node")) for name in arrays}
    return Trace(
        "neuron_rules",
        arrays,
        axes,
        {"row": list(scores), "point": keys, "feature": list(trees[0].names), "told": list(RANKS)},
        meta,
        legend=NEURON_RULES.with_axes(point=points_axis(keys)),
    )


class Part(NamedTuple):
    """Some inputs: (n, ...), which of their places count (n, ...), and the features of those (places, P)."""

    inputs: Tensor
    keep: Tensor
    features: Tensor


def split(
    inputs: Tensor, features: Tensor, keep: Tensor | None, held_out: float, seed: int
) -> tuple[Part, Part, Tensor]:
    """Inputs to fit, inputs to score, and which rows the latter are."""
    mask = torch.ones(features.shape[:-1], dtype=torch.bool) if keep is None else keep.cpu()
    if len(features) != len(inputs) or mask.shape != features.shape[:-1]:
        shapes = f"inputs {tuple(inputs.shape)}, features {tuple(features.shape)} and keep {tuple(mask.shape)}"
        raise ValueError(f"{shapes} must begin with the same axes")
    if not 0 < held_out < 1 or len(inputs) < 2:
        raise ValueError(f"held_out (={held_out}) must be a share in (0, 1) of at least 2 inputs, not {len(inputs)}")
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(seed))
    size = min(max(1, round(held_out * len(inputs))), len(inputs) - 1)
    rows = order[:size].sort().values, order[size:].sort().values
    test, train = (Part(inputs[i], mask[i], features.cpu()[i][mask[i]]) for i in rows)
    if not len(train.features) or not len(test.features):
        raise ValueError(f"keep leaves {len(train.features)} places to fit, {len(test.features)} to score: keep more")
    return train, test, rows[0]


def activations(model: nn.Module, part: Part, point: str, batch_size: int, max_bytes: int) -> Tensor:
    """The neurons at a point where places count, (places, F) float32."""
    out, filled = torch.empty(0), 0
    for first in range(0, len(part.inputs), batch_size):
        rows_at = slice(first, first + batch_size)
        a = activations_of(model, part.inputs[rows_at], point)
        if part.keep[rows_at].numel() != a.shape[:2].numel():
            raise ValueError(
                f"{point} gives {tuple(a.shape)} for places {tuple(part.keep[rows_at].shape)}: they must agree"
            )
        if not filled:
            size = 4 * len(part.features) * a.size(-1)
            if size > max_bytes:
                raise ValueError(f"max_bytes (={max_bytes:,}) must be {size:,} for {point}: give fewer inputs")
            out = torch.empty(len(part.features), a.size(-1))
        rows = a[part.keep[rows_at].view(a.shape[:2]).to(a.device)]
        out[filled : filled + len(rows)] = rows
        filled += len(rows)
    return out


AXES = {
    "f1_always": ("point", "neuron"),
    "firing_rate": ("point", "neuron"),
    "feature_mean": ("feature",),
    "held_out": ("held_out_input",),
    "r2": ("row", "point", "neuron"),
    "f1": ("row", "point", "neuron"),
    "explained": ("row", "point"),
    "median_r2": ("row", "point"),
    "median_f1": ("row", "point"),
    "told_neuron": ("point", "told"),
    **dict.fromkeys(("told_rule", "told_value", "told_fires", "told_count"), ("point", "told", "rule")),
}


def score_arrays(scores: Mapping[str, Sequence[Scores]], min_r2: float) -> dict[str, np.ndarray]:
    """Scores by row, point and neuron, and what they come to."""
    r2, f1 = (np.array([[getattr(one, name) for one in row] for row in scores.values()]) for name in ("r2", "f1"))
    return {
        "explained": (r2 >= min_r2).mean(-1),
        "median_r2": median(r2),
        "median_f1": median(f1),
        "r2": r2.astype(np.float32),
        "f1": f1.astype(np.float32),
        "f1_always": np.array([one.always for one in scores["trees"]], np.float32),
        "firing_rate": np.array([one.rate for one in scores["trees"]], np.float32),
    }


def median(values: Doubles) -> Doubles:
    """Over the last axis, of what is not NaN; NaN where nothing is."""
    known = np.where(np.isnan(values), np.inf, values)
    known.sort(-1)
    number = (~np.isnan(values)).sum(-1, keepdims=True)
    low, high = (np.take_along_axis(known, np.maximum(at, 0), -1) for at in ((number - 1) // 2, number // 2))
    middle: Doubles = np.where(number > 0, low / 2 + high / 2, np.nan)[..., 0]
    return middle


def word_arrays(trees: Sequence[Rules], r2: np.ndarray) -> dict[str, np.ndarray]:
    """The rules of some neurons of each point in words; r2 (point, neuron)."""
    order = np.argsort(-np.where(np.isnan(r2), -np.inf, r2), axis=1, kind="stable")
    known = np.maximum((~np.isnan(r2)).sum(1), 1)
    place = np.stack([0 * known, np.minimum(1, known - 1), (known - 1) // 2, known - 1], 1)
    neurons = np.take_along_axis(order, place, 1)
    shape = (*neurons.shape, MOST_RULES)
    value, fires, count = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, int)
    words = np.full(shape, "", dtype=object)
    for at in np.ndindex(*neurons.shape):
        for i, rule in enumerate(trees[at[0]].rules(int(neurons[at]))[:MOST_RULES]):
            words[*at, i], value[*at, i], fires[*at, i], count[*at, i] = rule
    told = {"told_neuron": neurons, "told_rule": words.astype(str)}
    return told | {"told_value": value, "told_fires": fires, "told_count": count}


def tree_arrays(trees: Sequence[Rules]) -> dict[str, np.ndarray]:
    """The trees of all points."""
    return {name: np.stack([getattr(rules, name) for rules in trees]) for name in TREE}


def rules_of(report: Trace, point: str) -> Rules:
    """The trees of one point of a rule report."""
    points = report.labels.get("point", [])
    if point not in points:
        raise ValueError(f"point (={point!r}) must be one of the report's: {', '.join(points)}")
    at = points.index(point)
    trees = {name: report.arrays[name][at] for name in TREE}
    return Rules(**trees, names=tuple(report.labels["feature"]), above=float(report.meta["above"]))
