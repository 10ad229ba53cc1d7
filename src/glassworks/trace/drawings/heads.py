"""Maps of all heads, layers down and heads across, for what is one number a head; and the scores of rules."""

from collections.abc import Sequence

import numpy as np

from glassworks.draw.arrays.heatmap import Colours, Digits, Grid, colour_bar, heat_map
from glassworks.draw.chart import chart_figure
from glassworks.draw.line_chart import Chart, Line
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import short, span
from glassworks.trace.general import Token, axis_of, sentence
from glassworks.trace.trace import Trace

ROOM = 229  # pixels across of a map beside two others

EVEN = "an even guess among all tokens"
"""What a network that looks everywhere alike comes to in a loss."""

Array = np.ndarray


def heads_figure(trace: Trace, name: str, token: Token, *, high: float = 1.0, lowest: bool = False) -> Markup:
    """A map a rule or place, of this model: its best head below it, and the controls' best as numbers.

    The first axis of the array are the networks, the last two layers and heads. All maps are on one scale from 0 to
    `high`. With `lowest`, the head of the smallest number is the best.
    """
    values, about = trace.arrays[name].astype(float), trace.legend.of(name)
    axes = [axis_of(trace, axis, size) for axis, size in zip(trace.axes[name], values.shape, strict=True)]
    names, networks = (axes[1].labels if values.ndim == 4 else ("",)), axes[0].labels
    maps = values.reshape(len(networks), len(names), *values.shape[-2:])
    error = trace.arrays.get(about.error)
    errors = np.full(maps.shape, np.nan) if error is None else error.astype(float).reshape(maps.shape)
    layers, heads = (axis.labels for axis in axes[-2:])
    colours = Colours(0.0, high, signed=False, most=float(np.nan_to_num(maps[0]).max(initial=0.0)))
    panels = []
    for i, title in enumerate(names):
        grid = Grid(maps[0, i], layers, heads, "layer", "head", title, None if error is None else errors[0, i])
        lines = [best_of(maps[0, i], lowest), *extremes(maps[1:, i], networks[1:], lowest)]
        said = [tag("p", line, class_="step") for line in lines]
        panels.append(tag("div", heat_map(grid, colours, Digits(0, 2), ROOM), *said))
    heading = tag("p", sentence(about.title, trace, token), class_="figure-title")
    note = tag("figcaption", sentence(about.note, trace, token))
    return tag("figure", heading, colour_bar(colours), tag("div", *panels, class_="maps"), note)


def best_of(values: Array, lowest: bool = False) -> str:
    """The best head and its number, in words."""
    if not np.isfinite(values).any():
        return "no number"
    flat = int(np.nanargmin(values) if lowest else np.nanargmax(values))
    layer, head = (int(i) for i in np.unravel_index(flat, values.shape))
    return f"{'lowest' if lowest else 'best'} {thousandths(values[layer, head])}: layer {layer}, head {head}"


def thousandths(value: float) -> str:
    """A number to three decimals at most; 0 has no sign."""
    return short(round(float(value), 3) + 0.0)


def extremes(values: Array, networks: Sequence[str], lowest: bool = False) -> list[str]:
    """What the best head of each control reaches, in words."""
    found = []
    for name, of in zip(networks, values, strict=True):
        if np.isfinite(of).any():
            end = float(np.nanmin(of) if lowest else np.nanmax(of))
            same = np.nanmax(of) - np.nanmin(of) < 1e-6
            found.append(f"{name}: {'' if same else 'at least ' if lowest else 'at most '}{thousandths(end)}")
    return found


# ----------------------------------------------------------------------------------------------------------------------
# Rules


def scores_figure(trace: Trace, token: Token) -> Markup:
    """The heads' scores by rule, and the loss while random tokens come twice."""
    parts = [heads_figure(trace, "score", token)]
    if trace.axes.get("loss") == ("network", "position"):
        parts.append(repeats_figure(trace, token))
    return join(parts)


def repeats_figure(trace: Trace, token: Token) -> Markup:
    """The loss at each position, what is read for the second time shaded."""
    loss, about = trace.arrays["loss"].astype(float), trace.legend.of("loss")
    networks = axis_of(trace, "network", len(loss)).labels
    x = [float(label) for label in trace.labels.get("position", [str(i + 1) for i in range(loss.shape[1])])]
    lines = [
        Line(EVEN if trace.labels["network"][i] == "uniform" else name, x, row, f"control{i - 1}" if i else "line0")
        for i, (name, row) in enumerate(zip(networks, loss, strict=True))
    ]
    length = trace.meta.get("length")
    again = (x[-1] - length + 1, x[-1]) if isinstance(length, int) and length < len(x) else None
    chart = Chart(lines, "position", "", y_range=span([0.0, *loss.ravel()]), band=again)
    shaded = f" Shaded: the {length} tokens come again." if again else ""
    said = f"{halves(trace)}{shaded} {sentence(about.note, trace, token)}"
    heading = tag("p", sentence(about.title, trace, token), class_="figure-title")
    return join([heading, chart_figure(chart, said, legend=True, height=260)])


def halves(trace: Trace) -> str:
    """Sentences on the mean losses of both halves."""
    said = []
    for name, suffix in (("This model", ""), ("the untrained one", "_untrained")):
        pair = [trace.meta.get(f"{half}{suffix}") for half in ("first_half_loss", "induction_loss")]
        first, again = (x if isinstance(x, float) else float("nan") for x in pair)
        if np.isfinite([first, again]).all():
            said.append(
                f"{name} loses {first:.2f} nats a token while they are new and {again:.2f} when they come again"
            )
    return f"{'; '.join(said)}." if said else ""
