"""Line charts: from plain numbers to inline SVG. Points that are not finite leave a gap."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import Numbers, Real, log_ticks, minus, short, span, spread, thin, ticks

WIDE, NARROW = 760, 350
LINE_HEIGHT = 14.0
LETTER = 6.6


@dataclass(frozen=True)
class Line:
    """One row of points (x, y), drawn in the order given."""

    name: str
    x: Numbers
    y: Numbers
    colour: str = "line0"
    """A class of the page's style: line0 to line7 tell things apart, depth0 to depth7 order them, and control0 to
    control3 are what stands beside them."""
    style: Literal["line", "faint", "dots", "dashed"] = "line"
    errors: Numbers | None = None
    """A standard error for each point, drawn as a whisker."""


@dataclass(frozen=True)
class Level:
    """A value to compare with, drawn as a horizontal line with its label, if it has one."""

    label: str
    y: Real


@dataclass(frozen=True)
class Chart:
    """What a line chart shows, and in which units."""

    lines: Sequence[Line]
    x_title: str
    y_title: str
    levels: Sequence[Level] = ()
    y_range: tuple[Real, Real] | None = None
    """None = all that is finite. Lines are cut off at its ends; levels beyond them are named there with an arrow."""
    log: bool = False
    """A logarithmic y axis; numbers of 0 or less leave a gap."""
    right: tuple[str, Real] | None = None
    """Title of a second y axis and what to multiply with to get its unit."""
    below: tuple[str, Real] | None = None
    """Title of a second row of x labels and what to multiply with."""
    counted: bool = False
    """x holds whole numbers, such as layers: ticks only there."""
    named: bool = False
    """Write each line's name at its end."""
    x_labels: Sequence[str] = ()
    """Names of x = 0, 1, ... in place of the numbers."""
    band: tuple[Real, Real] | None = None
    """A stretch of x to shade."""


class Frame(NamedTuple):
    """The rectangle of the plot in the drawing, and the ranges of numbers that it shows."""

    left: Real
    top: Real
    right: Real
    bottom: Real
    x_range: tuple[Real, Real]
    y_range: tuple[Real, Real]
    log: bool

    def x(self, value: Real) -> float:
        """Where a number lies across."""
        low, high = self.x_range
        return self.left + (value - low) / (high - low) * (self.right - self.left)

    def y(self, value: Real) -> float:
        """Where a number lies, counted from the top."""
        low, high = (math.log10(end) for end in self.y_range) if self.log else self.y_range
        value = math.log10(value) if self.log else value
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)


def line_chart(chart: Chart, width: int = WIDE, height: int = 320) -> Markup:
    """Draw a chart as one `<svg>` of that many units, its text 12 units high."""
    frame = make_frame(chart, width, height)
    clip = (frame.left - 4, frame.top - 4, frame.right - frame.left + 8, frame.bottom - frame.top + 8)
    plot = tag(
        "svg",
        *(draw_line(line, frame) for line in chart.lines),
        x=clip[0],
        y=clip[1],
        width=clip[2],
        height=clip[3],
        viewBox=" ".join(f"{value:g}" for value in clip),
    )
    return tag(
        "svg",
        draw_band(chart.band, frame) if chart.band else "",
        draw_axes(chart, frame, width),
        draw_levels(chart, frame),
        plot,
        draw_names(chart, frame) if chart.named else "",
        class_="plot",
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=f"{chart.y_title} by {chart.x_title}: {', '.join(line.name for line in chart.lines)}",
        data_plot=f"{frame.left:g} {frame.right:g} {width}",
    )


def make_frame(chart: Chart, width: int, height: int) -> Frame:
    """Leave room for labels, and choose ranges that hold what is drawn."""
    room = LETTER * max((len(line.name) for line in chart.lines), default=0) + 14 if chart.named else 14
    y_range = chart.y_range or span(
        np.concatenate([[], *(line.y for line in chart.lines), [level.y for level in chart.levels]]), log=chart.log
    )
    return Frame(
        left=48,
        top=30 if chart.y_title or chart.right else 12,
        right=width - (52 if chart.right else room),
        bottom=height - (44 if chart.below or is_long(chart) else 30),
        x_range=x_span(chart),
        y_range=y_range,
        log=chart.log,
    )


def is_long(chart: Chart) -> bool:
    """Whether the title of the x axis needs a line of its own, left of the first label."""
    return len(chart.x_title) > 7 or len(chart.x_title) + len("".join(chart.x_labels[:1])) / 2 > 7


def x_span(chart: Chart) -> tuple[float, float]:
    """From the first x to the last; half a unit more on both sides where x counts something."""
    x = np.concatenate([[], *(line.x for line in chart.lines)])
    x = x[np.isfinite(x)]
    if not x.size:
        return 0.0, 1.0
    room = 0.3 if chart.counted else 0.0
    low, high = float(x.min()) - room, float(x.max()) + room
    return (low, high) if high > low else (low - 0.5, high + 0.5)


# ----------------------------------------------------------------------------------------------------------------------
# Parts


def draw_band(band: tuple[Real, Real], frame: Frame) -> Markup:
    """A shaded stretch from the top to the bottom."""
    left, right = (frame.x(end) for end in band)
    return tag("rect", x=left, y=frame.top, width=right - left, height=frame.bottom - frame.top, class_="band")


def draw_line(line: Line, frame: Frame) -> Markup:
    """Dots, or a path that is broken where a number is missing; a lone point is a dot."""
    x, y = thin(line.x, line.y)
    known = np.isfinite(x) & np.isfinite(y) & ((y > 0) if frame.log else True)
    places = [(frame.x(a), frame.y(b)) if ok else None for a, b, ok in zip(x, y, known, strict=True)]
    style = f"line {line.colour} {line.style}"
    path = path_of(places)
    drawn = [tag("path", d=path, class_=style if line.style != "dots" else f"{style} thread")] if path else []
    if line.errors is not None:
        drawn += whiskers(line, frame)
    if line.style == "dots":
        drawn += [dot(line, float(value), *place, style) for value, place in zip(y, places, strict=True) if place]
    return join(drawn)


def dot(line: Line, value: float, x: float, y: float, style: str) -> Markup:
    """One marked point, with its number for hovering."""
    return tag("circle", tag("title", f"{line.name} {minus(f'{value:.4g}')}"), cx=x, cy=y, r=2.6, class_=style)


def whiskers(line: Line, frame: Frame) -> list[Markup]:
    """From a standard error below each point to one above it."""
    drawn = []
    for x, y, e in zip(line.x, line.y, line.errors if line.errors is not None else [], strict=True):
        if math.isfinite(x) and math.isfinite(y) and math.isfinite(e) and e > 0 and (y - e > 0 or not frame.log):
            d = f"M{frame.x(x):.1f} {frame.y(y - e):.1f}V{frame.y(y + e):.1f}"
            drawn.append(tag("path", d=d, class_=f"line {line.colour} whisker"))
    return drawn


def path_of(places: Sequence[tuple[Real, Real] | None]) -> str:
    """The commands of an SVG path through the places; None lifts the pen."""
    commands, pen = [], False
    for place in places:
        if place is not None:
            commands.append(f"{'L' if pen else 'M'}{place[0]:.1f} {place[1]:.1f}")
        pen = place is not None
    lone = [a.startswith("M") and b.startswith("M") for a, b in pairwise([*commands, "M"])]
    return "".join(f"{command}h0" if alone else command for command, alone in zip(commands, lone, strict=True))


def draw_axes(chart: Chart, frame: Frame, width: int) -> Markup:
    """Ticks with pale lines across, labels, and titles at the ends of the axes."""
    parts: list[Markup] = []
    rows = max(2, int((frame.bottom - frame.top) / 45))
    for value in log_ticks(*frame.y_range, 3 * rows) if frame.log else several(*frame.y_range, rows):
        y = frame.y(value)
        parts.append(tag("line", x1=frame.left, x2=frame.right, y1=y, y2=y, class_="grid"))
        parts.append(text(short(value), frame.left - 7, y + 4, "end"))
    if chart.right:
        title, factor = chart.right
        for value in several(frame.y_range[0] * factor, frame.y_range[1] * factor, rows):
            parts.append(text(short(value), frame.right + 7, frame.y(value / factor) + 4, "start"))
        parts.append(text(title, width, 12, "end", "title"))
    for value, words in x_ticks(chart, frame):
        if not chart.counted or value == round(value):
            x = frame.x(value)
            parts.append(tag("line", x1=x, x2=x, y1=frame.bottom, y2=frame.bottom + 4, class_="tick"))
            half = LETTER * len(words) / 2
            parts.append(text(words, min(max(x, half), max(width - half, half)), frame.bottom + 18, "middle"))
            if chart.below and value:
                parts.append(text(short(value * chart.below[1]), x, frame.bottom + 33, "middle", "second"))
    parts.append(tag("line", x1=frame.left, x2=frame.right, y1=frame.bottom, y2=frame.bottom, class_="base"))
    parts.append(text(chart.y_title, 0, 12, "start", "title"))
    if is_long(chart) and not chart.below:
        parts.append(text(chart.x_title, frame.right, frame.bottom + 34, "end", "title"))
    else:
        parts.append(text(chart.x_title, 0, frame.bottom + 18, "start", "title"))
    if chart.below:
        parts.append(text(chart.below[0], 0, frame.bottom + 33, "start", "title second"))
    return join(parts)


def several(low: Real, high: Real, count: int) -> list[float]:
    """About `count` round numbers; twice as many where the roundest of them are only one or two."""
    found = ticks(low, high, count)
    return found if len(found) > 2 else ticks(low, high, 2 * count)


def x_ticks(chart: Chart, frame: Frame) -> list[tuple[float, str]]:
    """Places of the ticks across and their labels: round numbers, or as many of the x labels as fit."""
    wide = frame.right - frame.left
    if not chart.x_labels:
        found = several(*frame.x_range, max(2, int(wide / (35 if chart.counted else 70))))
        return [(value, short(value)) for value in found]
    step = math.ceil(len(chart.x_labels) * (7 * max(map(len, chart.x_labels)) + 12) / wide)
    return [(float(i), label) for i, label in enumerate(chart.x_labels) if i % max(step, 1) == 0]


def draw_levels(chart: Chart, frame: Frame) -> Markup:
    """Dashed lines with their labels above them at the emptier end, moved apart where they would overlap."""
    levels = [level for level in chart.levels if math.isfinite(level.y) and (level.y > 0 or not frame.log)]
    lines: list[Markup] = []
    labels: dict[Literal["start", "end"], list[tuple[float, str]]] = {"end": [], "start": []}
    low, high = frame.y_range
    for level in levels:
        arrow = " ↑" if level.y > high else " ↓" if level.y < low else ""
        y = frame.y(min(max(level.y, low), high))
        if not arrow:
            lines.append(tag("line", x1=frame.left, x2=frame.right, y1=y, y2=y, class_="level"))
        if level.label:
            label = f"{level.label}{arrow}"
            labels[emptier_end(chart, frame, y - 4, label)].append((y - 4, label))
    for anchor, found in labels.items():
        x = frame.right - 4 if anchor == "end" else frame.left + 6
        places = spread([y for y, _ in found], LINE_HEIGHT, frame.top + 8, frame.bottom - 2)
        lines += [text(label, x, y, anchor, "level-name") for y, (_, label) in zip(places, found, strict=True)]
    return join(lines)


def emptier_end(chart: Chart, frame: Frame, y: Real, label: str) -> Literal["start", "end"]:
    """Where a label of a level covers fewer points: at the left end ("start"), or else at the right."""
    width = 7 * len(label) + 8
    covered = {"start": 0, "end": 0}
    for line in chart.lines:
        for a, b in zip(*thin(line.x, line.y), strict=True):
            if math.isfinite(a) and math.isfinite(b) and (b > 0 or not frame.log) and abs(frame.y(b) - y + 4) < 12:
                covered["start"] += frame.x(a) < frame.left + width
                covered["end"] += frame.x(a) > frame.right - width
    return "start" if covered["start"] < covered["end"] else "end"


def draw_names(chart: Chart, frame: Frame) -> Markup:
    """Each line's name beside its last point, moved apart where they would overlap."""
    ends = []
    for line in chart.lines:
        known = [(a, b) for a, b in zip(line.x, line.y, strict=True) if math.isfinite(b) and (b > 0 or not frame.log)]
        if known:
            ends.append((line, frame.x(float(known[-1][0])), frame.y(float(known[-1][1]))))
    places = spread([y + 4 for _, _, y in ends], LINE_HEIGHT, frame.top + 4, frame.bottom + 4)
    return join(
        text(line.name, frame.right + 8, place, "start", f"name {line.colour}")
        for (line, _, _), place in zip(ends, places, strict=True)
    )


def text(words: str, x: Real, y: Real, anchor: str, class_: str = "label") -> Markup:
    """A line of text."""
    return tag("text", words, x=float(x), y=float(y), text_anchor=anchor, class_=class_)
