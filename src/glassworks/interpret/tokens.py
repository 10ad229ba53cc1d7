"""What is refused of tokens before a GPT is run on them, and of logits that do not fit the memory."""

from collections.abc import Sequence

import torch
from torch import Tensor

from glassworks.interpret.access.checks import check_room
from glassworks.models.gpt.model import GPT


def check(model: GPT, tokens: Tensor, labels: Sequence[str], k: int = 1) -> None:
    """Refuse what is not one sequence with a next token and a label a token, and logits that do not fit the memory."""
    check_tokens(model, tokens, axes=1)
    if len(tokens) < 2:
        raise ValueError(f"tokens (={tokens.tolist()}) must be at least 2: give a longer text")
    if len(tokens) != len(labels):
        raise ValueError(f"labels ({len(labels)}) must be one for each of the {len(tokens)} tokens")
    if not 1 <= k <= model.config.vocab_size:
        raise ValueError(f"k (={k}) must be between 1 and the vocabulary's {model.config.vocab_size} tokens")
    check_logits(model, min(len(tokens), model.config.n_ctx), "give a shorter text")


def check_tokens(model: GPT, tokens: Tensor, name: str = "tokens", *, axes: int = 2) -> None:
    """Refuse tokens that are not one sequence (T,), or a batch (B, T) of them, of tokens that the model knows."""
    if tokens.ndim != axes or tokens.numel() == 0:
        wanted = "one sequence (T,)" if axes == 1 else "a batch (B, T)"
        raise ValueError(f"{name} has shape {tuple(tokens.shape)}: give {wanted} of at least one token")
    if tokens.dtype not in (torch.int32, torch.int64):
        raise ValueError(f"{name} has dtype {tokens.dtype}: give whole numbers, as {name}.long()")
    low, high = (int(x) for x in tokens.aminmax())
    if low < 0 or high >= model.config.vocab_size:
        raise ValueError(
            f"{name} (={low if low < 0 else high}) must be from 0 to {model.config.vocab_size - 1}: "
            "give those of the model's own tokenizer"
        )


def check_pair(model: GPT, clean: Tensor, corrupt: Tensor) -> None:
    """Refuse two batches that cannot be compared position by position."""
    check_tokens(model, clean, "clean")
    check_tokens(model, corrupt, "corrupt")
    if clean.shape != corrupt.shape:
        raise ValueError(f"clean {tuple(clean.shape)} and corrupt {tuple(corrupt.shape)} must have the same shape")


def check_logits(model: GPT, places: int, remedy: str, *, copies: int = 3) -> None:
    """Refuse so many places' logits, in so many copies (as a metric or a gradient makes), if they do not fit."""
    size = copies * places * model.config.vocab_size * max(4, model.embed.weight.element_size())
    check_room(size, model.embed.weight.device, remedy)
