"""Adapters in PEFT's layout: ours open there, and theirs here.

    adapter_config.json          what adapter, of which rank, on which layers
    adapter_model.safetensors    base_model.model.<layer>.lora_A.weight, .lora_B.weight, .lora_magnitude_vector
    base.json                    when we wrote it: the SHA-256 of the weights that it belongs to

A GPT's layers are called as in the Hugging Face layout, those of other modules by their own names.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.core.errors import FileDamaged
from glassworks.core.files import atomic_folder, read_json, write_json
from glassworks.models.adapters.digest import digest_of
from glassworks.models.adapters.lora import LoRA, adapted, fit_layer, parts_of
from glassworks.models.gpt.layout import BLOCK
from glassworks.models.gpt.model import GPT
from glassworks.models.io import read_tensors, write_tensors

PREFIX = "base_model.model."
ONLY: dict[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "bias": ("none",),
    "modules_to_save": (None, []),
    "layer_replication": (None,),
    "lora_bias": (False, None),
    "target_parameters": (None, []),
    "trainable_token_indices": (None,),
    "use_qalora": (False, None),
}
"""Fields of adapter_config.json of which these values can be read, and no others."""


def save_adapter(model: nn.Module, folder: str | Path, base: str = "") -> None:
    """Write a model's adapter as PEFT has it, atomically; `base` is what to call the model that it belongs to."""
    layers = dict(adapted(model))
    if not layers:
        raise ValueError("the model has no adapter to write: adapt it first")
    first = next(iter(layers.values()))
    rank = first.lora_b.size(1)
    odd = [name for name, one in layers.items() if one.lora_b.size(1) != rank or one.scale != first.scale]
    if odd:
        raise ValueError(f"{odd[0]} is adapted by another rank or scale than the others, which is not written")
    tensors: dict[str, Tensor] = {}
    for name, layer in layers.items():
        for their, a, b, m in split_up(model, name, layer):
            tensors[f"{PREFIX}{their}.lora_A.weight"], tensors[f"{PREFIX}{their}.lora_B.weight"] = a, b
            if m is not None:
                tensors[f"{PREFIX}{their}.lora_magnitude_vector"] = m
    ends = sorted({name.removeprefix(PREFIX).rpartition(".lora_")[0].rpartition(".")[2] for name in tensors})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM" if isinstance(model, GPT) else None,
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": first.scale * rank,
        "lora_dropout": first.dropout,
        "target_modules": ends,
        "use_rslora": False,
        "use_dora": first.magnitude is not None,
        "fan_in_fan_out": isinstance(model, GPT) and model.config.architecture == "gpt2",
        "bias": "none",
        "init_lora_weights": True,
        "inference_mode": True,
    }
    with atomic_folder(Path(folder)) as temporary:
        write_json(temporary / "adapter_config.json", config)
        write_tensors(tensors, temporary / "adapter_model.safetensors")
        write_json(temporary / "base.json", {"digest": digest_of(model)})


def split_up(model: nn.Module, name: str, layer: LoRA) -> Iterator[tuple[str, Tensor, Tensor, Tensor | None]]:
    """A layer's adapter as those of the layout's layers: names, A (r, I), B (o, r) and magnitudes (o,)."""
    theirs = names_of(model, name)
    parts = layer.parts if len(layer.parts) == len(theirs) else (layer.out_features,)
    rank = layer.lora_b.size(1)
    magnitudes: Sequence[Tensor | None] = [None] * len(theirs)
    if layer.magnitude is not None:
        magnitudes = torch.split(layer.magnitude, list(parts))
    split = torch.split(layer.lora_a, rank), torch.split(layer.lora_b, list(parts))
    yield from zip(theirs, *split, magnitudes, strict=True)


def names_of(model: nn.Module, name: str) -> list[str]:
    """What a layer is called in the Hugging Face layout, one or several; elsewhere by its own name."""
    if not isinstance(model, GPT):
        return [name]
    if name == "head":
        return ["lm_head"]
    gpt2 = model.config.architecture == "gpt2"
    _, number, ours = name.split(".", 2)
    root = f"transformer.h.{number}" if gpt2 else f"model.layers.{number}"
    return [f"{root}.{their}" for their in BLOCK[model.config.architecture][1][ours]]


# ----------------------------------------------------------------------------------------------------------------------


def load_adapter(model: nn.Module, folder: str | Path) -> nn.Module:
    """Put an adapter that we or PEFT wrote on a model, in place; its own weights are frozen.

    Raises: ValueError for one of another base, by digest where it has one or by its shapes, and for a kind that cannot
        be read; FileDamaged for files that are not whole.
    """
    folder = Path(folder)
    config = read_config(folder)
    if any(adapted(model)):
        raise ValueError("the model is adapted already: merge that first")
    if (folder / "base.json").is_file() and read_json(folder / "base.json").get("digest") != digest_of(model):
        raise ValueError(f"{folder} is an adapter for other weights than these: put it on the model it was trained on")
    tensors = {name.removeprefix(PREFIX): t for name, t in read_tensors(folder / "adapter_model.safetensors").items()}
    model.requires_grad_(False)
    taken = set[str]()
    for name, layer in [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear)]:
        theirs = names_of(model, name)
        present = [their for their in theirs if f"{their}.lora_A.weight" in tensors]
        if present:
            put(model, name, layer, {their: triple(tensors, their, folder) for their in present}, config, folder)
            taken |= {f"{their}.{end}" for their in present for end in ENDS}
    if spare := sorted(name for name in tensors if name not in taken):
        raise ValueError(f"{folder}: {spare[0]} is of no layer of this model: the adapter is for another base")
    return model


ENDS = ("lora_A.weight", "lora_B.weight", "lora_magnitude_vector", "lora_magnitude_vector.weight")


def read_config(folder: Path) -> dict[str, Any]:
    """An adapter_config.json that can be read here."""
    file = folder / "adapter_config.json"
    if not file.is_file():
        raise ValueError(f"{folder} is no adapter: it has no adapter_config.json")
    config = read_json(file)
    if not isinstance(config, dict):
        raise FileDamaged(f"{file} holds no JSON object: restore it")
    for name, allowed in ONLY.items():
        if config.get(name, allowed[0]) not in allowed:
            raise ValueError(f"{file}: {name} (={config[name]!r}) is not supported: only {allowed[0]!r} is")
    for name, least in (("r", 1), ("lora_alpha", 0)):
        if not isinstance(config.get(name), int | float) or not config[name] > least - 1:
            raise FileDamaged(f"{file}: {name} (={config.get(name)!r}) must be a number: restore it")
    return config


def triple(tensors: dict[str, Tensor], their: str, folder: Path) -> tuple[Tensor, Tensor, Tensor | None]:
    """A, B and magnitudes of a layer of theirs."""
    if f"{their}.lora_B.weight" not in tensors:
        raise FileDamaged(f"{folder}: {their}.lora_B.weight is missing: restore the file")
    m = tensors.get(f"{their}.lora_magnitude_vector", tensors.get(f"{their}.lora_magnitude_vector.weight"))
    return tensors[f"{their}.lora_A.weight"], tensors[f"{their}.lora_B.weight"], m


def put(
    model: nn.Module,
    name: str,
    layer: nn.Linear,
    found: dict[str, tuple[Tensor, Tensor, Tensor | None]],
    config: dict[str, Any],
    folder: Path,
) -> None:
    """Adapt a layer by what was found of its parts; parts that are not adapted have zeros."""
    theirs = names_of(model, name)
    parts = parts_of(model).get(name, (layer.out_features,))
    rank = next(iter(found.values()))[0].size(0)
    alpha = own(config.get("alpha_pattern"), theirs, float(config["lora_alpha"]))
    scale = alpha / rank ** (0.5 if config.get("use_rslora") else 1.0)
    for their, rows in zip(theirs, parts, strict=True):
        shapes = tuple(tuple(t.shape) for t in found[their][:2]) if their in found else None
        if shapes not in (None, ((rank, layer.in_features), (rows, rank))):
            raise ValueError(f"{folder}: {their} is adapted in other shapes {shapes}: the adapter is for another base")
    fit_layer(
        layer, rank, scale, parts, dropout=config.get("lora_dropout") or 0.0, is_dora=bool(config.get("use_dora"))
    )
    assert isinstance(layer, LoRA)
    for i, (their, b_rows) in enumerate(zip(theirs, torch.split(layer.lora_b.data, list(parts)), strict=True)):
        if their in found:
            a, b, m = found[their]
            layer.lora_a.data[i * rank : (i + 1) * rank].copy_(a)
            b_rows.copy_(b)
            if layer.magnitude is not None and m is not None:
                torch.split(layer.magnitude.data, list(parts))[i].copy_(m.flatten())


def own(pattern: dict[str, float] | None, theirs: list[str], otherwise: float) -> float:
    """The value of a layer that a pattern names by the end of its name, or that of all."""
    for key, value in (pattern or {}).items():
        if any(f".{their}".endswith(f".{key}") for their in theirs):
            return float(value)
    return otherwise
