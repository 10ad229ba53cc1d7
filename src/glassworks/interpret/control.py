"""The control network: the same architecture that has learned nothing."""

import copy

import torch
from torch import nn


def randomised(model: nn.Module, *, seed: int) -> nn.Module:
    """A copy of any module with the same architecture and other weights.

    A module with `reset_parameters` (torch's own layers have it) draws its parameters anew; the numbers of any other
    parameter are put in random order, which keeps their distribution. Buffers stay; a tied parameter is drawn once.
    This is the initialisation of torch's layers, not the one that the model was trained from: where that matters, give
    a network of your own to the functions that take one.
    """
    found = copy.deepcopy(model)
    done: set[int] = set()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)  # inside the fork: the caller's generator is as it was afterwards
        for module in found.modules():
            own = [p for p in module.parameters(recurse=False) if id(p) not in done]
            done |= {id(p) for p in own}
            reset = getattr(module, "reset_parameters", None)
            if callable(reset) and own:
                reset()
                continue
            for p in own:
                p.copy_(p.flatten()[torch.randperm(p.numel()).to(p.device)].view_as(p))
    return found
