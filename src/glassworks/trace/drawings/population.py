"""A search at work: its candidates over the plane, a generation at a time.

Without the page's script the last generation is seen, and the way of the estimate; with it the generations follow each
other, by hand or by themselves.
"""

import json

import numpy as np

from glassworks.draw.arrays.heatmap import colour_bar
from glassworks.draw.line_chart import Frame
from glassworks.draw.markup import Markup, tag
from glassworks.draw.surface import Surface, Track, colours_of, frame_of, is_on, surface, track_key
from glassworks.trace.general import Token, sentence
from glassworks.trace.trace import Trace

MOST = 128
"""Candidates that are drawn of a generation."""
SPOT = "line2"
WIDE = 1e4
"""Losses that span more than this factor are coloured by their logarithm, and all below it alike."""


def population_figure(trace: Trace, token: Token) -> Markup:
    """The plane, the way of the estimate, and the candidates of a generation."""
    x, y = ([float(label) for label in trace.labels[axis]] for axis in ("first", "second"))
    way = Track(
        "the estimate",
        [float(trace.meta["start_first"]), *trace.arrays["centre_first"].tolist()],
        [float(trace.meta["start_second"]), *trace.arrays["centre_second"].tolist()],
        ["start", *(f"generation {label}" for label in trace.labels["generation"])],
    )
    title = sentence("The loss, and where {optimizer} looks", trace, token)
    loss = trace.arrays["loss"]
    high = float(np.nanmax(loss, initial=-np.inf))
    is_wide = high > WIDE * float(np.nanmin(loss, initial=np.inf)) > -1e-9  # of a test function, whose least is 0
    plot = Surface(loss, x, y, "first", "second", title, [way], (high / WIDE, high) if is_wide else (), is_wide or None)
    frames = [places(trace, i, frame_of(plot)) for i in range(len(trace.labels["generation"]))]
    key = track_key([way, Track("candidates", [], [], colour=SPOT, style="points")])
    return tag(
        "figure",
        tag("p", plot.title, class_="figure-title"),
        colour_bar(colours_of(plot)),
        key,
        surface(plot, on_top=members(frames)),
        player(trace.labels["generation"]),
        tag("figcaption", "Lines join places of equal loss. Candidates beyond the plane are left out."),
        class_="population",
        data_frames=json.dumps(frames, separators=(",", ":")),
    )


def places(trace: Trace, generation: int, frame: Frame) -> list[list[float] | None]:
    """Where the candidates of a generation are in the drawing; None for what is not on the plane."""
    found: list[list[float] | None] = []
    for a, b in zip(
        trace.arrays["member_first"][generation, :MOST].tolist(),
        trace.arrays["member_second"][generation, :MOST].tolist(),
        strict=True,
    ):
        on = np.isfinite(a) and np.isfinite(b) and is_on(a, frame.x_range) and is_on(b, frame.y_range)
        found.append([round(frame.x(a), 1), round(frame.y(b), 1)] if on else None)
    return found


def members(frames: list[list[list[float] | None]]) -> Markup:
    """A dot for each candidate, those of the last generation where they are."""
    dots = []
    for place in frames[-1]:
        where = {"transform": f"translate({place[0]:g} {place[1]:g})"} if place else {"display": "none"}
        dots.append(tag("circle", r=3.2, class_=f"line {SPOT} dots edged", **where))
    return tag("g", *dots, class_="members")


def player(generations: list[str]) -> Markup:
    """What a hand can move; shown by the script that answers it."""
    last = len(generations)
    return tag(
        "div",
        tag("button", "Play", type="button"),
        tag("input", type="range", min=1, max=last, value=last, aria_label="generation"),
        tag("output", f"generation {last}"),
        class_="player",
        hidden="",
    )
