"""A model in evaluation mode, or torch with fewer threads, for the length of a block."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import torch
from torch import nn

from glassworks.core.machine import company

OPEN: WeakKeyDictionary[nn.Module, dict[object, bool]] = WeakKeyDictionary()
"""The mode that each block on a module found, in the order in which they began."""

CHANGING = threading.Lock()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Turn dropout and batch statistics off inside the block; afterwards every submodule is as it was.

    Where blocks of several threads overlap, the last one to end gives back what the first one found.
    """
    company.watch()  # what computes with a model and is no training comes by here
    block, modules = object(), list(model.modules())
    with CHANGING:
        for module in modules:
            OPEN.setdefault(module, {})[block] = module.training
        if any(module.training for module in modules):  # setting what is set already takes longer than a small network
            model.eval()
    try:
        yield
    finally:
        with CHANGING:
            for module in modules:
                modes = OPEN[module]
                begun = list(modes)
                mode, later = modes.pop(block), begun[begun.index(block) + 1 :]
                if later:
                    modes[later[0]] = mode  # it is for that one to give back
                elif module.training != mode:
                    module.training = mode
                if not modes:
                    del OPEN[module]


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch use so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def refuse_meta(model: nn.Module) -> None:
    """ValueError for a model whose weights have shapes and no values."""
    if any(p.is_meta for p in model.parameters()):
        raise ValueError("model is on the meta device, where weights have no values: build or load it on another one")
