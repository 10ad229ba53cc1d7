"""A model in evaluation mode, or torch with fewer threads, for the length of a block."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from glassworks.core.machine import company

OPEN: dict[object, dict[nn.Module, bool]] = {}
"""What each block found its modules in, in the order in which the blocks began."""

CHANGING = threading.Lock()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Turn dropout and batch statistics off inside the block; afterwards every submodule is as it was.

    Where blocks of several threads overlap, the last one to end gives back what the first one found.
    """
    company.watch()  # what computes with a model and is no training comes by here
    block = object()
    with CHANGING:
        found = OPEN[block] = {module: module.training for module in model.modules()}
        if any(found.values()):  # setting what is set already takes longer than a small network
            model.eval()
    try:
        yield
    finally:
        with CHANGING:
            blocks = list(OPEN)
            later = [OPEN[other] for other in blocks[blocks.index(block) + 1 :]]
            for module, mode in OPEN.pop(block).items():
                heir = next((other for other in later if module in other), None)
                if heir is not None:
                    heir[module] = mode  # it is for that one to give back
                elif module.training != mode:
                    module.training = mode


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
