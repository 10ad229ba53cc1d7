"""What is refused before anything is run: one function for each kind of mistake, and for memory that is not there."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from glassworks.core.memory import free_memory
from glassworks.models.gpt import GPT

# ----------------------------------------------------------------------------------------------------------------------
# Tokens


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


def check_labels(labels: Sequence[str] | None, T: int) -> None:
    """Refuse labels that are not one a position."""
    if labels is not None and len(labels) != T:
        raise ValueError(f"labels ({len(labels)}) must be one for each of the {T} positions")


def check_gradients(model: nn.Module) -> None:
    """Refuse weights that take no part in gradients."""
    if any(p.is_inference() for p in model.parameters()):
        raise ValueError("the model's weights were made under torch.inference_mode: load it outside of that")


# ----------------------------------------------------------------------------------------------------------------------
# Numbers


def check_count(name: str, value: int, least: int) -> None:
    """Refuse a number of something that is too small."""
    if value < least:
        raise ValueError(f"{name} (={value}) must be at least {least}")


# ----------------------------------------------------------------------------------------------------------------------
# Memory


def check_logits(model: GPT, places: int, remedy: str, *, copies: int = 3) -> None:
    """Refuse so many places' logits, in so many copies (as a metric or a gradient makes), if they do not fit."""
    size = copies * places * model.config.vocab_size * max(4, model.embed.weight.element_size())
    check_room(size, model.embed.weight.device, remedy)


def check_room(size: int, device: torch.device, remedy: str) -> None:
    """Refuse what would not fit the memory that is free, before it is allocated."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    if free is not None and size > free:
        raise ValueError(f"this needs {size:,} bytes, {free:,} are free: {remedy}")
