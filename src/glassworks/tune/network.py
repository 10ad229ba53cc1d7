"""The network that a tuning trains: a copy of the one it starts from, and what is written of it in the end."""

import copy
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from glassworks.core.machine.memory import keep_freed_memory
from glassworks.data.dialogues.tokens import messages_of
from glassworks.data.tokenizers.chat import Template
from glassworks.data.tokenizers.codec import Tokenizer
from glassworks.data.tokenizers.spans import whole_characters
from glassworks.models.adapters.lora import AdapterOnly, adapt, as_merged
from glassworks.models.adapters.peft import save_adapter
from glassworks.models.generation.sampling import continue_ids
from glassworks.models.generation.text import text_behind
from glassworks.models.gpt.model import GPT
from glassworks.models.io import save_model
from glassworks.optim.groups import make_optimizer
from glassworks.tune.material import Material

SHOWN = 3
"""Held-out prompts that samples.jsonl follows."""


def build(material: Material, device: torch.device, dtype: torch.dtype) -> tuple[GPT, torch.optim.Optimizer]:
    """The model and its optimizer, as they are before the first step; `dtype` is of matrix products."""
    recipe = material.recipe
    model = network_of(material, device, seed=recipe.seed)
    return model, make_optimizer(model, recipe.optimizer, dtype=dtype, seed=recipe.seed)


def network_of(material: Material, device: torch.device, *, seed: int) -> GPT:
    """A copy of the model that is tuned, with an adapter if the recipe says so."""
    if device.type == "cpu":
        keep_freed_memory()
    recipe, base = material.recipe, material.base.model
    frozen = {} if recipe.adapter.kind == "none" else {id(x): x for x in (*base.parameters(), *base.buffers())}
    model = copy.deepcopy(base, frozen).to(device)  # weights that stay as they are need no memory of their own
    model.recompute = recipe.recompute
    if recipe.adapter.kind != "none":
        adapt(model, recipe.adapter, seed=seed)
    return model


def stored(material: Material, model: nn.Module) -> nn.Module:
    """Of a model, what a checkpoint holds."""
    return model if material.recipe.adapter.kind == "none" else AdapterOnly(model)


def keep(material: Material, folder: Path, judged: nn.Module) -> None:
    """Write what has come out into a run's folder: model, whole, as it opens anywhere; and adapter, if there is one."""
    if material.recipe.adapter.kind != "none":
        save_adapter(judged, folder / "adapter", material.recipe.start_from)
    with as_merged(judged) as plain:
        with_tokenizer(folder / "model", plain, material.base.tokenizer, material.template)


def with_tokenizer(folder: Path, model: nn.Module, tokenizer: Tokenizer, template: Template) -> None:
    """A model folder with a tokenizer and a chat template."""
    names = {"bos_token": template.bos, "eos_token": template.eos}
    settings = {"chat_template": template.source, **{name: token for name, token in names.items() if token}}
    with TemporaryDirectory() as beside:
        tokenizer.save(Path(beside) / "tokenizer.json")
        save_model(model, folder, Path(beside) / "tokenizer.json", settings=settings)


def sample(material: Material, step: int, judged: nn.Module) -> list[dict[str, str]]:
    """What the model says to the first held-out prompts: the prompts and its answers."""
    assert isinstance(judged, GPT)
    prompts = shown_prompts(material)
    tokenizer = material.base.tokenizer
    with as_merged(judged):
        continued = continue_ids(
            judged, tokenizer, [ids for _, ids in prompts], max_tokens=120, temperature=0.8, seed=material.recipe.seed
        )
    return [
        {"prompt": text, "text": text_behind(tokenizer, ids, said)}
        for (text, ids), said in zip(prompts, continued, strict=True)
    ]


def shown_prompts(material: Material) -> list[tuple[str, list[int]]]:
    """The first held-out prompts, each as a text to show and as the model is given it; of a text its beginning."""
    writer, most = material.writer, material.base.model.config.n_ctx // 2
    found = []
    for row in material.examples.held_out[:SHOWN]:
        if "text" in row:
            ids = whole_characters(writer.tokenizer, writer.tokenizer.encode(row["text"][:1000])[: min(24, most)])
            found.append((writer.tokenizer.decode(ids), ids))
            continue
        prompt = row.get("prompt")
        if prompt is None:
            last = max(i for i, one in enumerate(row["messages"]) if one["role"] == "assistant")
            prompt = row["messages"][:last]
        text = prompt if isinstance(prompt, str) else "\n".join(one["content"] for one in messages_of(prompt))
        found.append((text, writer.prompt(prompt)[-most:]))
    return found
