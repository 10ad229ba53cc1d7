"""Drawings on a neuron's page: how often it has which activation, and its effect among other neurons'."""

import math
from collections.abc import Sequence

import numpy as np

from glassworks.draw.line_chart import NARROW, WIDE, text
from glassworks.draw.markup import Markup, tag
from glassworks.draw.scales import Real, minus, short, ticks
from glassworks.trace.neurons.view import Neuron, percent, signed

BINS = 48


def histogram_figure(neuron: Neuron) -> Markup:
    """How often it has which activation."""
    array, reach = neuron.array(neuron.of.examples, "histogram"), neuron.statistic("scale")
    counts = np.zeros(1) if array is None else array[0].astype(float)
    if not counts.sum():
        return tag("p", "Its activation is exactly 0 at every place: there is nothing to count.", class_="missing")
    used = np.flatnonzero(counts)
    width = 2 * reach / len(counts)
    first, last = int(used[0]), int(used[-1]) + 1
    step = max(1, math.ceil((last - first) / BINS))
    bins = [
        (-reach + i * width, -reach + min(i + step, len(counts)) * width, int(counts[i : i + step].sum()))
        for i in range(first - first % step, last, step)
    ]
    drawings = [
        tag("div", histogram(bins, w, h), class_=c) for w, h, c in ((WIDE, 220, "wide"), (NARROW, 200, "narrow"))
    ]
    zeros = neuron.statistic("zeros")
    said = "How many places have which activation, on a logarithmic scale."
    if zeros > 0:
        said += f" Left out are the {percent(zeros)} of places where it is exactly 0."
    return tag("figure", *drawings, tag("figcaption", said))


def histogram(bins: Sequence[tuple[float, float, int]], width: int, height: int) -> Markup:
    """Bars between the bins' edges, their height the logarithm of the count."""
    left, right, top, bottom = 48, width - 14, 26, height - 30
    low, high = min(bins[0][0], 0.0), max(bins[-1][1], 0.0)
    most = math.log10(max(count for *_, count in bins) + 1) * 1.05

    def across(value: Real) -> float:
        return left + (value - low) / (high - low) * (right - left)

    def up(count: Real) -> float:
        return bottom - math.log10(count + 1) / most * (bottom - top)

    parts = []
    for power in range(math.ceil(most) + 1):
        if 10**power + 1 <= 10**most:
            y = up(10**power)
            parts.append(tag("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
            parts.append(text(short(10**power), left - 7, y + 4, "end"))
    for a, b, count in bins:
        if count:
            said = tag("title", minus(f"{a:.3g} to {b:.3g}: {count:,} places"))
            size = max(across(b) - across(a) - 1, 0.7)
            parts.append(
                tag("rect", said, x=across(a) + 0.5, y=up(count), width=size, height=bottom - up(count), class_="bin")
            )
    for value in ticks(low, high, max(2, (right - left) // 80)):
        parts.append(tag("line", x1=across(value), x2=across(value), y1=bottom, y2=bottom + 4, class_="tick"))
        parts.append(text(minus(short(value)), across(value), bottom + 18, "middle"))
    parts.append(tag("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="base"))
    parts.append(text("places, by activation", 0, 12, "start", "title"))
    label = "how many places have which activation"
    return tag("svg", *parts, class_="plot", viewBox=f"0 0 {width} {height}", role="img", aria_label=label)


# ----------------------------------------------------------------------------------------------------------------------
# Effect


def effect_figure(neuron: Neuron) -> Markup:
    """What its mean ablation does to the loss, among the same of other neurons."""
    trace = neuron.of.ablation
    assert trace is not None
    names = ("effect", "effect_error", "kl", "larger", "mean")
    effect, error, kl, larger, mean = (neuron.value(trace, name) for name in names)
    others = trace.arrays["control_effect"].astype(float)
    drawings = [
        tag("div", effect_strip(effect, error, others, w), class_=c) for w, c in ((WIDE, "wide"), (NARROW, "narrow"))
    ]
    caption = (
        f"Set to its mean ({minus(f'{mean:.3g}')}) everywhere, the loss changes by "
        f"{signed(effect)} ± {error:.2g} nats a token and the predictions by a KL of {kl:.2g} nats. The small dots are "
        f"{len(others)} other neurons of the layer, drawn at random: {percent(larger)} of them change the loss as much."
    )
    return tag("figure", *drawings, tag("figcaption", caption))


def effect_strip(effect: float, error: float, others: np.ndarray, width: int) -> Markup:
    """The neuron's effect with its error above the dots of the others."""
    left, right, bottom, height = 14, width - 14, 74, 112
    error = error if math.isfinite(error) else 0.0
    values = np.array([0.0, effect - error, effect + error, *others[np.isfinite(others)]])
    low, high = float(values.min()), float(values.max())
    room = 0.04 * (high - low) or 1.0
    low, high = low - room, high + room

    def across(value: Real) -> float:
        return left + (value - low) / (high - low) * (right - left)

    parts = [tag("line", x1=across(0.0), x2=across(0.0), y1=8, y2=bottom, class_="grid")]
    for i, value in enumerate(others.tolist()):
        parts.append(tag("circle", cx=across(value), cy=48 + 7 * (i % 3), r=2.4, class_="other"))
    parts.append(
        tag("line", x1=across(effect - error), x2=across(effect + error), y1=24, y2=24, class_="whisker line1")
    )
    parts.append(
        tag("circle", tag("title", f"this neuron: {effect:.4g}"), cx=across(effect), cy=24, r=5, class_="line1")
    )
    for value in ticks(low, high, max(2, width // 120)):
        parts.append(tag("line", x1=across(value), x2=across(value), y1=bottom, y2=bottom + 4, class_="tick"))
        parts.append(text(minus(f"{value:.2g}"), across(value), bottom + 18, "middle"))
    parts.append(tag("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="base"))
    parts.append(text("rise of the loss, nats per token", left, height - 4, "start", "title"))
    label = f"rise of the loss: {effect:.3g}, among {len(others)} other neurons"
    return tag("svg", *parts, class_="plot", viewBox=f"0 0 {width} {height}", role="img", aria_label=label)
