"""Every number of one translation: what "The Illustrated Transformer" draws, of a network of one's own.

    found = translation_steps(opened.model, opened.tokenizer, "may third, nineteen oh two")
    found.arrays["encoder.0.attn.scores"]   # (H, S, S), what the module's tap had

All of it is the network's own: arrays are what passed its taps, by the taps' names, without the batch's axis.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import nn

from glassworks.data.tokenizers.build import Tokenizer
from glassworks.interpret.access.hooks import capture
from glassworks.models.seq2seq.attention import Attention, causal_mask
from glassworks.models.seq2seq.decode import Hypothesis, beam_search, greedy
from glassworks.models.seq2seq.model import Seq2Seq
from glassworks.models.seq2seq.positions import sinusoids

Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class TranslationSteps:
    """One translation from its tokens to what comes next: S source tokens, T of the target so far, the start included.

    Arrays by name, with their axes in `axes`:

        source.embedding, source.positions     (S, C): embeddings times √C, and sinusoids, whose sum the encoder reads
        written.embedding, written.positions   (T, C): of the decoder
        positions.interleaved                  (P, C): the paper's order of the same numbers, P = the longer of S and T
        encoder.0.attn.q .k .v                 (S, H, D)
        encoder.0.attn.scores .pattern         (H, S, S): q·k / √D before the mask, and its softmax behind it
        encoder.0.attn.z                       (S, H, D): the heads' sums of values
        encoder.0.after_attn.out .sum .post    (S, C): z·W_O, the stream with it, and that normalised
        encoder.0.mlp.post                     (S, F): hidden neurons
        decoder.0.attn..., decoder.0.cross...  likewise, of T queries; cross looks at the S source tokens
        logits, probabilities                  (T, V): of the token after each
        untrained.probabilities                (T, V): of a network of the same shape that has learned nothing
    """

    source: list[str]
    """The tokens that are read, the end among them."""
    target: list[str]
    """Those written so far, the start first."""
    source_ids: list[int]
    target_ids: list[int]
    arrays: Arrays
    axes: dict[str, tuple[str, ...]]
    decoder_mask: NDArray[np.bool_]
    """(T, T) True where a target token may look at another."""
    greedy: Hypothesis
    beams: list[Hypothesis]
    """The best first."""
    searched: list[list[Hypothesis]]
    """After each step of the beam search, which hypotheses went on."""


@torch.no_grad()
def translation_steps(
    model: Seq2Seq,
    tokenizer: Tokenizer,
    source: str,
    target: str | Sequence[int] = "",
    *,
    untrained: Seq2Seq | None = None,
    beams: int = 4,
    alpha: float = 0.6,
) -> TranslationSteps:
    """All tensors of one source and the target so far.

    Args:
        model: the network.
        tokenizer: its own.
        source: what is read.
        target: what is written so far, as text or as ids without the start; nothing = only the start.
        untrained: the control; None = a network of the same shape, its weights drawn from seed 0. A run's network
            before its first step is `Seq2Seq(model.config, seed=recipe.seed)`.
        beams: of the beam search.
        alpha: its length penalty.

    Raises: ValueError for what is too long for the network, or an empty source.
    """
    config = model.config
    if not source.strip():
        raise ValueError("source is empty: give a text")
    read = [*tokenizer.encode(source.strip()), config.end_id]
    so_far = tokenizer.encode(target) if isinstance(target, str) else list(target)
    for name, ids in (("source", read), ("target", [config.start_id, *so_far])):
        if len(ids) > config.n_ctx:
            raise ValueError(
                f"{name} has {len(ids)} tokens, and the network's context {config.n_ctx} (n_ctx): give fewer"
            )
    device = model.embed.weight.device
    ours, theirs = (torch.tensor([ids], device=device) for ids in (read, [config.start_id, *so_far]))
    with capture(model, taps(model)) as seen:
        logits = model(ours, theirs)
        arrays: Arrays = {name: plain(value[0]) for name, value in seen.items()}
    control = (untrained or Seq2Seq(config)).to(device).eval()
    arrays |= inputs_of(model, ours, theirs)
    arrays |= {
        "logits": plain(logits[0]),
        "probabilities": plain(logits[0].softmax(-1)),
        "untrained.probabilities": plain(control(ours, theirs)[0].softmax(-1)),
    }
    searched: list[list[Hypothesis]] = []
    found = beam_search(model, ours, beams=beams, alpha=alpha, watch=lambda going: searched.append(going[0]))[0]
    return TranslationSteps(
        source=[tokenizer.token(id) for id in read],
        target=[tokenizer.token(id) for id in theirs[0].tolist()],
        source_ids=read,
        target_ids=theirs[0].tolist(),
        arrays=arrays,
        axes={name: axes_of(name) for name in arrays},
        decoder_mask=causal_mask(theirs.size(1), theirs.size(1), torch.device("cpu")).numpy(),
        greedy=greedy(model, ours)[0],
        beams=found,
        searched=searched,
    )


def plain_steps(steps: TranslationSteps, tokenizer: Tokenizer) -> dict[str, Any]:
    """All of it as dicts, lists, texts, numbers and arrays, for a page: hypotheses by their tokens and as text."""

    def written(one: Hypothesis) -> dict[str, Any]:
        tokens = [tokenizer.token(id) for id in one.ids]
        return {
            "tokens": tokens,
            "text": tokenizer.decode(one.ids),
            "log_probs": list(one.log_probs),
            "log_prob": one.log_prob,
            "score": one.score,
            "ended": one.ended,
        }

    return {
        **{name: getattr(steps, name) for name in ("source", "target", "source_ids", "target_ids", "arrays")},
        "axes": {name: list(axes) for name, axes in steps.axes.items()},
        "decoder_mask": steps.decoder_mask,
        "greedy": written(steps.greedy),
        "beams": [written(one) for one in steps.beams],
        "searched": [[written(one) for one in going] for going in steps.searched],
    }


def taps(model: nn.Module) -> list[str]:
    """The names of all taps."""
    return [name for name, module in model.named_modules() if type(module) is nn.Identity]


def plain(tensor: torch.Tensor) -> NDArray[np.float32]:
    """A tensor as an array of its own."""
    array: NDArray[np.float32] = tensor.detach().float().cpu().numpy().copy()
    return array


def inputs_of(model: Seq2Seq, source: torch.Tensor, target: torch.Tensor) -> Arrays:
    """What both stacks begin with, as the two things that are added."""
    found: Arrays = {}
    for name, ids in (("source", source), ("written", target)):
        found[f"{name}.embedding"] = plain(model.embed(ids[0]) * math.sqrt(model.config.n_embd))
        found[f"{name}.positions"] = plain(model.positions[: ids.size(1)])
    longest = max(source.size(1), target.size(1))
    return found | {"positions.interleaved": plain(sinusoids(longest, model.config.n_embd, interleaved=True))}


def axes_of(name: str) -> tuple[str, ...]:
    """What the axes of an array are."""
    *where, last = name.split(".")
    if last in ("logits", "probabilities"):
        return "target", "vocabulary"
    if name == "positions.interleaved":
        return "position", "width"
    queries = "source" if name.startswith(("source", "encoder")) else "target"
    keys = "source" if "cross" in where else queries
    if last in ("scores", "pattern"):
        return "head", queries, keys
    if last in ("q", "k", "v", "z"):
        return keys if last in ("k", "v") else queries, "head", "head_width"
    return queries, "neuron" if where[-1:] == ["mlp"] else "width"


def matrices(attention: Attention) -> dict[str, Float[torch.Tensor, "..."]]:
    """The matrices of an attention, each as what it is multiplied by from the right: x·W_Q[h] + b_Q[h] = q of head h.

    W_Q, W_K, W_V (H, C, D) with biases b_Q, b_K, b_V (H, D); W_O (H, D, C), whose heads' products are added, and b_O
    (C,).
    """
    heads, width = attention.heads, attention.width
    found: dict[str, torch.Tensor] = {}
    weights, biases = (part.detach().chunk(3) for part in (attention.qkv.weight, attention.qkv.bias))
    for name, weight, bias in zip("QKV", weights, biases, strict=True):
        found[f"W_{name}"] = weight.view(heads, width, -1).transpose(1, 2)
        found[f"b_{name}"] = bias.view(heads, width)
    found["W_O"] = attention.proj.weight.detach().t().reshape(heads, width, -1)
    return found | {"b_O": attention.proj.bias.detach()}
