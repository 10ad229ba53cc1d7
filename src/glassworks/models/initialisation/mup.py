"""µP: how weights are drawn and how fast they learn by width, so that what is best for one width is best for all.

Yang et al. 2022, "Tensor Programs V" (https://arxiv.org/abs/2203.03466), table 3, without multipliers in the forward
pass: any module stays as it is. A base network of the same architecture and another width says which axes are widths,
and at the base's own width everything is as if there were no µP. With r the width of what is read over the base's, and
q that of what is made:

                     std of weights    rate of SGD    rate of Adam
    reads no width   1                 q              1               the first layer; biases, gains, embeddings
    hidden           1 / √r            1              1 / r
    makes no width   1 / r             1 / r          1 / r           the last layer

Attention divides by √d as it does: µP would have it divide by d.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from glassworks.models.initialisation.draws import generator_of, normal
from glassworks.models.initialisation.layers import TRANSPOSED, gain_of, layers_to_draw

Rates = dict[str, float]
"""A factor of the learning rate for each parameter, by name."""


@dataclass(frozen=True)
class Widening:
    """How much wider than the base a parameter is along what it reads and what it makes; 1 = that is no width."""

    read: float
    made: float


def draw_mup(model: nn.Module, base: nn.Module, seed: int = 0) -> None:
    """Draw all layers: normal, the std of the base's width times a factor of the table.

    At the base's width the std is the gain of the model's activation over √fan-in, 1 / √fan-in for the last layer.

    Raises: ValueError for a base of another architecture.
    """
    widening, generator = widenings(model, base), generator_of(seed)
    layers = layers_to_draw(model)
    names = {id(p): name for name, p in model.named_parameters()}
    for layer in layers:
        wider = widening[names[id(layer.weight)]]
        gain = 1.0 if layer is layers[-1] else gain_of(model)
        std = gain / layer.fan_in**0.5
        layer.fill(normal(layer, std / wider.read**0.5 if wider.made == 1 else std, generator))


def mup_rates(model: nn.Module, base: nn.Module, optimizer: Literal["adam", "sgd"] = "adam") -> Rates:
    """By what the learning rate of each parameter is multiplied.

    Raises: ValueError for a base of another architecture, or another optimizer.
    """
    if optimizer not in ("adam", "sgd"):
        raise ValueError(f"optimizer (={optimizer!r}) must be adam (also AdamW) or sgd: µP has rates for no other")
    rates: Rates = {}
    for name, wider in widenings(model, base).items():
        ends = 1 / wider.read if wider.made == 1 else 1.0  # the last layer
        hidden = 1 / wider.read if wider.read != 1 and wider.made != 1 else 1.0
        first = wider.made if wider.read == 1 else 1.0
        rates[name] = ends * hidden if optimizer == "adam" else ends * first
    return rates


def mup_groups(
    model: nn.Module, base: nn.Module, lr: float, optimizer: Literal["adam", "sgd"] = "adam", **settings: Any
) -> list[dict[str, Any]]:
    """Groups of parameters for `torch.optim.AdamW` or `SGD`, one for each learning rate.

    >>> groups = mup_groups(nn.Linear(8, 2), nn.Linear(4, 2), lr=0.1)
    >>> [group["lr"] for group in groups]
    [0.05, 0.1]
    """
    wanted = [p for p in model.parameters() if p.requires_grad]
    return split_groups([{"params": wanted, "lr": lr, **settings}], model, mup_rates(model, base, optimizer))


def split_groups(groups: list[dict[str, Any]], model: nn.Module, rates: Mapping[str, float]) -> list[dict[str, Any]]:
    """An optimizer's groups, each split by the factors of the learning rate.

    A decay of weights that is multiplied by the rate, as AdamW's is, is divided by the factor: it stays what it was.
    """
    of = {id(p): rates[name] for name, p in model.named_parameters()}
    found = []
    for group in groups:
        by_rate: dict[float, list[torch.Tensor]] = {}
        for p in group["params"]:
            by_rate.setdefault(of[id(p)], []).append(p)
        for rate, params in by_rate.items():
            part = {**group, "params": params, "lr": group["lr"] * rate}
            if group.get("weight_decay"):
                part["weight_decay"] = group["weight_decay"] / rate
            found.append(part)
    return found


def widenings(model: nn.Module, base: nn.Module) -> dict[str, Widening]:
    """How much wider each parameter is than the base's of the same name.

    A layer reads along its second axis and makes along its first, and so does any matrix that is wider along both, as
    attention's own; of all else, such as biases, gains and embeddings, what is wider is made.
    """
    theirs = dict(base.named_parameters())
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    turned = {id(m.weight) for m in model.modules() if isinstance(m, TRANSPOSED)}
    drawn = {id(layer.weight) for layer in layers_to_draw(model)}
    if any(id(m.weight) in tables for m in model.modules() if isinstance(m, nn.Linear)):
        raise ValueError("the last layer has the embedding's weight, and µP draws them differently: untie them")
    found = {}
    for name, p in model.named_parameters():
        other = theirs.get(name)
        if other is None or other.ndim != p.ndim:
            raise ValueError(
                f"base has no parameter {name} of {p.ndim} axes: give a network of the same architecture, of another "
                "width"
            )
        ratio = [ours / base_size for ours, base_size in zip(p.shape, other.shape, strict=True)]
        if id(p) in drawn or (p.ndim == 2 and 1 not in ratio):
            made, read = (ratio[1], ratio[0]) if id(p) in turned else (ratio[0], ratio[1])
            found[name] = Widening(read, made)
        else:
            found[name] = Widening(1.0, math.prod(ratio))
    return found
