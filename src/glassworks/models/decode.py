"""One new token a row, fast, on a CPU: the forward pass of `GPT` as plain NumPy on its weights.

Writing a token with a small model is a hundred operations of a few microseconds each, so what costs is their number and
what stands around them. NumPy calls take half the time of torch's, and its product of one row with a matrix a third.
The weights are gathered once, folded so that all three architectures become the same few operations:

- writers into the residual stream are centred, so that its mean is zero and LayerNorm is RMSNorm;
- gains, shifts and constant factors move into the matrix that reads them, biases are its last row;
- the final norm moves into the head, the first into the embedding;
- matrices are transposed, which makes products of several rows twice as fast.

It computes what `GPT.forward` computes for one token a row with a cache, up to rounding, and knows when it may not be
used (`Decoder.applies`). Its threads are NumPy's (`OMP_NUM_THREADS`), not torch's.

Shape letters: B rows, C width, H heads, K key/value heads, G = H / K, D head width, F MLP width, V vocabulary, S keys.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
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
    """The folded weights of a block: matrices (in, out), or (in + 1, out) with a bias as the last row."""

    qkv: Array
    qk_gain: Array | None  # (G + 1, K, D or 1), of queries first; None = queries and keys have no norm
    proj: Array
    up: Array
    gate: Array | None  # qwen3 only
    down: Array


class Inputs(NamedTuple):
    """What the matrices of a block read, (B, in) or (B, in + 1) with a column of ones for the bias."""

    stream: Array
    mixed: Array
    neurons: Array


class Decoder:
    """A GPT's weights as they are when this is made; make it anew after they have changed."""

    def __init__(self, model: GPT) -> None:
        modules, weights = list(model.modules()), list(model.parameters())
        self.config = model.config
        self.biased = self.config.architecture == "gpt2"
        self.hooks = [nn.modules.module._global_forward_hooks, nn.modules.module._global_forward_pre_hooks]
        self.hooks += [h for module in modules for h in (module._forward_hooks, module._forward_pre_hooks)]
        self.plain = (
            all(type(module) in PLAIN and "forward" not in vars(module) for module in modules)
            and all(p.device.type == "cpu" and p.dtype is torch.float32 for p in weights)
            and (self.biased or all(module.bias is None for module in modules if isinstance(module, nn.Linear)))
            and sum(p.numel() for p in weights) <= COPIED
        )
        if self.plain:
            self.embed, self.tables = embedding(model)
            self.layers = [fold(block, model.config) for block in model.blocks]
            softcap = self.config.softcap if self.config.architecture == "nanochat" else None
            with torch.no_grad():
                self.head = behind(model.norm, model.head, 1 / (softcap or 1))
            self.softcap = softcap
            self.inputs = self.room(1)

    def applies(self) -> bool:
        """Whether this pass computes the same as the model: no module is hooked or of a foreign kind, no autocast."""
        return self.plain and not any(self.hooks) and not torch.is_autocast_enabled("cpu")

    def room(self, rows: int) -> Inputs:
        """Arrays for the inputs of matrices, written anew by every block."""
        config = self.config
        widths = config.n_embd, config.n_head * config.width_of_head, config.width_of_mlp
        return Inputs(*(np.ones((rows, width + self.biased), np.float32) for width in widths))

    def __call__(self, tokens: Int[Tensor, " B"], cache: Cache) -> Float[Tensor, "B V"]:
        """Logits after one more token a row, which the cache takes in."""
        config, start, x = self.config, cache.length, self.embed[tokens.numpy()]
        eps, K, kv = config.eps, config.kv_heads, cache.kv.numpy()
        cache.length = end = start + 1
        if cache.padding is None:
            mask, at = None, [table[start] for table in self.tables]
        else:
            padding = cache.padding.numpy()
            unseen = np.arange(end) < padding[:, None]
            mask = np.where(unseen, np.float32(-np.inf), np.float32(0))[:, None, None]  # (B, 1, 1, S)
            at = [table[start - padding] for table in self.tables]
        rope = None
        if self.biased:
            x += at[0]
        else:
            rope = [row.reshape(-1, 1, 1, 2, row.shape[-1] // 2) for row in at]
        if len(self.inputs.stream) != len(x):
            self.inputs = self.room(len(x))
        stream, mixed, neurons = self.inputs
        into_stream, into_mixed, into_neurons = (y[:, : y.shape[1] - self.biased] for y in self.inputs)
        with np.errstate(over="ignore"):  # exp may reach infinity, whose reciprocal is the right 0
            for layer, (keys, values) in zip(self.layers, kv, strict=True):
                np.divide(x, length(x, eps), out=into_stream)
                qkv = (stream @ layer.qkv).reshape(len(x), -1, K, config.width_of_head)  # (B, G + 2, K, D)
                if rope is not None and layer.qk_gain is not None:
                    turn(qkv[:, :-1], layer.qk_gain, rope, eps)
                keys[:, :, start], values[:, :, start] = qkv[:, -2], qkv[:, -1]
                attention(qkv[:, :-2], keys[:, :, :end], values[:, :, :end], mask, into_mixed)
                x += mixed @ layer.proj
                np.divide(x, length(x, eps), out=into_stream)
                activate(stream, layer, config.architecture, into_neurons)
                x += neurons @ layer.down
        np.divide(x, length(x, eps), out=into_stream)
        logits = stream @ self.head
        if self.softcap is not None:
            np.tanh(logits, out=logits)
            logits *= self.softcap
        return torch.from_numpy(logits)


# ----------------------------------------------------------------------------------------------------------------------
# The arithmetic of a block


def length(x: Array, eps: float) -> Array:
    """sqrt(C) times the root mean square over the last axis, which is kept. The matrices have the sqrt(C)."""
    squares = np.vecdot(x, x)
    squares += x.shape[-1] * eps
    root: Array = np.sqrt(squares, out=squares)[..., None]
    return root


def turn(qk: Array, gain: Array, rope: list[Array], eps: float) -> None:
    """Norm and turn queries and keys (B, G + 1, K, D) in place. Turning keeps lengths, so the norm may come first."""
    qk *= gain / length(qk, eps)
    halves = qk.reshape(*qk.shape[:-1], 2, -1)  # a view, since only the last axis is split
    cos, sin = rope
    turned = halves[..., ::-1, :] * sin
    halves *= cos
    halves += turned


def attention(q: Array, k: Array, v: Array, mask: Array | None, out: Array) -> None:
    """Values (B, K, S, D) mixed by scaled queries (B, G, K, D), whose H = G K heads are grouped by keys, (B, H D)."""
    B, K, _, D = k.shape
    scores: Array = q.reshape(B, K, -1, D) @ k.swapaxes(2, 3)  # (B, K, G, S)
    if mask is not None:
        scores += mask
    scores -= np.maximum.reduce(scores, -1, keepdims=True)
    np.exp(scores, out=scores)
    np.divide(scores @ v, np.add.reduce(scores, -1, keepdims=True), out=out.reshape(B, K, -1, D))


CUBE = (0.044715 * math.sqrt(8 / math.pi)) ** (1 / 3)
"""GELU's argument, with y scaled by -CUBE, is a cube and a multiple."""


def activate(x: Array, layer: Layer, architecture: str, out: Array) -> None:
    """The MLP's neurons after their nonlinearity, (B, F)."""
    y = x @ layer.up
    if architecture == "nanochat":
        np.maximum(y, 0, out=y)
        np.multiply(y, y, out=out)
    elif layer.gate is not None:
        gate = x @ layer.gate
        y *= gate
        over_one_plus_exp(y, np.negative(gate, out=gate), out)
    else:
        # (1 + tanh u) / 2 = 1 / (1 + exp(-2u)), with u = sqrt(2 / pi) (x + 0.044715 x^3), and y = -CUBE x
        u = y * y
        u += math.sqrt(8 / math.pi) / CUBE
        u *= y
        over_one_plus_exp(y, u, out)


def over_one_plus_exp(y: Array, u: Array, out: Array) -> None:
    """Y / (1 + exp(u)), in the place of u on the way."""
    np.exp(u, out=u)
    u += 1
    np.divide(y, u, out=out)


# ----------------------------------------------------------------------------------------------------------------------
# Gathering the weights


@torch.no_grad()
def embedding(model: GPT) -> tuple[Array, list[Array]]:
    """The rows of tokens as the first block receives them, and the tables of positions."""
    tokens = model.embed.weight
    if model.config.architecture == "gpt2":  # centred, as its norms would do
        return centred(tokens), [centred(model.position.weight)]
    if model.config.architecture == "nanochat":
        tokens = F.rms_norm(tokens, tokens.shape[-1:], eps=model.config.eps)
    return array(tokens), [array(model.rope_cos), array(model.rope_sin)]


@torch.no_grad()
def fold(block: Any, config: GPTConfig) -> Layer:
    """The weights of one block, with norms, their centring and the scales of attention and GELU in the matrices."""
    attn, mlp = block.attn, block.mlp
    scale = 1 / math.sqrt(attn.width)
    if config.architecture == "gpt2":  # which has no gains for queries
        qkv, qk_gain = behind(block.norm1, attn.qkv), None
        qkv[:, : attn.heads * attn.width] *= scale
        up, down = behind(block.norm2, mlp.up, -CUBE), writer(mlp.down, -1 / CUBE)
        return Layer(qkv, qk_gain, writer(attn.proj), up, None, down)
    gain_of_q = gain_of_k = torch.ones(1)
    up, gate = behind(block.norm2, mlp.up), None
    if config.architecture == "qwen3":
        gate = behind(block.norm2, mlp.gate)
        gain_of_q, gain_of_k = attn.q_norm.weight, attn.k_norm.weight
    gains = torch.cat([scale * gain_of_q.expand(attn.heads, -1), gain_of_k.expand(attn.kv_heads, -1)])
    qk_gain = array(gains.reshape(-1, attn.kv_heads, gains.size(-1)) * math.sqrt(attn.width))
    return Layer(behind(block.norm1, attn.qkv), qk_gain, writer(attn.proj), up, gate, writer(mlp.down))


def behind(norm: nn.Module, reader: nn.Linear, factor: float = 1.0) -> Array:
    """A matrix that reads a norm, times a factor, with the norm's gain, shift and sqrt(C) in it."""
    gain, shift = (getattr(norm, name, None) for name in ("weight", "bias"))
    whole = gathered(reader, biased=shift is not None)
    width = reader.weight.size(1)
    weight = whole[:width]
    if shift is not None:
        whole[width] += shift @ weight
        whole[width] *= factor
    weight *= factor * math.sqrt(width)
    if gain is not None:
        weight *= gain[:, None]
    return array(whole)


def writer(module: nn.Linear, factor: float = 1.0) -> Array:
    """A matrix that writes to the residual stream, times a factor; those of gpt2 are centred, as its norms would do."""
    biased = module.bias is not None
    whole = gathered(module, biased=biased)
    if biased:
        whole -= whole.mean(1, keepdim=True)
    whole[: module.in_features] *= factor
    return array(whole)


def gathered(module: nn.Linear, *, biased: bool) -> Tensor:
    """A copy of the weights (out, in) as (in, out), with the bias below if `biased`, zeros if it has none."""
    out, width = module.weight.shape
    whole = torch.empty(width + biased, out)
    whole[:width] = module.weight.t()
    if biased:
        whole[width] = 0.0 if module.bias is None else module.bias
    return whole


def centred(rows: Tensor) -> Array:
    """Rows without their mean."""
    return array(rows - rows.mean(-1, keepdim=True))


def array(tensor: Tensor) -> Array:
    """The same memory as NumPy's."""
    return tensor.detach().numpy()
