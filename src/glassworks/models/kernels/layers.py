"""What a pass over a few tokens is made of beside its products, as loops that numba compiles to vector instructions.

All of it is next to free: a GELU costs a fifth of a nanosecond. What a row comes to does not depend, to the last bit,
on the rows beside it.

Shape letters: B rows, T time, C width, H heads, K key/value heads, G = H / K, D head width, F MLP width, P positions,
L layers, S keys.
"""

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.core.machine.jit import compiled
from glassworks.models.kernels.product import Array
from glassworks.models.kernels.slots import Slots

Ints = NDArray[np.int64]

FREE = {"contract", "reassoc", "nsz", "arcp"}
"""The order of a sum is free, a / b may be a times 1 / b; infinities and NaN are kept."""

fast = partial(compiled, fastmath=FREE)

real, natural = np.float32, np.uint64
ZERO, ONE = real(0), real(1)

ALIKE = 64
"""Numbers of a loop that LLVM does in the same way. The last ones, if they are fewer, may be rounded otherwise."""


@compiled
def room(rows: int, columns: int) -> Array:
    """An empty matrix that starts at a multiple of 64 bytes."""
    numbers = np.empty(rows * columns + 16, real)
    skip = -numbers.ctypes.data % 64 // 4
    return numbers[skip : skip + rows * columns].reshape(rows, columns)


# ----------------------------------------------------------------------------------------------------------------------
# Attention


@fast
def attention(weights: Any, layer: int, eps: float, heads: Array, slots: Slots, z: Array, low: int, high: int) -> None:
    """Mixed values `z` (B, T, H, D) of queries, keys and values (B, T, H + 2 K, D), which `slots` take in.

    Of key/value heads `low` to `high`, and the queries' that belong to them.
    """
    B, T, H, D = z.shape
    kv, padding = slots.kv, slots.padding
    K, scores = kv.shape[3], np.empty(slots.start + T, real)
    G = H // K
    for b in range(B):
        row = slots.first + b
        for t in range(T):
            place = slots.start + t
            at = place - padding[b]
            for left, right in ((G * low, G * high), (H + low, H + high)):
                if len(weights.gains):
                    normalise_heads(heads[b, t, left:right], weights.gains[layer, left:right], eps)
                if len(weights.cos):
                    turn(heads[b, t, left:right], weights.cos[at], weights.sin[at])
            for k in range(low, high):
                for d in range(D):
                    kv[layer, 0, row, k, place, d] = heads[b, t, H + k, d]
                    kv[layer, 1, row, k, place, d] = heads[b, t, H + K + k, d]
            for h in range(G * low, G * high):
                k = h // G
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
def gelu(y: Array, low: int, high: int) -> None:
    """GELU in its tanh form (Hendrycks and Gimpel 2016, section 2), in place, of neurons `low` to `high`.

    They are scaled, y = -CUBE x. (1 + tanh u) / 2 = 1 / (1 + exp(-2u)) with u = sqrt(2 / pi) (x + 0.044715 x^3).
    """
    for m in range(y.shape[0]):
        row = y[m, low:high]
        for j in range(len(row)):
            v = row[j]
            row[j] = v / (ONE + exp((v * v + LINEAR) * v))


@fast
def swiglu(y: Array, gate: Array, low: int, high: int) -> None:
    """Times SiLU of the gate (Shazeer 2020, eq. 6), in place, neurons `low` to `high`."""
    for m in range(y.shape[0]):
        row, by = y[m, low:high], gate[m, low:high]
        for j in range(len(row)):
            row[j] *= by[j] / (ONE + exp(-by[j]))


@fast
def squared_relu(y: Array, low: int, high: int) -> None:
    """The square of the positive part (So et al. 2021, section 3), in place, of neurons `low` to `high`."""
    for m in range(y.shape[0]):
        row = y[m, low:high]
        for j in range(len(row)):
            positive = max(row[j], ZERO)
            row[j] = positive * positive


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
