"""LoRA: a linear layer of any module learns a small change of its weight, which stays as it is.

    y = W x + b + s B A x              (Hu et al. 2021, eq. 3)      A (r, I), B (O, r), B = 0 at first
    s = alpha / r, or alpha / sqrt(r)                               (rsLoRA: Kalajdzievski 2023, eq. 3)
    y = m (W + s B A) x / |W + s B A| + b                           (DoRA: Liu et al. 2024, eq. 5)

In DoRA m (O,) is learned, |W| at first, and |.| is the length of each row, taken for a constant in the gradient
(section 4.3). Where one layer is several of another layout, as our `qkv` is three, each part of its rows has an A of
its own: what is learned is what the layers apart would learn.

A layer keeps its weight, its name and its place; only its class changes, as with torch's parametrizations, so that the
names in a state dict stay as they were and hooks and tied weights stay where they are.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.models.adapters.config import AdapterConfig
from glassworks.models.gpt.layout import BLOCK, stacked_rows
from glassworks.models.gpt.model import GPT

OWN = ("lora_a", "lora_b", "magnitude")
"""What an adapted layer has beside its weight and bias."""


class LoRA(nn.Linear):
    """What an adapted layer does; mixed into the class that it had."""

    lora_a: nn.Parameter
    """(P r, I): of each of P parts its own."""
    lora_b: nn.Parameter
    """(O, r)."""
    magnitude: nn.Parameter | None
    """(O,) of DoRA."""
    scale: float
    dropout: float
    parts: tuple[int, ...]
    """Rows of each part."""

    def forward(self, x: Float[Tensor, "*B I"]) -> Float[Tensor, "*B O"]:
        """What the layer gives, changed."""
        seen = F.dropout(x, self.dropout, self.training) if self.dropout else x
        h = F.linear(seen, self.lora_a)
        if self.magnitude is None:
            y = super().forward(x)
            return torch.addmm(
                y.flatten(0, -2), h.flatten(0, -2), self.whole_b().t().to(h.dtype), alpha=self.scale
            ).view(y.shape)
        y = F.linear(x, self.weight) + self.scale * F.linear(h, self.whole_b())
        y = y * (self.magnitude / self.lengths()).to(y.dtype)
        return y if self.bias is None else y + self.bias

    def whole_b(self) -> Tensor:
        """B (O, P r), in which each part of the rows reads its own A alone."""
        return self.lora_b if len(self.parts) == 1 else torch.block_diag(*torch.split(self.lora_b, list(self.parts)))  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def lengths(self) -> Float[Tensor, " O"]:
        """|W + s B A|, without making that matrix: a row's square is W² + 2 s (W Aᵀ)·B + s² B (A Aᵀ)·B."""
        b, a = self.whole_b(), self.lora_a
        square = self.weight.square().sum(1)
        square = square + ((self.weight @ a.t()) * 2 + (b @ (a @ a.t())) * self.scale).mul(b).sum(1) * self.scale
        return square.clamp(min=0).sqrt()

    @torch.no_grad()
    def merged_weight(self) -> Float[Tensor, "O I"]:
        """The weight by which a plain layer does the same."""
        wide = self.weight.double() + self.scale * (self.whole_b().double() @ self.lora_a.double())
        if self.magnitude is not None:
            wide = wide * (self.magnitude.double() / wide.norm(dim=1))[:, None]
        return wide.to(self.weight.dtype)


CLASSES: dict[type, type[LoRA]] = {}
"""Of each class of linear layers that of the adapted ones."""


def adapted_class(kind: type[nn.Linear]) -> type[LoRA]:
    """The class of an adapted layer that was of some class."""
    if kind not in CLASSES:
        CLASSES[kind] = type(f"LoRA{kind.__name__}", (LoRA, kind), {"plain": kind})
    return CLASSES[kind]


# ----------------------------------------------------------------------------------------------------------------------
# To a module and back


def adapt(model: nn.Module, config: AdapterConfig, *, seed: int = 0) -> nn.Module:
    """Let the layers of a model that are asked for be adapted, in place; all other weights are frozen.

    Args:
        model: any module. At first it gives what it gave before.
        config: which adapter, of what rank, on which layers.
        seed: of A, uniform as `nn.Linear` draws its weights.

    Raises: ValueError where no layer is called so, or the model is adapted already.
    """
    if any(adapted(model)):
        raise ValueError("the model is adapted already: merge that first")
    chosen = targets(model, config.targets)
    model.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    split = parts_of(model)
    for name, layer in chosen.items():
        parts = split.get(name, (layer.out_features,))
        fit_layer(layer, config.r, config.scale, parts, dropout=config.dropout, is_dora=config.kind == "dora")
        bound = layer.in_features**-0.5
        drawn = torch.empty(len(parts) * config.r, layer.in_features).uniform_(-bound, bound, generator=generator)
        cast(LoRA, layer).lora_a.data.copy_(drawn)
    return model


def fit_layer(
    layer: nn.Linear, r: int, scale: float, parts: tuple[int, ...], *, dropout: float = 0.0, is_dora: bool = False
) -> None:
    """Make a layer an adapted one, that gives what it gave."""
    weight = layer.weight
    layer.__class__ = adapted_class(type(layer))
    one = cast(LoRA, layer)
    one.scale, one.dropout, one.parts = scale, dropout, parts
    one.lora_a = nn.Parameter(weight.new_zeros(len(parts) * r, layer.in_features))
    one.lora_b = nn.Parameter(weight.new_zeros(layer.out_features, r))
    one.register_parameter("magnitude", nn.Parameter(weight.detach().norm(dim=1)) if is_dora else None)


def targets(model: nn.Module, asked: str | Sequence[str]) -> dict[str, nn.Linear]:
    """The linear layers that are meant, by name; "all" = every one but the head, the last or one tied to a table."""
    linear = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    if asked == "all":
        tables = {module.weight for module in model.modules() if isinstance(module, nn.Embedding)}
        head = list(linear)[-1:] if len(linear) > 1 else []
        return {name: one for name, one in linear.items() if name not in head and one.weight not in tables}
    ends = (asked,) if isinstance(asked, str) else asked
    found = {name: one for name, one in linear.items() if any(f".{name}".endswith(f".{end}") for end in ends)}
    for end in ends:
        if not any(f".{name}".endswith(f".{end}") for name in found):
            known = dict.fromkeys(name.rpartition(".")[2] for name in linear)
            raise ValueError(f"targets (={end!r}) is the end of no linear layer's name: there are {', '.join(known)}")
    return found


def parts_of(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """The layers that are several of the Hugging Face layout, with the rows of each."""
    if not isinstance(model, GPT) or len(BLOCK[model.config.architecture][1]["attn.qkv"]) == 1:
        return {}
    rows = tuple(stacked_rows(model.config))
    return {f"blocks.{layer}.attn.qkv": rows for layer in range(model.config.n_layer)}


def adapted(model: nn.Module) -> Iterator[tuple[str, LoRA]]:
    """The adapted layers, with their names."""
    return ((name, module) for name, module in model.named_modules() if isinstance(module, LoRA))


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    """The tensors that are trained, by their names in the state dict."""
    state: Mapping[str, Tensor] = model.state_dict()
    return {name: tensor for name, tensor in state.items() if name.rpartition(".")[2] in OWN}


def base_state(model: nn.Module) -> dict[str, Tensor]:
    """All others: what the model was before it was adapted."""
    return {name: tensor for name, tensor in model.state_dict().items() if name.rpartition(".")[2] not in OWN}


def merge(model: nn.Module) -> nn.Module:
    """Let the changes go into the weights, in place: plain layers again, that give the same.

    A weight that is shared with an embedding is not written to: a head that was adapted has one of its own then.
    """
    for _, layer in list(adapted(model)):
        weight = layer.merged_weight()
        plain = cast(Any, type(layer)).plain
        for name in OWN:
            layer._parameters.pop(name, None)
        for field in ("scale", "dropout", "parts"):
            delattr(layer, field)
        layer.__class__ = plain
        layer.weight = nn.Parameter(weight)
    model.requires_grad_(True)
    untie(model)
    return model


def untie(model: nn.Module) -> None:
    """Let a GPT's configuration say that its head is its own, where it is now."""
    if isinstance(model, GPT) and model.config.is_tied and model.head.weight is not model.embed.weight:
        model.config = dataclasses.replace(model.config, tied=False)


@contextmanager
def as_merged(model: nn.Module) -> Iterator[nn.Module]:
    """In the block the model is plain, with merged weights; afterwards it is as it was, to the last bit."""
    kept = [(layer, layer.__dict__.copy(), layer._parameters.copy(), type(layer)) for _, layer in adapted(model)]
    wants = [(p, p.requires_grad) for p in model.parameters()]
    config = model.config if isinstance(model, GPT) else None
    try:
        yield merge(model) if kept else model
    finally:
        for layer, fields, parameters, kind in kept:
            layer.__class__ = kind
            layer.__dict__.update(fields)
            layer._parameters.clear()
            layer._parameters.update(parameters)
        for p, wanted in wants:
            p.requires_grad_(wanted)
        if config is not None:
            cast(GPT, model).config = config


class AdapterOnly(nn.Module):
    """Of a model its adapter alone, for a checkpoint: the weights that stay as they are need not be written again."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.whole = [model]  # in a list, so that it is no part of this module

    def state_dict(self, *_: Any, **__: Any) -> Any:
        """The adapter's tensors, by their names in the model."""
        return adapter_state(self.whole[0])

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Put them back; RuntimeError where they are others."""
        (model,) = self.whole
        if state_dict.keys() != adapter_state(model).keys():
            raise RuntimeError("it is of another adapter")
        return model.load_state_dict(state_dict, strict=False, assign=assign)


def still(model: nn.Module) -> list[str]:
    """The adapted layers that give what they gave before: those whose product is still 0 have learned nothing."""
    return [name for name, layer in adapted(model) if not layer.lora_b.any()]
