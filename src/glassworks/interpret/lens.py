"""What a GPT thinks on the way: attention patterns, the logit lens, and its surprise at a text.

Each function takes one sequence of tokens (1-D) with a label for each, and returns a `Trace` of float32 arrays.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.core.memory import free_memory
from glassworks.core.trace import Trace
from glassworks.interpret.finite import kind, run_model, where_it_begins
from glassworks.interpret.hooks import capture
from glassworks.models.gpt import GPT, Block
from glassworks.models.modes import evaluating


@torch.no_grad()
def attention_patterns(model: GPT, tokens: Int[Tensor, " T"], labels: Sequence[str]) -> Trace:
    """Where each head looks, and how much it takes from there.

    Attention to a token whose value is nearly nothing moves nearly nothing, and heads with nothing to do rest on such
    a token, often the first. So beside the weights stands what they move (Kobayashi et al. 2020, eq. 6). T may not
    exceed the model's n_ctx. The pattern is computed explicitly here, fused elsewhere; both agree to rounding.

    Arrays:
        pattern (layer, head, query, key): each query's row sums to 1, the future is 0.
        moved (layer, head, query, key): the norm of what a head adds to the query's residual stream from each key,
            weight · |v W_O|; 0 wherever the weight is.
    """
    check(model, tokens, labels)
    with capture(model, ["blocks.*.attn.pattern", "blocks.*.attn.v"]) as seen:
        run_model(model, tokens[None])
    layers = range(model.config.n_layer)
    check_patterns(seen)
    pattern = torch.stack([seen[f"blocks.{i}.attn.pattern"][0] for i in layers])  # (L, H, T, T)
    sizes = torch.stack([value_sizes(model, i, seen[f"blocks.{i}.attn.v"][0]) for i in layers])  # (L, H, T)
    axes = ("layer", "head", "query", "key")
    return Trace(
        method="attention",
        arrays={"pattern": to_numpy(pattern), "moved": to_numpy(pattern * sizes[:, :, None])},
        axes={"pattern": axes, "moved": axes},
        labels={
            "layer": counted(len(layers)),
            "head": counted(model.config.n_head),
            "query": list(labels),
            "key": list(labels),
        },
    )


def value_sizes(model: GPT, layer: int, v: Float[Tensor, "T K D"]) -> Float[Tensor, "H T"]:
    """The norm of each token's value after each head's part of the output matrix."""
    weight = output_weights(model, layer)  # (C, H, D)
    products = torch.einsum("chd,che->hde", weight, weight)
    v = v.float().repeat_interleave(weight.size(1) // v.size(1), 1)  # (T, H, D)
    return torch.einsum("thd,hde,the->ht", v, products, v).clamp(min=0).sqrt()


def output_weights(model: GPT, layer: int) -> Float[Tensor, "C H D"]:
    """The matrix that writes a layer's heads into the residual stream, cut into heads, float32."""
    attention = blocks_of(model)[layer].attn
    return attention.proj.weight.detach().float().view(-1, attention.heads, attention.width)


# ----------------------------------------------------------------------------------------------------------------------
# The logit lens


@torch.no_grad()
def logit_lens(model: GPT, tokens: Int[Tensor, " T"], labels: Sequence[str], k: int = 5) -> Trace:
    """What each layer would predict if it were the last (nostalgebraist 2020): `unembed` of the residual stream.

    Layer "embed" is what enters the first block, the last one is the model's own output exactly. Early layers write in
    a basis that the head was not trained to read: a low probability there does not say that the knowledge is absent
    (the tuned lens learns to read it). Nor does a small `kl` say that the work was done by then: the same network
    before training stands beside it, and its layers agree with each other all the more.

    Arrays:
        top_ids, top_probabilities (layer, position, top): the k most probable next tokens.
        entropy (layer, position): of the prediction, in nats.
        next_probability, next_rank (layer, next): of the token that follows; rank 1 is the most probable.
        kl (network, layer, position): nats lost by guessing with this layer instead of the last, KL(last || layer), in
            this network and in an untrained one.
    """
    check(model, tokens, labels, k)
    return read_layers("logit_lens", model, tokens, labels, k, lambda _, stream: model.unembed(stream))


Read = Callable[[int, Tensor], Tensor]
"""A way to read layer i's residual stream (0 = what enters the first block) as logits."""


def read_layers(method: str, model: GPT, tokens: Tensor, labels: Sequence[str], k: int, read: Read) -> Trace:
    """The trace of a lens: what `read` sees in each layer, beside what an untrained network's own head sees."""
    fresh = untrained(model)
    rows, streams = [], residual_streams(model, tokens[None])[:, 0]
    last = model.unembed(streams[-1]).float().log_softmax(-1)
    for i, stream in enumerate(streams):
        rows.append(read_stream(read(i, stream), last, tokens, k))
    streams = residual_streams(fresh, tokens[None])[:, 0]
    last = fresh.unembed(streams[-1]).float().log_softmax(-1)
    floor = [divergence(last, fresh.unembed(stream).float().log_softmax(-1)) for stream in streams]
    axes = {
        "top_ids": ("layer", "position", "top"),
        "top_probabilities": ("layer", "position", "top"),
        "entropy": ("layer", "position"),
        "next_probability": ("layer", "next"),
        "next_rank": ("layer", "next"),
    }
    kl = torch.stack([torch.stack([row["kl"] for row in rows]), torch.stack(floor)])
    return Trace(
        method=method,
        arrays={name: to_numpy(torch.stack([row[name] for row in rows])) for name in axes} | {"kl": to_numpy(kl)},
        axes=axes | {"kl": ("network", "layer", "position")},
        labels={
            "layer": ["embed", *counted(len(rows) - 1)],
            "position": list(labels),
            "next": list(labels[1:]),
            "top": [str(rank + 1) for rank in range(k)],
            "network": ["model", "untrained"],
        },
    )


def read_stream(
    logits: Float[Tensor, "T V"], last: Float[Tensor, "T V"], tokens: Int[Tensor, " T"], k: int
) -> dict[str, Tensor]:
    """One row of the lens from one layer's logits and the last layer's log-probabilities."""
    log_probability = logits.float().log_softmax(-1)
    top, top_ids = log_probability.topk(k)
    actual = log_probability[:-1].gather(-1, tokens[1:, None])  # (T - 1, 1)
    return {
        "top_ids": top_ids,
        "top_probabilities": top.exp(),
        "entropy": entropy(log_probability),
        "next_probability": actual[:, 0].exp(),
        "next_rank": 1 + (log_probability[:-1] > actual).sum(-1),
        "kl": divergence(last, log_probability),
    }


def residual_streams(model: GPT, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "L_plus_1 B T C"]:
    """What enters the first block, and what each block leaves: (n_layer + 1, B, T, C), without gradients.

    Raises: ValueError if the model's values are not finite, naming the module where that begins.
    """
    with torch.no_grad(), evaluating(model):
        x, rope, mask = model.inputs(tokens, None)
        check_room((model.config.n_layer + 1) * x.numel() * x.element_size(), x.device, "give fewer or shorter texts")
        streams = x.new_empty(model.config.n_layer + 1, *x.shape)
        streams[0] = x
        for i, block in enumerate(model.blocks):
            x = block(x, rope, mask, None)
            streams[i + 1] = x
        if not torch.isfinite(x).all():
            raise ValueError(f"the last layer holds {kind(x)}, which begin at {where_it_begins(model, tokens)}")
    return streams


# ----------------------------------------------------------------------------------------------------------------------
# Surprise


@torch.no_grad()
def surprise(model: GPT, tokens: Int[Tensor, " T"], labels: Sequence[str]) -> Trace:
    """How little the model expected each token of a text: `nats` (token,) = -ln p, for all tokens but the first.

    `entropy` (token,) is what the model expected its surprise to be. A text longer than n_ctx is read as the score of a
    split is taken, in consecutive windows of which each sees only itself: at the start of a window a high surprise may
    be the missing context's. Give a document with its leading separator to have its first token predicted too.
    """
    check(model, tokens, labels)
    nats, expected = [], []
    for start in range(0, len(tokens) - 1, model.config.n_ctx):
        window = tokens[start : start + model.config.n_ctx + 1]
        log_probability = run_model(model, window[None, :-1])[0].float().log_softmax(-1)  # (T, V)
        nats.append(F.nll_loss(log_probability, window[1:], reduction="none"))
        expected.append(entropy(log_probability))
    return Trace(
        method="surprise",
        arrays={"nats": to_numpy(torch.cat(nats)), "entropy": to_numpy(torch.cat(expected))},
        axes={"nats": ("token",), "entropy": ("token",)},
        labels={"token": list(labels[1:])},
    )


# ----------------------------------------------------------------------------------------------------------------------


def check(model: GPT, tokens: Tensor, labels: Sequence[str], k: int = 1) -> None:
    """Refuse a sequence without a next token, labels that are not one a token, and what the vocabulary has not."""
    if len(tokens) < 2:
        raise ValueError(f"tokens ({len(tokens)}) must be at least 2: give a longer text")
    if len(tokens) != len(labels):
        raise ValueError(f"labels ({len(labels)}) must be one for each of the {len(tokens)} tokens")
    check_vocabulary(model, tokens)
    if not 1 <= k <= model.config.vocab_size:
        raise ValueError(f"k (={k}) must be between 1 and the vocabulary's {model.config.vocab_size} tokens")


def check_vocabulary(model: GPT, tokens: Tensor) -> None:
    """Refuse tokens that the model does not know."""
    low, high = (int(x) for x in tokens.aminmax())
    if low < 0 or high >= model.config.vocab_size:
        raise ValueError(
            f"tokens (={low if low < 0 else high}) must be from 0 to {model.config.vocab_size - 1}: "
            "give those of the model's own tokenizer"
        )


def check_room(size: int, device: torch.device, remedy: str) -> None:
    """Refuse what would not fit the memory that is free, before it is allocated."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    if free is not None and size > free:
        raise ValueError(f"this needs {size:,} bytes, {free:,} are free: {remedy}")


def check_patterns(seen: Mapping[str, Tensor]) -> None:
    """Refuse NaN, naming the first value in the model's order that has it: torch's fused attention makes 0 of it."""
    for name, value in seen.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} holds {kind(value)}, though the output does not: mend this layer's weights")


def blocks_of(model: GPT) -> list[Block]:
    """The model's blocks, with their type."""
    return cast("list[Block]", list(model.blocks))


def untrained(model: GPT, seed: int = 0) -> GPT:
    """A network of the same shape with fresh weights, on the same device and of the same precision: the floor."""
    return GPT(model.config, seed=seed).to(model.embed.weight).eval()


def divergence(last: Float[Tensor, "*B V"], other: Float[Tensor, "*B V"]) -> Float[Tensor, "*B"]:
    """KL(last || other) in nats, of log-probabilities; a token of probability 0 adds nothing."""
    p = last.exp()
    out: Tensor = torch.where(p > 0, p * (last - other), 0).sum(-1)
    return out.clamp(min=0)


def entropy(log_probability: Float[Tensor, "T V"]) -> Float[Tensor, " T"]:
    """Entropy in nats; a token of probability 0 adds nothing."""
    out: Tensor = torch.special.entr(log_probability.exp()).sum(-1)
    return out


def counted(number: int) -> list[str]:
    """Labels "0", "1", ..."""
    return [str(i) for i in range(number)]


def to_numpy(x: Tensor) -> np.ndarray:
    """Floats as float32, whole numbers as they are, on the CPU."""
    array: np.ndarray = (x.float() if x.is_floating_point() else x).cpu().numpy()
    return array
