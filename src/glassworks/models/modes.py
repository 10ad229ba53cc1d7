"""A model in evaluation mode, or torch with fewer threads, for the length of a block."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from glassworks.core import company


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Turn dropout and batch statistics off inside the block; afterwards every submodule is as it was."""
    company.watch()  # what computes with a model and is no training comes by here
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch use so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
