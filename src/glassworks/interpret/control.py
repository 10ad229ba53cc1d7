"""The control network: the same architecture that has learned nothing."""

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from glassworks.models.gpt.model import GPT
from glassworks.trace.trace import Trace


def randomised(model: nn.Module, *, seed: int) -> nn.Module:
    """A copy of any module with the same architecture and other weights, drawn from `seed`.

    - Our GPT is made anew, as its training begins. Matrices that begin as 0 are drawn like its others: a network whose
      blocks write nothing agrees with itself at every layer, and would be no control.
    - A Hugging Face model is drawn by its own `init_weights`.
    - Of any other, a module with `reset_parameters` (torch's own layers have it) draws its parameters anew, which is
      torch's default and not what the model was trained from; the numbers of any other parameter are put in random
      order, which keeps their distribution. A BatchNorm's running statistics become mean 0 and variance 1; all other
      buffers stay. A tied parameter is drawn once.

    Device, precision and mode are the model's. Give a network of your own where another initialisation matters.
    """
    root = getattr(model, "_orig_mod", model)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)  # inside the fork: the caller's generator is as it was afterwards
        if isinstance(root, GPT):
            return fresh_gpt(root, seed)
        control = copy.deepcopy(root)
        if callable(getattr(control, "_init_weights", None)) and callable(getattr(control, "init_weights", None)):
            initialise_again(control)
        else:
            reset(control)
    return control


def fresh_gpt(model: GPT, seed: int) -> GPT:
    """A GPT of the same shape with fresh weights, none of its matrices 0."""
    fresh = GPT(model.config, seed=seed)
    generator = torch.Generator().manual_seed(seed + 2**32)  # not the numbers that the embedding was made of
    for p in fresh.parameters():
        if p.ndim == 2 and p.numel() and not p.any():
            bound = math.sqrt(3 / p.size(1))
            p.copy_(torch.empty(p.shape).uniform_(-bound, bound, generator=generator))
    return fresh.to(model.embed.weight).train(model.training)


def initialise_again(model: Any) -> None:
    """Draw a Hugging Face model's weights as its class does; what marks them as loaded is taken away."""
    for part in (*model.modules(), *model.parameters(), *model.buffers()):
        part.__dict__.pop("_is_hf_initialized", None)
    model.init_weights()


def reset(model: nn.Module) -> None:
    """Draw the parameters of any module anew, or put them in random order."""
    done: set[int] = set()
    for module in model.modules():
        own = [p for p in module.parameters(recurse=False) if id(p) not in done]
        done |= {id(p) for p in own}
        reset_own(module, own)


def reset_own(module: nn.Module, own: Sequence[nn.Parameter]) -> None:
    """Draw a module's own parameters anew, or put them in random order; those of modules inside it stay."""
    draw = getattr(module, "reset_parameters", None)
    if callable(draw) and (own or getattr(module, "running_mean", None) is not None):
        draw()
        return
    for p in own:
        p.copy_(p.flatten()[torch.randperm(p.numel()).to(p.device)].view_as(p))


def beside(trace: Trace, control: Trace) -> Trace:
    """A trace and, beside each of its arrays, the same of a control network, as <array>_untrained."""
    pairs = {f"{name}_untrained": name for name in trace.arrays}
    return replace(
        trace,
        arrays=trace.arrays | {new: control.arrays[name] for new, name in pairs.items()},
        axes=trace.axes | {new: trace.axes[name] for new, name in pairs.items()},
        meta=trace.meta | {f"{name}_untrained": value for name, value in control.meta.items() if name == "loss"},
    )
