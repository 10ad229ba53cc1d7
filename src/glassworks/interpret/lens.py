"""What a GPT thinks on the way: attention patterns, the logit lens, and its surprise at a text.

Each function takes one sequence of tokens (1-D) with a label for each, and returns a `Trace` of float32 arrays.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.core.trace import Trace
from glassworks.interpret.hooks import capture
from glassworks.models.gpt import GPT
from glassworks.models.modes import evaluating


@torch.no_grad()
def attention_patterns(model: GPT, tokens: Int[Tensor, " T"], labels: Sequence[str]) -> Trace:
    """Where each head looks: `pattern` (layer, head, query, key), each query's row sums to 1, the future is 0.

    T may not exceed the model's n_ctx. It is computed explicitly here, fused elsewhere; both agree to rounding.
    """
    check(tokens, labels)
    with capture(model, "blocks.*.attn.pattern") as seen:
        model(tokens[None])
    pattern = torch.stack([layer[0] for layer in seen.values()])  # (L, H, T, T)
    layers, heads = counted(pattern.size(0)), counted(pattern.size(1))
    return Trace(
        method="attention",
        arrays={"pattern": to_numpy(pattern)},
        axes={"pattern": ("layer", "head", "query", "key")},
        labels={"layer": layers, "head": heads, "query": list(labels), "key": list(labels)},
    )


@torch.no_grad()
def logit_lens(model: GPT, tokens: Int[Tensor, " T"], labels: Sequence[str], k: int = 5) -> Trace:
    """What each layer would predict if it were the last (nostalgebraist 2020): `unembed` of the residual stream.

    Layer "embed" is what enters the first block, the last one is the model's own output exactly. Early layers write in
    a basis that the head was not trained to read: a low probability there does not say that the knowledge is absent.

    Arrays:
        top_ids, top_probabilities (layer, position, top): the k most probable next tokens.
        entropy (layer, position): of the prediction, in nats.
        next_probability, next_rank (layer, next): of the token that follows; rank 1 is the most probable.
    """
    check(tokens, labels)
    if not 1 <= k <= model.config.vocab_size:
        raise ValueError(f"k (={k}) must be between 1 and the vocabulary's {model.config.vocab_size} tokens")
    with capture(model, ["blocks.0.resid_pre", "blocks.*.resid_post"]) as seen:
        model(tokens[None])
        rows = [read_stream(model.unembed(stream)[0], tokens, k) for stream in seen.values()]
    axes = {
        "top_ids": ("layer", "position", "top"),
        "top_probabilities": ("layer", "position", "top"),
        "entropy": ("layer", "position"),
        "next_probability": ("layer", "next"),
        "next_rank": ("layer", "next"),
    }
    return Trace(
        method="logit_lens",
        arrays={name: to_numpy(torch.stack([row[name] for row in rows])) for name in axes},
        axes=axes,
        labels={
            "layer": ["embed", *counted(len(rows) - 1)],
            "position": list(labels),
            "next": list(labels[1:]),
            "top": [str(rank + 1) for rank in range(k)],
        },
    )


def read_stream(logits: Float[Tensor, "T V"], tokens: Int[Tensor, " T"], k: int) -> dict[str, Tensor]:
    """One row of the lens from one layer's logits."""
    log_probability = logits.float().log_softmax(-1)
    top, top_ids = log_probability.topk(k)
    actual = log_probability[:-1].gather(-1, tokens[1:, None])  # (T - 1, 1)
    return {
        "top_ids": top_ids,
        "top_probabilities": top.exp(),
        "entropy": entropy(log_probability),
        "next_probability": actual[:, 0].exp(),
        "next_rank": 1 + (log_probability[:-1] > actual).sum(-1),
    }


@torch.no_grad()
def surprise(model: GPT, tokens: Int[Tensor, " T"], labels: Sequence[str]) -> Trace:
    """How little the model expected each token of a text: `nats` (token,) = -ln p, for all tokens but the first.

    `entropy` (token,) is what the model expected its surprise to be. A text longer than n_ctx is read as the score of a
    split is taken, in consecutive windows of which each sees only itself: at the start of a window a high surprise may
    be the missing context's. Give a document with its leading separator to have its first token predicted too.
    """
    check(tokens, labels)
    nats, expected = [], []
    with evaluating(model):
        for start in range(0, len(tokens) - 1, model.config.n_ctx):
            window = tokens[start : start + model.config.n_ctx + 1]
            log_probability = model(window[None, :-1])[0].float().log_softmax(-1)  # (T, V)
            nats.append(F.nll_loss(log_probability, window[1:], reduction="none"))
            expected.append(entropy(log_probability))
    return Trace(
        method="surprise",
        arrays={"nats": to_numpy(torch.cat(nats)), "entropy": to_numpy(torch.cat(expected))},
        axes={"nats": ("token",), "entropy": ("token",)},
        labels={"token": list(labels[1:])},
    )


# ----------------------------------------------------------------------------------------------------------------------


def check(tokens: Tensor, labels: Sequence[str]) -> None:
    """Refuse a sequence without a next token, or labels that are not one a token."""
    if len(tokens) < 2:
        raise ValueError(f"tokens ({len(tokens)}) must be at least 2: give a longer text")
    if len(tokens) != len(labels):
        raise ValueError(f"labels ({len(labels)}) must be one for each of the {len(tokens)} tokens")


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
