"""What `Decoder` computes: all blocks of a GPT for a few new tokens, in one call of machine code.

A step with a small model is mostly waiting for its weights, so threads share the columns of every matrix, and each core
keeps its part in its own cache from one token to the next.

Shape letters: B rows, T time, M = B T tokens, C width, H heads, K key/value heads, D head width, F MLP width,
V vocabulary, P positions, L layers, S keys.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassworks.core.machine.jit import compiled
from glassworks.core.machine.team import (
    OWN,
    SHARES,
    Loop,
    bounds,
    float32s,
    int64s,
    next_share,
    task_of,
    wait,
)
from glassworks.models.kernels.layers import (
    ALIKE,
    Ints,
    attention,
    fast,
    gelu,
    normalise,
    real,
    room,
    squared_relu,
    swiglu,
)
from glassworks.models.kernels.product import LANES, Array, add_affine, affine
from glassworks.models.kernels.slots import Slots


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


class Pass:
    """The forward pass with some weights."""

    def __init__(self, weights: Weights, eps: float) -> None:
        self.weights, self.eps = weights, np.full((1, 1), eps, real)
        self.room: tuple[Array, ...] = ()  # for what is computed on the way
        self.task = task_of(*[0] * SCALARS, *(number for x in (*weights, self.eps) for number in described(x)))

    def __call__(self, tokens: Ints, slots: Slots, logits: Array, shares: int = 1, by_rows: bool = False) -> None:
        """Fill `logits` (B, V) after the last of `tokens` (B, T), and their `slots`.

        A row's own tokens stand behind its padding. All arrays are contiguous. The shares are done by as many threads:
        some rows, or some heads and columns of all. No number depends on it.
        """
        kv = slots.kv
        B, T = tokens.shape
        if not self.room or len(self.room[0]) != B * T:
            H_D, F = self.weights.proj.shape[1] - 1, self.weights.up.shape[2]
            widths = self.weights.embed.shape[1], self.weights.qkv.shape[2], H_D, F, F * bool(len(self.weights.gate))
            self.room = tuple(room(B * T, width) for width in widths)
            room_places = [number for x in self.room for number in described(x)]
            self.task = np.concatenate([self.task[: ARRAYS + 4 * 12], room_places, np.zeros(4, np.int64)])
        places = address(kv), address(tokens), address(slots.padding)
        self.task[OWN:ARRAYS] = B, T, slots.first, slots.start, kv.shape[0], *kv.shape[2:], *places, by_rows
        self.task[-4:] = described(logits)
        forward(self.task, shares)


SCALARS = 13
ARRAYS = OWN + SCALARS
"""Where in a task the arrays begin: 11 of weights, epsilon, 5 rooms, and the logits."""


def address(x: NDArray[Any]) -> int:
    """Where an array begins."""
    place: int = x.__array_interface__["data"][0]
    return place


def described(x: Array) -> list[int]:
    """An array's address and its shape, of three axes."""
    return [address(x), *[1] * (3 - x.ndim), *x.shape]


@Loop
def forward(task: Any) -> None:
    """A share of a `Pass`, which see: its heads, and its columns of every matrix.

    Shares wait for one another wherever each needs what all have done: once, and four times a layer.
    """
    share, shares, B, T = next_share(task), task[SHARES], task[OWN], task[OWN + 1]
    first, L, K, D = task[OWN + 2], task[OWN + 4], task[OWN + 6], task[OWN + 8]
    b_low, b_high = 0, B
    if task[OWN + 12]:
        b_low, b_high = bounds(B, share, shares)
        first, B, share, shares = first + b_low, b_high - b_low, 0, 1
    kv = float32s(task[OWN + 9], (L, 2, task[OWN + 5], K, task[OWN + 7], D))
    tokens, padding = int64s(task[OWN + 10], (b_high, T))[b_low:], int64s(task[OWN + 11], (b_high,))[b_low:]
    slots = Slots(kv, first, task[OWN + 3], padding)
    weights, eps, M = weights_of(task), matrix(task, 11)[0, 0], B * T
    x, qkv, mixed, neurons, gate = (
        matrix(task, 12)[b_low * T : b_high * T], matrix(task, 13)[b_low * T : b_high * T],
        matrix(task, 14)[b_low * T : b_high * T], matrix(task, 15)[b_low * T : b_high * T],
        matrix(task, 16)[b_low * T : b_high * T],
    )  # fmt: skip
    logits, H, C = matrix(task, 17)[b_low:b_high], weights.qkv.shape[2] // D - 2 * K, weights.embed.shape[1]
    k_low, k_high = bounds(K, share, shares)
    h_low, h_high = H // K * k_low, H // K * k_high
    c_low, c_high = bounds(C, share, shares, LANES)
    f_low, f_high = bounds(neurons.shape[1], share, shares, ALIKE)
    stream, last, waits = room(M, C), room(B, C), 1
    embed(weights, tokens, slots, x, c_low, c_high)
    wait(task, shares, waits)
    for layer in range(L):
        normalise(x, eps, stream)
        affine(stream, weights.qkv[layer], qkv, h_low * D, h_high * D)
        affine(stream, weights.qkv[layer], qkv, (H + k_low) * D, (H + k_high) * D)
        affine(stream, weights.qkv[layer], qkv, (H + K + k_low) * D, (H + K + k_high) * D)
        heads, z = qkv.reshape(B, T, H + 2 * K, D), mixed.reshape(B, T, H, D)
        attention(weights, layer, eps, heads, slots, z, k_low, k_high)
        wait(task, shares, waits + 1)
        add_affine(mixed, weights.proj[layer], x, c_low, c_high)
        wait(task, shares, waits + 2)
        normalise(x, eps, stream)
        affine(stream, weights.up[layer], neurons, f_low, f_high)
        if len(weights.positions):
            gelu(neurons, f_low, f_high)
        elif len(weights.gate):
            affine(stream, weights.gate[layer], gate, f_low, f_high)
            swiglu(neurons, gate, f_low, f_high)
        else:
            squared_relu(neurons, f_low, f_high)
        wait(task, shares, waits + 3)
        add_affine(neurons, weights.down[layer], x, c_low, c_high)
        waits += 4
        wait(task, shares, waits)
    normalise(x, eps, stream)
    for b in range(B):
        for c in range(C):
            last[b, c] = stream[b * T + T - 1, c]
    v_low, v_high = bounds(logits.shape[1], share, shares, LANES)
    affine(last, weights.head, logits, v_low, v_high)


@compiled
def weights_of(task: Any) -> Weights:
    """The weights that a task has the addresses of."""
    return Weights(
        matrix(task, 0), matrix(task, 1), matrix(task, 2), matrix(task, 3), stack(task, 4), stack(task, 5),
        stack(task, 6), stack(task, 7), stack(task, 8), stack(task, 9), matrix(task, 10),
    )  # fmt: skip


@compiled
def stack(task: Any, index: int) -> Array:
    """One of a task's arrays, with three axes."""
    at = ARRAYS + 4 * index
    x: Array = float32s(task[at], (task[at + 1], task[at + 2], task[at + 3]))
    return x


@compiled
def matrix(task: Any, index: int) -> Array:
    """One of a task's arrays, with two axes."""
    at = ARRAYS + 4 * index
    x: Array = float32s(task[at], (task[at + 2], task[at + 3]))
    return x


@fast
def embed(weights: Weights, tokens: Ints, slots: Slots, x: Array, low: int, high: int) -> None:
    """Columns `low` to `high` of the residual stream (B T, C) as the first block receives it."""
    B, T = tokens.shape
    for b in range(B):
        for t in range(T):
            for c in range(low, high):
                x[b * T + t, c] = weights.embed[tokens[b, t], c]
            if len(weights.positions):
                for c in range(low, high):
                    x[b * T + t, c] += weights.positions[slots.start + t - slots.padding[b], c]
