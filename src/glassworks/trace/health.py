"""Whether a network is well, drawn: scales of activations and gradients by layer, and units that never fire."""

import math

import numpy as np

from glassworks.draw.line_chart import NARROW, Chart, Line, line_chart
from glassworks.draw.markup import Markup, tag
from glassworks.draw.scales import fixed, short, span
from glassworks.trace.trace import Trace

PARTS = {
    "attn_out": "attention output",
    "mlp_out": "MLP output",
    "resid_post": "residual stream",
}
UNTRAINED = "the same in an untrained network"
CONTROL = "_untrained"
"""What a network's arrays are followed by in their names where an untrained one's stand beside them."""


def scale_figure(trace: Trace) -> Markup:
    """Sizes of activations and of gradients by layer, from the health trace; an untrained network's beside them.

    Both networks are drawn on one scale.
    """
    layers = list(range(trace.arrays["activation_rms"].shape[0]))
    panels = []
    for array, axis, title in (
        ("activation_rms", "site", "activations, root mean square"),
        ("gradient_rms", "part", "gradients, root mean square"),
    ):
        names = trace.labels.get(axis, [])
        found = [(name, said) for name, said in ((array, title), (array + CONTROL, UNTRAINED)) if name in trace.arrays]
        y_range = span(np.concatenate([trace.arrays[name].ravel() for name, _ in found]), log=True)
        for array_name, said in found:
            lines = [
                Line(PARTS.get(name, name), layers, trace.arrays[array_name][:, i], colour=f"line{i % 8}", style="dots")
                for i, name in enumerate(names)
            ]
            chart = Chart(lines, "layer", said, y_range=y_range, log=True, counted=True, named=True)
            panels.append(tag("div", line_chart(chart, NARROW, 240)))
    caption = (
        f"Scales by layer for one batch of {trace.meta.get('text', 'text')}, on logarithmic axes: in a healthy network "
        "they change slowly; a stream that grows by orders of magnitude, or gradients that vanish towards layer 0, are "
        "signs of trouble."
    )
    for array, title in (
        ("outer_gradient_rms", "Gradients outside the blocks"),
        (f"outer_gradient_rms{CONTROL}", "Untrained"),
    ):
        if array in trace.arrays:
            outer = zip(trace.labels.get("outer", []), trace.arrays[array].tolist(), strict=False)
            caption += f" {title}: {', '.join(f'{name} {short(value)}' for name, value in outer)}."
    return tag("figure", tag("div", *panels, class_="panels"), tag("figcaption", caption))


def dead_units(trace: Trace) -> Markup:
    """Share of hidden units that stayed silent, a bar a layer; an untrained network's beside it."""
    rows = []
    beside = trace.arrays.get(f"dead_fraction{CONTROL}")
    for layer, share in enumerate(trace.arrays["dead_fraction"].tolist()):
        bar = tag("span", tag("i", style=f"width:{100 * share if math.isfinite(share) else 0:.1f}%"), class_="bar")
        name, percent = tag("th", f"layer {layer}", scope="row"), f"{fixed(100 * share, 1)}\N{NO-BREAK SPACE}%"
        also = tag("small", f" untrained {fixed(100 * float(beside[layer]), 1)} %") if beside is not None else ""
        rows.append(tag("tr", name, tag("td", bar), tag("td", percent, also)))
    tokens = trace.meta.get("num_tokens")
    over = f" of a batch of {tokens:,} tokens" if isinstance(tokens, int) else ""
    caption = f"Dead units: the share of each MLP's hidden units that no token{over} switched on (a full bar is 100 %)."
    return tag("figure", tag("table", *rows, class_="bars"), tag("figcaption", caption))
