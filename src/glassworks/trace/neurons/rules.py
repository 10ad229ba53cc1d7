"""Rules of neurons in words, and how well rules foretell all of them, beside the controls."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from glassworks.draw.arrays.array import looks_of
from glassworks.draw.chart import draw_legend
from glassworks.draw.line_chart import NARROW, Chart, Line, line_chart
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.scales import fixed, minus
from glassworks.trace.general import Token, axis_of, sentence
from glassworks.trace.neurons.figures import bar
from glassworks.trace.neurons.view import percent
from glassworks.trace.trace import Trace


class Leaf(NamedTuple):
    """One leaf of a neuron's tree as it is told."""

    words: str
    value: float
    """The neuron's mean activation there."""
    fires: float
    """How often it fires there."""
    examples: int
    """At how many places of the text it was grown on."""


def rules_table(rules: Sequence[Leaf], limit: int) -> Markup:
    """Rules as sentences, the strongest first, those beyond `shown` folded."""
    largest = max((abs(rule.value) for rule in rules), default=0.0) or 1.0
    head = tag("tr", *(tag("th", name, scope="col") for name in ("when", "mean activation", "fires", "seen")))
    lines = [
        tag(
            "tr",
            tag("th", *conditions(rule.words), scope="row"),
            tag("td", minus(f"{rule.value:.3g}"), bar(rule.value / largest)),
            tag("td", percent(rule.fires)),
            tag("td", f"{rule.examples:,}"),
        )
        for rule in rules
    ]
    table = tag("table", tag("thead", head), tag("tbody", *lines[:limit]), class_="comparison rules")
    if len(lines) <= limit:
        return scrolling(table)
    more = tag("table", tag("tbody", *lines[limit:]), class_="comparison rules")
    rest = tag("details", tag("summary", f"The other {len(lines) - limit} rules"), scrolling(more))
    return join([scrolling(table), rest])


def conditions(words: str) -> list[str]:
    """A rule, what does not hold paler than what does."""
    parts = words.split(" and ")
    joined = [part if i == 0 else f" and {part}" for i, part in enumerate(parts)]
    return [tag("span", x) if part.startswith("not ") else x for part, x in zip(parts, joined, strict=True)]


# ----------------------------------------------------------------------------------------------------------------------
# A trace of `rule_report`

RULES = 4
SHUFFLED = "shuffled features"
TABLE = ("explained", "median_r2", "median_f1")
FLOOR = -0.2
"""R² is drawn from here to 1: a tree may be worse than the mean by any amount."""


def rules_figure(trace: Trace, token: Token) -> Markup:
    """The rules of some neurons of each point, all neurons' R² beside the controls', and what they come to."""
    return join([rules_in_words(trace, token), r2_charts(trace, token), summary_table(trace, token)])


def layers(trace: Trace) -> list[str]:
    """The points, as layers where they are."""
    about = trace.legend.dimension("point", trace.labels["point"])
    return [f"{about.title} {tick}" if about.ticks else tick for tick in about.ticks or trace.labels["point"]]


def rules_in_words(trace: Trace, token: Token) -> Markup:
    """A neuron's rules after the other, the best explained one of each point open."""
    about = trace.legend.of("told_rule")
    parts = [tag("p", sentence(about.title, trace, token), class_="figure-title")]
    for at, layer in enumerate(layers(trace)):
        for k, place in enumerate(trace.labels["told"]):
            neuron = int(trace.arrays["told_neuron"][at, k])
            r2 = trace.arrays["r2"][:, at, neuron].astype(float).tolist()
            chance = trace.labels["row"].index(SHUFFLED)
            said = trace.legend.entries.get(place, place)
            name = f"{layer.capitalize()}, neuron {neuron}, {said}"
            about_it = f"R² {score(r2[0])} (shuffled questions {score(r2[chance])})"
            table = rules_table(leaves_of(trace, (at, k)), RULES)
            head = join([tag("b", name), f": {about_it}"])
            parts.append(tag("details", tag("summary", head), table, open="" if k == 0 else None))
    return tag("figure", *parts, tag("figcaption", sentence(about.note, trace, token)))


def score(value: float) -> str:
    """R² or F1 in two decimals, 0 without a sign."""
    return minus(fixed(round(value, 2) + 0.0, 2)) if math.isfinite(value) else "–"


def leaves_of(trace: Trace, at: tuple[int, int]) -> list[Leaf]:
    """The rules of one neuron, those that there are."""
    words, value, fires, count = (
        trace.arrays[f"told_{name}"][at].tolist() for name in ("rule", "value", "fires", "count")
    )
    return [Leaf(*one) for one in zip(words, value, fires, count, strict=True) if one[0]]


def r2_charts(trace: Trace, token: Token) -> Markup:
    """All neurons' R², the best explained first, beside the controls', a chart a point on one axis."""
    about, looks = trace.legend.of("r2"), looks_of(axis_of(trace, "row", len(trace.labels["row"])))
    ordered = -np.sort(-trace.arrays["r2"].astype(float), axis=2)
    ranks = np.arange(1, ordered.shape[2] + 1)
    charts = [
        Chart(
            [Line(name, ranks, values, colour) for (colour, name), values in zip(looks, ordered[:, at], strict=True)],
            "neurons, in order",
            f"R², {layer}",
            y_range=(FLOOR, 1.0),
        )
        for at, layer in enumerate(layers(trace))
    ]
    panels = [tag("div", line_chart(chart, NARROW, 230)) for chart in charts]
    return tag(
        "figure",
        tag("p", sentence(about.title, trace, token), class_="figure-title"),
        draw_legend(charts[0].lines),
        tag("div", *panels, class_="panels"),
        tag("figcaption", sentence(about.note, trace, token)),
    )


def summary_table(trace: Trace, token: Token) -> Markup:
    """What the scores come to: a line for each point and row."""
    titles = [sentence(trace.legend.of(name).title, trace, token) for name in TABLE]
    head = tag("tr", tag("th", ""), *(tag("th", title, scope="col") for title in titles))
    body = []
    for at, layer in enumerate(layers(trace)):
        for i, row in enumerate(trace.labels["row"]):
            explained, r2, f1 = (float(trace.arrays[name][i, at]) for name in TABLE)
            cells = (percent(explained), score(r2), score(f1))
            name = f"{layer}: {trace.legend.entries.get(row, row)}"
            body.append(tag("tr", tag("th", name, scope="row"), *(tag("td", cell) for cell in cells)))
        always = (
            np.nanmedian(trace.arrays["f1_always"][at])
            if np.isfinite(trace.arrays["f1_always"][at]).any()
            else math.nan
        )
        name = f"{layer}: {sentence(trace.legend.of('f1_always').title, trace, token)}"
        body.append(
            tag("tr", tag("th", name, scope="row"), tag("td", "–"), tag("td", "–"), tag("td", score(float(always))))
        )
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="comparison")
    return tag("figure", scrolling(table), tag("figcaption", sentence(trace.legend.of("explained").note, trace, token)))
