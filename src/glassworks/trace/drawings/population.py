"""A search at work: the loss over two numbers, the way of the estimate, and the candidates of the last generation.

On the page of `optimizers --on` the component `population` takes its place and shows all generations; it begins with
this picture, which is what print, a notebook and a page without script have.
"""

import numpy as np

from glassworks.draw.arrays.heatmap import colour_bar
from glassworks.draw.markup import Markup, tag
from glassworks.draw.surface import Surface, Track, colours_of, surface, track_key
from glassworks.trace.general import Token, sentence
from glassworks.trace.trace import Trace

MOST = 128
"""Candidates that are drawn of a generation."""
SPOT = "line2"
WIDE = 1e4
"""Losses that span more than this factor are coloured by their logarithm, and all below it alike."""


def population_figure(trace: Trace, token: Token) -> Markup:
    """The plane, the way of the estimate, and the candidates of the last generation."""
    plot = plane_of(trace, sentence("The loss, and where {optimizer} looks", trace, token))
    return tag(
        "figure",
        tag("p", plot.title, class_="figure-title"),
        colour_bar(colours_of(plot)),
        track_key(plot.tracks),
        surface(plot),
        tag(
            "figcaption",
            f"Candidates of generation {trace.labels['generation'][-1]}, the last. Lines join places of equal loss. "
            "Candidates beyond the plane are left out.",
        ),
        class_="population",
    )


def plane_of(trace: Trace, title: str = "") -> Surface:
    """The loss with what moves on it, as it lies in the last generation."""
    x, y = ([float(label) for label in trace.labels[axis]] for axis in ("first", "second"))
    way = Track(
        "the estimate",
        [float(trace.meta["start_first"]), *trace.arrays["centre_first"].tolist()],
        [float(trace.meta["start_second"]), *trace.arrays["centre_second"].tolist()],
        ["start", *(f"generation {label}" for label in trace.labels["generation"])],
    )
    across, up = (trace.arrays[f"member_{axis}"][-1, :MOST].tolist() for axis in ("first", "second"))
    spots = Track("candidates", across, up, colour=SPOT, style="points")
    loss = trace.arrays["loss"]
    high = float(np.nanmax(loss, initial=-np.inf))
    is_wide = high > WIDE * float(np.nanmin(loss, initial=np.inf)) > -1e-9  # of a test function, whose least is 0
    ends = (high / WIDE, high) if is_wide else ()
    return Surface(loss, x, y, "first", "second", title, [way, spots], ends, is_wide or None)
