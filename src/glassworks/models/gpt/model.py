"""GPT: a decoder-only transformer that speaks four architectures of the ecosystem.

What the four share: pre-norm residual blocks, causal attention, one MLP a block. What differs, all of it in this file:

             position      norm                      MLP         head              biases
  gpt2       learned       LayerNorm                 GELU(tanh)  tied              yes
  llama      RoPE          RMSNorm                   SwiGLU      tied or untied    no
  qwen3      RoPE          RMSNorm, also on q and k  SwiGLU      tied or untied    no
  nanochat   RoPE          RMSNorm without gains     ReLU²       untied, softcap   no

Every value worth looking at passes through a named `nn.Identity` (a *tap*): read or replace it with an ordinary forward
hook. Attention runs fused unless somebody hooks `attn.pattern`; then that call computes the pattern explicitly.

Shape letters: B batch, T time, C width, H heads, K key/value heads, D head width, F MLP width, V vocabulary, S keys.
"""

import math
import warnings
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.fused import Linear, gelu, is_short, rms_norm, short_attention


class Cache:
    """Keys and values of the positions already seen, for generation, filled up to `length`.

    `kv` is (L, 2, B, K, size, D), keys and values of each layer. `padding` (B,) counts the padding tokens at the left
    of each row; None when all rows began at position 0.
    """

    def __init__(
        self, config: GPTConfig, batch: int, size: int, *, like: Tensor, padding: Tensor | None = None
    ) -> None:
        shape = (config.n_layer, 2, batch, config.kv_heads, size, config.width_of_head)
        fresh = torch.empty if padding is None else torch.zeros  # a masked NaN would still make NaN
        self.kv = fresh(shape, dtype=like.dtype, device=like.device)
        self.size = size
        self.length = 0
        self.padding = padding

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append (B, K, T, D) keys and values of one layer; return all of that layer's, (B, K, length + T, D)."""
        keys, values = self.kv[layer, ..., : self.length + k.size(2), :].unbind()
        keys[:, :, self.length :].copy_(k)
        values[:, :, self.length :].copy_(v)
        return keys, values

    def keep(self, rows: Int[Tensor, " B"]) -> None:
        """Forget all rows but these."""
        self.kv = self.kv[:, :, rows]
        self.padding = None if self.padding is None else self.padding[rows]


# ----------------------------------------------------------------------------------------------------------------------
# Parts


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) over the last axis, with gains or without."""

    def __init__(self, width: int, eps: float, *, gains: bool) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width)) if gains else None

    def forward(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B C"]:
        """Normalise."""
        if not torch.is_grad_enabled():  # one kernel, and no graph to record: generation is made of small calls
            return F.rms_norm(x, x.shape[-1:], self.weight, self.eps)
        y = rms_norm(x, self.eps)
        return y if self.weight is None else y * self.weight.to(y.dtype)


def norm(config: GPTConfig, width: int) -> nn.Module:
    """The architecture's normalisation over the last axis."""
    if config.architecture == "gpt2":
        return nn.LayerNorm(width, config.eps)
    return RMSNorm(width, config.eps, gains=config.architecture != "nanochat")


def rope_table(config: GPTConfig) -> tuple[Tensor, Tensor]:
    """Cosines and signed sines of rotary positions (Su et al. 2021, eq. 34), (n_ctx, D) each.

    Halves are rotated against each other: x·cos + swap(x)·sin, where swap exchanges the halves. llama and qwen3 turn by
    +angle, nanochat by -angle, so only the sign of the sines differs.
    """
    angle = torch.outer(torch.arange(config.n_ctx, dtype=torch.float32), rope_frequencies(config))  # (n_ctx, D/2)
    sine = -angle.sin() if config.architecture == "nanochat" else angle.sin()
    return torch.cat([angle.cos(), angle.cos()], -1), torch.cat([-sine, sine], -1)


def rope_frequencies(config: GPTConfig) -> Float[Tensor, " R"]:
    """Radians a position of each pair of numbers of a head, R = D/2.

    They are lowered for contexts longer than that of pre-training as `rope_type` says:

    linear  all by the factor (Chen et al. 2023, arXiv 2306.15595, eq. 4)
    llama3  those that turn less than `rope_low_freq_factor` times in the original context by the factor, those that
            turn more than `rope_high_freq_factor` times not at all, in between in proportion (as in Llama 3.1)
    """
    width = config.width_of_head
    frequency = 1.0 / config.rope_theta ** (
        torch.arange(0, width, 2, dtype=torch.float32) / width
    )  # as others round it
    if config.rope_type == "default":
        return frequency
    unscaled = torch.zeros_like(frequency)  # share of the angle that is not lowered
    if config.rope_type == "llama3":
        turns = frequency * (config.rope_original_n_ctx or config.n_ctx) / (2 * math.pi)
        low, high = config.rope_low_freq_factor, config.rope_high_freq_factor
        unscaled = ((turns - low) / (high - low)).clamp(0, 1)
    return frequency / config.rope_factor * (1 - unscaled) + frequency * unscaled


def rotate(x: Float[Tensor, "B T H D"], rope: tuple[Tensor, Tensor]) -> Float[Tensor, "B T H D"]:
    """Turn each head's vector by its position's angles."""
    cos, sin = rope
    return torch.addcmul(x * cos, x.roll(x.size(-1) // 2, -1), sin)


class Attention(nn.Module):
    """Causal self-attention. One matrix makes queries, keys and values; its rows are q heads, k heads, v heads."""

    point_axes: ClassVar = {"[qkvz]": "B T H D -> B T (H D)", "pattern": "B H T S -> B T (H S)"}
    """What the axes of its taps are: places to the left of a place's numbers."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.layer, self.architecture = layer, config.architecture
        self.heads, self.kv_heads, self.width = config.n_head, config.kv_heads, config.width_of_head
        biased = config.architecture == "gpt2"
        self.qkv = Linear(config.n_embd, (self.heads + 2 * self.kv_heads) * self.width, bias=biased)
        self.proj = Linear(self.heads * self.width, config.n_embd, bias=biased)
        if config.architecture == "nanochat":
            self.qk_norm = norm(config, self.width)  # no gains, so queries and keys go through it together
        elif config.architecture == "qwen3":
            self.q_norm, self.k_norm = norm(config, self.width), norm(config, self.width)
        self.q, self.k, self.v = nn.Identity(), nn.Identity(), nn.Identity()  # (B, T, H or K, D)
        self.pattern = nn.Identity()  # (B, H, T, S)
        self.z = nn.Identity()  # (B, T, H, D)

    def forward(
        self,
        x: Float[Tensor, "B T C"],
        rope: tuple[Tensor, Tensor] | None,
        mask: Tensor | None,
        cache: Cache | None,
    ) -> Float[Tensor, "B T C"]:
        """Mix values of earlier positions. `mask` is None for plain causal attention."""
        B, T, _ = x.shape
        H, K, D = self.heads, self.kv_heads, self.width
        q, k, v = self.heads_of(self.qkv(x).view(B, T, H + 2 * K, D), rope)
        q, k, v = (tap(y).transpose(1, 2) for tap, y in ((self.q, q), (self.k, k), (self.v, v)))  # (B, H or K, T, D)
        if cache is not None:
            k, v = cache.extend(self.layer, k, v)
        attend = self.explicit if is_hooked(self.pattern) else fused
        z = self.z(attend(q, k, v, mask).transpose(1, 2))  # (B, T, H, D)
        out: Tensor = self.proj(z.reshape(B, T, H * D))
        return out

    def heads_of(self, qkv: Tensor, rope: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, T, H, D), keys and values (B, T, K, D) as at their taps, from the product (B, T, H + 2K, D)."""
        H, K = self.heads, self.kv_heads
        if rope is None:
            q, k, v = torch.split(qkv, [H, K, K], 2)
            return q, k, v
        qk, v = torch.split(qkv, [H + K, K], 2)
        if self.architecture != "qwen3":  # queries and keys together
            qk = rotate(qk, rope)
        if self.architecture == "nanochat":
            qk = self.qk_norm(qk)
        q, k = torch.split(qk, [H, K], 2)
        if self.architecture == "qwen3":
            q, k = rotate(self.q_norm(q), rope), rotate(self.k_norm(k), rope)
        return q, k, v

    def explicit(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """The same as `fused`, with the pattern (B, H, T, S) in the open.

        A pattern that is only looked at, without gradients, leaves the fused result as it is, to the last bit.
        """
        groups, T, S = q.size(1) // k.size(1), q.size(2), k.size(2)
        keys, values = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        scores = q @ keys.transpose(-2, -1) / math.sqrt(q.size(-1))
        visible = torch.ones(T, S, dtype=torch.bool, device=q.device).tril(S - T) if mask is None else mask
        pattern = scores.masked_fill(~visible, -torch.inf).softmax(-1)
        seen = self.pattern(pattern)
        if seen is pattern and not torch.is_grad_enabled():
            return fused(q, k, v, mask)
        out: Tensor = seen @ values
        return out


def fused(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Attention in one kernel; a single query sees all keys, so it needs no mask."""
    causal = mask is None and q.size(2) > 1
    if causal and is_short(q):
        return short_attention(q, k, v)
    return F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, enable_gqa=q.size(1) != k.size(1))


def is_hooked(tap: nn.Module) -> bool:
    """Whether somebody reads or writes this tap, or has put another module there."""
    return bool(tap._forward_hooks or tap._forward_pre_hooks) or type(tap) is not nn.Identity


class MLP(nn.Module):
    """The position-wise half of a block. Of width 0 it adds nothing: the block is attention only."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.architecture, self.is_gated = config.architecture, config.is_gated
        biased = config.architecture == "gpt2"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Initializing zero-element tensors")  # of width 0
            if config.is_gated:
                self.gate = Linear(config.n_embd, config.width_of_mlp, bias=False)
            self.up = Linear(config.n_embd, config.width_of_mlp, bias=biased)
            self.down = Linear(config.width_of_mlp, config.n_embd, bias=biased)
        self.post = nn.Identity()  # (B, T, F), the hidden neurons after their nonlinearity

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """Widen, apply the nonlinearity, narrow."""
        hidden = self.up(x)
        if self.architecture == "gpt2":
            hidden = gelu(hidden)
        elif self.is_gated:
            hidden = F.silu(self.gate(x)) * hidden
        else:
            hidden = F.relu(hidden)
            hidden = hidden * hidden  # torch's own square has a slow derivative on a CPU
        out: Tensor = self.down(self.post(hidden))
        return out


class Block(nn.Module):
    """x + attention(norm(x)), then + MLP(norm(x))."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.norm1, self.attn = norm(config, config.n_embd), Attention(config, layer)
        self.norm2, self.mlp = norm(config, config.n_embd), MLP(config)
        self.resid_pre, self.resid_mid, self.resid_post = nn.Identity(), nn.Identity(), nn.Identity()  # (B, T, C)
        self.attn_out, self.mlp_out = nn.Identity(), nn.Identity()  # (B, T, C)

    def forward(
        self, x: Tensor, rope: tuple[Tensor, Tensor] | None, mask: Tensor | None, cache: Cache | None
    ) -> Tensor:
        """(B, T, C) to (B, T, C)."""
        x = self.resid_pre(x)
        x = self.resid_mid(x + self.attn_out(self.attn(self.norm1(x), rope, mask, cache)))
        out: Tensor = self.resid_post(x + self.mlp_out(self.mlp(self.norm2(x))))
        return out


# ----------------------------------------------------------------------------------------------------------------------
# The model


class GPT(nn.Module):
    """Tokens (B, T) to logits (B, T, V) for the next token at every position.

    Weights are drawn from `seed`. `recompute` trades time for memory: blocks forget their activations in the forward
    pass and compute them again in the backward one.
    """

    rope_cos: Tensor
    rope_sin: Tensor

    def __init__(self, config: GPTConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.recompute = False
        self.embed = empty_embedding(config.vocab_size, config.n_embd)
        drawn = self.embed.weight.device.type != "meta"  # where calculating would load torch's compiler: 0.8 s
        if config.architecture == "gpt2":
            self.position = empty_embedding(config.n_ctx, config.n_embd)
        else:
            cos, sin = rope_table(config) if drawn else torch.empty(2, config.n_ctx, config.width_of_head)
            self.register_buffer("rope_cos", cos, persistent=False)
            self.register_buffer("rope_sin", sin, persistent=False)
        if config.architecture == "nanochat":
            self.embed_norm = norm(config, config.n_embd)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layer))
        self.norm = norm(config, config.n_embd)
        self.head = Linear(config.n_embd, config.vocab_size, bias=False)
        if config.is_tied:
            self.head.weight = self.embed.weight
        if drawn:
            initialise(self, seed)

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        cache: Cache | None = None,
        *,
        last: bool = False,
        since: int = 0,
        segments: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B Q V"]:
        """Logits of the next token at every position from `since` on, or, if `last`, at the last one only (Q = 1).

        With a cache, `tokens` continue what it holds, and it grows by T positions. With `segments`, several texts stand
        in a row, one after the other: those of one number are a text, which sees no other.
        """
        x = self.stream(tokens, cache, segments)
        return self.unembed(x[:, -1:] if last else x[:, since:] if since else x)

    def stream(
        self, tokens: Int[Tensor, "B T"], cache: Cache | None = None, segments: Int[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T C"]:
        """The residual stream behind the last block."""
        x, rope, mask = self.inputs(tokens, cache, segments)
        for block in self.blocks:
            if self.recompute and self.training and cache is None:
                x = checkpoint(block, x, rope, mask, None, use_reentrant=False)
            else:
                x = block(x, rope, mask, cache)
        if cache is not None:
            cache.length += tokens.size(1)
        return x

    def run_blocks(self, tokens: Int[Tensor, "B T"]) -> None:
        """Run for what passes points in the blocks: only the logits of the last position are made."""
        self(tokens, last=True)

    def inputs(
        self, tokens: Tensor, cache: Cache | None, segments: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor] | None, Tensor | None]:
        """What the first block receives: the residual stream (B, T, C), the rotary table's rows, and the mask."""
        start, T = cache.length if cache is not None else 0, tokens.size(1)
        if start + T > self.config.n_ctx:
            raise ValueError(f"{start + T} tokens do not fit the context (n_ctx={self.config.n_ctx}): give fewer")
        padding = cache.padding if cache is not None else None
        x = self.embed(tokens)
        position: slice | Tensor = slice(start, start + T)
        mask = None
        if segments is not None:
            position, mask = apart(segments)
        elif padding is not None or (start and T > 1):
            query = torch.arange(start, start + T, device=x.device)
            key = torch.arange(start + T, device=x.device)
            mask = (key <= query[:, None])[None, None]  # (1, 1, T, S)
            if padding is not None:
                # A padded query sees itself, so that no row of the softmax is empty.
                mask = mask & ((key >= padding[:, None, None, None]) | (key == query[:, None]))
                position = (query - padding[:, None]).clamp(min=0)  # (B, T)
        if self.config.architecture == "gpt2":
            x = x + self.position.weight[position]
        elif self.config.architecture == "nanochat":
            x = self.embed_norm(x)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))  # the residual stream too, or every block casts it again
        if self.config.architecture == "gpt2":
            return x, None, mask
        cos, sin = (table[position].unsqueeze(-2).to(x.dtype) for table in (self.rope_cos, self.rope_sin))
        return x, (cos, sin), mask  # (..., T, 1, D) each

    def unembed(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B V"]:
        """Residual stream to logits: final norm, head, softcap. The logit lens uses the same function."""
        logits: Tensor = self.head(self.norm(x))
        if self.config.architecture == "nanochat" and self.config.softcap is not None:
            logits = self.config.softcap * torch.tanh(logits / self.config.softcap)
        return logits

    def num_params(self) -> int:
        """Number of trained numbers; tied weights count once."""
        return sum(p.numel() for p in self.parameters())

    def flops_per_token(self, n_ctx: int | None = None) -> float:
        """Floating-point operations of a forward and backward pass, per token: 6 a weight, plus causal attention.

        Multiply-add = 2; backward = twice forward (Kaplan et al. 2020, section 2.1); attention counts the average of
        (T + 1) / 2 keys a query that a causal mask leaves, 12·L·H·D·that. Embedding look-ups are free.
        """
        config, T = self.config, n_ctx or self.config.n_ctx
        weights = sum(p.numel() for p in self.blocks.parameters() if p.ndim == 2) + self.head.weight.numel()
        return 6.0 * weights + 12.0 * config.n_layer * config.n_head * config.width_of_head * (T + 1) / 2


def apart(segments: Int[Tensor, "B T"]) -> tuple[Tensor, Tensor]:
    """Of texts that stand one after the other: each token's place in its own (B, T), and what it sees (B, 1, T, T)."""
    place = torch.arange(segments.size(1), device=segments.device)
    begins = torch.ones_like(segments, dtype=torch.bool)
    begins[:, 1:] = segments[:, 1:] != segments[:, :-1]
    first = torch.where(begins, place, 0).cummax(1).values
    return place - first, (segments[:, :, None] == segments[:, None, :]).tril()[:, None]


def empty_embedding(rows: int, width: int) -> nn.Embedding:
    """A table whose numbers are drawn later, and not twice."""
    table: nn.Embedding = nn.Embedding.from_pretrained(torch.empty(rows, width), freeze=False)  # type: ignore[no-untyped-call]
    return table


@torch.no_grad()
def initialise(model: GPT, seed: int) -> None:
    """Draw every weight from `seed`.

    gpt2      normal 0.02; projections into the residual stream 0.02 / √(2 n_layer) (GPT-2 paper, section 2.3); biases 0
    others    embedding normal 1 (it is normed at once in nanochat; 0.02 when tied), matrices uniform with
              standard deviation 1/√fan_in, projections into the residual stream and an untied head 0: every block
              starts as the identity and the first loss is ln V exactly.
    """
    generator, config = torch.Generator().manual_seed(seed), model.config
    for name, p in model.named_parameters():
        if p.ndim == 1:
            p.fill_(0.0 if name.endswith("bias") else 1.0)
        elif config.architecture == "gpt2":
            into_stream = name.endswith(("proj.weight", "down.weight"))
            std = 0.02 / math.sqrt(2 * config.n_layer) if into_stream else 0.02
            p.copy_(torch.empty(p.shape).normal_(0, std, generator=generator))
        elif name.startswith("embed"):
            std = 0.02 if config.is_tied else 1.0
            p.copy_(torch.empty(p.shape).normal_(0, std, generator=generator))
        elif name.endswith(("proj.weight", "down.weight")) or name == "head.weight":
            p.zero_()
        else:
            bound = math.sqrt(3 / p.size(1))
            p.copy_(torch.empty(p.shape).uniform_(-bound, bound, generator=generator))
