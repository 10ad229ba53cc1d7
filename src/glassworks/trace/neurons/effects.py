"""Drawings of what neurons do: taken away, and replaced by rules; with their controls on the same axis."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from glassworks.draw.arrays.axes import Axis
from glassworks.draw.arrays.dots import mark, marks, rows
from glassworks.draw.arrays.heatmap import exact, rounded_up
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import figure, log_ticks, short
from glassworks.trace.general import Token, sentence
from glassworks.trace.neurons.view import percent
from glassworks.trace.trace import Trace

Ends = tuple[float, float]


def ablation_figure(trace: Trace, token: Token) -> Markup:
    """Each neuron's effect on the loss and on the predictions, the largest first, above those of the random others."""
    return join([effects(trace, token, "effect", "effect_error"), effects(trace, token, "kl", "")])


def effects(trace: Trace, token: Token, name: str, error: str) -> Markup:
    """Dots of some neurons, and a last line with a mark for each of the others, on one axis."""
    about, values, others = trace.legend.of(name), numbers(trace, name), numbers(trace, f"control_{name}")
    errors = numbers(trace, error) if error else None
    spread = np.zeros_like(values) if errors is None else np.nan_to_num(errors)
    ends = reach([*(values - spread), *(values + spread), *others], about.least)
    neurons = Axis.of("neuron", "unit", len(values), trace.labels["neuron"])
    lines = rows(neurons, None, values[None], None if errors is None else errors[None], ends)
    strip = [tag("i", class_="zero", style=f"left:{100 * place(0.0, ends):.1f}%")]
    for label, value in zip(trace.labels["control"], others.tolist(), strict=True):
        strip += mark(value, math.nan, "control2", f"neuron {label} {exact(value)}", ends)
    others_name = tag("th", f"{len(others)} others", scope="row")
    lines.append(tag("tr", others_name, tag("td", tag("span", *strip, class_="track")), tag("td", "")))
    foot = tag("tfoot", tag("tr", tag("th", ""), tag("td", marks(ends)), tag("td", "")))
    table = tag("table", tag("tbody", *lines), foot, class_="dots bars ledger")
    said = " ".join(filter(None, [sentence(about.note, trace, token), most(trace, name) if error else ""]))
    whiskers = " Whiskers are one standard error." if error else ""
    return tag("figure", heading(trace, token, name), table, tag("figcaption", f"{said}{whiskers}"))


def most(trace: Trace, name: str) -> str:
    """A sentence on the neuron of largest effect, and how many of the others matter as much."""
    values = numbers(trace, name)
    if not np.isfinite(values).any():
        return ""
    i = int(np.nanargmax(abs(values)))
    share = percent(float(trace.arrays["larger"][i]))
    return f"As far from 0 as neuron {trace.labels['neuron'][i]}, which is farthest, are {share} of the others."


def numbers(trace: Trace, name: str) -> np.ndarray:
    """An array as floats."""
    return trace.arrays[name].astype(float)


def reach(values: Sequence[float], least: float) -> Ends:
    """Round ends of an axis that hold all numbers and zero, and `least` to both sides, so that noise lies flat."""
    finite = [x for x in values if math.isfinite(x)]
    low, high = -min([0.0, *finite]), max([0.0, *finite, least])
    return -rounded_up(max(low, least)) if low else 0.0, rounded_up(high) if high else 1.0


def place(value: float, ends: Ends) -> float:
    """Where a number lies on an axis, from 0 to 1."""
    return min(max((value - ends[0]) / (ends[1] - ends[0]), 0.0), 1.0)


def heading(trace: Trace, token: Token, name: str) -> Markup:
    """What stands over a figure."""
    return tag("p", sentence(trace.legend.of(name).title, trace, token), class_="figure-title")


# ----------------------------------------------------------------------------------------------------------------------
# Rules in the place of neurons


class Row(NamedTuple):
    """A line of a table of dots."""

    name: str
    value: float
    error: float
    colour: str


def swap_figure(trace: Trace, token: Token) -> Markup:
    """How far the predictions move with each replacement, and how often the likeliest token stays the same."""
    return join([replaced(trace, token, "kl", log=True), replaced(trace, token, "top1", log=False)])


def replaced(trace: Trace, token: Token, name: str, *, log: bool) -> Markup:
    """A table a place: the rules first, then the controls from what says nothing to what says it at wrong moments."""
    about, values, errors = trace.legend.of(name), numbers(trace, name), numbers(trace, f"{name}_error")
    labels = trace.labels["replacement"]
    order = [labels.index(label) for label in ("trees", "mean ablation", "random trees")]
    some, plus = values[order], np.nan_to_num(errors[order])
    ends = decades([*(some - plus).ravel(), *(some + plus).ravel()]) if log else (0.0, 1.0)
    tables = []
    for at, where in enumerate(trace.labels["place"]):
        lines = [
            Row(trace.legend.entries.get(labels[i], labels[i]), values[i, at], errors[i, at], colour)
            for i, colour in zip(order, ("line0", "control0", "control1"), strict=True)
        ]
        count, of = (int(trace.arrays[array][at]) for array in ("num_replaced", "num_neurons"))
        tables.append(dot_table(f"{where}: {count:,} of {of:,} neurons replaced", lines, ends, log=log))
    said = f"{sentence(about.note, trace, token)} Whiskers are one standard error{', the axis is logarithmic' * log}."
    return tag("figure", heading(trace, token, name), *tables, tag("figcaption", said))


def decades(values: Sequence[float]) -> Ends:
    """The powers of ten around all numbers above 0."""
    known = [x for x in values if math.isfinite(x) and x > 0]
    if not known:
        return 0.1, 1.0
    low, high = math.floor(math.log10(min(known))), math.ceil(math.log10(max(known)))
    return 10.0**low, 10.0 ** max(high, low + 1)


def dot_table(title: str, lines: Sequence[Row], ends: Ends, *, log: bool) -> Markup:
    """Lines with a dot, a whisker and a number each; on a logarithmic axis what is 0 has no dot."""

    def along(value: float) -> float:
        return place(math.log10(value), (math.log10(ends[0]), math.log10(ends[1]))) if log else place(value, ends)

    body = []
    for line in lines:
        drawn = []
        if math.isfinite(line.value) and (line.value > 0 or not log):
            said = f"{line.name} {exact(line.value, line.error)}"
            drawn = mark(along(line.value), math.nan, line.colour, said, (0.0, 1.0))
            if math.isfinite(line.error) and (line.value > line.error or not log):
                left, right = along(line.value - line.error), along(line.value + line.error)
                style = f"left:{100 * left:.1f}%;width:{100 * (right - left):.1f}%"
                drawn.insert(0, tag("i", class_=f"whisker {line.colour}", style=style))
        plus = f" ± {line.error:.2g}" if math.isfinite(line.error) else ""
        number = tag("td", figure(line.value), tag("small", plus))
        strip = tag("td", tag("span", *drawn, class_="track"))
        body.append(tag("tr", tag("th", line.name, scope="row"), strip, number))
    ticks = [x for x in log_ticks(*ends, 3) if math.log10(x).is_integer()] if log else [0.0, 0.5, 1.0]
    scale = [tag("span", short(x), style=f"left:{100 * along(x):.1f}%") for x in ticks]
    foot = tag("tfoot", tag("tr", tag("th", ""), tag("td", tag("span", *scale, class_="marks")), tag("td", "")))
    return tag("table", tag("caption", title), tag("tbody", *body), foot, class_="dots bars ledger")
