"""One new token a row, fast: the forward pass of `GPT` as plain functions on its weights.

Writing a token with a small model is hundreds of operations of a few microseconds each, so what costs is their number
and the Python between them. This pass computes what `GPT.forward` computes for one token a row with a cache, in about
half of the operations: no modules, no taps, sums into the residual stream within the matrix product, queries and keys
turned and normed together, and views of the cache made once for all layers. It knows when it may not be used
(`Decoder.applies`). Inference only: nothing is recorded for gradients.

Shape letters: B rows, C width, H heads, K key/value heads, D head width, F MLP width, V vocabulary, L layers, S keys.
"""

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.models.gpt import GPT, MLP, Attention, Block, Cache, RMSNorm

PLAIN = {GPT, Block, Attention, MLP, RMSNorm, nn.LayerNorm, nn.Linear, nn.Embedding, nn.Identity, nn.ModuleList}

COPIED = 2**24
"""Models of up to so many weights are copied with their matrices transposed, which makes products of few rows up to a
third faster; the copy costs the time of a few tokens. Larger ones are used as they are."""


class Layer(NamedTuple):
    """The weights of a block; None = the architecture has none. Matrices are (in, out)."""

    gain1: Tensor | None
    shift1: Tensor | None
    qkv: Tensor
    qkv_bias: Tensor | None
    qk_gain: Tensor | None  # (H / K + 1, K, D)
    proj: Tensor
    proj_bias: Tensor | None
    gain2: Tensor | None
    shift2: Tensor | None
    gate: Tensor | None
    up: Tensor
    up_bias: Tensor | None
    down: Tensor
    down_bias: Tensor | None


class Decoder:
    """A GPT's weights as they are when this is made; make it anew after they have changed."""

    def __init__(self, model: GPT) -> None:
        modules = list(model.modules())
        self.config = model.config
        self.plain = all(type(module) in PLAIN and "forward" not in vars(module) for module in modules)
        self.hooks = [nn.modules.module._global_forward_hooks, nn.modules.module._global_forward_pre_hooks]
        self.hooks += [h for module in modules for h in (module._forward_hooks, module._forward_pre_hooks)]
        if self.plain:
            copy = model.num_params() <= COPIED
            self.embed, self.head = model.embed.weight.detach(), linear(model.head, copy)[0]
            self.gain, self.shift = affine(model.norm)
            self.layers = [gather(block, copy=copy) for block in model.blocks if isinstance(block, Block)]
            self.eps = torch.tensor(model.config.eps, device=self.embed.device)
            if model.config.architecture == "gpt2":
                self.tables = [model.position.weight.detach()]
            else:
                self.tables = [table.to(self.embed.dtype) for table in (model.rope_cos, model.rope_sin)]

    def applies(self) -> bool:
        """Whether this pass computes the same as the model: no module is hooked or of a foreign kind, no autocast."""
        return self.plain and not any(self.hooks) and not torch.is_autocast_enabled(self.embed.device.type)

    @torch.inference_mode()
    def __call__(self, tokens: Int[Tensor, " B"], cache: Cache) -> Float[Tensor, "B V"]:
        """Logits after one more token a row, which the cache takes in."""
        start, K = cache.length, self.config.kv_heads
        cache.length += 1
        slots = cache.kv.select(4, start).transpose(1, 2).unbind()  # (B, 2, K, D) a layer
        filled = cache.kv.flatten(2, 3).narrow(3, 0, cache.length)  # (L, 2, B K, S, D)
        keys, values = filled.select(1, 0).mT.unbind(), filled.select(1, 1).unbind()
        x = self.embed.index_select(0, tokens)
        if cache.padding is None:
            mask, at = None, [table.select(0, start) for table in self.tables]
        else:
            unseen = torch.arange(cache.length, device=tokens.device) < cache.padding[:, None]
            mask = x.new_zeros(unseen.shape).masked_fill_(unseen, -torch.inf)  # (B, S)
            mask = mask.repeat_interleave(K, 0).unsqueeze(1)  # (B K, 1, S)
            at = [table.index_select(0, start - cache.padding) for table in self.tables]
        if self.config.architecture == "gpt2":
            x.add_(at[0])
        elif self.config.architecture == "nanochat":
            x.mul_(self.inverse_rms(x))
        rope = None if self.config.architecture == "gpt2" else [row.view(-1, 1, 1, row.size(-1)) for row in at]
        for layer, slot, k, v in zip(self.layers, slots, keys, values, strict=True):
            q = self.project(self.norm(x, layer.gain1, layer.shift1), layer, rope, slot)
            z = attention(q, k, v, mask).view(tokens.size(0), -1)
            add_product(x, z, layer.proj, layer.proj_bias)
            y = hidden(self.norm(x, layer.gain2, layer.shift2), layer)
            add_product(x, y, layer.down, layer.down_bias)
        logits = self.norm(x, self.gain, self.shift) @ self.head
        if self.config.architecture == "nanochat" and self.config.softcap is not None:
            logits.div_(self.config.softcap).tanh_().mul_(self.config.softcap)
        return logits

    def project(self, x: Tensor, layer: Layer, rope: list[Tensor] | None, slot: Tensor) -> Tensor:
        """Write keys and values to their slot in the cache; return queries (B K, H / K, D), grouped by their keys."""
        K, D = self.config.kv_heads, self.config.width_of_head
        G = self.config.n_head // K
        qkv = product(x, layer.qkv, layer.qkv_bias).view(-1, G + 2, K, D)  # H = G K heads of queries come first
        if rope is not None:
            qk = qkv.narrow(1, 0, G + 1)
            qk.mul_(self.inverse_rms(qk))  # turning keeps lengths, so the norm may come first in nanochat, too
            if layer.qk_gain is not None:
                qk.mul_(layer.qk_gain)
            swapped = qk.roll(D // 2, -1)
            qk.mul_(rope[0]).addcmul_(swapped, rope[1])
        slot.copy_(qkv.narrow(1, G, 2))
        return qkv.narrow(1, 0, G).mul(1 / math.sqrt(D)).view(-1, G, D)

    def norm(self, x: Tensor, gain: Tensor | None, shift: Tensor | None) -> Tensor:
        """The architecture's normalisation over the last axis."""
        if gain is not None and shift is not None:
            return torch.layer_norm(x, gain.shape, gain, shift, self.config.eps)
        y = x * self.inverse_rms(x).to(x.dtype)
        return y if gain is None else y.mul_(gain)

    def inverse_rms(self, x: Tensor) -> Tensor:
        """1 / sqrt(mean(x^2) + eps) over the last axis, in float32; half the time of `F.rms_norm` for few rows."""
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        return torch.addcmul(self.eps, length, length, value=1 / x.size(-1)).rsqrt_()


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Values mixed by scaled queries, (N, G, D) each: the whole pattern in float32 on a CPU, fused elsewhere."""
    if q.dtype is not torch.float32 or q.device.type != "cpu":
        return F.scaled_dot_product_attention(q[None], k.mT[None], v[None], mask, scale=1.0)[0]
    scores = torch.bmm(q, k) if mask is None else torch.baddbmm(mask, q, k)
    return torch.bmm(scores.softmax(-1), v)


def product(x: Float[Tensor, "B C"], weight: Float[Tensor, "C F"], bias: Tensor | None) -> Float[Tensor, "B F"]:
    """X @ weight + bias."""
    return x @ weight if bias is None else torch.addmm(bias, x, weight)


def add_product(x: Float[Tensor, "B C"], y: Float[Tensor, "B F"], weight: Tensor, bias: Tensor | None) -> None:
    """Add y @ weight + bias to x, in place."""
    x.addmm_(y, weight)
    if bias is not None:
        x.add_(bias)


def hidden(x: Float[Tensor, "B C"], layer: Layer) -> Float[Tensor, "B F"]:
    """The MLP's neurons after their nonlinearity."""
    y = product(x, layer.up, layer.up_bias)
    if layer.gate is not None:
        return F.silu(x @ layer.gate, inplace=True).mul_(y)
    if layer.up_bias is not None:
        return F.gelu(y, approximate="tanh")
    return y.relu_().square_()


def gather(block: Block, *, copy: bool) -> Layer:
    """The weights of one block."""
    attn: Any = block.attn
    mlp: Any = block.mlp
    gains, gate = None, None
    if attn.architecture == "qwen3":
        q, k = attn.q_norm.weight.detach(), attn.k_norm.weight.detach()
        gains = torch.cat([q.expand(attn.heads, -1), k.expand(attn.kv_heads, -1)]).view(-1, attn.kv_heads, attn.width)
        gate = linear(mlp.gate, copy)[0]
    qkv, proj, up, down = (linear(part, copy) for part in (attn.qkv, attn.proj, mlp.up, mlp.down))
    return Layer(*affine(block.norm1), *qkv, gains, *proj, *affine(block.norm2), gate, *up, *down)


def linear(module: Any, copy: bool) -> tuple[Tensor, Tensor | None]:
    """A layer's weight as (in, out), and its bias."""
    weight, bias = affine(module)
    return weight.t().contiguous() if copy else weight.t(), bias


def affine(module: Any) -> tuple[Any, Any]:
    """Weight and bias without their gradients; None for what the module does not have."""
    weight, bias = module.weight, getattr(module, "bias", None)
    return None if weight is None else weight.detach(), None if bias is None else bias.detach()
