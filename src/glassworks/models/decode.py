"""One new token a row, fast, on a CPU: the forward pass of `GPT` as plain NumPy on its weights.

Writing a token with a small model is a hundred operations of a few microseconds each, so what costs is their number and
what stands around them. NumPy calls take half the time of torch's, and its product of one row with a matrix a third.
The weights are gathered once, folded so that all three architectures become the same few operations:

- writers into the residual stream are centred, so that its mean is zero and LayerNorm is RMSNorm;
- gains and shifts of a norm move into the matrix that reads it;
- matrices are transposed, which makes products of several rows twice as fast.

It computes what `GPT.forward` computes for one token a row with a cache, up to rounding, and knows when it may not be
used (`Decoder.applies`). Its threads are NumPy's (`OMP_NUM_THREADS`), not torch's.

Shape letters: B rows, C width, H heads, K key/value heads, G = H / K, D head width, F MLP width, V vocabulary, S keys.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from glassworks.models.config import GPTConfig
from glassworks.models.gpt import GPT, MLP, Attention, Block, Cache, RMSNorm

Array = NDArray[np.float32]

PLAIN = {GPT, Block, Attention, MLP, RMSNorm, nn.LayerNorm, nn.Linear, nn.Embedding, nn.Identity, nn.ModuleList}

COPIED = 2**27
"""Models of up to so many weights are copied, which costs the time of a few tokens. Larger ones would take too much
memory twice, and gain little: reading their weights is all they do."""


class Layer(NamedTuple):
    """The folded weights of a block; matrices are (in, out), None = the architecture has none."""

    qkv: Array
    qkv_bias: Array | None
    qk_gain: Array | None  # (G + 1, K, D or 1), of queries first
    proj: Array
    proj_bias: Array | None
    gate: Array | None
    up: Array
    up_bias: Array | None
    down: Array
    down_bias: Array | None


class Decoder:
    """A GPT's weights as they are when this is made; make it anew after they have changed."""

    def __init__(self, model: GPT) -> None:
        modules, weights = list(model.modules()), list(model.parameters())
        self.config = model.config
        self.hooks = [nn.modules.module._global_forward_hooks, nn.modules.module._global_forward_pre_hooks]
        self.hooks += [h for module in modules for h in (module._forward_hooks, module._forward_pre_hooks)]
        self.plain = (
            all(type(module) in PLAIN and "forward" not in vars(module) for module in modules)
            and all(p.device.type == "cpu" and p.dtype is torch.float32 for p in weights)
            and sum(p.numel() for p in weights) <= COPIED
        )
        if self.plain:
            self.embed, self.head = array(model.embed.weight), matrix(model.head.weight)
            self.gain, self.shift = (None if y is None else array(y) for y in affine(model.norm))
            self.layers = [fold(block, model.config) for block in model.blocks]
            gpt2 = model.config.architecture == "gpt2"
            self.tables = [array(y) for y in ([model.position.weight] if gpt2 else [model.rope_cos, model.rope_sin])]

    def applies(self) -> bool:
        """Whether this pass computes the same as the model: no module is hooked or of a foreign kind, no autocast."""
        return self.plain and not any(self.hooks) and not torch.is_autocast_enabled("cpu")

    def __call__(self, tokens: Int[Tensor, " B"], cache: Cache) -> Float[Tensor, "B V"]:
        """Logits after one more token a row, which the cache takes in."""
        config, start, x = self.config, cache.length, self.embed[tokens.numpy()]
        eps, kv = config.eps, cache.kv.numpy()
        cache.length = end = start + 1
        if cache.padding is None:
            mask, at = None, [table[start] for table in self.tables]
        else:
            padding = cache.padding.numpy()
            unseen = np.arange(end) < padding[:, None]
            mask = np.where(unseen, np.float32(-np.inf), np.float32(0))[:, None, None]  # (B, 1, 1, S)
            at = [table[start - padding] for table in self.tables]
        if config.architecture == "gpt2":
            x += at[0]
            x -= np.add.reduce(x, -1, keepdims=True) / x.shape[1]
        elif config.architecture == "nanochat":
            x /= rms(x, eps)
        rope = None if config.architecture == "gpt2" else [row.reshape(-1, 1, 1, 2, row.shape[-1] // 2) for row in at]
        for layer, (keys, values) in zip(self.layers, kv, strict=True):
            qkv = product(x / rms(x, eps), layer.qkv, layer.qkv_bias)
            qkv = qkv.reshape(len(x), -1, config.kv_heads, config.width_of_head)  # (B, G + 2, K, D)
            if rope is not None:
                turn(qkv[:, :-1], layer.qk_gain, rope, eps)
            keys[:, :, start], values[:, :, start] = qkv[:, -2], qkv[:, -1]
            z = attention(qkv[:, :-2], keys[:, :, :end], values[:, :, :end], mask)
            x += product(z, layer.proj, layer.proj_bias)
            x += product(hidden(x / rms(x, eps), layer), layer.down, layer.down_bias)
        x /= rms(x, eps)
        if self.gain is not None:
            x *= self.gain
        if self.shift is not None:
            x += self.shift
        logits = x @ self.head
        if config.architecture == "nanochat" and config.softcap is not None:
            logits /= config.softcap
            np.tanh(logits, out=logits)
            logits *= config.softcap
        return torch.from_numpy(logits)


# ----------------------------------------------------------------------------------------------------------------------
# The arithmetic of a block


def product(x: Array, weight: Array, bias: Array | None) -> Array:
    """(B, in) to (B, out)."""
    y: Array = x @ weight
    if bias is not None:
        y += bias
    return y


def rms(x: Array, eps: float) -> Array:
    """sqrt(mean(x^2) + eps) over the last axis, which is kept."""
    mean = np.vecdot(x, x)
    mean /= x.shape[-1]
    mean += eps
    root: Array = np.sqrt(mean, out=mean)[..., None]
    return root


def turn(qk: Array, gain: Array | None, rope: list[Array], eps: float) -> None:
    """Norm and turn queries and keys (B, G + 1, K, D) in place. Turning keeps lengths, so the norm may come first."""
    qk /= rms(qk, eps)
    if gain is not None:
        qk *= gain
    halves = qk.reshape(*qk.shape[:-1], 2, -1)  # a view, since only the last axis is split
    cos, sin = rope
    turned = halves[..., ::-1, :] * sin
    halves *= cos
    halves += turned


def attention(q: Array, k: Array, v: Array, mask: Array | None) -> Array:
    """Values (B, K, S, D) mixed by scaled queries (B, G, K, D), whose H = G K heads are grouped by keys: (B, H D)."""
    B, K, _, D = k.shape
    scores: Array = q.reshape(B, K, -1, D) @ k.swapaxes(2, 3)  # (B, K, G, S)
    if mask is not None:
        scores += mask
    scores -= np.maximum.reduce(scores, -1, keepdims=True)
    np.exp(scores, out=scores)
    z: Array = scores @ v
    z /= np.add.reduce(scores, -1, keepdims=True)
    mixed: Array = z.reshape(B, -1)
    return mixed


def hidden(x: Array, layer: Layer) -> Array:
    """The MLP's neurons after their nonlinearity, (B, F)."""
    y = product(x, layer.up, layer.up_bias)
    if layer.gate is not None:
        gate = x @ layer.gate
        y *= gate
        return over_one_plus_exp(y, np.negative(gate, out=gate))
    if layer.up_bias is None:
        np.maximum(y, 0, out=y)
        y *= y
        return y
    # (1 + tanh u) / 2 = 1 / (1 + exp(-2u)), with u = sqrt(2 / pi) (y + 0.044715 y^3)
    u = y * y
    u *= -0.044715 * math.sqrt(8 / math.pi)
    u -= math.sqrt(8 / math.pi)
    u *= y
    return over_one_plus_exp(y, u)


def over_one_plus_exp(y: Array, u: Array) -> Array:
    """Y / (1 + exp(u)), in the place of both."""
    np.minimum(u, 80, out=u)  # float32 has no exp(89)
    np.exp(u, out=u)
    u += 1
    y /= u
    return y


# ----------------------------------------------------------------------------------------------------------------------
# Gathering the weights


@torch.no_grad()
def fold(block: Any, config: GPTConfig) -> Layer:
    """The weights of one block, with norms, their centring and the scale of attention inside the matrices."""
    attn, mlp = block.attn, block.mlp
    qkv, qkv_bias = behind(block.norm1, attn.qkv)
    qk_gain, gate = None, None
    scale = 1 / math.sqrt(attn.width)
    if qkv_bias is not None:  # gpt2, which has no gains for queries
        queries = attn.heads * attn.width
        qkv[:, :queries] *= scale
        qkv_bias[:queries] *= scale
    else:
        gain_of_q, gain_of_k = scale * torch.ones(1), torch.ones(1)
        if config.architecture == "qwen3":
            gate, _ = behind(block.norm2, mlp.gate)
            gain_of_q, gain_of_k = scale * attn.q_norm.weight, attn.k_norm.weight
        gains = torch.cat([gain_of_q.expand(attn.heads, -1), gain_of_k.expand(attn.kv_heads, -1)])
        qk_gain = array(gains.reshape(-1, attn.kv_heads, gains.size(-1)))
    return Layer(qkv, qkv_bias, qk_gain, *writer(attn.proj), gate, *behind(block.norm2, mlp.up), *writer(mlp.down))


def behind(norm: nn.Module, reader: nn.Linear) -> tuple[Array, Array | None]:
    """A matrix that reads a norm, and its bias, with the norm's gain and shift in them."""
    weight, bias = affine(reader)
    gain, shift = affine(norm)
    if shift is not None:
        bias = torch.addmv(bias, weight, shift)
    return matrix(weight if gain is None else weight * gain), None if bias is None else array(bias)


def writer(module: nn.Linear) -> tuple[Array, Array | None]:
    """A matrix that writes to the residual stream, and its bias; those of gpt2 are centred, as its norms would do."""
    weight, bias = affine(module)
    if bias is None:
        return matrix(weight), None
    return matrix(weight - weight.mean(0)), array(bias - bias.mean())


def affine(module: Any) -> tuple[Any, Any]:
    """Weight and bias; None for what the module does not have."""
    return getattr(module, "weight", None), getattr(module, "bias", None)


def array(tensor: Tensor) -> Array:
    """The same memory as NumPy's."""
    return tensor.detach().numpy()


def matrix(weight: Tensor) -> Array:
    """A copy of (out, in) as (in, out)."""
    return array(weight.t().contiguous())
