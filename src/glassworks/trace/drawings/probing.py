"""The drawing of probes: how much is right at each layer, beside what would be right anyway, on one scale up to 1."""

import math
from collections.abc import Sequence

import numpy as np

from glassworks.draw.chart import chart_figure, draw_legend
from glassworks.draw.line_chart import NARROW, Chart, Level, Line, line_chart
from glassworks.draw.markup import Markup, join, tag
from glassworks.trace.general import Token, axis_of, sentence
from glassworks.trace.trace import Trace

MAJORITY = "majority"
COLOURS = ("line0", "line2")
"""Of the linear probe, and of one with a hidden layer."""


def probe_figure(trace: Trace, token: Token) -> Markup:
    """All questions together, then one by one: lines over the layers, controls dashed, the commoner answer a level."""
    floor = lowest(trace.arrays["accuracy"], trace.arrays["target_accuracy"])
    return join([together(trace, token, floor), one_by_one(trace, token, floor)])


def lowest(*shares: np.ndarray) -> float:
    """Where the axis begins: a half, or the tenth below what is lower."""
    least = min((float(x) for one in shares for x in one[np.isfinite(one)]), default=0.5)
    return min(0.5, math.floor(10 * least + 1e-6) / 10)


def together(trace: Trace, token: Token, floor: float) -> Markup:
    """The share that is right over all questions, with its standard errors."""
    about = trace.legend.of("accuracy")
    drawn = chart(trace, trace.arrays["accuracy"], "share right", floor, trace.arrays["error"])
    note = f"{sentence(about.note, trace, token)}{where(trace)}"
    return join([title(about.title, trace, token), chart_figure(drawn, note, legend=True, height=300)])


def one_by_one(trace: Trace, token: Token, floor: float) -> Markup:
    """A chart a question, on the scale of all of them."""
    about, axis = trace.legend.of("target_accuracy"), trace.axes["target_accuracy"].index("target")
    values = np.moveaxis(trace.arrays["target_accuracy"], axis, 0)
    names = axis_of(trace, "target", len(values)).labels
    charts = [chart(trace, one, name, floor, named=False) for name, one in zip(names, values, strict=True)]
    level = f" The level across is “{trace.legend.entries.get(MAJORITY, MAJORITY)}”." * any(c.levels for c in charts)
    panels = [tag("div", line_chart(one, NARROW, 210)) for one in charts]
    return tag(
        "figure",
        title(about.title, trace, token),
        draw_legend(charts[0].lines),
        tag("div", *panels, class_="panels"),
        tag("figcaption", f"{sentence(about.note, trace, token)}{level}"),
    )


def chart(
    trace: Trace,
    values: np.ndarray,
    name: str,
    floor: float,
    errors: np.ndarray | None = None,
    *,
    named: bool = True,
) -> Chart:
    """The lines of one chart; values (row, point). The commonest answer's level is `named` where there is room."""
    rows, axis = trace.labels["row"], axis_of(trace, "point", values.shape[1])
    looks = colours(rows, trace.legend.dimension("row", rows).controls)
    x = axis.numbers or list(range(len(axis)))
    lines = [
        Line(
            trace.legend.entries.get(row, row),
            x,
            values[i].astype(float),
            colour,
            "dots",
            None if errors is None else errors[i].astype(float),
        )
        for i, (row, colour) in enumerate(zip(rows, looks, strict=True))
        if row != MAJORITY
    ]
    known = [float(values[i, 0]) for i, row in enumerate(rows) if row == MAJORITY and math.isfinite(values[i, 0])]
    levels = [Level(trace.legend.entries.get(MAJORITY, MAJORITY) if named else "", level) for level in known]
    numbered = axis.numbers is not None
    names = () if numbered else axis.labels
    return Chart(lines, axis.name, name, levels, (floor, 1.0), counted=numbered, x_labels=names)


def colours(rows: Sequence[str], controls: Sequence[str]) -> list[str]:
    """A colour for each kind of probe, one after the other; a control is drawn as such."""
    mains = [row for row in rows if row not in controls]
    others = [row for row in rows if row in controls]
    looks = {row: COLOURS[i % len(COLOURS)] for i, row in enumerate(mains)}
    return [looks.get(row) or f"control{others.index(row) % 4}" for row in rows]


def title(text: str, trace: Trace, token: Token) -> Markup:
    """What stands over a figure."""
    return tag("p", sentence(text, trace, token), class_="figure-title")


def where(trace: Trace) -> str:
    """A sentence on where layers are read."""
    places = trace.legend.dimension("point", trace.labels["point"]).places
    return f" Layers are read at {places}." if places else ""
