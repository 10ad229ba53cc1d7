"""What a text's next token is said to be, for the Transformer page: by each layer, and by a model as it was trained."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.interpret.transformer.lens import divergence, entropy
from glassworks.models.gpt.model import GPT
from glassworks.studio.networks.passes import Pass

TOP = 5
"""Tokens that are named of each layer, and of the last one followed back through all."""


@torch.no_grad()
def read_layers_of(done: Pass, place: int) -> dict[str, Any]:
    """The logit lens (nostalgebraist 2020) at the tokens drawn: `unembed` of what enters each block, and of the last.

    Layer 0 is what enters the first block; the last is the model's own output.
    """
    model, window = done.model, done.window
    config = model.config
    enters = model.inputs(torch.tensor([window.ids], device=model.embed.weight.device), None)[0][0, window.drawn]
    streams = [enters, *(done.at(f"blocks.{i}.resid_post") for i in range(config.n_layer))]
    last = model.unembed(streams[-1]).float().log_softmax(-1)
    k = min(TOP, config.vocab_size)
    watched = last[place - window.start].topk(k).indices
    following = torch.tensor(window.ids[window.start + 1 : window.stop], device=last.device)
    rows: dict[str, list[Tensor]] = {}
    for stream in streams:
        log_probability = model.unembed(stream).float().log_softmax(-1)  # (W, V)
        top, ids = log_probability.topk(k)
        own = log_probability[:-1].gather(-1, following[:, None])
        mine = log_probability[:, watched]
        found = {
            "top_ids": ids,
            "top_probabilities": top.exp(),
            "entropy": entropy(log_probability),
            "kl": divergence(last, log_probability),
            "next_rank": 1 + (log_probability[:-1] > own).sum(-1),
            "rank": 1 + (log_probability[:, None] > mine[..., None]).sum(-1),
            "probability": mine.exp(),
        }
        for name, value in found.items():
            rows.setdefault(name, []).append(value)
    return {name: torch.stack(values) for name, values in rows.items()} | {"watched": watched}


@torch.no_grad()
def chances_of(model: GPT, read: list[int]) -> Float[Tensor, " V"]:
    """What a model says behind some tokens."""
    found: Tensor = model(torch.tensor([read]), last=True)[0, -1].float().softmax(-1)
    return found


def likeliest_of(chance: Float[Tensor, "stops V"]) -> list[int]:
    """The six likeliest tokens of the last model, then three of each before it but the first, which is untrained."""
    last = chance[-1].topk(min(6, chance.size(1))).indices.tolist()
    return last + [id for row in chance[1:-1] for id in row.topk(min(3, len(row))).indices.tolist()]
