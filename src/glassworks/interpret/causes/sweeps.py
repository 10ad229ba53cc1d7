"""What sweeps over places share: two stored runs to compare, random controls, and results laid out for a trace."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glassworks.draw.tokens import visible
from glassworks.interpret.causes.contrast import Contrast, contrast_of, steady
from glassworks.interpret.causes.legends.wording import judged
from glassworks.interpret.causes.metrics import Metric, facts_of
from glassworks.interpret.causes.restart import Stored, evaluate, needed, store, upto
from glassworks.interpret.causes.sites import Donors, Place, Site
from glassworks.interpret.correlation import pearson, spearman
from glassworks.interpret.tokens import check_pair
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.trace.legend import Legend
from glassworks.trace.trace import Trace


@dataclass(frozen=True, eq=False)
class Comparison:
    """A clean and a corrupt run up to the last position that the metric reads, and the scale between their metrics."""

    clean: Stored
    corrupt: Stored
    metric: Metric
    T: int
    """Positions of the inputs, of which the stored runs have the first ones."""
    top: Float[Tensor, " B"]
    """The clean run's metric."""
    base: Float[Tensor, " B"]
    """The corrupt run's metric."""
    slopes: Mapping[str, Tensor] = field(default_factory=dict)
    """The metric's gradient at taps of one of the runs, if it was asked for."""

    @cached_property
    def contrast(self) -> Contrast:
        """How far apart the two metrics are."""
        return contrast_of(self.metric, (self.clean.logits, self.corrupt.logits), (self.top, self.base))

    @property
    def scale(self) -> float:
        """Mean metric of the clean run less the corrupt one's; 1 if they are equal: effects are plain changes then."""
        return self.contrast.scale

    @property
    def model(self) -> GPT:
        """The model of both runs: the one given, or a copy of it with more digits."""
        return self.clean.model

    def effect(self, values: Float[Tensor, "*n B"]) -> Float[np.ndarray, "*n"]:
        """Metrics of edits on the scale where 0 is the corrupt run and 1 the clean one, averaged over pairs."""
        change = (values - self.base).double().mean(-1) / self.scale
        return change.float().cpu().numpy()

    def legend(self, legend: Legend) -> Legend:
        """A legend with what was measured, and how far the two runs are apart."""
        answers = float(self.top.double().mean()), float(self.base.double().mean())
        differs, facts = self.contrast.exists, facts_of(self.metric)
        return judged(legend, facts, answers=answers, scale=self.scale, differs=differs, pairs=len(self.top))

    def donors(self, site: Site) -> Donors:
        """The clean run's values of a site."""
        return {layer: self.clean.at(layer, site.tap)[None] for layer in range(self.model.config.n_layer)}


def compare(
    model: GPT, clean: Int[Tensor, "B T"], corrupt: Int[Tensor, "B T"], metric: Metric, taps: Sequence[str]
) -> Comparison:
    """Run both inputs and keep some taps, with as many digits as their contrast needs. To be called in evaluation."""
    check_pair(model, clean, corrupt)
    reach, judged = needed(metric, clean.size(1)), upto(metric, clean.size(1))

    def run(network: GPT) -> Comparison:
        first, second = (store(network, tokens[:, :reach], taps) for tokens in (clean, corrupt))
        top, base = (evaluate(judged, stored.logits) for stored in (first, second))
        return Comparison(first, second, judged, clean.size(1), top, base)

    return steady(model, run)


# ----------------------------------------------------------------------------------------------------------------------
# Controls


def randomised(old: Stored, new: Donors, site: Site, generator: torch.Generator, draws: int) -> dict[int, Tensor]:
    """Values that differ from the stored run's by as much as the first donor's, in so many random directions.

    As much: the norm of each vector (of one pair, position and head). A pattern's future stays empty.
    """
    changed = {}
    for layer, donors in new.items():
        value = old.at(layer, site.tap)
        noise = torch.randn((draws, *value.shape), generator=generator).to(value)
        if site.tap == "attn.pattern":
            noise = noise.tril()
        size = (donors[0] - value).norm(dim=-1, keepdim=True) / noise.norm(dim=-1, keepdim=True)
        changed[layer] = value + noise * size
    return changed


def worth_control(
    old: Stored,
    new: Donors,
    site: Site,
    places: Sequence[Place],
    sizes: Float[Tensor, " n"],
    count: int,
    generator: torch.Generator,
) -> list[int]:
    """Places to hold random changes against, as indices: three quarters of largest size, the rest drawn from others.

    Only those where the first donor differs from the stored run: elsewhere there is no change to randomise. The
    largest come first, of which no more than half are of one position: a stream holds an answer at one token for many
    layers alike.
    """
    differs = {layer: (donors[0] - old.at(layer, site.tap)).abs().amax((0, -1)) > 0 for layer, donors in new.items()}
    if site.heads is not None and site.tap != "attn.pattern":
        differs = {layer: where.mT for layer, where in differs.items()}  # ([H,] T)
    able = [i for i, place in enumerate(places) if is_at(differs[place.layer], place)]
    order = sorted(able, key=lambda i: -float(sizes[i]))
    most, top, at = count - count // 4, list[int](), Counter[int]()
    for i in order:
        position = places[i].position
        if len(top) < most and (position is None or at[position] < (most + 1) // 2):
            top.append(i)
            at[position or 0] += 1
    others = [i for i in order if i not in top]
    rest = torch.randperm(len(others), generator=generator)[: count - len(top)].sort().values
    return top + [others[i] for i in rest.tolist()]


def with_random_changes(places: Sequence[Place], draws: int) -> list[Place]:
    """Each place with each of the random donors, those of one place together."""
    return [place._replace(donor=donor) for place in places for donor in range(draws)]


def is_at(where: Bool[Tensor, "*H T"], place: Place) -> bool:
    """Whether something is so at a place; never behind the last position."""
    found = where if place.head is None else where[place.head]
    return bool((found if place.position is None else found[place.position : place.position + 1]).any())


def describe(place: Place, site: Site, labels: Sequence[str] | None = None) -> str:
    """A place in words, "layer 2, head 1, “·to”"; a token that comes again with its position."""
    head = "" if place.head is None else f", {(site.heads or '').replace('_', '/')} {place.head}"
    where = f"layer {place.layer}{head}"
    if place.position is None:
        return where
    if labels is None:
        return f"{where}, position {place.position}"
    token = labels[place.position]
    again = f" at {place.position}" if list(labels).count(token) > 1 else ""
    return f"{where}, “{visible(token)}”{again}"


# ----------------------------------------------------------------------------------------------------------------------
# Results


def layout(site: Site, config: GPTConfig, positions: int | None) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Sizes and names of the axes of a sweep over a site, as `all_places` orders it."""
    heads = site.num_heads(config)
    axes = [("layer", config.n_layer)]
    if heads is not None:
        axes.append((site.heads if heads != config.n_head and site.heads else "head", heads))
    if positions is not None:
        axes.append(("position", positions))
    return tuple(size for _, size in axes), tuple(name for name, _ in axes)


NONE = Legend()


@dataclass
class Findings:
    """Arrays on their way into a trace."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    axes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    meta: dict[str, str | float | int] = field(default_factory=dict)

    def add(self, name: str, values: np.ndarray | Tensor, axes: tuple[str, ...]) -> None:
        """Keep an array, floats as float32."""
        if isinstance(values, Tensor):
            values = values.float().cpu().numpy()
        self.arrays[name], self.axes[name] = values, axes

    def trace(self, method: str, legend: Legend = NONE, positions: Sequence[str] | None = None) -> Trace:
        """The trace; layers, heads, positions and pairs that have no labels are counted."""
        labels = dict(self.labels)
        if positions is not None and any("position" in axes for axes in self.axes.values()):
            labels["position"] = list(positions)
        for name, axes in self.axes.items():
            for axis, size in zip(axes, self.arrays[name].shape, strict=True):
                if axis in ("layer", "head", "kv_head", "position", "pair"):
                    labels.setdefault(axis, [str(i) for i in range(size)])
        return Trace(method, self.arrays, self.axes, labels, self.meta, legend=self.trimmed(legend))

    def trimmed(self, legend: Legend) -> Legend:
        """The legend without what is not there: one legend serves all sites."""
        used = {axis for axes in self.axes.values() for axis in axes}
        return replace(
            legend,
            quantities={name: one for name, one in legend.quantities.items() if name in self.arrays},
            numbers={name: title for name, title in legend.numbers.items() if name in self.meta},
            axes={name: one for name, one in legend.axes.items() if name in used},
        )


def agreement(
    prefix: str, guess: Float[np.ndarray, " n"], true: Float[np.ndarray, " n"], mixed: Float[np.ndarray, " n"]
) -> dict[str, str | float | int]:
    """Correlations of an estimate with the truth, and of its shuffle; without those that a constant row has not."""
    found = {"pearson": pearson(guess, true), "spearman": spearman(guess, true), "shuffled": pearson(mixed, true)}
    return {f"{prefix}{name}": value for name, value in found.items() if not np.isnan(value)}
