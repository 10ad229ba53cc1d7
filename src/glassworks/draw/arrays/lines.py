"""Arrays as lines: along what is in order, or sorted where there are too many entries to tell apart."""

from dataclasses import replace

import numpy as np

from glassworks.draw.arrays.array import Drawn, caption, looks_of, place_name, title
from glassworks.draw.arrays.axes import Axis, Plan, panel_places
from glassworks.draw.arrays.heatmap import exact
from glassworks.draw.chart import chart_figure, draw_legend
from glassworks.draw.line_chart import NARROW, WIDE, Chart, Line, line_chart
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import span

DOTS = 48  # points of a line that are marked
MANY = 99
MARGINS, A_TICK = 110, 65  # pixels of a chart: what has few ticks is drawn in the room that they need
NAMED = 5  # entries of sorted lines that are named


def lines(drawn: Drawn, chosen: Plan, more: str = "") -> Markup:
    """A line for each of the things compared, its standard errors as whiskers; one chart a panel, all on one scale.

    The scale is logarithmic if it is to be, or if positive numbers span much; what is 0 then leaves a gap.
    """
    places, left_out = panel_places(drawn.axes, chosen.panels)
    along = drawn.axes[chosen.shown[-1]]
    parts = [drawn.part(at, chosen) for at in places]
    log = drawn.log or is_wide(drawn.values)
    numbers = np.concatenate([*(ends(*part) for part in parts), [0.0, drawn.least] if drawn.least else [], drawn.ends])
    y_range = span(numbers[numbers > 0] if log else numbers, log=log, pad=0.02 if drawn.ends else 0.05)
    charts = [
        Chart(
            series(drawn, chosen, *part),
            along.name,
            place_name(drawn, chosen, at) if len(places) > 1 else "",
            y_range=y_range,
            log=log,
            counted=along.numbers is not None and all(x == round(x) for x in along.numbers),
            x_labels=() if along.numbers is not None else along.labels,
        )
        for at, part in zip(places, parts, strict=True)
    ]
    compares = len(chosen.shown) == 2
    said = caption(drawn, f"{more}{' Whiskers are one standard error.' if drawn.errors is not None else ''}{left_out}")
    if len(charts) == 1:
        x = along.numbers
        count = len(along) if x is None else int(x[-1] - x[0]) + 1 if charts[0].counted else MANY
        tick = A_TICK if x is not None else max(A_TICK, 7 * max(map(len, along.labels)) + 16)
        wide = min(WIDE, MARGINS + tick * count)
        return join([title(drawn), chart_figure(charts[0], said, legend=compares, height=300, width=wide)])
    key = draw_legend(charts[0].lines) if compares else ""
    panels = [tag("div", line_chart(chart, NARROW, 210)) for chart in charts]
    return tag("figure", title(drawn), key, tag("div", *panels, class_="panels"), tag("figcaption", said))


def series(drawn: Drawn, chosen: Plan, values: np.ndarray, errors: np.ndarray | None) -> list[Line]:
    """The lines of one chart."""
    along = drawn.axes[chosen.shown[-1]]
    x = along.numbers or list(range(len(along)))
    looks = [("line0", drawn.name)]
    if len(chosen.shown) == 2:
        looks = looks_of(drawn.axes[chosen.shown[0]])
    else:
        values, errors = values[None], None if errors is None else errors[None]
    return [
        Line(
            name,
            x,
            values[i],
            colour,
            "dots" if len(x) <= DOTS else "line",
            None if errors is None else errors[i],
        )
        for i, (colour, name) in enumerate(looks)
    ]


def is_wide(values: np.ndarray) -> bool:
    """Whether positive numbers span more than a factor of a thousand, which a straight axis would hide."""
    finite = values[np.isfinite(values)]
    return bool(finite.size and finite.min() > 0 and finite.max() > 1000 * finite.min())


def ends(values: np.ndarray, errors: np.ndarray | None) -> np.ndarray:
    """All numbers that must fit a chart: values and the ends of their whiskers."""
    if errors is None:
        return values.ravel()
    spread = np.nan_to_num(errors)
    return np.concatenate([(values - spread).ravel(), (values + spread).ravel()])


# ----------------------------------------------------------------------------------------------------------------------


def sorted_lines(drawn: Drawn, chosen: Plan) -> Markup:
    """Each line's values, the largest first: how many entries have how much, where no page holds them all."""
    along = chosen.shown[-1]
    axis = drawn.axes[along]
    values = -np.sort(-drawn.values, axis=along)  # what is no number comes last
    ranks = Axis(f"rank of {axis.name}", "rank", tuple(str(i + 1) for i in range(len(axis))), len(axis))
    axes = tuple(ranks if i == along else one for i, one in enumerate(drawn.axes))
    named = largest(drawn)
    more = f" Sorted, the largest of {len(axis):,} first"
    more += f". The largest of all: {named}." if named else "."
    return lines(replace(drawn, values=values, axes=axes, errors=None), chosen, more)


def largest(drawn: Drawn) -> str:
    """The places of the largest numbers in words."""
    flat = np.nan_to_num(drawn.values.ravel(), nan=-np.inf)
    best = [i for i in np.argsort(-flat, kind="stable")[:NAMED].tolist() if np.isfinite(flat[i])]
    said = []
    for i in best:
        at = zip(drawn.axes, np.unravel_index(i, drawn.values.shape), strict=True)
        names = [
            axis.labels[int(k)] if axis.order == "named" else f"{axis.name} {axis.labels[int(k)]}" for axis, k in at
        ]
        said.append(f"{', '.join(names)} ({exact(float(flat[i]))})")
    return "; ".join(said)
