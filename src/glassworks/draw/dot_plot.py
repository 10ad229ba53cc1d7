"""Dots along one axis, a row for each named thing: what was found, and beside it, on the same axis, its controls.

Bars invite to compare their lengths from zero; dots with whiskers show whether one lies within the spread of others.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from glassworks.draw.line_chart import NARROW, WIDE, several, text
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import Numbers, minus, short
from glassworks.draw.tokens import fitted

ROW, STEP, TOP = 22.0, 9.0, 8.0
"""Height of a row, what each more kind of mark adds to it, and the paper above the first."""
LONGEST = 46  # characters of a row's name


@dataclass(frozen=True)
class Marks:
    """One mark a row: results, or their controls."""

    name: str
    values: Numbers
    """NaN = no mark."""
    errors: Numbers | None = None
    """Whiskers to both sides."""
    colour: str = "line0"
    hollow: bool = False
    """As controls are drawn."""
    line: int = 0
    """Of a row: what is to be held against each other lies on one."""


@dataclass(frozen=True)
class DotPlot:
    """What a plot of dots shows."""

    rows: Sequence[str]
    marks: Sequence[Marks]
    x_title: str = ""
    ends: tuple[float, float] = (0.0, 0.0)
    """What the axis spans at the least; 0 is always on it. Marks beyond it lengthen it."""
    levels: Sequence[float] = ()
    """Numbers with a dashed line, as 1, the whole answer."""


def dot_plot(plot: DotPlot) -> Markup:
    """The plot, for a wide and a narrow page: there names stand over their rows."""
    return tag(
        "div",
        key(plot),
        tag("div", drawn(plot, WIDE, beside=True), class_="wide"),
        tag("div", drawn(plot, NARROW, beside=False), class_="narrow"),
    )


def key(plot: DotPlot) -> Markup:
    """Which mark is what; nothing where there is one kind."""
    if len(plot.marks) < 2:
        return Markup("")
    names = [
        tag("span", tag("i", class_=f"key {one.colour} dots{' hollow' if one.hollow else ''}"), one.name)
        for one in plot.marks
    ]
    return tag("p", *names, class_="legend")


def span(plot: DotPlot) -> tuple[float, float]:
    """The numbers that the axis spans: its least ends, 0, every mark and every whisker, with some room."""
    numbers = [0.0, *plot.ends]
    for one in plot.marks:
        values = np.asarray(one.values, dtype=float)
        spread = np.zeros_like(values) if one.errors is None else np.nan_to_num(np.asarray(one.errors, dtype=float))
        numbers += [*(values - spread), *(values + spread)]
    finite = [float(x) for x in numbers if math.isfinite(x)]
    low, high = min(finite), max(finite)
    room = 0.03 * (high - low) or 1.0
    return low - room, high + room


def drawn(plot: DotPlot, width: int, beside: bool) -> Markup:
    """One drawing; names are `beside` the rows or over them."""
    names = [fitted(name, LONGEST) for name in plot.rows]
    left = 14.0 + 6.8 * max(map(len, names)) if beside else 6.0
    height = ROW + STEP * max(one.line for one in plot.marks) + (0.0 if beside else 15.0)
    right, bottom = width - 14.0, TOP + height * len(names)
    low, high = span(plot)

    def across(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    ticks = [0.0 if abs(x) < 1e-12 else x for x in several(low, high, int(right - left) // 90)]
    lines = [axis_line(across(x), bottom, "grid" if x else "base") for x in ticks]
    lines += [axis_line(across(x), bottom, "level") for x in plot.levels]
    labels = [text(short(x), across(x), bottom + 16, "middle") for x in ticks]
    rows = []
    for i, name in enumerate(names):
        y = TOP + height * i
        at = (0.0, y + height / 2 + 4) if beside else (0.0, y + 13)
        first = y + ROW / 2 + (0.0 if beside else 15.0)
        ordered = sorted(plot.marks, key=lambda one: not one.hollow)  # controls lie below
        marks = [mark(one, i, across, first + STEP * one.line, plot.rows[i]) for one in ordered]
        rows.append(join([text(name, *at, "start", "node-name"), *marks]))
    return tag(
        "svg", *lines, *rows, *labels, text(plot.x_title, right, bottom + 32, "end", "title"), class_="plot",
        viewBox=f"0 0 {width} {bottom + 38:g}", role="img", aria_label=", ".join(plot.rows),
    )  # fmt: skip


def axis_line(x: float, bottom: float, class_: str) -> Markup:
    """A line from the top to the bottom."""
    return tag("line", x1=x, x2=x, y1=2.0, y2=bottom, class_=class_)


def mark(one: Marks, row: int, across: Callable[[float], float], y: float, name: str) -> Markup:
    """A dot with its whisker and what hovering tells; nothing where there is no number."""
    value, error = float(one.values[row]), math.nan if one.errors is None else float(one.errors[row])
    if not math.isfinite(value):
        return Markup("")
    plus = f" ± {error:.2g}" if math.isfinite(error) else ""
    said = tag("title", f"{name}: {one.name} {minus(f'{value:.3g}')}{plus}")
    whisker = Markup("")
    if math.isfinite(error) and error > 0:
        d = f"M{across(value - error):.1f} {y:.1f}H{across(value + error):.1f}"
        whisker = tag("path", d=d, class_=f"line {one.colour} whisker")
    style = f"line {one.colour} dots{' hollow' if one.hollow else ''}"
    return join([whisker, tag("circle", said, cx=across(value), cy=y, r=4.0, class_=style)])
