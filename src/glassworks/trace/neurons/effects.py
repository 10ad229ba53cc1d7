"""Drawings of what neurons do: taken away, and replaced by rules; with their controls on the same axis."""

import numpy as np

from glassworks.draw.arrays.heatmap import exact
from glassworks.draw.dot_plot import DotPlot, Marks, dot_plot
from glassworks.draw.markup import Markup, join, tag
from glassworks.trace.drawings.effects import figure
from glassworks.trace.general import Token, sentence
from glassworks.trace.neurons.view import percent
from glassworks.trace.trace import Trace


def ablation_figure(trace: Trace, token: Token) -> Markup:
    """Each neuron's effect on the loss and on the predictions, the largest first, above those of the random others."""
    return join([effects(trace, token, "effect", "effect_error"), effects(trace, token, "kl", "")])


def effects(trace: Trace, token: Token, name: str, error: str) -> Markup:
    """Dots of some neurons, the largest first, and a last row with a mark for each of the others, on one axis."""
    about, values, others = trace.legend.of(name), numbers(trace, name), numbers(trace, f"control_{name}")
    errors = numbers(trace, error) if error else np.full_like(values, np.nan)
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")
    rows = [f"neuron {trace.labels['neuron'][i]}" for i in order]
    said = [f"neuron {label}: {exact(value)}" for label, value in zip(trace.labels["control"], others, strict=True)]
    marks = [
        Marks("its effect", values[order], errors[order], at=range(len(rows))),
        Marks("that of a random other", others, None, "control2", True, at=[len(rows)] * len(others), about=said),
    ]
    least = -about.least if min(values.min(initial=0.0), others.min(initial=0.0)) < 0 else 0.0
    plot = DotPlot([*rows, f"{len(others)} others"], marks, ends=(least, about.least))
    note = " ".join(filter(None, [sentence(about.note, trace, token), most(trace, name) if error else ""]))
    whiskers = " Whiskers are one standard error." if error else ""
    return figure(sentence(about.title, trace, token), dot_plot(plot), f"{note}{whiskers}")


def most(trace: Trace, name: str) -> str:
    """A sentence on the neuron of largest effect, and how many of the others matter as much."""
    values = numbers(trace, name)
    if not np.isfinite(values).any():
        return ""
    i = int(np.nanargmax(abs(values)))
    share = percent(float(trace.arrays["larger"][i]))
    return f"As far from 0 as neuron {trace.labels['neuron'][i]}, which is farthest, are {share} of the others."


def numbers(trace: Trace, name: str) -> np.ndarray:
    """An array as floats."""
    return trace.arrays[name].astype(float)


# ----------------------------------------------------------------------------------------------------------------------
# Rules in the place of neurons


REPLACEMENTS = ("trees", "mean ablation", "random trees")


def swap_figure(trace: Trace, token: Token) -> Markup:
    """How far the predictions move with each replacement, and how often the likeliest token stays the same."""
    return join([replaced(trace, token, "kl", log=True), replaced(trace, token, "top1", log=False)])


def replaced(trace: Trace, token: Token, name: str, *, log: bool) -> Markup:
    """A plot a place: the rules first, then the controls from what says nothing to what says it at wrong moments."""
    about, values, errors = trace.legend.of(name), numbers(trace, name), numbers(trace, f"{name}_error")
    labels = trace.labels["replacement"]
    order = [labels.index(label) for label in REPLACEMENTS]
    rows = [trace.legend.entries.get(labels[i], labels[i]) for i in order]
    every = np.concatenate([values[order] + sign * np.nan_to_num(errors[order]) for sign in (-1, 0, 1)])
    known = every[every > 0]
    ends = (float(known.min(initial=1.0)), float(known.max(initial=0.0))) if log else (0.0, 1.0)
    plots = []
    for at, where in enumerate(trace.labels["place"]):
        marks = [
            Marks(rows[k], [values[i, at]], [errors[i, at]], f"control{k - 1}" if k else "line0", k > 0, at=[k])
            for k, i in enumerate(order)
        ]
        count, of = (int(trace.arrays[array][at]) for array in ("num_replaced", "num_neurons"))
        plots.append(tag("p", f"{where}: {count:,} of {of:,} neurons replaced", class_="head-name"))
        plots.append(dot_plot(DotPlot(rows, marks, ends=ends, log=log), keyed=False))
    said = f"{sentence(about.note, trace, token)} Whiskers are one standard error{', the axis is logarithmic' * log}."
    return figure(sentence(about.title, trace, token), join(plots), said)
