"""Tables of the tokens that neurons' weights name, coloured where they go beyond what random directions reach."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from glassworks.draw.colours import level
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.scales import figure
from glassworks.draw.tokens import visible
from glassworks.trace.general import Token, sentence
from glassworks.trace.trace import Trace

MOST = 24
"""Neurons of a table."""


def directions_tables(trace: Trace, token: Token) -> Markup:
    """A table of what is promoted, one of what is suppressed, and one a side of the nearest embeddings."""
    raised, near = (trace.arrays[f"{name}_control"].astype(float) for name in ("promoted", "nearest"))
    tables = [
        table(trace, token, "promoted_ids", trace.arrays["promoted"], trace.arrays["promoted_ids"], raised),
        table(trace, token, "suppressed_ids", trace.arrays["suppressed"], trace.arrays["suppressed_ids"], -raised),
    ]
    for i, side in enumerate(trace.labels["side"]):
        values, ids = trace.arrays["nearest"][i], trace.arrays["nearest_ids"][i]
        what = f" to {trace.legend.entries.get(side, side)}"
        last = i == len(trace.labels["side"]) - 1
        tables.append(table(trace, token, "nearest_ids", values, ids, near, what, noted=last))
    return join(tables)


def table(
    trace: Trace,
    token: Token,
    name: str,
    values: np.ndarray,
    ids: np.ndarray,
    control: np.ndarray,
    what: str = "",
    *,
    noted: bool = True,
) -> Markup:
    """A line a neuron, its tokens with their numbers, the strongest first; what random directions reach comes last."""
    about, unit = trace.legend.of(name), str(trace.meta.get("unit", "neuron"))
    labels = trace.labels.get("neuron") or [str(i) for i in range(len(values))]
    shown = min(len(values), MOST)
    lines = [
        tag(
            "tr",
            tag("th", f"{unit} {labels[i]}", scope="row"),
            tag("td", *words(values[i].tolist(), [token(int(id)) for id in ids[i]], float(control[0]))),
        )
        for i in range(shown)
    ]
    chance = [join([tag("small", figure(x)), " "]) for x in control.tolist()]
    lines.append(tag("tr", tag("th", "random directions", scope="row"), tag("td", *chance)))
    note = sentence(about.note, trace, token) if noted else ""
    note += f" The first {shown} of {len(values):,} {unit}s are shown." if shown < len(values) else ""
    return tag(
        "figure",
        tag("p", f"{sentence(about.title, trace, token)}{what}", class_="figure-title"),
        scrolling(tag("table", *lines, class_="texts")),
        tag("figcaption", note) if note else "",
    )


def words(values: Sequence[float], texts: Sequence[str], chance: float) -> Iterator[Markup]:
    """Tokens with their numbers, pale up to what chance reaches and at their strongest from twice that on."""
    for value, text in zip(values, texts, strict=True):
        beyond = value / chance - 1 if chance else math.nan
        colour = f"surprise{level(beyond)}" if beyond > 0 and level(beyond) else None
        yield tag("span", visible(text), tag("small", f" {figure(value)}"), class_=colour)
