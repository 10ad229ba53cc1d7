"""What a GPT thinks on the way: attention patterns, the logit lens, and its surprise at a text.

Each function takes one sequence of tokens (1-D) with a label for each, and returns a `Trace` of float32 arrays.
"""

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_room as check_room  # others import it from here
from glassworks.interpret.access.finite import check_values, check_weights, run_model
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.control import randomised
from glassworks.interpret.text_labels import texts_of
from glassworks.interpret.tokens import check
from glassworks.interpret.transformer.legends.heads import ATTENTION
from glassworks.interpret.transformer.legends.predictions import LOGIT_LENS, SURPRISE, TUNED_LENS
from glassworks.models.gpt.model import GPT, Block
from glassworks.models.modes import evaluating
from glassworks.trace.trace import Trace


@public
@torch.no_grad()
def attention_patterns(model: GPT, tokens: Int[Tensor, " T"], labels: Sequence[str]) -> Trace:
    """Where each head looks, and how much it takes from there.

    Attention to a token whose value is nearly nothing moves nearly nothing, and heads with nothing to do rest on such
    a token, often the first. So beside the weights stands what they move (Kobayashi et al. 2020, eq. 6). T may not
    exceed the model's n_ctx. The pattern is computed explicitly here, fused elsewhere; both agree to rounding.

    A pattern looks meaningful in any network: what its weights come to on the whole stands beside an untrained
    network's, and a head's that looks at everything alike.

    Arrays:
        pattern (layer, head, query, key): each query's row sums to 1, the future is 0.
        moved (layer, head, query, key): the norm of what a head adds to the query's residual stream from each key,
            weight · |v W_O|; 0 wherever the weight is.
        habit (network, place, layer, head): mean weight of the queries after the first on the token itself, the one
            before it, and the first.
        entropy (network, layer, head): mean entropy of a head's rows, in nats; networks are "model", "untrained" and
            "uniform".
    """
    check(model, tokens, labels)
    pattern, values = attention_of(model, tokens)
    even = torch.ones_like(pattern).tril()
    networks = {
        "model": pattern,
        "untrained": attention_of(untrained(model), tokens)[0],
        "uniform": even / even.sum(-1, keepdim=True),
    }
    sizes = torch.stack([value_sizes(model, i, v) for i, v in enumerate(values)])  # (L, H, T)
    found = [habits(weights.float()) for weights in networks.values()]
    arrays = {"pattern": pattern, "moved": pattern * sizes[:, :, None]}
    arrays |= {"habit": torch.stack([habit for habit, _ in found]), "entropy": torch.stack([x for _, x in found])}
    axes: dict[str, tuple[str, ...]] = dict.fromkeys(("pattern", "moved"), ("layer", "head", "query", "key"))
    return Trace(
        method="attention",
        legend=ATTENTION,
        arrays={name: to_numpy(x) for name, x in arrays.items()},
        axes=axes | {"habit": ("network", "place", "layer", "head"), "entropy": ("network", "layer", "head")},
        labels={
            "layer": counted(model.config.n_layer),
            "head": counted(model.config.n_head),
            "query": list(labels),
            "key": list(labels),
            "network": list(networks),
            "place": ["itself", "the one before", "the first"],
        },
    )


def attention_of(
    model: GPT, tokens: Int[Tensor, " T"]
) -> tuple[Float[Tensor, "L H T T"], list[Float[Tensor, "T K D"]]]:
    """Every head's pattern, and each layer's values; ValueError for what is not finite, or would not fit the memory."""
    config, T = model.config, len(tokens)
    numbers = 4 * config.n_layer * config.n_head * T * T
    check_room(numbers * model.embed.weight.element_size(), tokens.device, "give a shorter text")
    with capture(model, ["blocks.*.attn.pattern", "blocks.*.attn.v"]) as seen:
        run_model(model, tokens[None])
    check_values(seen)
    patterns, values = ([seen[f"blocks.{i}.attn.{x}"][0] for i in range(config.n_layer)] for x in ("pattern", "v"))
    return torch.stack(patterns), values


def habits(pattern: Float[Tensor, "L H T T"]) -> tuple[Float[Tensor, "3 L H"], Float[Tensor, "L H"]]:
    """Mean weight on the token itself, the one before and the first, and mean entropy; of queries after the first."""
    places = (pattern.diagonal(dim1=-2, dim2=-1)[..., 1:], pattern.diagonal(-1, -2, -1), pattern[..., 1:, 0])
    return torch.stack([x.mean(-1) for x in places]), torch.special.entr(pattern[..., 1:, :]).sum(-1).mean(-1)


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


@public
@torch.no_grad()
def logit_lens(
    model: GPT, tokens: Int[Tensor, " T"], labels: Sequence[str], k: int = 5, *, names: Sequence[str] | None = None
) -> Trace:
    """What each layer would predict if it were the last (nostalgebraist 2020): `unembed` of the residual stream.

    Layer "embed" is what enters the first block, the last one is the model's own output exactly. Early layers write in
    a basis that the head was not trained to read: a low probability there does not say that the knowledge is absent
    (the tuned lens learns to read it). Nor does a small `kl` say that the work was done by then: the same network
    before training stands beside it, and its layers agree with each other all the more.

    `names` has the text of each token of the vocabulary, by id (`Subject.texts`): with it the trace names what it
    draws by itself, as in a notebook.

    Arrays:
        top_ids, top_probabilities (layer, position, top): the k most probable next tokens.
        entropy (layer, position): of the prediction, in nats.
        next_probability, next_rank (layer, next): of the token that follows; rank 1 is the most probable.
        kl (network, layer, position): nats lost by guessing with this layer instead of the last, KL(last || layer), in
            this network and in an untrained one.
    """
    check(model, tokens, labels, k)
    return read_layers("logit_lens", model, tokens, labels, k, lambda _, stream: model.unembed(stream), names)


Read = Callable[[int, Tensor], Tensor]
"""A way to read layer i's residual stream (0 = what enters the first block) as logits."""


def read_layers(
    method: str,
    model: GPT,
    tokens: Tensor,
    labels: Sequence[str],
    k: int,
    read: Read,
    names: Sequence[str] | None = None,
) -> Trace:
    """The trace of a lens: what `read` sees in each layer, beside what an untrained network's own head sees."""
    fresh = untrained(model)
    rows, streams = [], residual_streams(model, tokens[None])[:, 0]
    last = model.unembed(streams[-1]).float().log_softmax(-1)
    for i, stream in enumerate(streams):
        rows.append(read_stream(read(i, stream), last, tokens, k))
    streams = residual_streams(fresh, tokens[None])[:, 0]
    last = fresh.unembed(streams[-1]).float().log_softmax(-1)
    floor = [divergence(last, fresh.unembed(stream).float().log_softmax(-1)) for stream in streams]
    axes: dict[str, tuple[str, ...]] = dict.fromkeys(("top_ids", "top_probabilities"), ("layer", "position", "top"))
    axes |= {"entropy": ("layer", "position")} | dict.fromkeys(("next_probability", "next_rank"), ("layer", "next"))
    kl = torch.stack([torch.stack([row["kl"] for row in rows]), torch.stack(floor)])
    return Trace(
        method=method,
        legend=TUNED_LENS if method == "tuned_lens" else LOGIT_LENS,
        arrays={name: to_numpy(torch.stack([row[name] for row in rows])) for name in axes} | {"kl": to_numpy(kl)},
        axes=axes | {"kl": ("network", "layer", "position")},
        labels={
            "layer": ["embed", *counted(len(rows) - 1)],
            "position": list(labels),
            "next": list(labels[1:]),
            "top": [str(rank + 1) for rank in range(k)],
            "network": ["model", "untrained"],
        },
        tokens={} if names is None else texts_of(torch.stack([row["top_ids"] for row in rows]), names),
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


@public
def residual_streams(model: GPT, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "L_plus_1 B T C"]:
    """What enters the first block, and what each block leaves: (n_layer + 1, B, T, C), without gradients.

    Raises: ValueError if weights or streams are not finite, naming the first; and if they would not fit the memory.
    """
    check_weights(model)
    with torch.no_grad(), evaluating(model):
        x, rope, mask = model.inputs(tokens, None)
        check_room((model.config.n_layer + 1) * x.numel() * x.element_size(), x.device, "give fewer or shorter texts")
        streams = x.new_empty(model.config.n_layer + 1, *x.shape)
        streams[0] = x
        for i, block in enumerate(model.blocks):
            x = block(x, rope, mask, None)
            streams[i + 1] = x
    check_values({"the first block's input" if i == 0 else f"blocks.{i - 1}": x for i, x in enumerate(streams)})
    return streams


# ----------------------------------------------------------------------------------------------------------------------
# Surprise


@public
@torch.no_grad()
def surprise(model: GPT, tokens: Int[Tensor, " T"], labels: Sequence[str]) -> Trace:
    """How little the model expected each token of a text but the first.

    A text longer than n_ctx is read as the score of a split is taken, in consecutive windows of which each sees only
    itself: at the start of a window a high surprise may be the missing context's. Give a document with its leading
    separator to have its first token predicted too. A label that is empty is that of a token which goes on with the
    character of those before it (`data.spans.in_order`); they are drawn as one.

    Arrays:
        nats (token,): -ln p.
        entropy (token,): what the model expected its surprise to be.
        nats_alone (token,): the same where the model reads nothing but the one token before. By how much `nats` is
            lower, what came earlier has told; where it is not, the model made nothing of it.

    Meta: `mean` and `mean_alone`, nats a token.
    """
    check(model, tokens, labels)
    nats, expected, alone = [], [], []
    for start in range(0, len(tokens) - 1, model.config.n_ctx):
        window = tokens[start : start + model.config.n_ctx + 1]
        log_probability = run_model(model, window[None, :-1])[0].float().log_softmax(-1)  # (T, V)
        nats.append(F.nll_loss(log_probability, window[1:], reduction="none"))
        expected.append(entropy(log_probability))
        alone.append(F.cross_entropy(run_model(model, window[:-1, None])[:, 0].float(), window[1:], reduction="none"))
    arrays = {"nats": torch.cat(nats), "entropy": torch.cat(expected), "nats_alone": torch.cat(alone)}
    return Trace(
        method="surprise",
        legend=SURPRISE,
        arrays={name: to_numpy(x) for name, x in arrays.items()},
        axes=dict.fromkeys(arrays, ("token",)),
        labels={"token": list(labels[1:])},
        meta={"mean": float(arrays["nats"].mean()), "mean_alone": float(arrays["nats_alone"].mean())},
    )


# ----------------------------------------------------------------------------------------------------------------------


def blocks_of(model: GPT) -> list[Block]:
    """The model's blocks, with their type."""
    return cast("list[Block]", list(model.blocks))


def untrained(model: GPT, seed: int = 0) -> GPT:
    """A network of the same shape with fresh weights (`control.randomised`), in evaluation mode: the floor."""
    return cast("GPT", randomised(model, seed=seed).eval())


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
