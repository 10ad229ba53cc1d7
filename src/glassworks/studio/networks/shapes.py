"""What a page needs to know of a GPT beside its values: its shape, its matrices, the ids that are no tokens."""

from typing import Any

import numpy as np


def facts_of(model: Any) -> dict[str, Any]:
    """What a page needs to know of a GPT's shape."""
    config = model.config
    return {
        "architecture": config.architecture,
        "layers": config.n_layer,
        "heads": config.n_head,
        "kv_heads": config.kv_heads,
        "width": config.n_embd,
        "head_width": config.width_of_head,
        "neurons": config.width_of_mlp,
        "vocabulary": config.vocab_size,
        "context": config.n_ctx,
        "gated": config.is_gated,
        "tied": config.is_tied,
        "eps": config.eps,
        "softcap": config.softcap if config.architecture == "nanochat" else None,
        "parameters": model.num_params(),
    }


def refuse_beyond(name: str, value: object, limit: int) -> None:
    """ValueError for what is no whole number from 0 to below a limit."""
    if not isinstance(value, int) or not 0 <= value < limit:
        raise ValueError(f"{name} (={value!r}) must be from 0 to {limit - 1}: this model has no other")


def rows_of(model: Any, name: str, block: int, head: int, ids: list[int] | None) -> tuple[Any, Any]:
    """The rows (out, in) of a linear map, and its bias or None."""
    config, of = model.config, model.blocks[block]
    H, K, D = config.n_head, config.kv_heads, config.width_of_head
    if name in ("q", "k", "v"):
        group = head // (H // K)
        first = {"q": head, "k": H + group, "v": H + K + group}[name] * D
        bias = of.attn.qkv.bias
        return of.attn.qkv.weight[first : first + D], None if bias is None else bias[first : first + D]
    if name == "proj":
        return of.attn.proj.weight, of.attn.proj.bias
    if name == "unembed":
        for id in ids or []:
            refuse_beyond("a token", id, config.vocab_size)
        return model.head.weight[ids or [0]], None
    if name not in ("up", "down", *(["gate"] if config.is_gated else [])):
        raise ValueError(f"name (={name!r}) must be q, k, v, proj, up, gate, down or unembed: reload the page")
    linear = getattr(of.mlp, name)
    return linear.weight, linear.bias


def norms_of(model: Any, block: int) -> dict[str, Any]:
    """Gain and bias of a block's norms and of the last one; None for what the architecture has not."""
    of = model.blocks[block]
    found: dict[str, Any] = {"norm1": of.norm1, "norm2": of.norm2, "norm": model.norm}
    found |= {name: getattr(of.attn, name, None) for name in ("q_norm", "k_norm")}
    return {name: {p: getattr(norm, p, None) for p in ("weight", "bias")} for name, norm in found.items()}


def unknown_ids(tokenizer: Any, rows: int) -> Any:
    """The ids that the model has a row for and the tokenizer no token: they are never drawn."""
    known = np.zeros(rows, bool)
    count = min(rows, len(tokenizer.known))
    known[:count] = tokenizer.known[:count]
    return np.flatnonzero(~known).astype(np.int32)
