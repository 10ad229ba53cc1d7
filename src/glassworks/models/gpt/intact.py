"""Whether a GPT is still, part by part, what its configuration says.

Generation takes short cuts (a cache of keys and values, weights folded for machine code) which rest on what the parts
do. A user may take a model apart in any way that Python allows, so nothing is trusted that was not looked at: the tree
of modules, their kinds and the attributes that these set, the shapes of their tensors, the functions of their classes.
"""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import nn

from glassworks.models.gpt import fused
from glassworks.models.gpt import model as gpt
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.fused import Linear
from glassworks.models.gpt.model import GPT, MLP, Attention, Block, RMSNorm

KINDS: list[Any] = [GPT, Block, Attention, MLP, RMSNorm, Linear, nn.LayerNorm, nn.Embedding, nn.Identity, nn.ModuleList]
MAKING = {"__init__", "__setstate__"}
"""Methods that no module calls once it is made; torch's compiler puts others in their place when it is loaded."""
CODE = {
    holder: {
        name: value
        for name in dir(holder)
        if name not in MAKING and (callable(value := getattr(holder, name)) or type(value) is property)
    }
    for holder in (*KINDS, gpt, fused)
}
"""What the kinds of our parts do, and the functions that they call, as long as nobody has put others there."""

FREE = {*vars(nn.Module()), "recompute", "point_axes"}
"""Attributes of a module that are looked at otherwise, or do not change what it computes without gradients."""


class Part(NamedTuple):
    """What is compared of a module."""

    name: str
    kind: type[nn.Module]
    shapes: dict[str, tuple[int, ...] | None]  # of parameters and buffers
    attributes: dict[str, Any]


def intact(model: nn.Module) -> bool:
    """Whether a model is a GPT of which nothing was removed, added, replaced, reshaped or overridden.

    Its weights may have any values, and hooks are not looked at. A part used in two places is not intact unless it
    would be the same twice.
    """
    config = getattr(model, "config", None)
    if type(model) is not GPT or type(config) is not GPTConfig or not is_code_ours():
        return False
    present, fresh = list(parts(model)), expected(config)
    return len(present) == len(fresh) and all(map(alike, present, fresh))


def is_code_ours() -> bool:
    """Whether classes and functions are as they were when this module was imported; new ones change nothing."""
    return all(getattr(holder, name, None) == value for holder, code in CODE.items() for name, value in code.items())


def parts(model: nn.Module) -> Iterator[Part]:
    """Every module under every name that it has."""
    for name, module in model.named_modules(remove_duplicate=False):
        tensors = {**module._parameters, **module._buffers}
        shapes = {key: None if tensor is None else tuple(tensor.shape) for key, tensor in tensors.items()}
        attributes = {key: value for key, value in vars(module).items() if key not in FREE}
        yield Part(name, type(module), shapes, attributes)


@functools.lru_cache(maxsize=16)
def expected(config: GPTConfig) -> list[Part]:
    """The parts of a fresh model."""
    with torch.device("meta"):
        return list(parts(GPT(config)))


def alike(part: Part, fresh: Part) -> bool:
    """Whether a part is as it should be. Attributes of the user's own are allowed if they hide none of the class."""
    kind = part.kind
    if part[:3] != fresh[:3]:
        return False
    attributes = fresh.attributes
    own = part.attributes.keys() - attributes.keys()
    return not any(hasattr(kind, name) for name in own) and all(
        type(value) is type(part.attributes.get(name)) and value == part.attributes[name]
        for name, value in attributes.items()
    )
