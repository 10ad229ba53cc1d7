"""What an evaluation leaves as it was: weights, buffers that change in forward, random numbers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from glassworks.optim.gradient_free import vector


class Ran:
    """The modules that a closure has run, and their buffers as they were before."""

    def __init__(self) -> None:
        self.modules: dict[int, nn.Module] = {}
        self.buffers: dict[int, tuple[Tensor, Tensor]] = {}
        self.moving: set[int] | None = None
        """Those that a candidate has changed, once one has been looked at. (Batch norm leaves `_version` as it is.)"""

    def note(self, module: nn.Module, _: Any) -> None:
        """A module is about to run."""
        if id(module) not in self.modules:
            self.modules[id(module)] = module
            for buffer in module.buffers(recurse=False):
                self.buffers.setdefault(id(buffer), (buffer, buffer.clone()))

    def put_back(self, *, all_of_them: bool = False) -> None:
        """Buffers that candidates change become what they were."""
        if self.moving is None or all_of_them:
            self.moving = {key for key, (buffer, copy) in self.buffers.items() if not same(buffer, copy)}
        for key in self.moving:
            buffer, copy = self.buffers[key]
            buffer.copy_(copy)

    def holders(self, weights: Sequence[Tensor]) -> list[tuple[nn.Module, str, int]]:
        """Every place that holds one of the weights, with its number: several where weights are tied."""
        number = {id(p): i for i, p in enumerate(weights)}
        found: dict[tuple[int, str], tuple[nn.Module, str, int]] = {}
        for ran in list(self.modules.values()):
            for module in ran.modules():
                for name, p in module._parameters.items():
                    if id(p) in number:
                        found[id(module), name] = module, name, number[id(p)]
        return list(found.values())


def same(one: Tensor, other: Tensor) -> bool:
    """Whether they are equal, NaN to NaN."""
    return bool(((one == other) | ((one != one) & (other != other))).all())


@contextmanager
def same_numbers(seed: int, weights: Sequence[Tensor]) -> Iterator[None]:
    """In the block random numbers are those of the seed; after it, what they would have been without it."""
    with torch.random.fork_rng([weights[0].device] if weights[0].is_cuda else []):
        reseed(seed)
        yield


def reseed(seed: int) -> None:
    """What `torch.manual_seed` does, a thousand times as fast: that notes who asked, for devices that are not there."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)


@contextmanager
def seen_running() -> Iterator[dict[int, nn.Module]]:
    """The modules that run in the block, by their ids, in their order."""
    found: dict[int, nn.Module] = {}

    def note(module: nn.Module, _: Any) -> None:
        found.setdefault(id(module), module)

    hook = register_module_forward_pre_hook(note)
    try:
        yield found
    finally:
        hook.remove()


@contextmanager
def left_as_it_was(weights: Sequence[Tensor]) -> Iterator[Ran]:
    """After the block weights, buffers and random numbers are what they were before; yields what has run meanwhile."""
    before, ran = [p.detach().clone() for p in weights], Ran()
    hook = register_module_forward_pre_hook(ran.note)
    try:
        with same_numbers(0, weights):
            yield ran
    finally:
        hook.remove()
        torch._foreach_copy_(list(weights), before)
        ran.put_back(all_of_them=True)


def written(candidate: Tensor, weights: Sequence[Tensor], seed: int) -> None:
    """A candidate becomes the weights, and the random numbers those that every candidate has."""
    vector.write(candidate, weights)
    reseed(seed)
