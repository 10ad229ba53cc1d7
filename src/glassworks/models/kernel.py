"""What `Decoder` computes, compiled by numba: all blocks of a GPT for a few new tokens, in one call on one thread.

Each loop is one that LLVM turns into vector instructions, and each product is a sum of rows of its matrix: the matrix
is read once, and eight of its rows stay in the first cache while every token uses them. A core of which NumPy's
products get 90 GFLOP/s gives 160, and the rest is free: a GELU costs a fifth of a nanosecond. What a row comes to does
not depend, to the last bit, on the rows beside it.

Shape letters: M tokens, C width, H heads, K key/value heads, G = H / K, D head width, F MLP width, V vocabulary,
P positions, L layers, S keys.
"""

import math
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassworks.core.jit import compiled

Array = NDArray[np.float32]
Ints = NDArray[np.int64]

FREE = {"contract", "reassoc", "nsz", "arcp"}
"""The order of a sum is free, a / b may be a times 1 / b; infinities and NaN are kept."""

fast = partial(compiled, fastmath=FREE)

real, natural = np.float32, np.uint64
ZERO, ONE = real(0), real(1)

COLUMNS = 768
"""Columns of a matrix of which eight rows, and one of the result, fit into a first cache of 32 KiB."""


class Weights(NamedTuple):
    """The folded weights of a model. Matrices are (in + 1, out), with a bias as the last row.

    They start at a multiple of 64 bytes, as torch's own memory does, and so do their rows if they have a multiple of 16
    numbers: a vector that crosses a cache line is read in twice the time.
    """

    embed: Array  # (V, C)
    positions: Array  # (P, C); P = 0 where positions are rotary
    cos: Array  # (P, D); P = 0 where positions are learned
    sin: Array
    qkv: Array  # (L, C + 1, (H + 2 K) D)
    gains: Array  # (L, H + K, D), of queries and keys behind their norm; L = 0 where they have none
    proj: Array  # (L, H D + 1, C)
    up: Array  # (L, C + 1, F)
    gate: Array  # (L, C + 1, F); L = 0 but for SwiGLU
    down: Array  # (L, F + 1, C)
    head: Array  # (C + 1, V)


@fast
def forward(
    weights: Weights, eps: float, tokens: Ints, first: int, start: int, padding: Ints, kv: Array, logits: Array
) -> None:
    """Fill `logits` (B, V) after the last of `tokens` (B, T), and their places from `start` on in `kv`.

    `kv` (L, 2, rows, K, S, D) has more rows than these B, which begin at `first`. Row b of them sees nothing of the
    first `padding[b]` places; its own tokens stand behind those.
    """
    B, T = tokens.shape
    L, K, D = kv.shape[0], kv.shape[3], kv.shape[5]
    H = weights.qkv.shape[2] // D - 2 * K
    M, C = B * T, weights.embed.shape[1]
    x, stream, last = room(M, C), room(M, C), room(B, C)
    qkv, mixed, neurons = room(M, (H + 2 * K) * D), room(M, H * D), room(M, weights.up.shape[2])
    embed(weights, tokens, start, padding, x)
    for layer in range(L):
        normalise(x, eps, stream)
        affine(stream, weights.qkv[layer], qkv)
        heads, z = qkv.reshape(B, T, H + 2 * K, D), mixed.reshape(B, T, H, D)
        attention(weights, layer, eps, heads, first, start, padding, kv, z)
        add_affine(mixed, weights.proj[layer], x)
        normalise(x, eps, stream)
        affine(stream, weights.up[layer], neurons)
        if len(weights.positions):
            gelu(neurons)
        elif len(weights.gate):
            gate = room(M, neurons.shape[1])
            affine(stream, weights.gate[layer], gate)
            swiglu(neurons, gate)
        else:
            squared_relu(neurons)
        add_affine(neurons, weights.down[layer], x)
    normalise(x, eps, x)
    for b in range(B):
        for c in range(C):
            last[b, c] = x[b * T + T - 1, c]
    affine(last, weights.head, logits)


@fast
def embed(weights: Weights, tokens: Ints, start: int, padding: Ints, x: Array) -> None:
    """The residual stream (B T, C) as the first block receives it."""
    B, T = tokens.shape
    for b in range(B):
        for t in range(T):
            for c in range(x.shape[1]):
                x[b * T + t, c] = weights.embed[tokens[b, t], c]
            if len(weights.positions):
                for c in range(x.shape[1]):
                    x[b * T + t, c] += weights.positions[start + t - padding[b], c]


@compiled
def room(rows: int, columns: int) -> Array:
    """An empty matrix that starts at a multiple of 64 bytes."""
    numbers = np.empty(rows * columns + 16, real)
    skip = -numbers.ctypes.data % 64 // 4
    return numbers[skip : skip + rows * columns].reshape(rows, columns)


# ----------------------------------------------------------------------------------------------------------------------
# Products


@fast
def affine(x: Array, weights: Array, out: Array) -> None:
    """Write x @ weights, with their last row as a bias, to `out`: (M, I), (I + 1, O) and (M, O)."""
    for m in range(len(out)):
        for j in range(out.shape[1]):
            out[m, j] = weights[-1, j]
    add_product(x, weights[:-1], out)


@fast
def add_affine(x: Array, weights: Array, out: Array) -> None:
    """Add x @ weights, with their last row as a bias, to `out`: (M, I), (I + 1, O) and (M, O)."""
    for m in range(len(out)):
        for j in range(out.shape[1]):
            out[m, j] += weights[-1, j]
    add_product(x, weights[:-1], out)


@fast
def add_product(x: Array, weights: Array, out: Array) -> None:
    """Add x @ weights to `out`: (M, I), (I, O) and (M, O)."""
    M, I = x.shape
    O = weights.shape[1]
    width = COLUMNS if M > 1 else max(O, 1)  # a single token uses no row twice
    for left in range(0, O, width):
        # natural numbers, as a check whether each is negative would be in the way of vectors
        columns = range(natural(left), natural(min(left + width, O)))
        for i in range(0, I - 7, 8):
            for m in range(M):
                a, b, c, d = x[m, i], x[m, i + 1], x[m, i + 2], x[m, i + 3]
                e, f, g, h = x[m, i + 4], x[m, i + 5], x[m, i + 6], x[m, i + 7]
                for j in columns:
                    out[m, j] += (
                        (a * weights[i, j] + b * weights[i + 1, j] + c * weights[i + 2, j] + d * weights[i + 3, j])
                        + e * weights[i + 4, j] + f * weights[i + 5, j] + g * weights[i + 6, j] + h * weights[i + 7, j]
                    )  # fmt: skip
        for i in range(I - I % 8, I):
            for m in range(M):
                for j in columns:
                    out[m, j] += x[m, i] * weights[i, j]


# ----------------------------------------------------------------------------------------------------------------------
# Attention


@fast
def attention(
    weights: Weights, layer: int, eps: float, heads: Array, first: int, start: int, padding: Ints, kv: Array, z: Array
) -> None:
    """Mixed values `z` (B, T, H, D) of queries, keys and values (B, T, H + 2 K, D), which `kv` takes in."""
    B, T, H, D = z.shape
    K, scores = kv.shape[3], np.empty(start + T, real)
    for b in range(B):
        row = first + b
        for t in range(T):
            place = start + t
            at = place - padding[b]
            if len(weights.gains):
                normalise_heads(heads[b, t, : H + K], weights.gains[layer], eps)
            if len(weights.cos):
                turn(heads[b, t, : H + K], weights.cos[at], weights.sin[at])
            for k in range(K):
                for d in range(D):
                    kv[layer, 0, row, k, place, d] = heads[b, t, H + k, d]
                    kv[layer, 1, row, k, place, d] = heads[b, t, H + K + k, d]
            for h in range(H):
                k = h // (H // K)
                keys, values = (
                    kv[layer, 0, row, k, padding[b] : place + 1],
                    kv[layer, 1, row, k, padding[b] : place + 1],
                )
                attend(heads[b, t, h], keys, values, scores[: at + 1], z[b, t, h])


@fast
def attend(q: Array, keys: Array, values: Array, scores: Array, out: Array) -> None:
    """Values (S, D) mixed by the scores (S,) of one scaled query (D,), to `out` (D,)."""
    score(q, keys, scores)
    top, total = largest(scores), ZERO
    for s in range(len(scores)):
        scores[s] = exp(scores[s] - top)
        total += scores[s]
    mix(scores, values, out)
    for d in range(len(out)):
        out[d] /= total


@fast
def score(q: Array, keys: Array, scores: Array) -> None:
    """Products of a query (D,) with keys (S, D), four at a time."""
    S, D = keys.shape
    for s in range(0, S - 3, 4):
        a, b, c, e = ZERO, ZERO, ZERO, ZERO
        for d in range(D):
            a += q[d] * keys[s, d]
            b += q[d] * keys[s + 1, d]
            c += q[d] * keys[s + 2, d]
            e += q[d] * keys[s + 3, d]
        scores[s], scores[s + 1], scores[s + 2], scores[s + 3] = a, b, c, e
    for s in range(S - S % 4, S):
        total = ZERO
        for d in range(D):
            total += q[d] * keys[s, d]
        scores[s] = total


@fast
def mix(shares: Array, values: Array, out: Array) -> None:
    """The sum of values (S, D), each times its share, to `out` (D,), four at a time."""
    S, D = values.shape
    for d in range(D):
        out[d] = ZERO
    for s in range(0, S - 3, 4):
        a, b, c, e = shares[s], shares[s + 1], shares[s + 2], shares[s + 3]
        for d in range(D):
            out[d] += a * values[s, d] + b * values[s + 1, d] + c * values[s + 2, d] + e * values[s + 3, d]
    for s in range(S - S % 4, S):
        for d in range(D):
            out[d] += shares[s] * values[s, d]


@partial(compiled, fastmath=FREE | {"nnan"})
def largest(x: Array) -> np.float32:
    """The largest number. Without the promise that none is NaN, this would be no vector instruction."""
    top: np.float32 = x[0]
    for i in range(len(x)):
        top = max(top, x[i])
    return top


@fast
def normalise_heads(heads: Array, gains: Array, eps: float) -> None:
    """Norm queries and keys (H + K, D), in place. Turning keeps lengths, so the norm may come before it."""
    for h in range(len(heads)):
        scale = reciprocal_length(heads[h], eps)
        for d in range(heads.shape[1]):
            heads[h, d] *= gains[h, d] * scale


@fast
def turn(heads: Array, cos: Array, sin: Array) -> None:
    """Turn queries and keys (H + K, D) by their position's angles, in place."""
    half = heads.shape[1] // 2
    for h in range(len(heads)):
        for d in range(half):
            a, b = heads[h, d], heads[h, d + half]
            heads[h, d] = a * cos[d] + b * sin[d]
            heads[h, d + half] = b * cos[d + half] + a * sin[d + half]


# ----------------------------------------------------------------------------------------------------------------------
# Along the numbers of a token


@fast
def add_rows(y: Array, x: Array) -> None:
    """Add y (M, C) to x (M, C)."""
    for m in range(len(x)):
        for c in range(x.shape[1]):
            x[m, c] += y[m, c]


@fast
def normalise(x: Array, eps: float, out: Array) -> None:
    """Rows of x over sqrt(C) times their root mean square. The matrices that read them have the sqrt(C)."""
    for m in range(len(x)):
        scale = reciprocal_length(x[m], eps)
        for c in range(x.shape[1]):
            out[m, c] = x[m, c] * scale


@fast
def reciprocal_length(row: Array, eps: float) -> np.float32:
    """1 / sqrt(sum of squares + C eps)."""
    squares = real(len(row)) * real(eps)
    for c in range(len(row)):
        squares += row[c] * row[c]
    reciprocal: np.float32 = ONE / np.sqrt(squares)
    return reciprocal


CUBE = (0.044715 * math.sqrt(8 / math.pi)) ** (1 / 3)
"""GELU's argument, with y scaled by -CUBE, is a cube and a multiple, of `LINEAR`."""

LINEAR = real(math.sqrt(8 / math.pi) / CUBE)


@fast
def gelu(y: Array) -> None:
    """GELU in its tanh form (Hendrycks and Gimpel 2016, section 2), in place, of neurons scaled by -CUBE.

    (1 + tanh u) / 2 = 1 / (1 + exp(-2u)), with u = sqrt(2 / pi) (x + 0.044715 x^3), and y = -CUBE x.
    """
    for m in range(y.shape[0]):
        for j in range(y.shape[1]):
            v = y[m, j]
            y[m, j] = v / (ONE + exp((v * v + LINEAR) * v))


@fast
def swiglu(y: Array, gate: Array) -> None:
    """Times SiLU of the gate (Shazeer 2020, eq. 6), in place."""
    for m in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[m, j] *= gate[m, j] / (ONE + exp(-gate[m, j]))


@fast
def squared_relu(y: Array) -> None:
    """The square of the positive part (So et al. 2021, section 3), in place."""
    for m in range(y.shape[0]):
        for j in range(y.shape[1]):
            positive = max(y[m, j], ZERO)
            y[m, j] = positive * positive


LOWEST, HIGHEST = real(-87), real(88)  # between them exp is a normal number
LOG2_E, LN_2 = real(1 / math.log(2)), math.log(2)
LN_2_HIGH = real(round(LN_2 * 2**10) / 2**10)  # k times it is exact
LN_2_LOW = real(LN_2 - float(LN_2_HIGH))
C2, C3, C4, C5, C6, C7 = (real(1 / math.factorial(k)) for k in range(2, 8))


@partial(compiled, fastmath={"contract"})
def exp(x: np.float32) -> np.float32:
    """e^x, to 1e-7 of it, of numbers brought between -87 and 88; NaN of NaN.

    2^k times the Taylor series of the rest, which is at most ln 2 / 2; k + 127 is the exponent in the number's bits.
    The order of its sums is not free.
    """
    x = min(max(x, LOWEST), HIGHEST)
    exponent = np.int32(x * LOG2_E + real(127.5))
    k = real(exponent - np.int32(127))
    r = x - k * LN_2_HIGH - k * LN_2_LOW
    series: np.float32 = ((((((C7 * r + C6) * r + C5) * r + C4) * r + C3) * r + C2) * r + ONE) * r + ONE
    return series * np.int32(exponent << np.int32(23)).view(real)
