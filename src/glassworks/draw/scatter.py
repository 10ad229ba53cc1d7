"""A scatter: one number against another, on one scale, with the diagonal where both agree."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from glassworks.draw.line_chart import several, text
from glassworks.draw.markup import Markup, tag
from glassworks.draw.scales import Numbers, minus, short, spread

SIDE, LEFT, TOP = 330, 46.0, 26.0
NAMES = 190.0  # units right of the plot, for names
LABEL = 14.0


@dataclass(frozen=True)
class Dots:
    """Dots of one kind."""

    name: str
    x: Numbers
    y: Numbers
    labels: Sequence[str]
    """What each is, for hovering and for those that are named."""
    colour: str = "line0"


@dataclass(frozen=True)
class Scatter:
    """What a scatter shows; both axes span the same, at the least up to `reach` from 0."""

    dots: Sequence[Dots]
    x_title: str
    y_title: str
    reach: float = 0.0
    named: int = 5
    """How many of the dots farthest from 0 are named."""


def scatter(plot: Scatter) -> Markup:
    """The drawing, and over it which colour is what."""
    low, high = span(plot)
    wide, high_side = SIDE - LEFT - 10, SIDE - TOP - 34

    def across(value: float) -> float:
        return LEFT + (value - low) / (high - low) * wide

    def up(value: float) -> float:
        return TOP + (high - value) / (high - low) * high_side

    parts = []
    for tick in several(low, high, 5):
        shown = short(tick) if abs(tick) > 1e-12 else "0"
        grid = "base" if abs(tick) < 1e-12 else "grid"
        parts += [
            tag("line", x1=LEFT, x2=LEFT + wide, y1=up(tick), y2=up(tick), class_=grid),
            tag("line", x1=across(tick), x2=across(tick), y1=TOP, y2=TOP + high_side, class_=grid),
            text(shown, LEFT - 7, up(tick) + 4, "end"),
            text(shown, across(tick), TOP + high_side + 16, "middle"),
        ]
    parts.append(tag("line", x1=across(low), y1=up(low), x2=across(high), y2=up(high), class_="level"))
    for one in plot.dots:
        for x, y, label in zip(one.x, one.y, one.labels, strict=True):
            if np.isfinite(x) and np.isfinite(y):
                said = tag("title", f"{label}: {plot.x_title} {minus(f'{x:.3g}')}, {plot.y_title} {minus(f'{y:.3g}')}")
                parts.append(
                    tag("circle", said, cx=across(x), cy=up(y), r=3.6, class_=f"line {one.colour} dots see-through")
                )
    return tag(
        "div",
        key(plot),
        tag(
            "svg", *parts, *names(plot, across, up), text(plot.y_title, 0, 12, "start", "title"),
            text(plot.x_title, LEFT + wide, SIDE - 2, "end", "title"), class_="plot scatter",
            viewBox=f"0 0 {SIDE + NAMES:g} {SIDE}", role="img", aria_label=f"{plot.y_title} by {plot.x_title}",
        ),
    )  # fmt: skip


def key(plot: Scatter) -> Markup:
    """Which colour is what; nothing where there is one."""
    if len(plot.dots) < 2:
        return Markup("")
    return tag(
        "p", *(tag("span", tag("i", class_=f"key {one.colour} dots"), one.name) for one in plot.dots), class_="legend"
    )


def span(plot: Scatter) -> tuple[float, float]:
    """What both axes span: 0, `reach` on both sides, and every dot, with some room."""
    numbers = [0.0, -plot.reach, plot.reach]
    for one in plot.dots:
        numbers += [float(v) for pair in zip(one.x, one.y, strict=True) if np.isfinite(pair).all() for v in pair]
    low, high = min(numbers), max(numbers)
    room = 0.04 * (high - low) or 1.0
    return low - room, high + room


def names(plot: Scatter, across: Callable[[float], float], up: Callable[[float], float]) -> list[Markup]:
    """The dots farthest from 0 by name, right of the plot, each with a thin line to its dot."""
    every = [
        (max(abs(x), abs(y)), float(x), float(y), label, one.colour)
        for one in plot.dots
        for x, y, label in zip(one.x, one.y, one.labels, strict=True)
        if np.isfinite(x) and np.isfinite(y)
    ]
    chosen = sorted(every, key=lambda dot: -dot[0])[: plot.named]
    places = spread([up(y) for _, _, y, _, _ in chosen], LABEL, TOP + 4, SIDE - 40)
    found = []
    for (_, x, y, label, colour), place in zip(chosen, places, strict=True):
        found.append(tag("line", x1=across(x) + 5, y1=up(y), x2=SIDE - 2.0, y2=place, class_="grid"))
        found.append(text(label, SIDE + 2.0, float(place) + 4, "start", f"name {colour}"))
    return found
