"""The drawing of a sparse autoencoder: how good it is, how often its latents fire, and what some of them fire on."""

import math

import numpy as np

from glassworks.draw.arrays.array import looks_of
from glassworks.draw.arrays.heatmap import exact
from glassworks.draw.chart import chart_figure
from glassworks.draw.line_chart import Chart, Line
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.names import capital
from glassworks.draw.scales import minus
from glassworks.draw.tokens import visible
from glassworks.trace.general import Token, axis_of, sentence
from glassworks.trace.neurons.figures import agreeing, control_unit, one_unit
from glassworks.trace.neurons.view import Neuron, Neurons, percent
from glassworks.trace.trace import Trace

MEASURES = ("variance_explained", "loss", "loss_spliced", "loss_ablated", "loss_recovered", "l0", "dead_share")
PREFIX = "latent_"
SHOWN = 4
"""Latents that are drawn, of those that a trace has; shares are over all of these."""


def sae_figure(trace: Trace, token: Token) -> Markup:
    """The measures beside the random network's, how often latents fire, and the examples of those that are shown."""
    return join([measures_table(trace, token), frequency_chart(trace, token), latents_figure(trace, token)])


def rows_of(trace: Trace) -> list[str]:
    """The two networks as they are said on a page."""
    return [trace.legend.entries.get(label, label) for label in trace.labels["row"]]


def measures_table(trace: Trace, token: Token) -> Markup:
    """A line a measure, a column a network."""
    head = tag("tr", tag("th", "on held-out text"), *(tag("th", name, scope="col") for name in rows_of(trace)))
    body = []
    for name in MEASURES:
        about = trace.legend.of(name)
        values = (measured(trace, name) * (100 if about.percent else 1)).tolist()
        said = ["–" if math.isnan(value) else minus(f"{value:.3g}") for value in values]
        body.append(
            tag(
                "tr",
                tag("th", sentence(about.title, trace, token), scope="row"),
                *(tag("td", one, title=exact(value)) for one, value in zip(said, values, strict=True)),
            )
        )
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="comparison")
    notes = [sentence(trace.legend.of(name).note, trace, token) for name in MEASURES]
    return tag("figure", scrolling(table), tag("figcaption", " ".join(filter(None, notes))))


def measured(trace: Trace, name: str) -> np.ndarray:
    """One measure of both networks; no share of a loss that zeros do not raise."""
    values = trace.arrays[name].astype(float)
    if name == "loss_recovered":
        values[trace.arrays["loss_ablated"] <= trace.arrays["loss"]] = np.nan
    return values


def frequency_chart(trace: Trace, token: Token) -> Markup:
    """How often each latent fires, the most frequent first; those that never do leave a gap."""
    about = trace.legend.of("frequency")
    ordered = -np.sort(-100.0 * trace.arrays["frequency"].astype(float), axis=1)
    ranks = np.arange(1, ordered.shape[1] + 1)
    looks = looks_of(axis_of(trace, "row", len(ordered)))
    lines = [Line(name, ranks, values, colour) for (colour, name), values in zip(looks, ordered, strict=True)]
    chart = Chart(lines, "latents, the most frequent first", "% of places", log=True)
    title = tag("p", sentence(about.title, trace, token), class_="figure-title")
    return join([title, chart_figure(chart, sentence(about.note, trace, token), legend=True, height=260)])


# ----------------------------------------------------------------------------------------------------------------------
# Latents


def examples_in(trace: Trace, row: int) -> Trace:
    """What a trace of `sae_report` shows of one network's latents, as a trace of `neuron_examples`."""
    named = {
        name.removeprefix(PREFIX): name
        for name, axes in trace.axes.items()
        if name.startswith(PREFIX) and axes[:1] == ("row",)
    }
    labels = {name: trace.labels[name] for name in ("split", "example", "offset")}
    return Trace(
        "neuron_examples",
        {name: trace.arrays[of][row] for name, of in named.items()},
        {
            name: tuple("neuron" if axis == "shown" else axis for axis in trace.axes[of][1:])
            for name, of in named.items()
        },
        labels | {"neuron": [str(i) for i in trace.arrays["latent"][row].tolist()]},
        {"unit": "latent", "point": str(trace.meta.get("point", ""))},
        trace.tokens,
    )


def latents_figure(trace: Trace, token: Token) -> Markup:
    """The examples of the latents that are shown, each before the random network's at the same place of the order."""
    if "latent" not in trace.arrays:
        return Markup("")
    about, rows = trace.legend.of("latent_activation"), rows_of(trace)
    both = [Neurons(examples_in(trace, row)) for row in range(len(rows))]
    units = [[Neuron(one, number) for number in one.numbers] for one in both]
    parts = list[Markup]()
    for i in middle_of_parts(len(units[0])):
        own, other = (one[i] for one in units)
        said = [firing(trace, row, i, unit, token) for row, unit in enumerate((own, other))]
        beside = control_unit(f"{capital(rows[1])}, latent {other.number}", said[1], other)
        parts.append(one_unit(own, f"Latent {own.number}", said[0], beside, folded=bool(parts)))
    title = tag("p", sentence(about.title, trace, token), class_="figure-title")
    note = " ".join([sentence(about.note, trace, token), *map(agreeing, map(capital, rows), units)])
    return join([title, tag("p", note, class_="about"), *parts])


def middle_of_parts(count: int) -> list[int]:
    """Which of some latents are drawn: the middle ones of as many parts of them."""
    most = min(SHOWN, count)
    return [(2 * i + 1) * count // (2 * most) for i in range(most)]


def firing(trace: Trace, row: int, place: int, unit: Neuron, token: Token) -> str:
    """How often a latent fires, and which tokens its direction promotes."""
    said = f"It fires at {percent(unit.statistic('firing_rate', 1))} of held-out places."
    if "promoted_ids" in trace.arrays:
        ids, values = (trace.arrays[name][row, place] for name in ("promoted_ids", "promoted"))
        chance = float(trace.arrays["promoted_control"][row, 0])
        tokens = ", ".join(f"“{visible(trace.tokens.get(id) or token(id))}”" for id in ids.tolist())
        said += f" Its direction promotes {tokens} (by up to {values[0]:.2g}; a random direction {chance:.2g})."
    return said
