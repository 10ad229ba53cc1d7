"""Run a GPT again from the middle: many edits of one stored run as one batch that begins where they differ from it.

An edit at layer l and position p leaves all below l as it was and, since attention is causal, all before p. So a
*resumed* run starts at block l with the positions from p on, reads the keys and values of earlier positions from the
stored run, and, where only one position's logits are judged, ends with that position alone. Edits at the same position
are one batch that grows from layer to layer. Nothing is approximated: the result is that of a whole run, to rounding.

Blocks are called directly, and on parts of the sequence: edits by `patch` around such a call do not reach it.

Shape letters as in `models.gpt`, and n: edits in a batch.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.interpret.access.checks import check_room
from glassworks.interpret.access.finite import check_values, run_model
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.causes.metrics import AtPosition, Metric
from glassworks.interpret.tokens import check_logits, check_tokens
from glassworks.models.gpt.model import GPT, Block, Cache
from glassworks.models.modes import evaluating

ALWAYS = ("resid_pre", "resid_post", "attn.k", "attn.v")
BUDGET = 2**28
"""Bytes of activations at once, if nothing else is said. Larger batches are no faster on a CPU."""


@dataclass(frozen=True, eq=False)
class Stored:
    """One run of a GPT on (B, T) tokens, with what is needed to resume it at any block and position."""

    model: GPT
    seen: dict[str, Tensor]
    rope: tuple[Tensor, Tensor] | None
    logits: Float[Tensor, "B T V"]

    def at(self, layer: int, tap: str) -> Tensor:
        """What passed a block's tap; `resid_pre` of the layer behind the last is what the last one returned."""
        if tap == "resid_pre" and layer == self.model.config.n_layer:
            layer, tap = layer - 1, "resid_post"
        return self.seen[f"blocks.{layer}.{tap}"]

    @property
    def shape(self) -> tuple[int, int]:
        """B, T."""
        return self.logits.shape[0], self.logits.shape[1]


@torch.no_grad()
def store(model: GPT, tokens: Int[Tensor, "B T"], taps: Sequence[str] = ()) -> Stored:
    """Run the model and keep what `Stored` needs, and more taps of every block (as "attn.z").

    ValueError for what is no batch of the model's tokens, for logits that do not fit the memory, and for weights or
    values that are not finite, with where they begin.
    """
    check_tokens(model, tokens)
    check_logits(model, tokens.numel(), "give fewer or shorter sequences")
    with capture(model, [f"blocks.*.{tap}" for tap in dict.fromkeys((*ALWAYS, *taps))]) as captured:
        logits = run_model(model, tokens)
    check_values(captured)
    return Stored(model, dict(captured), rotary_of(model, tokens), logits)


@torch.no_grad()
def rotary_of(model: GPT, tokens: Int[Tensor, "B T"]) -> tuple[Tensor, Tensor] | None:
    """The rotary table's rows for these positions, as blocks take them."""
    return model.inputs(tokens[:1], None)[1]


# ----------------------------------------------------------------------------------------------------------------------
# Resuming

Entering = tuple[int, Callable[[], Tensor]]
"""The block that edits enter (n_layer = behind the last) and their streams there, (n * B, T - start, C), when due."""


class Prefix(Cache):
    """Keys and values of the stored run before the resumed positions, for every edit of a batch the same."""

    def __init__(self, stored: Stored, start: int) -> None:
        self.stored, self.start = stored, start

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """The stored positions, then the new ones (n * B, K, T - start, D)."""
        return self.longer(k, layer, "attn.k"), self.longer(v, layer, "attn.v")

    def longer(self, new: Tensor, layer: int, tap: str) -> Tensor:
        """One of the two."""
        if self.start == 0:
            return new
        rows, kv_heads, T, width = new.shape
        old = self.stored.at(layer, tap)[:, : self.start].transpose(1, 2)  # (B, K, start, D)
        out = new.new_empty(rows, kv_heads, self.start + T, width)
        torch.unflatten(out, 0, (-1, len(old)))[..., : self.start, :] = old
        out[..., self.start :, :] = new
        return out


def resume(stored: Stored, start: int, entering: Sequence[Entering], column: int | None) -> Tensor:
    """Streams behind the last block of edits at position `start`, in the order of `entering`, which is by layer.

    (n * B, T - start, C), or with `column`, counted from `start`, (n * B, 1, C) of that position alone.
    """
    model, (_, T) = stored.model, stored.shape
    n_layer = model.config.n_layer
    cache = Prefix(stored, start)
    rope = stored.rope if stored.rope is None else (stored.rope[0][start:], stored.rope[1][start:])
    mask = None
    if start and T - start > 1:
        mask = torch.ones(T - start, T, dtype=torch.bool, device=stored.logits.device).tril(start)[None, None]
    streams: list[Tensor] = []  # those that entered, and not yet joined
    ahead = list(entering)
    for layer in range(ahead[0][0], n_layer + 1):
        while ahead and ahead[0][0] == layer:
            streams.append(ahead.pop(0)[1]())
        if layer == n_layer:
            break
        x = streams[0] if len(streams) == 1 else torch.cat(streams)
        block = model.blocks[layer]
        assert isinstance(block, Block)
        if layer == n_layer - 1 and column is not None:
            x = x + block.attn(block.norm1(x), rope, mask, cache)
            x = x[:, column : column + 1]
            streams = [x + block.mlp(block.norm2(x))]
        else:
            streams = [block(x, rope, mask, cache)]
    if column is not None:
        streams = [x if x.size(1) == 1 else x[:, column : column + 1] for x in streams]
    return torch.cat(streams)


def judge(stored: Stored, metric: Metric, start: int, entering: Sequence[Entering]) -> Float[Tensor, "n B"]:
    """The metric of each edit at position `start`, for each pair."""
    B, T = stored.shape
    column = last_of(metric, T) - start if isinstance(metric, AtPosition) else None
    assert column is None or column >= 0, "such an edit has no effect: the caller leaves it out"
    logits = stored.model.unembed(resume(stored, start, entering, column))
    logits = torch.unflatten(logits, 0, (-1, B))
    if isinstance(metric, AtPosition):
        return torch.stack([metric.function(rows[:, 0]) for rows in logits])
    whole = stored.logits[:, :start]
    return torch.stack([metric(torch.cat([whole, rows], 1) if start else rows) for rows in logits])


def evaluate(metric: Metric, logits: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
    """The metric of a plain run's output, checked: one finite number a row, with a gradient if the logits have one."""
    values = metric(logits)
    if not isinstance(values, Tensor) or values.shape != logits.shape[:1]:
        shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(f"metric gave {shape} for logits {tuple(logits.shape)}: it must give one number a row")
    if not values.is_floating_point():
        raise ValueError(f"metric gave {values.dtype}: it must give floats, as with .float()")
    if logits.requires_grad and not values.requires_grad:
        raise ValueError("metric gave values without a gradient: leave out argmax, detach and item, or patch instead")
    if not torch.isfinite(values).all():
        raise ValueError(f"metric gave {values.tolist()}: it must be finite for the plain run")
    return values


def last_of(metric: AtPosition, T: int) -> int:
    """The position that a metric reads, counted from the first."""
    if not -T <= metric.position < T:
        raise ValueError(f"metric reads position {metric.position} of {T} tokens: give one of them")
    return metric.position % T


def needed(metric: Metric, T: int) -> int:
    """How many positions the metric depends on: those up to the one it reads."""
    return last_of(metric, T) + 1 if isinstance(metric, AtPosition) else T


def upto(metric: Metric, T: int) -> Metric:
    """The same metric of sequences that end with the last position it reads."""
    return replace(metric, position=last_of(metric, T)) if isinstance(metric, AtPosition) else metric


def edits_at_once(stored: Stored, metric: Metric, start: int, count: int, max_bytes: int) -> int:
    """How many of `count` edits at position `start` are one batch.

    Raises: ValueError if even one edit exceeds `max_bytes`, and if the batch exceeds what is free.

    An estimate of the peak: stream, norm, the attention's parts or the MLP's hidden neurons, and the logits.
    """
    config, (B, T) = stored.model.config, stored.shape
    heads = config.n_head + 2 * config.kv_heads
    token = 4 * config.n_embd + max(2 * heads * config.width_of_head, 3 * config.width_of_mlp)
    logits = 3 * config.vocab_size * (1 if isinstance(metric, AtPosition) else T)
    each = B * ((T - start) * token + 2 * T * config.kv_heads * config.width_of_head + logits)
    each *= stored.logits.element_size()
    if each > max_bytes:
        raise ValueError(
            f"max_bytes (={max_bytes:,}) must be at least {each:,}, one edit of {B} x {T} tokens: give fewer tokens, "
            "or more memory"
        )
    size = min(max_bytes // each, count)
    check_room(size * each, stored.logits.device, "give a smaller max_bytes")
    return size


def in_evaluation(model: GPT) -> ExitStack:
    """A block inside which the model is in evaluation mode and records no gradients."""
    stack = ExitStack()
    stack.enter_context(evaluating(model))
    stack.enter_context(torch.no_grad())
    return stack
