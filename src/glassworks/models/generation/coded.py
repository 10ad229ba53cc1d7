"""Weights of a quantised file in few bits again, and products with them: what a large model waits for is its weights.

A GGUF file's matrices are groups of 32 numbers, offset + scale · code with whole codes, which opening it expands to
float32: four bytes a number, read at every token. Where a model's weights still are such numbers, to float32's
rounding, the codes are found again, a byte each, with their group's scale and offset: 1.25 bytes a number, and the
same sums up to rounding. Nothing is approximated: a matrix that has other numbers has no codes.

Shape letters: I in, O out, G = I / 32 groups, T tiles of 64 columns, M tokens, C width, D head width, L layers.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from glassworks.core.machine.jit import compiled
from glassworks.models.generation.decode import head_gains
from glassworks.models.gpt.model import GPT
from glassworks.models.kernels.forward import embed
from glassworks.models.kernels.layers import (
    ONE,
    ZERO,
    Ints,
    add_rows,
    attention,
    fast,
    natural,
    normalise,
    real,
    room,
    swiglu,
)
from glassworks.models.kernels.product import Array
from glassworks.models.kernels.slots import Slots

GROUP, TILE = 32, 64
"""Numbers of a column that share a scale; columns whose sums a core keeps in its registers."""

STEPS, LARGEST = 15, 127
"""Codes from 0 to 15 between a group's ends (Q4_1), or from -127 to 127 around 0 (Q8_0)."""

ROUNDING = 2.0**-21
"""By how much, of its group's largest, a number may differ from what its code says."""


CODED: WeakKeyDictionary[GPT, tuple[list[int], "CodedWeights"]] = WeakKeyDictionary()
"""Codes found before, with the checksums of the weights that they were found in: the search takes seconds."""


class Coded(NamedTuple):
    """A matrix of each layer, (I, O), in tiles that lie in memory as they are read."""

    codes: NDArray[np.int8]  # (L, T, G, 32, 64)
    scales: Array  # (L, T, G, 64)
    offsets: Array  # (L, T, G, 64)


class CodedWeights(NamedTuple):
    """The weights of a llama or qwen3 model, of which only the matrices are copied."""

    embed: Array  # (V, C)
    positions: Array  # none
    cos: Array  # (P, D)
    sin: Array
    gains: Array  # (L, H + K, D), of queries and keys behind their norm; L = 0 where they have none
    norms: Array  # (2 L + 1, C): gains before attention and MLP, layer by layer, and the last one's, times sqrt(C)
    scale: float  # of queries
    qkv: Coded
    proj: Coded
    up: Coded
    gate: Coded
    down: Coded
    head: Coded


@torch.no_grad()
def coded(model: GPT) -> CodedWeights | None:
    """A llama's or qwen3's weights in codes, None if they are no such numbers."""
    if model in CODED and CODED[model][0] == checksums(model):
        return CODED[model][1]
    CODED.pop(model, None)
    config, blocks = model.config, list[Any](model.blocks)
    attns, mlps = [block.attn for block in blocks], [block.mlp for block in blocks]
    stacks = [[a.qkv for a in attns], [a.proj for a in attns]]
    stacks += [[mlp.up for mlp in mlps], [mlp.gate for mlp in mlps], [mlp.down for mlp in mlps], [model.head]]
    matrices: list[Coded] = []
    for stack in stacks:
        if (found := code([module.weight for module in stack])) is None:
            return None
        matrices.append(found)
    before = [norm.weight for block in blocks for norm in (block.norm1, block.norm2)]
    norms = torch.stack([*before, model.get_parameter("norm.weight")]) * math.sqrt(config.n_embd)
    normed = config.architecture == "qwen3"
    gains = head_gains(config, attns) if normed else norms.new_empty(0, 0, 0)
    tables = (model.embed.weight, norms.new_empty(0, 0), model.rope_cos, model.rope_sin, gains, norms)
    embed, positions, cos, sin, gains_, norms_ = (table.detach().contiguous().numpy() for table in tables)
    scale = 1.0 if normed else 1 / math.sqrt(config.width_of_head)
    weights = CodedWeights(embed, positions, cos, sin, gains_, norms_, scale, *matrices)
    CODED[model] = checksums(model), weights
    return weights


def checksums(model: GPT) -> list[int]:
    """What tells the model's weights and rotary tables from others, by reading all of them."""
    tensors = [*model.parameters(), *model.buffers()]
    return [int(checksum(tensor.detach().contiguous().view(-1).numpy())) for tensor in tensors]


def code(weights: Sequence[Float[Tensor, "O I"]]) -> Coded | None:
    """The codes of a matrix of each layer; None if one has numbers that are no such groups."""
    O, I = weights[0].shape
    if I % GROUP or not O:
        return None
    shape = (len(weights), -(-O // TILE), I // GROUP)
    codes = np.zeros((*shape, GROUP, TILE), np.int8)
    scales, offsets = (np.zeros((*shape, TILE), real) for _ in range(2))
    for layer, weight in enumerate(weights):
        if not find(weight.detach().contiguous().numpy(), codes[layer], scales[layer], offsets[layer]):
            return None
    return Coded(codes, scales, offsets)


@compiled
def find(weight: Array, codes: NDArray[np.int8], scales: Array, offsets: Array) -> bool:
    """Fill in the codes, scales and offsets of a matrix (O, I). False as soon as a group has neither form."""
    for o in range(weight.shape[0]):
        tile, j = o // TILE, o % TILE
        for g in range(weight.shape[1] // GROUP):
            group = weight[o, g * GROUP : (g + 1) * GROUP]
            low, high = group.min(), group.max()
            size = max(high, -low)
            scale, offset = size / real(LARGEST), ZERO
            if not fill(group, scale, offset, size, codes[tile, g, :, j]):
                scale, offset = (high - low) / real(STEPS), low
                if not fill(group, scale, offset, size, codes[tile, g, :, j]):
                    return False
            scales[tile, g, j], offsets[tile, g, j] = scale, offset
    return True


@compiled
def fill(group: Array, scale: np.float32, offset: np.float32, size: np.float32, codes: NDArray[np.int8]) -> bool:
    """Fill in the codes of a group whose largest number is `size`; False if one would be another number."""
    steps = ONE / scale if scale > 0 else ZERO
    for i in range(GROUP):
        step = np.rint((group[i] - offset) * steps)
        if not abs(step * scale + offset - group[i]) <= real(ROUNDING) * size:
            return False
        codes[i] = np.int8(step)
    return True


@compiled
def checksum(numbers: Array) -> np.uint64:
    """A sum of the bits of some numbers by which another array of as many is told from it."""
    bits: NDArray[np.uint32] = numbers.view(np.uint32)
    total = natural(0)
    for i in range(len(bits)):
        total += natural(bits[i]) * (natural(2) * natural(i) + natural(1))
    return total


# ----------------------------------------------------------------------------------------------------------------------
# The pass


@fast
def coded_forward(
    weights: CodedWeights, eps: float, tokens: Ints, slots: Slots, logits: Array, shares: int, by_rows: bool
) -> None:
    """As `forward.Pass`, which see, on one thread."""
    B, T = tokens.shape
    L, K, D = slots.kv.shape[0], slots.kv.shape[3], slots.kv.shape[5]
    H = weights.proj.codes.shape[2] * GROUP // D
    M, C = B * T, weights.embed.shape[1]
    F = weights.down.codes.shape[2] * GROUP
    x, stream, last = room(M, C), room(M, C), room(B, C)
    qkv, mixed, neurons, gate = room(M, (H + 2 * K) * D), room(M, H * D), room(M, F), room(M, F)
    embed(weights, tokens, slots, x, 0, C)
    for layer in range(L):
        normalise(x, eps, stream)
        gain(stream, weights.norms[2 * layer])
        coded_product(stream, weights.qkv, layer, qkv)
        for m in range(M):
            for j in range(H * D):
                qkv[m, j] *= real(weights.scale)
        heads, z = qkv.reshape(B, T, H + 2 * K, D), mixed.reshape(B, T, H, D)
        attention(weights, layer, eps, heads, slots, z, 0, K)
        coded_product(mixed, weights.proj, layer, stream)
        add_rows(stream, x)
        normalise(x, eps, stream)
        gain(stream, weights.norms[2 * layer + 1])
        coded_product(stream, weights.up, layer, neurons)
        coded_product(stream, weights.gate, layer, gate)
        swiglu(neurons, gate, 0, F)
        coded_product(neurons, weights.down, layer, stream)
        add_rows(stream, x)
    normalise(x, eps, x)
    gain(x, weights.norms[2 * L])
    for b in range(B):
        for c in range(C):
            last[b, c] = x[b * T + T - 1, c]
    coded_product(last, weights.head, 0, logits)


@fast
def gain(x: Array, gains: Array) -> None:
    """Rows of x (M, C) times gains (C,), in place."""
    for m in range(len(x)):
        for c in range(x.shape[1]):
            x[m, c] *= gains[c]


@fast
def coded_product(x: Array, matrix: Coded, layer: int, out: Array) -> None:
    """Write x (M, I) times a layer's matrix to `out` (M, O): 64 columns at a time, all tokens for each group."""
    codes, scales, offsets = matrix.codes[layer], matrix.scales[layer], matrix.offsets[layer]
    M, O = out.shape
    sums, part = room(M, TILE), room(1, TILE)[0]
    for tile in range(len(codes)):
        for m in range(M):
            for j in range(natural(TILE)):
                sums[m, j] = ZERO
        for group in range(codes.shape[1]):
            for m in range(M):
                total = ZERO
                for j in range(natural(TILE)):
                    part[j] = ZERO
                for i in range(0, GROUP, 8):
                    at, rows = group * GROUP + i, codes[tile, group]
                    a, b, c, d = x[m, at], x[m, at + 1], x[m, at + 2], x[m, at + 3]
                    e, f, g, h = x[m, at + 4], x[m, at + 5], x[m, at + 6], x[m, at + 7]
                    total += (a + b + c + d) + (e + f + g + h)
                    for j in range(natural(TILE)):
                        part[j] += (
                            (a * real(rows[i, j]) + b * real(rows[i + 1, j]))
                            + (c * real(rows[i + 2, j]) + d * real(rows[i + 3, j]))
                            + (e * real(rows[i + 4, j]) + f * real(rows[i + 5, j]))
                            + (g * real(rows[i + 6, j]) + h * real(rows[i + 7, j]))
                        )
                for j in range(natural(TILE)):
                    sums[m, j] += scales[tile, group, j] * part[j] + offsets[tile, group, j] * total
        left = tile * TILE
        for m in range(M):
            for j in range(min(TILE, O - left)):
                out[m, left + j] = sums[m, j]
