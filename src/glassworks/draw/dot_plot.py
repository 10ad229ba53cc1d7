"""Dots along one axis, a row for each named thing: what was found, and beside it, on the same axis, its controls.

Bars invite to compare their lengths from zero; dots with whiskers show whether one lies within the spread of others.
What was found is filled and has its number at the right; what it is held against is hollow.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from glassworks.draw.line_chart import NARROW, WIDE, several, text
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import Numbers, figure, fixed, log_ticks, minus, short
from glassworks.draw.scales import span as log_span
from glassworks.draw.tokens import columns, fitted

ROW, STEP, TOP = 22.0, 9.0, 8.0
"""Height of a row, what each more line of marks adds to it, and the paper above the first."""
ABOVE = 15.0  # a name over its row, on a narrow page
LONGEST = 46  # characters of a row's name
LETTER = 6.8
COLUMN = 6 * LETTER  # room for numbers grows in these steps, so that plots below each other are as wide
MOST_NUMBERS = 2  # that are written at the end of a row


@dataclass(frozen=True)
class Marks:
    """Marks of one kind: results, or their controls."""

    name: str
    values: Numbers
    """One a row; NaN = no mark."""
    errors: Numbers | None = None
    """Whiskers to both sides."""
    colour: str = "line0"
    hollow: bool = False
    """As controls are drawn."""
    line: int = 0
    """Of a row: what is to be held against each other lies on one."""
    at: Sequence[int] = ()
    """The row of each value, where a row has several or none; () = one a row, in order."""
    about: Sequence[str] = ()
    """What hovering over each tells; "" = its row, kind and number."""
    intervals: Sequence[tuple[float, float]] = ()
    """In place of errors, the ends of each value's interval; one that is infinite lies beyond the end of the axis."""


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
    log: bool = False
    """A logarithmic axis, of what is above 0: what is not has no mark."""


def dot_plot(plot: DotPlot, *, keyed: bool = True) -> Markup:
    """The plot, for a wide and a narrow page: there names stand over their rows. `keyed`: with what each mark is."""
    return tag(
        "div",
        key(plot.marks) if keyed else "",
        tag("div", drawn(plot, WIDE, beside=True), class_="wide"),
        tag("div", drawn(plot, NARROW, beside=False), class_="narrow"),
    )


def key(marks: Sequence[Marks]) -> Markup:
    """Which mark is what; nothing where there is one kind."""
    if len(marks) < 2:
        return Markup("")
    names = [
        tag("span", tag("i", class_=f"key {one.colour} mark{' hollow' if one.hollow else ''}"), one.name)
        for one in marks
    ]
    return tag("p", *names, class_="legend")


# ----------------------------------------------------------------------------------------------------------------------
# The axis


def span(plot: DotPlot) -> tuple[float, float]:
    """The numbers that the axis spans: its least ends, 0, every mark and every whisker, with some room."""
    numbers = list(plot.ends) if plot.log else [0.0, *plot.ends]
    for one in plot.marks:
        values = np.asarray(one.values, dtype=float)
        spread = np.zeros_like(values) if one.errors is None else np.nan_to_num(np.asarray(one.errors, dtype=float))
        numbers += [*values, *(values - spread), *(values + spread)]
        numbers += [end for ends, x in zip(one.intervals, values, strict=False) if math.isfinite(x) for end in ends]
    if plot.log:
        return log_span(numbers, log=True)
    finite = [float(x) for x in numbers if math.isfinite(x)]
    low, high = min(finite), max(finite)
    room = 0.03 * (high - low) or 1.0
    return low - room, high + room


def ticks(plot: DotPlot, low: float, high: float, count: int) -> list[float]:
    """Round numbers on the axis."""
    if plot.log:
        return log_ticks(low, high, count)
    return [0.0 if abs(x) < 1e-9 * (high - low) else x for x in several(low, high, count)]


def axis_line(x: float, bottom: float, class_: str) -> Markup:
    """A line from the top to the bottom."""
    return tag("line", x1=x, x2=x, y1=2.0, y2=bottom, class_=class_)


# ----------------------------------------------------------------------------------------------------------------------
# The drawing


def drawn(plot: DotPlot, width: int, beside: bool) -> Markup:
    """One drawing; names are `beside` the rows or over them, and so are numbers."""
    low, high = span(plot)
    numbers = [number(plot, i, max(-low, high)) for i in range(len(plot.rows))]
    room = [LETTER * (len(said) + 2) if said else 0.0 for said, _ in numbers]
    names = [
        fitted(name, LONGEST if beside else min(LONGEST, int((width - taken) / LETTER)))
        for name, taken in zip(plot.rows, room, strict=True)
    ]
    left = 14.0 + LETTER * max(map(columns, names), default=0) if beside else 6.0
    above = 0.0 if beside else ABOVE
    height = ROW + STEP * max((one.line for one in plot.marks), default=0) + above
    right, bottom = (
        width - 14.0 - (COLUMN * math.ceil(max(room, default=0.0) / COLUMN) if beside else 0.0),
        TOP + height * len(names),
    )

    def across(value: float) -> float:
        ends = (low, high, value) if not plot.log else (math.log10(low), math.log10(high), math.log10(value))
        return left + (ends[2] - ends[0]) / (ends[1] - ends[0]) * (right - left)

    round_numbers = ticks(plot, low, high, int(right - left) // 75)
    parts = [axis_line(across(x), bottom, "grid" if x else "base") for x in round_numbers]
    parts += [axis_line(across(x), bottom, "level") for x in plot.levels]
    for i, (name, (said, is_result)) in enumerate(zip(names, numbers, strict=True)):
        y = TOP + height * i
        words, first = y + (height / 2 + 4 if beside else 13), y + ROW / 2 + above * 0.8
        middle = first + (height - ROW - above) / 2  # of its lines
        parts.append(tag("line", x1=left, x2=right, y1=middle, y2=middle, class_="grid"))
        parts.append(text(name, 0.0, words, "start", "node-name"))
        if said:
            parts.append(text(said, width, words, "end", "number node-name" if is_result else "number"))
        for one in sorted(plot.marks, key=lambda one: not one.hollow):  # controls lie below
            for place in places(one, i):
                parts.append(mark(one, place, across, first + STEP * one.line, plot.rows[i], plot.log))
                parts.append(interval(one, place, across, first + STEP * one.line, (low, high)))
    parts += [text(short(x), across(x), bottom + 16, "middle") for x in round_numbers]
    parts.append(text(plot.x_title, right, bottom + 32, "end", "title") if plot.x_title else Markup(""))
    return tag(
        "svg", *parts, class_="plot", viewBox=f"0 0 {width} {bottom + (38 if plot.x_title else 30):g}", role="img",
        aria_label=", ".join(plot.rows),
    )  # fmt: skip


def places(one: Marks, row: int) -> list[int]:
    """Which of the marks' values are in a row."""
    return [i for i, at in enumerate(one.at) if at == row] if one.at else [row]


def number(plot: DotPlot, row: int, most: float) -> tuple[str, bool]:
    """What stands at the end of a row: its results, or else its one control; and whether it is a result."""
    for hollow in (False, True):
        known = [
            (float(one.values[found[0]]), math.nan if one.errors is None else float(one.errors[found[0]]))
            for one in plot.marks
            if one.hollow is hollow and len(found := places(one, row)) == 1
        ]
        known = [(value, error) for value, error in known if math.isfinite(value)]
        if known:
            said = " · ".join(rounded(value, most, plot.log) for value, _ in known)
            error = known[0][1]
            off = f"{error:.2g}" if plot.log else rounded(error, most, plot.log)
            plus = f" ± {off}" if len(known) == 1 and math.isfinite(error) else ""
            return (said + plus if len(known) <= MOST_NUMBERS else ""), not hollow
    return "" if any(len(places(one, row)) > 1 for one in plot.marks) else "–", False


def rounded(value: float, most: float, log: bool) -> str:
    """A number with as many decimals as the farthest of the axis has in three digits, at most seven."""
    if log:
        return figure(value)
    decimals = min(max(2 - math.floor(math.log10(most)), 0), 7)
    return minus(fixed(round(value, decimals) + 0.0, decimals))  # 0 has no sign


def mark(one: Marks, place: int, across: Callable[[float], float], y: float, row: str, log: bool) -> Markup:
    """A mark with its whisker and what hovering tells; nothing where there is no number."""
    value, error = float(one.values[place]), math.nan if one.errors is None else float(one.errors[place])
    if not math.isfinite(value) or (log and value <= 0):
        return Markup("")
    plus = f" ± {error:.2g}" if math.isfinite(error) else ""
    about = one.about[place] if one.about else ""
    said = tag("title", about or f"{row}: {one.name} {minus(f'{value:.3g}')}{plus}")
    whisker = Markup("")
    if math.isfinite(error) and error > 0 and (value > error or not log):
        d = f"M{across(value - error):.1f} {y:.1f}H{across(value + error):.1f}"
        whisker = tag("path", d=d, class_=f"line {one.colour} whisker")
    return join([whisker, shape(one, across(value), y, said)])


def interval(one: Marks, place: int, across: Callable[[float], float], y: float, axis: tuple[float, float]) -> Markup:
    """The whisker of a value that has an interval, to the end of the axis where it goes on beyond."""
    if not one.intervals or not math.isfinite(float(one.values[place])):
        return Markup("")
    low, high = (across(min(max(end, axis[0]), axis[1])) for end in one.intervals[place])
    return tag("path", d=f"M{low:.1f} {y:.1f}H{high:.1f}", class_=f"line {one.colour} whisker")


def shape(one: Marks, x: float, y: float, said: Markup) -> Markup:
    """A dot; of several controls the first is a ring, the others a diamond, a stroke and a square."""
    style = f"line {one.colour} mark{' hollow' if one.hollow else ''}"
    outlines = {"control1": "m0-5l5 5l-5 5l-5-5z", "control2": "m0-5v10", "control3": "m-3.5-3.5h7v7h-7z"}
    if one.hollow and one.colour in outlines:
        return tag("path", said, d=f"M{x:.1f} {y:.1f}{outlines[one.colour]}", class_=style)
    return tag("circle", said, cx=x, cy=y, r=4.0, class_=style)
