"""Drawings of single methods: a circuit's curve of faithfulness, and the examples of neurons."""

import numpy as np

from glassworks.core.trace import Trace
from glassworks.studio.axes import Axis, Plan
from glassworks.studio.curves import lines
from glassworks.studio.drawn import Drawn
from glassworks.studio.markup import Markup, join, tag
from glassworks.studio.neuron_figures import examples_figure
from glassworks.studio.neuron_view import Neuron, Neurons, percent

MAX_NEURONS = 4


def curve_figure(trace: Trace) -> Markup:
    """How much of a behaviour comes back as edges are kept, beside keeping them in random order."""
    random = trace.arrays["random"].astype(float)
    named = {
        "kept: the best edges": trace.arrays["faithfulness"],
        "kept: all others": trace.arrays["complement"],
        "kept: as many at random": random.mean(0) if len(random) else np.full(random.shape[1], np.nan),
    }
    values = np.stack([array.astype(float) for array in named.values()])
    errors = np.full_like(values, np.nan)
    if len(random) > 1:
        errors[2] = random.std(0, ddof=1) / len(random) ** 0.5
    labels = tuple(str(int(edges)) for edges in trace.arrays["edges"])
    axes = (Axis("kept", "named", tuple(named), len(named)), Axis("edges", "ordered", labels, len(labels)))
    note = (
        "How much of the difference between the two texts comes back when only some edges carry the clean run: 1 is "
        "all of it, 0 none."
    )
    return lines(Drawn("faithfulness", values, axes, errors, note), Plan("lines", (), (0, 1)))


# ----------------------------------------------------------------------------------------------------------------------


def neuron_figure(trace: Trace) -> Markup:
    """What each neuron fires on: strongest, typical, random and weakest places, with the text around them."""
    neurons = Neurons(trace)
    shown = neurons.numbers[:MAX_NEURONS]
    parts = [join([tag("h3", f"Neuron {number} of {neurons.point}"), one_neuron(neurons, number)]) for number in shown]
    rest = len(neurons.numbers) - len(shown)
    return join([*parts, tag("p", f"{rest:,} more neurons are in the trace.", class_="missing") if rest else ""])


def one_neuron(neurons: Neurons, number: int) -> Markup:
    """How often one neuron fires, and its examples."""
    neuron = Neuron(neurons, number)
    often = " / ".join(percent(neuron.statistic("firing_rate", split)) for split in (0, 1))
    said = tag("p", f"Fires at {often} of all places, on the text it was ranked on / on held-out text.", class_="about")
    return join([said, examples_figure(neuron)])
