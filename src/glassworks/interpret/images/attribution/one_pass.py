"""Other rules of ReLUs in a graph that is there already: one plain forward pass serves plain and guided gradients.

`rectified` watches every call while a model runs, which in a small network takes as long as the network itself. Where
the graph holds nothing but layers that are known, its ReLUs are found in it afterwards.
"""

from collections.abc import Iterator

from torch import Tensor
from torch.autograd.graph import Node

from glassworks.interpret.access.rectifiers import Rule

KNOWN = {
    "torch::autograd::AccumulateGrad",
    "AdaptiveAvgPool2DBackward0",
    "AddBackward0",
    "AsStridedBackward1",
    "SelectBackward0",
    "AddmmBackward0",
    "AvgPool2DBackward0",
    "CatBackward0",
    "CloneBackward0",
    "ConvolutionBackward0",
    "DivBackward0",
    "GatherBackward0",
    "MaxPool2DWithIndicesBackward0",
    "MeanBackward1",
    "NativeBatchNormBackward0",
    "PermuteBackward0",
    "ReshapeAliasBackward0",
    "SliceBackward0",
    "SqueezeBackward1",
    "SubBackward0",
    "SumBackward0",
    "TBackward0",
    "UnsafeViewBackward0",
    "ViewBackward0",
}
"""Nodes that are neither a ReLU nor another nonlinearity that a rule of ReLUs would have to refuse."""


def nodes_of(value: Tensor) -> Iterator[Node]:
    """Every node of the graph that made a value."""
    waiting, seen = [value.grad_fn], set[Node]()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            waiting += [before for before, _ in node.next_functions]


def guide(value: Tensor, rule: Rule = "guided") -> bool:
    """Let gradients on their way back from a value pass ReLUs by a rule; False where not all nodes are known.

    From then on the value's graph has no plain gradients.
    """
    relus = []
    for node in nodes_of(value):
        name = node.name()
        if name == "ReluBackward0":
            relus.append(node)
        elif name not in KNOWN:
            return False
    for node in relus:
        if rule == "guided":
            node.register_prehook(rectify)
        elif rule == "deconvnet":
            node.register_hook(lambda _passed, signals: rectify(signals))
    return True


def rectify(signals: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """What of the signal that comes to a ReLU is above 0; the ReLU's own gradient masks it besides."""
    (signal,) = signals
    return (signal.clamp(min=0),)
