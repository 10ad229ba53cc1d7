"""Small networks of every architecture, what they read, and what is asked of them, for the tests of this folder."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from glassworks.interpret.causes.metrics import logit_difference
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT

V = 50
"""Tokens they know."""

CONFIGS = {
    "gpt2": GPTConfig("gpt2", V, 8, 2, 2, 16),
    "llama": GPTConfig("llama", V, 8, 2, 4, 16, n_kv_head=2),
    "qwen3": GPTConfig("qwen3", V, 8, 2, 4, 16, n_kv_head=2, head_dim=6),
    "nanochat": GPTConfig("nanochat", V, 8, 2, 2, 16, n_kv_head=1),
    "attention only": GPTConfig("qwen3", V, 8, 2, 2, 16, n_inner=0),
}
"""Contexts of 8 tokens, two layers."""

ARCHITECTURES = [name for name in CONFIGS if name != "attention only"]

LABELS = list("abcdefgh")
"""Names of 8 positions."""

METRIC = logit_difference(torch.tensor([1, 2]), torch.tensor([4, 5]))
"""Of a pair's two rows: one answer against another."""


def fresh(name: str = "gpt2", **changes: Any) -> GPT:
    """One as it is before training, with changes of its configuration."""
    return GPT(replace(CONFIGS[name], **changes))


def drawn(name: str = "gpt2", spread: float = 0.3, **changes: Any) -> GPT:
    """One whose weights are drawn anew: at initialisation some are zero, and the rest too small to tell heads apart."""
    model = fresh(name, **changes)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.empty(p.shape).normal_(0, spread, generator=generator))
    return model


def tokens(*shape: int, below: int = V, seed: int = 1) -> Tensor:
    """Token ids; 8 in a row, if not said otherwise."""
    return torch.randint(below, shape or (8,), generator=torch.Generator().manual_seed(seed))


def pair(length: int = 5) -> tuple[Tensor, Tensor]:
    """Two clean rows and two corrupt ones."""
    clean, corrupt = tokens(2, 2, length)
    return clean, corrupt
