"""One pass of a GPT over a prompt, as the Transformer page shows it: every value at the tokens that are drawn.

Nothing is computed here that the model does not compute: values are read at its taps and modules by forward hooks, and
edits are forward hooks, too. Long prompts are drawn in part; the model reads all that its context holds.

Shape letters: L layers, H heads, K key/value heads, W tokens that are drawn, T tokens that are read, C width, D head
width, F neurons, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.interpret.access.checks import check_room
from glassworks.interpret.access.hooks import capture, patch
from glassworks.models.gpt.model import GPT

WINDOW = 48
"""Tokens drawn at once."""

OF_BLOCK = (
    *("resid_pre", "norm1", "attn.qkv", "attn.q", "attn.k", "attn.v", "attn.z", "attn_out", "resid_mid"),
    *("norm2", "mlp.up", "mlp.gate", "mlp.post", "mlp_out", "resid_post"),
)
"""What is read of a block, beside the pattern."""


@dataclass(frozen=True)
class Window:
    """Which tokens are read, and which of them are drawn."""

    ids: list[int]
    """Those that the model reads: the last ones that its context holds."""
    dropped: int
    """How many were before them."""
    start: int
    """The first that is drawn, among `ids`."""
    stop: int

    @property
    def drawn(self) -> list[int]:
        """The places that are drawn."""
        return list(range(self.start, self.stop))

    def place(self, position: int | None) -> int:
        """The place that is drawn and nearest to a position; None = the last."""
        return self.stop - 1 if position is None else max(self.start, min(position, self.stop - 1))


def window_of(ids: list[int], n_ctx: int, start: int | None = None) -> Window:
    """The last tokens of a prompt, or those from `start` on, counted among what the model reads."""
    read = ids[-n_ctx:]
    last = max(0, len(read) - WINDOW)
    first = last if start is None else max(0, min(int(start), last))
    return Window(read, len(ids) - len(read), first, min(len(read), first + WINDOW))


# ----------------------------------------------------------------------------------------------------------------------
# Edits

Edit = dict[str, Any]
"""{"part": "head" | "neuron" | "edge", "block", "unit", "scale"}, and of an edge "query" and "key"."""


def check_edit(edit: Any, model: GPT, read: int) -> Edit:
    """Refuse an edit of what is not there."""
    config = model.config
    of = {"head": config.n_head, "neuron": config.width_of_mlp, "edge": config.n_head}
    if not isinstance(edit, dict) or edit.get("part") not in of:
        raise ValueError("an edit is of a head, a neuron or an edge: reload the page")
    limits = {"block": config.n_layer, "unit": of[edit["part"]]}
    limits |= {"query": read, "key": read} if edit["part"] == "edge" else {}
    for name, limit in limits.items():
        value = edit.get(name)
        if not isinstance(value, int) or not 0 <= value < limit:
            raise ValueError(f"{name} (={value!r}) of an edit must be from 0 to {limit - 1}: take this edit away")
    scale = edit.get("scale", 0)
    if not isinstance(scale, int | float) or not -10 <= scale <= 10:
        raise ValueError(f"scale (={scale!r}) of an edit must be from -10 to 10")
    return edit


def hooks_of(edits: Sequence[Edit], model: GPT, read: int) -> dict[str, Callable[[Tensor], Tensor]]:
    """Edits as `patch` takes them: what is scaled at which tap. A pattern is not made to sum to 1 again."""
    grouped: dict[str, list[Edit]] = {}
    for edit in edits:
        tap = {"head": "attn.z", "neuron": "mlp.post", "edge": "attn.pattern"}[check_edit(edit, model, read)["part"]]
        grouped.setdefault(f"blocks.{edit['block']}.{tap}", []).append(edit)

    def scaled(value: Tensor, of: list[Edit]) -> Tensor:
        value = value.clone()
        for edit in of:
            scale, unit = float(edit.get("scale", 0)), edit["unit"]
            if edit["part"] == "head":
                value[:, :, unit] *= scale  # (B, T, H, D)
            elif edit["part"] == "neuron":
                value[..., unit] *= scale  # (B, T, F)
            else:
                value[:, unit, edit["query"], edit["key"]] *= scale  # (B, H, T, S)
        return value

    return {point: partial(scaled, of=of) for point, of in grouped.items()}


# ----------------------------------------------------------------------------------------------------------------------
# The pass


@dataclass(frozen=True, eq=False)
class Pass:
    """What a pass left: values at the tokens that are drawn, by the names of their points."""

    model: GPT
    window: Window
    seen: dict[str, Tensor]

    def at(self, name: str) -> Tensor:
        """A point's value without the batch: (W, ...); a pattern (H, W, T)."""
        return self.seen[name][0]


@torch.no_grad()
def run_pass(model: GPT, window: Window, edits: Sequence[Edit] = (), *, blocks: Sequence[int] | None = None) -> Pass:
    """Run a GPT, and keep what `OF_BLOCK` names of some blocks, and of all the pattern and the streams.

    The last logits are made, and those alone. Edits are made on the way; what is kept is what they left.
    """
    config, drawn = model.config, window.drawn
    check_room(8 * config.n_head * len(window.ids) ** 2 * 4, model.embed.weight.device, "give a shorter text")
    inside = [name for name in OF_BLOCK if name != "mlp.gate" or config.is_gated]
    wanted = range(config.n_layer) if blocks is None else blocks
    names = [f"blocks.{i}.{name}" for i in wanted for name in inside]
    names += [f"blocks.{i}.resid_post" for i in range(config.n_layer) if i not in wanted]
    tokens = torch.tensor([window.ids], device=model.embed.weight.device)
    with (
        patch(model, hooks_of(edits, model, len(window.ids))),
        capture(model, [*names, "embed"], positions=drawn) as values,
        capture(model, "blocks.*.attn.pattern", positions=drawn, axis=2) as patterns,
    ):
        model.run_blocks(tokens)
    return Pass(model, window, {**values, **patterns})


@torch.no_grad()
def logits_at(done: Pass, place: int) -> dict[str, Float[Tensor, "..."]]:
    """From the last stream (C,) of a drawn token to its logits (V,), with what is between, as the model does it.

    `raw` is before nanochat's softcap, None where there is none.
    """
    model = done.model
    stream = done.at(f"blocks.{model.config.n_layer - 1}.resid_post")[place - done.window.start]
    normed = model.norm(stream)
    capped = model.config.architecture == "nanochat" and model.config.softcap is not None
    found = {"stream": stream, "normed": normed, "logits": model.unembed(stream)}
    return found | ({"raw": model.head(normed)} if capped else {})


PLAIN: WeakKeyDictionary[GPT, tuple[tuple[Window, int], Tensor]] = WeakKeyDictionary()
"""The last logits without edits, for what edits do is seen beside them again and again."""


def plain_logits(model: GPT, window: Window, place: int) -> Float[Tensor, " V"]:
    """The logits at a place as the model has them."""
    if model not in PLAIN or PLAIN[model][0] != (window, place):
        PLAIN[model] = (window, place), logits_at(run_pass(model, window, blocks=()), place)["logits"]
    return PLAIN[model][1]


def patterns_of(done: Pass) -> tuple[Float[Tensor, "L H W W"], Float[Tensor, "L H W"]]:
    """Every head's weights between the tokens that are drawn, and what each of them gives to tokens before those."""
    start, stop = done.window.start, done.window.stop
    whole = torch.stack([done.at(f"blocks.{i}.attn.pattern") for i in range(done.model.config.n_layer)])
    return whole[..., start:stop], whole[..., :start].sum(-1)


def block_of(done: Pass, block: int) -> dict[str, Any]:
    """Every value of a block, (W, ...); of queries, keys and values also before RoPE and norms (`raw_q`, ...)."""
    config = done.model.config
    H, K, D = config.n_head, config.kv_heads, config.width_of_head
    found: dict[str, Any] = {
        name.removeprefix("attn.").removeprefix("mlp."): done.seen.get(f"blocks.{block}.{name}") for name in OF_BLOCK
    }
    found = {name: None if value is None else value[0] for name, value in found.items()}
    raw = found.pop("qkv").view(-1, H + 2 * K, D)
    found |= dict(zip(("raw_q", "raw_k", "raw_v"), torch.split(raw, [H, K, K], 1), strict=True))
    if config.architecture != "gpt2":
        drawn = done.window.drawn
        found |= {"cos": done.model.rope_cos[drawn], "sin": done.model.rope_sin[drawn]}
    return found
