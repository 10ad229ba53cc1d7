"""Virtual tokens: what is trained stands before the text, and the model stays as it is, every weight of it.

prompt   n embeddings before those of the text                              Lester, Al-Rfou and Constant 2021
prefix   in every layer n keys and values before those of the text          Li and Liang 2021

Places are made for them by n tokens in front, whose embeddings, or keys and values, are replaced on the way by ordinary
forward hooks; what the model says of these places is left out. The text's own places begin at n, as in PEFT, whose
folders are read and written: adapter_config.json and adapter_model.safetensors with `prompt_embeddings`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.core.errors import FileDamaged
from glassworks.core.files import atomic_folder, read_json, write_json
from glassworks.models.adapters.digest import digest_of
from glassworks.models.gpt.model import GPT
from glassworks.models.io import read_tensors, write_tensors

Kind = Literal["prompt", "prefix"]
KINDS: dict[str, Kind] = {"PROMPT_TUNING": "prompt", "PREFIX_TUNING": "prefix"}
"""By PEFT's names."""
NAME = "prompt_embeddings"


class Virtual(nn.Module):
    """Tokens (B, T) to logits (B, T, V), by a frozen GPT behind `count` virtual tokens, which alone are trained.

    What is learned is `virtual`: (n, C) of a prompt; (L, 2, n, K, D), keys before values, of a prefix.
    """

    def __init__(self, model: GPT, kind: Kind = "prompt", count: int = 16, *, seed: int = 0) -> None:
        super().__init__()
        if not 1 <= count < model.config.n_ctx:
            raise ValueError(f"count (={count}) must be from 1 to below the context, {model.config.n_ctx}")
        self.model, self.kind, self.count = model.requires_grad_(False), kind, count
        config, generator = model.config, torch.Generator().manual_seed(seed)
        if kind == "prompt":  # embeddings of tokens drawn, which is a better beginning than noise (section 3.2)
            chosen = torch.randint(config.vocab_size, (count,), generator=generator)
            first = model.embed.weight.detach()[chosen.to(model.embed.weight.device)].clone()
        else:
            shape = config.n_layer, 2, count, config.kv_heads, config.width_of_head
            first = torch.empty(shape).normal_(0, 0.02, generator=generator).to(model.embed.weight.device)
        self.virtual = nn.Parameter(first)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """Logits of the next token at every position of the text."""
        places = tokens.new_zeros(len(tokens), self.count)
        with self.standing():
            logits: Tensor = self.model(torch.cat([places, tokens], 1), since=self.count)
        return logits

    @contextmanager
    def standing(self) -> Iterator[None]:
        """In the block the first places of what the model reads are the virtual tokens'."""
        put: dict[nn.Module, Tensor] = {self.model.embed: self.virtual}
        if self.kind == "prefix":
            places = [(i, j, f"blocks.{i}.attn.{tap}") for i in range(len(self.virtual)) for j, tap in enumerate("kv")]
            put = {self.model.get_submodule(name): self.virtual[i, j] for i, j, name in places}
        handles = [module.register_forward_hook(in_front(put[module])) for module in put]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def in_front(value: Tensor) -> Any:
    """A hook by which the first places of what a module gives are others."""

    def hook(_: nn.Module, __: Any, out: Tensor) -> Tensor:
        return torch.cat([value.to(out.dtype).expand(len(out), *value.shape), out[:, len(value) :]], 1)

    return hook


# ----------------------------------------------------------------------------------------------------------------------
# PEFT's folders


def save_virtual(tuned: Virtual, folder: str | Path, base: str = "") -> None:
    """Write what was learned as PEFT has it, atomically; `base` is what to call the model that it belongs to."""
    config = tuned.model.config
    values = {
        "peft_type": next(name for name, kind in KINDS.items() if kind == tuned.kind),
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "num_virtual_tokens": tuned.count,
        "token_dim": config.n_embd if tuned.kind == "prompt" else config.kv_heads * config.width_of_head,
        "num_layers": config.n_layer,
        "num_attention_heads": config.n_head if tuned.kind == "prompt" else config.kv_heads,
        "num_transformer_submodules": 1,
        "inference_mode": True,
    }
    flat = tuned.virtual if tuned.kind == "prompt" else tuned.virtual.permute(2, 0, 1, 3, 4).flatten(1)
    with atomic_folder(Path(folder)) as temporary:
        write_json(temporary / "adapter_config.json", values)
        write_tensors({NAME: flat}, temporary / "adapter_model.safetensors")
        write_json(temporary / "base.json", {"digest": digest_of(tuned.model)})


def load_virtual(model: GPT, folder: str | Path) -> Virtual:
    """Put virtual tokens that we or PEFT wrote before a model.

    Raises: ValueError for those of another base, by digest or by shape, and for another kind; FileDamaged.
    """
    folder = Path(folder)
    values = read_json(folder / "adapter_config.json")
    kind = KINDS.get(values.get("peft_type", "")) if isinstance(values, dict) else None
    if kind is None or values.get("prefix_projection"):
        raise ValueError(f"{folder} holds no virtual tokens that can be read: only {' and '.join(KINDS)} are")
    tensors = read_tensors(folder / "adapter_model.safetensors")
    if NAME not in tensors:
        raise FileDamaged(f"{folder}: {NAME} is missing: restore the file")
    if (folder / "base.json").is_file() and read_json(folder / "base.json").get("digest") != digest_of(model):
        raise ValueError(f"{folder} is an adapter for other weights than these: put it on the model it was trained on")
    flat, config = tensors[NAME], model.config
    layout = (config.n_layer, 2, config.kv_heads, config.width_of_head)
    if flat.ndim != 2 or flat.size(1) != (config.n_embd if kind == "prompt" else layout[0] * 2 * layout[2] * layout[3]):
        raise ValueError(f"{folder} has {NAME} {tuple(flat.shape)}, of no model like this: it is for another base")
    tuned = Virtual(model, kind, len(flat))
    learned = flat if kind == "prompt" else flat.view(-1, *layout).permute(1, 2, 0, 3, 4)
    tuned.virtual.data.copy_(learned)
    return tuned
