"""Which layers stand in residual branches of any module, found by what passes when a layer writes nothing.

With the weights of one layer at 0, no gradient passes it. In a chain everything before it then has none. In a residual
branch only what came before it in that branch has none: all else has its way around it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.models.initialisation.layers import Layer

Run = Callable[[], Tensor]
"""Computes a number that depends on all that the model says of a batch, as a loss does."""


@dataclass(frozen=True)
class Branch:
    """Layers between a split and the sum that ends it."""

    layers: tuple[Layer, ...]
    """In the order in which they run; the last writes what is added."""
    depth: int
    """How many of them stand one behind the other, at most: fewer than there are where some run side by side."""


@dataclass(frozen=True)
class Structure:
    """The layers of a module in the order in which they run, and the residual branches among them."""

    layers: tuple[Layer, ...]
    branches: tuple[Branch, ...]

    @property
    def trunk(self) -> tuple[Layer, ...]:
        """The layers outside of branches: the stem, what is between, the head."""
        inside = {id(layer) for branch in self.branches for layer in branch.layers}
        return tuple(layer for layer in self.layers if id(layer) not in inside)


def structure_of(model: nn.Module, layers: Sequence[Layer], run: Run) -> Structure:
    """The layers in the order in which they run first, and their residual branches; none in a plain chain.

    A forward and two backward passes a layer. Weights, buffers and random numbers are as they were afterwards.

    Args:
        model: what `run` runs, in its mode.
        layers: of the model, as `layers_to_draw` gives them; those that do not run are left out.
        run: see `Run`.
    """
    with all_awake(model), torch.random.fork_rng(), torch.enable_grad():
        ordered, above = read_graph(model, layers, run)
        open_now = alive(model, ordered, run)
        cut: list[set[int]] = []  # of each layer, what comes before it and has no way around it
        for i, layer in enumerate(ordered):
            with silenced([layer]):
                left = alive(model, ordered, run)
            cut.append({k for k in above[i] if open_now[k] and not left[k]})
        inside = [i for i in range(len(ordered)) if cut[i] != {k for k in above[i] if open_now[k]}]
        ends = [i for i in inside if not any(i in cut[j] for j in inside)]
        with silenced([ordered[i] for i in ends]):
            left = alive(model, ordered, run)
    ends = [
        i for i in ends if left[i] and any(left[k] for k in above[i] - cut[i])
    ]  # a sum goes on without its branches
    members = {end: sorted((cut[end] & set(inside)) | {end}) for end in ends}
    branches = tuple(Branch(tuple(ordered[k] for k in members[end]), height(end, cut)) for end in members)
    return Structure(tuple(ordered), branches)


def height(layer: int, cut: Sequence[set[int]]) -> int:
    """How many layers stand one behind the other in a branch, up to this one."""
    return 1 + max((height(k, cut) for k in cut[layer] if k >= 0), default=0)


def read_graph(model: nn.Module, layers: Sequence[Layer], run: Run) -> tuple[list[Layer], list[set[int]]]:
    """The layers in the order in which they run, and for each the earlier ones that its input depends on.

    Numbers below 0 are what the model itself reads (see `roots`).
    """
    inputs: dict[Layer, Tensor] = {}

    def keep(layer: Layer, given: tuple[Any, ...]) -> None:
        if given and isinstance(given[0], Tensor):
            inputs.setdefault(layer, given[0])

    with ExitStack() as stack:
        for layer in layers:
            hook = layer.module.register_forward_pre_hook(lambda _, given, layer=layer: keep(layer, given))
            stack.callback(hook.remove)
        found = stack.enter_context(roots(model))
        run()
    ordered, above = list(inputs), list[set[int]]()
    for i, layer in enumerate(ordered):
        earlier = [other.weight for other in ordered[:i]] + found
        names = [*range(i), *(-1 - k for k in range(len(found)))]
        read = inputs[layer]
        reached: Sequence[Tensor | None] = [None] * len(earlier)
        if read.requires_grad and earlier:
            reached = torch.autograd.grad(read.float().sum(), earlier, retain_graph=True, allow_unused=True)
        above.append({name for name, grad in zip(names, reached, strict=True) if grad is not None})
    return ordered, above


def alive(model: nn.Module, ordered: Sequence[Layer], run: Run) -> dict[int, bool]:
    """Which layers' weights, and which of what the model reads, have a gradient that is not 0."""
    with roots(model) as found:
        result = run()
    places = [layer.weight for layer in ordered] + found
    names = [*range(len(ordered)), *(-1 - k for k in range(len(found)))]
    if not result.requires_grad:
        return dict.fromkeys(names, False)
    grads = torch.autograd.grad(result, places, allow_unused=True)
    return {name: g is not None and bool(g.any()) for name, g in zip(names, grads, strict=True)}


# ----------------------------------------------------------------------------------------------------------------------
# Changes for the length of a block


@contextmanager
def roots(model: nn.Module) -> Iterator[list[Tensor]]:
    """Inside the block what the model reads wants gradients: the numbers it is given, and tables that ids look up."""
    found: list[Tensor] = [m.weight for m in model.modules() if isinstance(m, nn.Embedding) and m.weight.requires_grad]
    hook = model.register_forward_pre_hook(
        lambda _, args, kwargs: (wanting(args, found), wanting(kwargs, found)), with_kwargs=True
    )
    try:
        yield found
    finally:
        hook.remove()


def wanting(given: Any, found: list[Tensor]) -> Any:
    """The same values, of which floating-point tensors want gradients; these are put on the list."""
    if isinstance(given, tuple | list):
        return type(given)(wanting(value, found) for value in given)
    if isinstance(given, dict):
        return {name: wanting(value, found) for name, value in given.items()}
    if not isinstance(given, Tensor) or not given.is_floating_point():
        return given
    root = given.detach().clone().requires_grad_()
    found.append(root)
    return root


@contextmanager
def silenced(layers: Sequence[Layer]) -> Iterator[None]:
    """Inside the block these layers' weights and biases are 0."""
    parts = [part for layer in layers for part in (layer.weight, layer.bias) if part is not None]
    with torch.no_grad():
        before = [part.clone() for part in parts]
        for part in parts:
            part.zero_()
    try:
        yield
    finally:
        with torch.no_grad():
            for part, values in zip(parts, before, strict=True):
                part.copy_(values)


@contextmanager
def all_awake(model: nn.Module) -> Iterator[None]:
    """Inside the block no parameter is 0 throughout, so that nothing is cut off to begin with."""
    kept = [(t, t.detach().clone()) for t in (*model.parameters(), *model.buffers())]
    with torch.no_grad():
        for p in model.parameters():
            if p.is_floating_point() and not p.any():
                p.copy_(torch.linspace(0.05, 0.15, p.numel()).view(p.shape))
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, before in kept:
                tensor.copy_(before)
