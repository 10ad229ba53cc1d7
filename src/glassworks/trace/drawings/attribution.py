"""Who wrote it, drawn: components and neurons by name, each beside what the same write adds to any other token.

Dots are differences from the average token of the vocabulary, which add up to how far the token's logit stands above
that token's; a whisker reaches one deviation of what the write adds to other tokens, around the same zero.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from glassworks.draw.arrays.array import Drawn
from glassworks.draw.arrays.axes import Axis
from glassworks.draw.arrays.plot import draw
from glassworks.draw.chart import chart_figure
from glassworks.draw.dot_plot import DotPlot, Marks, dot_plot
from glassworks.draw.line_chart import Chart, Line
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import short, span
from glassworks.draw.tokens import labelled, visible
from glassworks.trace.general import Token, axis_of, sentence
from glassworks.trace.trace import Trace

MOST = 20
LEAST = 1.0
"""Of logit, or of the stream's length: an axis reaches as far at the least, so that noise is not stretched over it."""
KEY = "above the average token", "what the same write adds to other tokens: one deviation to both sides"

Array = np.ndarray


class Entry(NamedTuple):
    """A row: a number, what it is held against, how far that spreads, and what hovering tells."""

    name: str
    value: float
    control: float = math.nan
    spread: float = math.nan
    about: str = ""


def entries_plot(entries: Sequence[Entry], kinds: tuple[str, str], ends: tuple[float, float]) -> Markup:
    """Dots of some entries, each with what it is held against; `kinds` names both."""
    told = [entry.about for entry in entries]
    marks = [
        Marks(kinds[0], [entry.value for entry in entries], about=told),
        Marks(
            kinds[1],
            [entry.control for entry in entries],
            [entry.spread for entry in entries],
            "control0",
            hollow=True,
            about=told,
        ),
    ]
    return dot_plot(DotPlot([entry.name for entry in entries], marks, ends=ends))


# ----------------------------------------------------------------------------------------------------------------------
# Components of a logit


def logit_figure(trace: Trace, token: Token) -> Markup:
    """The largest components of the last place's logit; those of all places wait as a map to be opened."""
    term, mean, deviation = (trace.arrays[name].astype(float) for name in ("term", "vocabulary_mean", "vocabulary_std"))
    names = axis_of(trace, "component", len(term)).labels
    words = labelled(trace.labels.get("position", [""] * term.shape[1]))
    goals = goals_of(trace, token)
    entries = above_average(names, term[:, -1], mean[:, -1], deviation[:, -1], goals[-1])
    ends = short(term[:, -1].sum()), short(mean[:, -1].sum())
    heading = f"what puts {goals[-1]} above the average token, after “{words[-1]}”, in units of logit"
    said = (
        f"The logit of {goals[-1]} is {ends[0]}, that of the average token {ends[1]}: the dots add up to the "
        f"difference. {sentence(trace.legend.of('term').note, trace, token)}"
    )
    figure = tag(
        "figure",
        tag("p", heading, class_="figure-title"),
        entries_plot(entries, KEY, (-LEAST, LEAST)),
        tag("figcaption", said),
    )
    if len(words) < 2:
        return figure
    heads = [f"{word} → {goal.strip('“”')}" for word, goal in zip(words, goals, strict=True)]
    return join(
        [figure, tag("details", tag("summary", "Every place of the sentence"), places(names, heads, term - mean))]
    )


def goals_of(trace: Trace, token: Token) -> list[str]:
    """The token of each place whose logit is taken apart, or both tokens of a difference."""
    names = [f"“{visible(token(int(id)))}”" for id in trace.arrays["target"]]
    if "against" not in trace.arrays:
        return names
    others = [f"“{visible(token(int(id)))}”" for id in trace.arrays["against"]]
    return [f"{name} less {other}" for name, other in zip(names, others, strict=True)]


def above_average(names: Sequence[str], term: Array, mean: Array, deviation: Array, goal: str) -> list[Entry]:
    """The components whose terms are farthest from their means, the largest first, and all others together."""
    above = np.nan_to_num(term - mean)
    order = np.argsort(-abs(above), kind="stable")
    entries = []
    most = len(order) if len(order) == MOST + 1 else MOST
    for i in order[:most].tolist():
        average = f"{short(mean[i])} ± {short(deviation[i])} to the average token"
        about = f"{names[i]} adds {short(term[i])} to {goal}, {average}"
        entries.append(Entry(names[i], above[i], 0.0, deviation[i], about))
    rest = order[most:]
    return entries + [Entry(f"the other {len(rest)}, together", float(above[rest].sum()))] * bool(rest.size)


def places(names: Sequence[str], heads: Sequence[str], above: Array) -> Markup:
    """A map of all components and places."""
    axes = (
        Axis("component", "class", tuple(names), len(names)),
        Axis("place → token predicted there", "token", tuple(heads), len(heads)),
    )
    note = "Each column adds up to how far the logit of the token predicted there stands above the average token’s."
    return draw(
        Drawn("above the average token, at every place, in units of logit", above, axes, note=note, least=LEAST)
    )


# ----------------------------------------------------------------------------------------------------------------------
# Neurons


def neuron_logit_figure(trace: Trace, token: Token) -> Markup:
    """The neurons that raise a logit most and lower it most, and what all neurons of a layer add."""
    term, mean, deviation = (trace.arrays[name].astype(float) for name in ("term", "vocabulary_mean", "vocabulary_std"))
    above = np.nan_to_num(term - mean)
    order = np.argsort(above, axis=None, kind="stable")
    half = min(MOST, order.size) // 2
    entries = [
        neuron_entry(trace, int(i), above, deviation) for i in [*order[::-1][: MOST - half], *order[:half][::-1]]
    ]
    goal = goal_of(trace, token)
    figure = tag(
        "figure",
        tag("p", f"the neurons that raise {goal} most, and those that lower it most, in units of logit",
            class_="figure-title"),
        entries_plot(entries, KEY, (-LEAST, LEAST)),
        tag("figcaption", f"{sentence(trace.legend.of('term').note, trace, token)} {few_or_many(above)}"),
    )  # fmt: skip
    return join([figure, layers_figure(trace, token, term.sum(1), mean.sum(1), goal)])


def goal_of(trace: Trace, token: Token) -> str:
    """The token whose logit is taken apart, or both of a difference."""
    found = [trace.meta.get(name) for name in ("target", "against")]
    named = [f"“{visible(token(id))}”" for id in found if isinstance(id, int)]
    return " less ".join(named) or "the token"


def neuron_entry(trace: Trace, flat: int, above: Array, deviation: Array) -> Entry:
    """One neuron's line."""
    layer, neuron = (int(i) for i in np.unravel_index(flat, above.shape))
    name = f"layer {layer}, neuron {neuron}"
    about = [f"{name}: {short(above[layer, neuron])} above the average token"]
    if "activation" in trace.arrays:
        about.append(f"its activation is {short(float(trace.arrays['activation'][layer, neuron]))}")
    return Entry(name, above[layer, neuron], 0.0, deviation[layer, neuron], ", ".join(about))


def few_or_many(above: Array) -> str:
    """A sentence on how many neurons do half of it."""
    sizes = -np.sort(-abs(above), axis=None)
    if not sizes.sum():
        return ""
    count = 1 + int(np.searchsorted(np.cumsum(sizes), 0.5 * sizes.sum()))
    return f"Half of all that neurons add and take, in size, is the work of {count:,} of {sizes.size:,}."


def layers_figure(trace: Trace, token: Token, term: Array, mean: Array, goal: str) -> Markup:
    """What all neurons of each layer add to the token, beside the average token."""
    x = list(range(len(term)))
    lines = [Line(goal, x, term, style="dots"), Line("the average token", x, mean, "control0", style="dots")]
    y_range = span([*term, *mean, -LEAST, LEAST])
    rest = ""
    if "rest" in trace.arrays:
        rest = (
            f" What is no neuron adds {short(float(trace.arrays['rest'].sum()))}, and all neurons "
            f"{short(float(term.sum()))}: together the logit."
        )
    said = f"The sum over the neurons of each layer, for {goal} and for the average token of the vocabulary.{rest}"
    chart = Chart(lines, "layer", "", y_range=y_range, counted=True)
    heading = tag("p", "what all neurons of a layer add, in units of logit", class_="figure-title")
    return join([heading, chart_figure(chart, said, legend=True, height=240)])


# ----------------------------------------------------------------------------------------------------------------------
# The stream


def stream_figure(trace: Trace, token: Token) -> Markup:
    """The components that wrote most of the stream, in this network and in an untrained one, in order of layers."""
    share = np.nan_to_num(trace.arrays["share"].astype(float))  # (network, component, position)
    names = axis_of(trace, "component", share.shape[1]).labels
    words = labelled(trace.labels.get("position", [""] * share.shape[2]))
    order = np.argsort(-abs(share).max((0, 2)), kind="stable")
    most = len(order) if len(order) == MOST + 1 else MOST
    chosen, rest = sorted(order[:most].tolist()), order[most:]
    figures = []
    for at, word in enumerate(words):
        entries = [stream_entry(trace, names[i], i, at) for i in chosen]
        if rest.size:
            others = share[:, rest, at].sum(1)
            entries.append(Entry(f"the other {len(rest)}, together", others[0], others[1]))
        figures += [
            tag("p", f"{trace.legend.of('share').title}, after “{word}”", class_="figure-title"),
            entries_plot(entries, ("this model", "an untrained network"), (0.0, LEAST)),
        ]
    return tag("figure", *figures, tag("figcaption", sentence(trace.legend.of("share").note, trace, token)))


def stream_entry(trace: Trace, name: str, component: int, position: int) -> Entry:
    """One component's line."""
    ours, fresh = trace.arrays["share"][:, component, position].astype(float)
    about = [f"{name}: {short(ours)} of the squared length (untrained {short(fresh)})"]
    for other in ("norm", "cosine"):
        if other in trace.arrays:
            pair = trace.arrays[other][:, component, position].tolist()
            about.append(f"{'length' if other == 'norm' else other} {short(pair[0])} (untrained {short(pair[1])})")
    return Entry(name, ours, fresh, about="\n".join(about))
