"""Drawings of single methods: how far lenses are from the prediction, and the examples of neurons."""

import numpy as np

from glassworks.core.trace import Trace
from glassworks.studio.axes import Axis, Plan
from glassworks.studio.curves import lines
from glassworks.studio.drawn import Drawn
from glassworks.studio.markup import Markup, join, tag
from glassworks.studio.names import name_of
from glassworks.studio.neuron_figures import examples_figure
from glassworks.studio.neuron_view import Neuron, Neurons, percent

MAX_NEURONS = 4


def divergence_figure(trace: Trace) -> Markup:
    """How far each layer's reading is from the prediction, and its loss, by lens; on logarithmic axes."""
    notes = {
        "kl": "KL(last || layer) in nats, mean over all places; the last layer reads itself, 0 nats, and is left out.",
        "loss": "Nats of the token that follows; at the last layer the model's own loss.",
    }
    found = []
    for name, note in notes.items():
        values = np.where(trace.arrays[name] > 0, trace.arrays[name], np.nan).astype(float)
        errors = trace.arrays["error"].astype(float) if name == "kl" else None
        drawn = Drawn(
            name_of(name, trace.method),
            values,
            tuple(Axis.of(axis, len(trace.labels[axis]), trace.labels[axis]) for axis in trace.axes[name]),
            errors,
            note,
        )
        found.append(lines(drawn, Plan("lines", (), (0, 1)), log=True))
    return join(found)


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
