"""Drawings of single methods: how far lenses are from the prediction, the paths that tell most, examples of neurons."""

import numpy as np

from glassworks.draw.arrays.array import Drawn
from glassworks.draw.arrays.axes import Axis, Plan
from glassworks.draw.arrays.bars import bars
from glassworks.draw.arrays.lines import lines
from glassworks.draw.arrays.plot import heat
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.names import name_of
from glassworks.trace.neurons.figures import examples_figure
from glassworks.trace.neurons.view import Neuron, Neurons, percent
from glassworks.trace.trace import Trace

MAX_NEURONS = 4
MAX_PATHS = 20
LEAST_SHARE = 0.02
"""Of the largest effect: what a path must have to be drawn by itself."""


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


def paths_figure(trace: Trace) -> Markup:
    """The paths with the largest effects, each beside a random change along it; all of them wait to be opened."""
    parts = {name: np.where(trace.arrays["edge"], trace.arrays[name], np.nan).astype(float) for name in PATHS}
    sizes = np.nan_to_num(abs(parts["effect"]))
    order = np.argsort(-sizes, axis=None, kind="stable")[:MAX_PATHS]
    chosen = [np.unravel_index(i, sizes.shape) for i in order if sizes.flat[i] >= LEAST_SHARE * sizes.max()]
    axes = tuple(
        Axis.of(axis, size, trace.labels.get(axis))
        for axis, size in zip(("writer", "reader"), sizes.shape, strict=True)
    )
    names = tuple(f"{axes[0].labels[writer]} → {axes[1].labels[reader]}" for writer, reader in chosen)
    values = np.array([[part[at] for at in chosen] for part in parts.values()])
    count = int(np.count_nonzero(trace.arrays["edge"]))
    note = (
        "What the answer gains when one component reads what another wrote on the clean text: 0 is nothing, 1 all of "
        "the difference between the texts. a1.h3 is head 3 of layer 1, m1 the layer's MLP; .v is what a head reads as "
        f"value. Of {count:,} paths these have the largest effects; below a fiftieth of the largest none is drawn."
    )
    along = (Axis("array", "named", tuple(PATHS.values()), 2), Axis("path", "named", names, len(names)))
    first = bars(Drawn("the paths that tell most", values, along, None, note), Plan("groups", (), (0, 1)))
    every = [heat(Drawn(said, parts[name], axes), Plan("heat", (), (0, 1))) for name, said in PATHS.items()]
    return join([first, tag("details", tag("summary", f"All {count:,} paths"), *every)])


PATHS = {"effect": "effect of each path", "control": "a random change along it"}
"""The arrays of path patching, as they are called."""

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
