"""A chart on a page: drawn for wide and narrow screens, with a caption, a key, and what hovering over it says."""

import json
import math
from collections.abc import Iterator, Sequence

import numpy as np

from glassworks.draw.line_chart import NARROW, WIDE, Chart, Line, line_chart, x_span
from glassworks.draw.markup import Markup, tag
from glassworks.draw.scales import Numbers, minus

HOVERS = 160


def chart_figure(chart: Chart, caption: str, *, legend: bool = False, height: int = 320, width: int = WIDE) -> Markup:
    """A chart with its caption, drawn for a wide and a narrow page, and what hovering over it says."""
    return tag(
        "figure",
        draw_legend(chart.lines) if legend else "",
        tag("div", line_chart(chart, width, height), class_="wide", style=f"max-width:{width}px"),
        tag("div", line_chart(chart, NARROW, min(height, 280)), class_="narrow"),
        tag("figcaption", caption),
        class_="chart",
        data_hover=json.dumps(list(hovers(chart)), ensure_ascii=False, separators=(",", ":")),
    )


def draw_legend(lines: Sequence[Line]) -> Markup:
    """A key of the lines' colours and names."""
    return tag(
        "p",
        *(tag("span", tag("i", class_=f"key {line.colour} {line.style}"), line.name) for line in lines),
        class_="legend",
    )


def hovers(chart: Chart) -> Iterator[tuple[float, str]]:
    """Places across the plot in [0, 1], each with what the lines are there: "step 40, train 4.1"."""
    low, high = x_span(chart)
    every: set[float] = set()
    for line in chart.lines:
        finite = [float(x) for x in line.x if math.isfinite(x)]
        every |= set(finite[:: max(1, len(finite) // HOVERS)]) | set(finite[-1:])
    for x in sorted(every):
        said = []
        for line in chart.lines:
            near = nearest(line.x, x)
            if near is not None and abs(line.x[near] - x) <= (high - low) / HOVERS and math.isfinite(line.y[near]):
                plus = f" ± {line.errors[near]:.2g}" if line.errors is not None else ""
                said.append(f"{line.name} {minus(f'{line.y[near]:.4g}')}{plus}")
        if said:
            at = chart.x_labels[round(x)] if chart.x_labels else f"{x:,.6g}"
            yield round((x - low) / (high - low), 4), "\n".join([f"{chart.x_title} {at}", *said])


def nearest(places: Numbers, x: float) -> int | None:
    """Index of the number nearest to x; None if there is none."""
    array = np.asarray(places, dtype=float)
    finite = np.isfinite(array)
    return int(np.where(finite, abs(array - x), np.inf).argmin()) if finite.any() else None
