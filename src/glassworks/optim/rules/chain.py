"""A module read as a chain of layers, for rules that teach each layer by what stands on both sides of it.

A chain is a function after a function, each of the one before alone. It is cut in front of every weighted layer:

    before                      block 1                  block 2                       block 3
    normalise, flatten    |     linear1, norm1, relu1    |     linear2, relu2    |     head

so that a block is what one matrix of weights does, with all that follows up to the next. Any module whose forward is
such a chain will do: `nn.Sequential` in `nn.Sequential`, or one of your own with `relu(self.fc1(x).flatten(1))`. A
sum of branches (a residual network, a transformer) is none, and is refused by name.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

NORMS = (nn.LayerNorm, nn.RMSNorm)
"""Whose weights may have two axes, and still are gains, one for each number."""


@dataclass(frozen=True, eq=False)
class Block:
    """A weighted layer and what follows it, up to the next one."""

    name: str
    """Of the layer in its module, as `linear1`."""
    layer: nn.Module
    after: tuple[nn.Module, ...]
    """Norms, nonlinearities, pooling, in their order."""

    def __call__(self, x: Tensor) -> Tensor:
        """(B, ...) to (B, ...)."""
        return self.follow(self.layer(x))

    def follow(self, y: Tensor) -> Tensor:
        """What comes of the layer's own output."""
        for step in self.after:
            y = step(y)
        return y

    def parameters(self) -> list[nn.Parameter]:
        """What is to be trained in it, each once."""
        found = {p: None for step in (self.layer, *self.after) for p in step.parameters() if p.requires_grad}
        return list(found)


@dataclass(frozen=True, eq=False)
class Chain:
    """A module as functions, one after the other: `before`, then each block."""

    model: nn.Module
    before: tuple[nn.Module, ...]
    """What stands in front of the first weighted layer: normalisation of pixels, padding, flattening."""
    blocks: tuple[Block, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """The same as the module's own forward."""
        return self.states(x)[-1]

    def enter(self, x: Tensor) -> Tensor:
        """What the first block reads."""
        for step in self.before:
            x = step(x)
        return x

    def states(self, x: Tensor) -> list[Tensor]:
        """What the first block reads, then what each block gives: one more than there are blocks."""
        found = [self.enter(x)]
        for block in self.blocks:
            found.append(block(found[-1]))
        return found

    @torch.no_grad()
    def check(self, x: Tensor) -> None:
        """ValueError unless the blocks compute what the module does for these inputs, in evaluation mode."""
        with evaluating(self.model):
            ours, its = self(x), self.model(x)
        if ours.shape != its.shape or not torch.allclose(ours, its, rtol=1e-4, atol=1e-5, equal_nan=True):
            raise ValueError(
                f"{kind(self.model)} does something else than its layers one after the other (its forward depends on "
                "more than its input): make it an nn.Sequential"
            )


def read_chain(model: nn.Module) -> Chain:
    """`model` as a chain, found by following its forward with a stand-in for its input; nothing is computed.

    Raises: ValueError, naming the layer, where it is no chain: branches that are added, weights that are used outside
        of a layer, a forward that depends on values; and where it has no weighted layer.
    """
    before: list[nn.Module] = []
    blocks: list[tuple[str, nn.Module, list[nn.Module]]] = []
    for name, step in steps(model):
        if is_weighted(step):
            blocks.append((name, step, []))
        else:
            (blocks[-1][2] if blocks else before).append(step)
    if not blocks:
        raise ValueError(f"{kind(model)} has no layer with weights: there is nothing to train")
    return Chain(model, tuple(before), tuple(Block(name, layer, tuple(after)) for name, layer, after in blocks))


def refuse_tied(blocks: Sequence[Block], rule: str) -> None:
    """ValueError, by name, where two blocks have a weight in common, which a rule would teach twice."""
    owner: dict[nn.Parameter, int] = {}
    for i, block in enumerate(blocks):
        for p in block.parameters():
            if owner.setdefault(p, i) != i:
                raise ValueError(
                    f"{rule} teaches each layer by itself, and {blocks[owner[p]].name} and {block.name} have a weight "
                    "in common: give each its own"
                )


def is_weighted(layer: nn.Module) -> bool:
    """Whether a layer has a matrix of weights, of two axes or more; gains of norms are none."""
    return not isinstance(layer, NORMS) and any(p.ndim > 1 for p in layer.parameters())


def kind(model: nn.Module) -> str:
    """What a module is called in a refusal."""
    return f"model (={type(model).__name__})"


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Dropout and statistics of batches off inside of the block; afterwards each module is as it was."""
    found = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in found.items():
            module.training = mode


@contextmanager
def buffers_kept(model: nn.Module) -> Iterator[None]:
    """Whatever forwards do to buffers inside of the block, such as running statistics, is undone after it."""
    found = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in found:
                buffer.copy_(before)


# ----------------------------------------------------------------------------------------------------------------------
# Following a forward


class Follower(fx.Tracer):
    """Follows a forward down to layers: modules that have no others in them, or weights beside them."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is called as a whole."""
        whole = not any(True for _ in m.children()) or any(True for _ in m.parameters(recurse=False))
        return whole or super().is_leaf_module(m, module_qualified_name)


def steps(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Each function of the chain by name: a layer, or a module made of what is computed between two layers."""
    if not any(True for _ in model.children()):
        return [("", model)]
    try:
        graph = Follower().trace(model)
    except Exception as error:  # whatever a forward raises when its input is no tensor
        raise ValueError(
            f"{kind(model)} is no chain of layers, its forward depends on its input's values ({one_line(error)}): "
            "give an nn.Sequential"
        ) from None
    nodes = [node for node in graph.nodes if node.op != "output"]
    if sum(node.op == "placeholder" for node in nodes) != 1 or nodes[0].op != "placeholder":
        raise ValueError(f"{kind(model)} is no chain of layers, it takes more than one input: give an nn.Sequential")
    found: list[tuple[str, nn.Module]] = []
    start = 0
    for end in cuts(nodes)[1:]:
        found.append(one_step(model, nodes[start], nodes[start + 1 : end + 1]))
        start = end
    if start != len(nodes) - 1 or graph.output_node().args[0] is not nodes[-1]:
        raise ValueError(f"{kind(model)} is no chain of layers, it returns more than one tensor: give an nn.Sequential")
    return found


def cuts(nodes: list[fx.Node]) -> list[int]:
    """Where all that follows reads one node alone."""
    place = {node: i for i, node in enumerate(nodes)}
    found, reach = [], 0
    for i, node in enumerate(nodes):
        if reach <= i:
            found.append(i)
        reach = max(reach, *(place.get(user, 0) for user in node.users), 0)
    return found


def one_step(model: nn.Module, start: fx.Node, nodes: list[fx.Node]) -> tuple[str, nn.Module]:
    """The layer that these nodes are, or a module that computes them from `start`."""
    layers = [str(node.target) for node in nodes if node.op == "call_module"]
    if len(nodes) == 1 and layers and nodes[0].args == (start,) and not nodes[0].kwargs:
        return layers[0], model.get_submodule(layers[0])
    weighted = [name for name in layers if is_weighted(model.get_submodule(name))]
    if weighted:
        raise ValueError(
            f"{kind(model)} is no chain of layers: what {weighted[0]} gives is joined with what went around it, as in "
            "a residual network: take one that is a chain, as mlp, lenet5 and small_vgg are"
        )
    graph, copies = fx.Graph(), dict[fx.Node, fx.Node]()
    copies[start] = graph.placeholder("x")
    for node in nodes:
        if node.op == "get_attr" and isinstance(attribute(model, str(node.target)), nn.Parameter):
            raise ValueError(
                f"{kind(model)} is no chain of layers: its forward uses {node.target} outside of a layer: put that "
                "into a module of its own"
            )
        copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output(copies[nodes[-1]])
    return nodes[-1].name, fx.GraphModule(model, graph)


def attribute(model: nn.Module, path: str) -> object:
    """What stands under a dotted name."""
    where, _, name = path.rpartition(".")
    return getattr(model.get_submodule(where), name)


def one_line(error: BaseException) -> str:
    """The first line of what was raised."""
    return (str(error).strip().split("\n")[0] or type(error).__name__)[:100]
