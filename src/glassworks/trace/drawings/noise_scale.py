"""The noise scale with its interval, where it could be measured; and a sentence where it could not."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from glassworks.draw.dot_plot import DotPlot, Marks, dot_plot
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import figure
from glassworks.trace.general import Token, array_figure, axis_of, sentence
from glassworks.trace.trace import Trace


def noise_figure(trace: Trace, token: Token) -> Markup:
    """What was not measured in words; then noise scales with intervals, gradients beside chance, and the curve."""
    known = measured(trace)
    parts = [*unmeasured(trace, known)]
    if known.any():
        parts.append(scales(trace, known, token))
    parts.append(gradients(trace, token))
    if known.any():
        share = np.where(known[:, None], trace.arrays["step_share"], np.nan)
        parts.append(array_figure(replace(trace, arrays={**trace.arrays, "step_share": share}), "step_share", token))
    return join(parts)


def gradients(trace: Trace, token: Token) -> Markup:
    """Squared lengths of mean gradients with their errors, beside what random signs give."""
    about = replace(trace.legend.of("gradient"), controls=("gradient_chance",), error="gradient_error")
    legend = replace(trace.legend, quantities={**trace.legend.quantities, "gradient": about})
    return array_figure(replace(trace, legend=legend), "gradient", token)


def measured(trace: Trace) -> np.ndarray:
    """(network,): whether the mean gradient is longer than random signs of the parts would have it."""
    known: np.ndarray = trace.arrays["gradient"] > np.maximum(trace.arrays["gradient_chance"], 0.0)
    return known


def unmeasured(trace: Trace, known: np.ndarray) -> Iterator[Markup]:
    """A sentence a network whose noise scale is noise divided by noise."""
    for i, name in enumerate(trace.labels["network"]):
        if not known[i]:
            square, error, chance = (
                figure(float(trace.arrays[f"gradient{end}"][i])) for end in ("", "_error", "_chance")
            )
            yield tag(
                "p",
                tag("b", f"Not measurable here: {name}. "),
                f"The squared length of its mean gradient, {square} ± {error}, is within what random signs give, up to "
                f"{chance}: from these examples its noise scale cannot be told, and none is drawn. It takes a larger "
                "batch.",
            )


def scales(trace: Trace, known: np.ndarray, token: Token) -> Markup:
    """The noise scales that were measured, each with its 95 % interval."""
    low, scale, high = (trace.arrays[f"noise_scale{end}"] for end in ("_low", "", "_high"))
    axis = axis_of(trace, "network", len(scale))
    marks = [
        Marks(
            name,
            [float(scale[i])],
            colour="control0" if name in axis.controls else "line0",
            hollow=name in axis.controls,
            at=[row],
            intervals=[(float(low[i]), float(high[i]))],
            about=[f"{name}: {figure(scale[i])}, from {figure(low[i])} to {figure(high[i])}"],
        )
        for row, (i, name) in enumerate((i, name) for i, name in enumerate(axis.labels) if known[i])
    ]
    title = sentence(trace.legend.of("noise_scale").title, trace, token)
    open_ended = "; one to the right end has no upper end" if np.isinf(high[known]).any() else ""
    return tag(
        "figure",
        tag("p", title, class_="figure-title"),
        dot_plot(DotPlot([one.name for one in marks], marks, log=True), keyed=False),
        tag("figcaption", f"Whiskers are 95 % intervals{open_ended}."),
    )
