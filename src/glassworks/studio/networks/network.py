"""A network's passes as a page takes them: its layers with their weights and windows, and each pass's values."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.interpret.access.flow.steps import Flow, names_of
from glassworks.interpret.access.flow.trace import trace

MOST = 12_000_000
"""Numbers of values that a page is sent at most: 48 MB."""
WEIGHTS = 2_000_000
"""Weights of a layer that a page is sent at most."""


def network(model: nn.Module, inputs: Sequence[Tensor], names: Sequence[str] = ()) -> dict[str, Any]:
    """The layers of a model, and the values of all of them for each of some inputs (1, ...).

    Raises: ValueError for inputs that go through other layers than the first did, and for more numbers than a page
    holds.
    """
    flows = []
    for x in inputs:
        flows.append(trace(model, x))
        if kinds_of(flows[-1]) != kinds_of(flows[0]):
            raise ValueError("inputs must go through the same layers: show those that do not by themselves")
        size = sum(step.value.numel() for flow in flows for step in flow.steps)
        if size > MOST:
            raise ValueError(f"the layers hold {size:,} numbers, a page at most {MOST:,}: give smaller or fewer images")
    return {
        "layers": layers_of(flows[0]),
        "output": flows[0].output,
        "passes": [
            {"name": name, "values": [step.value for step in flow.steps], "moments": moments_of(flow)}
            for flow, name in zip(flows, names or [""] * len(flows), strict=True)
        ],
    }


def kinds_of(flow: Flow) -> list[tuple[str, str, torch.Size]]:
    """What two passes through the same layers have in common."""
    return [(step.name, step.kind, step.value.shape) for step in flow.steps]


def layers_of(flow: Flow) -> list[dict[str, Any]]:
    """Every step without its value; `point` is None where it is not what its module returns."""
    last = {(step.name, step.call): i for i, step in enumerate(flow.steps)}
    layers = []
    for i, (step, name) in enumerate(zip(flow.steps, names_of(flow.steps), strict=True)):
        layer = {
            "name": name,
            "module": step.module,
            "function": step.function,
            "kind": step.kind,
            "inputs": list(step.inputs),
            "shape": list(step.value.shape),
            "point": step.point if step.name and last[step.name, step.call] == i else None,
        }
        weight = step.facts.get("weight")
        if weight is not None and weight.numel() > WEIGHTS:
            layer |= {"kind": "opaque", "why": f"its {weight.numel():,} weights are more than a page holds"}
        else:
            layer |= step.facts
        layers.append(layer)
    return layers


def moments_of(flow: Flow) -> dict[str, Any]:
    """By the number of a norm: the mean and the variance that it took, which may be the image's own."""
    return {
        str(i): {name: step.facts[name] for name in ("mean", "variance")}
        for i, step in enumerate(flow.steps)
        if step.kind == "norm"
    }
