"""A playground's network for one point as a graph of scalars, forward and backward: `glassworks.micro`'s values."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from glassworks.micro.engine import Value
from glassworks.micro.graph import draw
from glassworks.micro.step import formula, named, records
from glassworks.studio.playground.network import linears
from glassworks.studio.playground.settings import ACTIVATIONS, Settings

MOST = 200
"""Values that are drawn."""
OF_FEATURE = {
    "x1": lambda x, y: x,
    "x2": lambda x, y: y,
    "x1x1": lambda x, y: x * x,
    "x2x2": lambda x, y: y * y,
    "x1x2": lambda x, y: x * y,
    "sin1": lambda x, y: x.sin(),
    "sin2": lambda x, y: y.sin(),
}
METHOD = dict(zip(ACTIVATIONS, ("tanh", "relu", "sigmoid", "sin", ""), strict=True))


def loss_of(settings: Settings, model: nn.Module, point: Sequence[float], target: float, classes: int) -> Value:
    """The loss of one point as a value, with every weight of the network as a leaf of its own, labelled.

    Weights are w1.2.3 (layer 1, to neuron 2, from 3) and b1.2, counted from 1. `target` is what the loss reads: -1 or
    1, a number, or of entropy the class's index.
    """
    x, y = Value(point[0], "x1"), Value(point[1], "x2")
    read = [OF_FEATURE[name](x, y) for name in settings.features]
    layers = linears(model)
    for depth, layer in enumerate(layers, 1):
        read = [
            neuron(weights, bias, read, f"{depth}.{i}")
            for i, (weights, bias) in enumerate(zip(layer.weight.tolist(), layer.bias.tolist(), strict=True), 1)
        ]
        if depth < len(layers) and METHOD[settings.activation]:
            read = [getattr(z, METHOD[settings.activation])() for z in read]
        for i, value in enumerate(read, 1):
            value.label = f"h{depth}.{i}" if depth < len(layers) else f"z{i}"
    loss: Value
    if classes and settings.loss == "entropy":
        total = sum((z.exp() for z in read[1:]), read[0].exp())
        loss = total.log() - read[int(target)]
    else:
        said = read[0].tanh() if classes else read[0]
        said.label = "output"
        loss = (said - Value(target, "target")) ** 2 * 0.5
    loss.label = "loss"
    return loss


def neuron(weights: Sequence[float], bias: float, read: Sequence[Value], name: str) -> Value:
    """A bias, and each weight times what it reads."""
    parts = (Value(w, f"w{name}.{j}") * x for j, (w, x) in enumerate(zip(weights, read, strict=True), 1))
    total: Value = Value(bias, f"b{name}")
    for part in parts:
        total = total + part
    return total


def graph(loss: Value) -> dict[str, Any]:
    """The graph's picture, and what happens in it step by step: forward a value at a time, then backward.

    Raises: ValueError for a graph of more values than are drawn.
    """
    values = loss.topological()
    if len(values) > MOST:
        raise ValueError(
            f"the graph of this network has {len(values):,} values, and no more than {MOST} are drawn: take away "
            "neurons, layers or features"
        )
    loss.backward()
    names = named(values)
    return {
        "svg": draw(values, {v: names[v] if v._prev else v.label for v in values}, {v: v.grad for v in values}),
        "names": [names[v] for v in values],
        "data": [v.data for v in values],
        "grads": [v.grad for v in values],
        "made": [f"{names[v]} = {formula(v, names)}" if v._prev else "" for v in values],
        "backward": records(loss),
    }
