"""Attention of an encoder-decoder: of a text to itself, or of what is written to what is read; and its cache.

Every value passes a named `nn.Identity`. It runs fused unless somebody hooks `scores` or `pattern`: then that call
computes them explicitly.
"""

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from glassworks.models.seq2seq.config import Seq2SeqConfig


class Cache:
    """What a decoder remembers while it writes: keys and values of what it wrote, and those of what it reads.

    Rows are hypotheses. `written` is (L, 2, B, H, size, D), filled up to `length`; `read` has the keys and values
    (B, H, S, D) of each layer, which are computed once; `mask` (B, 1, 1, S) says which of these are no padding.
    """

    def __init__(self, config: Seq2SeqConfig, size: int, mask: Bool[Tensor, "B 1 1 S"], like: Tensor) -> None:
        shape = (config.decoder_layers, 2, len(mask), config.n_head, size, config.width_of_head)
        self.written = torch.empty(shape, dtype=like.dtype, device=like.device)
        self.read: list[tuple[Tensor, Tensor]] = []
        self.mask = mask
        self.length = 0

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append (B, H, T, D) keys and values of one layer; return all of that layer's, (B, H, length + T, D)."""
        keys, values = self.written[layer, ..., : self.length + k.size(2), :].unbind()
        keys[:, :, self.length :].copy_(k)
        values[:, :, self.length :].copy_(v)
        return keys, values

    def keep(self, rows: Int[Tensor, " B"], *, read_alike: bool = False) -> None:
        """Have these rows, in this order, some perhaps more than once.

        `read_alike` = each has the source of the row in whose place it is now, which then need not be moved.
        """
        before = self.written[..., : self.length, :]
        self.written = before.new_empty((*before.shape[:2], len(rows), *self.written.shape[3:]))
        self.written[..., : self.length, :] = before[:, :, rows]
        if not read_alike:
            self.read = [(k[rows], v[rows]) for k, v in self.read]
            self.mask = self.mask[rows]


class Attention(nn.Module):
    """softmax(q·k / √D)·v by heads. One matrix makes queries, keys and values: its rows are q, k, v, heads within."""

    point_axes: ClassVar = {
        "[qkvz]": "B T H D -> B T (H D)",
        "scores": "B H T S -> B T (H S)",
        "pattern": "B H T S -> B T (H S)",
    }
    """What the axes of its taps are: places to the left of a place's numbers."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.heads, self.width = config.n_head, config.width_of_head
        self.qkv = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.proj = nn.Linear(config.n_embd, config.n_embd)
        self.q, self.k, self.v = nn.Identity(), nn.Identity(), nn.Identity()  # (B, T or S, H, D)
        self.scores = nn.Identity()  # (B, H, T, S), q·k / √D before the mask
        self.pattern = nn.Identity()  # (B, H, T, S)
        self.z = nn.Identity()  # (B, T, H, D)

    def query(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B H T D"]:
        """Queries alone, for what is asked of another text."""
        width = x.size(-1)
        return self.by_head(self.q, F.linear(x, self.qkv.weight[:width], self.qkv.bias[:width]))

    def key_value(self, memory: Float[Tensor, "B S C"]) -> tuple[Tensor, Tensor]:
        """Keys and values (B, H, S, D) of another text."""
        width = memory.size(-1)
        k, v = F.linear(memory, self.qkv.weight[width:], self.qkv.bias[width:]).chunk(2, -1)
        return self.by_head(self.k, k), self.by_head(self.v, v)

    def own(self, x: Float[Tensor, "B T C"]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (B, H, T, D) of the same text."""
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.by_head(self.q, q), self.by_head(self.k, k), self.by_head(self.v, v)

    def by_head(self, tap: nn.Module, y: Tensor) -> Tensor:
        """(B, T, C) to (B, H, T, D), by way of a tap."""
        split: Tensor = tap(y.view(*y.shape[:2], self.heads, self.width))
        return split.transpose(1, 2)

    def forward(
        self,
        q: Float[Tensor, "B H T D"],
        k: Float[Tensor, "B H S D"],
        v: Float[Tensor, "B H S D"],
        mask: Bool[Tensor, "..."] | None,
        causal: bool = False,
    ) -> Float[Tensor, "B T C"]:
        """Mix the values by the weights. `mask` is True where a query may look; `causal` = not beyond itself."""
        attend = self.explicit if is_hooked(self.scores) or is_hooked(self.pattern) else fused
        z = self.z(attend(q, k, v, mask, causal).transpose(1, 2))  # (B, T, H, D)
        out: Tensor = self.proj(z.flatten(2))
        return out

    def explicit(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        """The same with scores and pattern in the open; to the bit the same where they are only looked at."""
        raw = q @ k.transpose(-2, -1) / math.sqrt(self.width)
        scores = self.scores(raw)
        visible = mask if not causal else causal_mask(q.size(2), k.size(2), q.device)
        pattern = (scores if visible is None else scores.masked_fill(~visible, -torch.inf)).softmax(-1)
        seen = self.pattern(pattern)
        if seen is pattern and scores is raw and not torch.is_grad_enabled():
            return fused(q, k, v, mask, causal)
        out: Tensor = seen @ v
        return out


def fused(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    """Attention in one kernel; a single query sees all keys, so it needs no mask of its own."""
    if causal and 1 < q.size(2) < k.size(2):
        return F.scaled_dot_product_attention(q, k, v, causal_mask(q.size(2), k.size(2), q.device))
    return F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal and q.size(2) > 1)


def causal_mask(queries: int, keys: int, device: torch.device) -> Bool[Tensor, "T S"]:
    """True where a key is none beyond its query; the queries are the last of the keys."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def is_hooked(tap: nn.Module) -> bool:
    """Whether somebody reads or writes this tap, or has put another module there."""
    return bool(tap._forward_hooks or tap._forward_pre_hooks) or type(tap) is not nn.Identity
