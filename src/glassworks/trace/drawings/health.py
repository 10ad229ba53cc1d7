"""Whether a network is well, drawn: scales of activations and gradients by layer, and units that never fire.

An untrained network's lines have the same colours and are dashed, on the same axes.
"""

import numpy as np

from glassworks.draw.chart import chart_figure, draw_legend
from glassworks.draw.line_chart import Chart, Line
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import short, span
from glassworks.trace.general import axis_of, numbers_of, sentence
from glassworks.trace.trace import Trace

CONTROL = "_untrained"
"""What a network's arrays are followed by in their names where an untrained one's stand beside them."""
LEAST = 5.0
"""Percent that the axis of dead units reaches at the least."""


def scale_figure(trace: Trace) -> Markup:
    """Sizes of activations and of gradients by layer, from the health trace; an untrained network's beside them."""
    more = [*batch(trace), *outer(trace)]
    figures = [
        layers_figure(trace, "activation_rms", "site", log=True),
        layers_figure(trace, "gradient_rms", "part", log=True, more=" ".join(more)),
    ]
    return join(figures)


def layers_figure(trace: Trace, name: str, axis: str, *, log: bool = False, more: str = "") -> Markup:
    """A chart over the layers: a line a part, and the same part's untrained line beside it in grey."""
    about = trace.legend.of(name)
    values, fresh = (numbers_of(trace, which, about) for which in (name, name + CONTROL))
    assert values is not None
    values = values.reshape(len(values), -1)
    names = axis_of(trace, axis, values.shape[1]).labels if axis else ("this model",)
    layers = list(range(len(values)))
    lines = [Line(said, layers, values[:, i], f"line{i % 8}", "dots") for i, said in enumerate(names)]
    key = list(lines)
    if fresh is not None and fresh.size == values.size:
        columns = fresh.reshape(values.shape).T
        lines += [
            Line(f"untrained: {line.name}", layers, column, line.colour, "dashed")
            for line, column in zip(key, columns, strict=True)
        ]
        key.append(Line("dashed: the same in an untrained network", (), (), "control0"))
    numbers = np.concatenate([[] if log else [0.0, LEAST], *(line.y for line in lines)])
    chart = Chart(lines, "layer", "", y_range=span(numbers, log=log), log=log, counted=True)
    note = f"{sentence(about.note, trace, str)} {more}".strip()
    heading = tag("p", sentence(about.title, trace, str), class_="figure-title")
    return join([heading, draw_legend(key), chart_figure(chart, note, height=280)])


def batch(trace: Trace) -> list[str]:
    """A sentence on what was read, and the loss on it."""
    tokens, said = trace.meta.get("num_tokens"), []
    for name, what in (("loss", "this model’s loss on it is"), ("loss_untrained", "the untrained one’s")):
        if isinstance(loss := trace.meta.get(name), float):
            said.append(f"{what} {loss:.2f}")
    if not isinstance(tokens, int):
        return []
    losses = f"; {', '.join(said)} nats a token" if said else ""
    return [f"All is of one batch of {trace.meta.get('text', 'text')}, {tokens:,} tokens{losses}."]


def outer(trace: Trace) -> list[str]:
    """Sentences on the gradients of what lies outside the blocks."""
    if "outer_gradient_rms" not in trace.arrays:
        return []
    names = axis_of(trace, "outer", len(trace.arrays["outer_gradient_rms"])).labels
    beside = trace.arrays.get("outer_gradient_rms" + CONTROL)
    said = []
    for i, name in enumerate(names):
        fresh = "" if beside is None else f" (untrained {short(float(beside[i]))})"
        said.append(f"{name} {short(float(trace.arrays['outer_gradient_rms'][i]))}{fresh}")
    return [f"Outside the blocks: {', '.join(said)}."] if said else []


def dead_units(trace: Trace) -> Markup:
    """Share of hidden units that stayed silent, by layer; an untrained network's beside it. A sentence if none did."""
    shares = [trace.arrays[name] for name in ("dead_fraction", f"dead_fraction{CONTROL}") if name in trace.arrays]
    if not any(np.nan_to_num(share).any() for share in shares):
        also = ", nor of the untrained network’s," if len(shares) > 1 else ""
        said = f"No MLP unit is dead: none of the model’s{also} stays silent on the whole batch."
        return tag("p", said, class_="about")
    return layers_figure(trace, "dead_fraction", "")
