"""The loss on a plane, drawn from above: the network's beside its control's, and the way of a training on it."""

import numpy as np

from glassworks.draw.arrays.heatmap import colour_bar
from glassworks.draw.markup import Markup, tag
from glassworks.draw.surface import Surface, Track, colours_of, surface, track_key
from glassworks.trace.general import Token, axis_of, sentence
from glassworks.trace.trace import Trace

OTHER = "loss_untrained"


def surface_figure(trace: Trace, token: Token) -> Markup:
    """The planes on one scale of colours, with a point where the weights are, and the path where there is one."""
    planes = [name for name in ("loss", OTHER) if name in trace.arrays]
    values = np.stack([trace.arrays[name].astype(float) for name in planes])
    finite = values[np.isfinite(values)]
    ends = (float(finite.min()), float(finite.max())) if finite.size and finite.min() < finite.max() else ()
    x, y = ([float(label) for label in trace.labels[axis]] for axis in ("first", "second"))
    first, second = (axis_of(trace, axis, len(at)).name for axis, at in (("first", x), ("second", y)))
    plots = [
        Surface(
            plane, x, y, first, second, sentence(trace.legend.of(name).title, trace, token), tracks(trace, name), ends
        )
        for name, plane in zip(planes, values, strict=True)
    ]
    maps = [
        tag("div", tag("p", plot.title, class_="head-name") if len(plots) > 1 else "", surface(plot)) for plot in plots
    ]
    note = trace.legend.of("loss").note or "Lines join places of equal loss."
    holes = " Blank places have no finite loss." if np.isnan(values).any() else ""
    return tag(
        "figure",
        tag("p", plots[0].title, class_="figure-title"),
        colour_bar(colours_of(plots[0])),
        track_key(plots[0].tracks),
        tag("div", *maps, class_="maps surfaces"),
        tag("figcaption", sentence(note, trace, token) + holes),
    )


def tracks(trace: Trace, name: str) -> list[Track]:
    """Where the weights are; and, on the network's own plane, the way of its training."""
    here = Track("the weights", [0.0], [0.0], ["where they are"], "line1", "points")
    if name == OTHER or "path_first" not in trace.arrays:
        return [here]
    labels = [f"step {label}" for label in trace.labels["step"]] if "step" in trace.labels else []
    return [Track("the way of the training", trace.arrays["path_first"], trace.arrays["path_second"], labels), here]
