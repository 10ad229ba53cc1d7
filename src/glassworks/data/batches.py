"""Batches as a pure function of the seed and the step: nothing to save, nothing to restore, any number of ranks.

The stream of N tokens is a ring (its end meets its beginning at a document's start). In every epoch it is tiled by
N // n_ctx windows of n_ctx + 1 tokens from a random offset; neighbours share one token, so that every token but fewer
than n_ctx is predicted exactly once. The windows are visited in a pseudo-random order that is computed, not stored:

    sample s = step · batch_size + row,   epoch e = s // W,   window w = permutation(seed, e)(s mod W),   W = N // n_ctx
    its tokens = stream[(offset(seed, e) + w · n_ctx + (0 ... n_ctx)) mod N]

The permutation is a Feistel network on the smallest power of two that holds W, walked until it falls below W (Black and
Rogaway 2002, "Ciphers with arbitrary finite domains", method 2): O(1) memory for any corpus.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from glassworks.data.store import Tokens

ROUNDS = 6
CHUNK = 4096  # samples whose places are computed at once: numpy's cost a call is shared by many steps
U64 = NDArray[np.uint64]


class Batch(NamedTuple):
    """What a training step reads. `documents` has the first and last document of each window, in the ring's order."""

    inputs: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]
    documents: Int[Tensor, "B 2"]


class Windows:
    """Step to batch. `batch_size` is that of all ranks together; rank r reads the r-th of `world` equal parts."""

    def __init__(self, tokens: Tokens, batch_size: int, n_ctx: int, seed: int, rank: int = 0, world: int = 1) -> None:
        if n_ctx < 1:
            raise ValueError(f"n_ctx (={n_ctx}) must be at least 1")
        self.first_row, self.rows = rows_of_rank(batch_size, rank, world)
        if tokens.num_tokens <= n_ctx:
            raise ValueError(
                f"the corpus has {tokens.num_tokens} tokens, and n_ctx (={n_ctx}) needs at least {n_ctx + 1}: "
                "give more text or a smaller n_ctx"
            )
        self.tokens, self.batch_size, self.n_ctx, self.seed = tokens, batch_size, n_ctx, seed
        self.windows_per_epoch = tokens.num_tokens // n_ctx
        self.starts = Places(self.start_of)

    def __call__(self, step: int) -> Batch:
        """The batch of a step, the same whenever and wherever it is asked for."""
        if step < 0:
            raise ValueError(f"step (={step}) must be at least 0")
        first = step * self.batch_size + self.first_row
        starts = self.starts(first, self.rows)
        window = self.tokens.windows(starts, self.n_ctx + 1)  # (B, T + 1)
        ends = (starts + self.n_ctx) % self.tokens.num_tokens
        documents = self.tokens.document_at(np.stack([starts, ends], 1))
        # Copied by numpy: torch would wake its threads for so little.
        return Batch(*map(torch.from_numpy, (window[:, :-1].copy(), window[:, 1:].copy(), documents)))

    def start_of(self, sample: U64) -> NDArray[np.int64]:
        """Where in the stream the window of each sample begins."""
        window, key = shuffled(sample, self.windows_per_epoch, self.seed)
        offset = mix(key + np.uint64(ROUNDS + 1)) % np.uint64(self.tokens.num_tokens)
        return ((offset + window * np.uint64(self.n_ctx)) % np.uint64(self.tokens.num_tokens)).astype(np.int64)


class Places:
    """What consecutive samples read, by a function of their numbers that is called for many at once."""

    def __init__(self, place_of: Callable[[U64], NDArray[np.int64]]) -> None:
        self.place_of = place_of
        self.chunk: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))

    def __call__(self, first: int, count: int) -> NDArray[np.int64]:
        """The places of samples first ... first + count - 1."""
        parts = []
        while count:
            chunk, offset = divmod(first, CHUNK)
            if self.chunk[0] != chunk:
                self.chunk = chunk, self.place_of(np.arange(chunk * CHUNK, (chunk + 1) * CHUNK, dtype=np.uint64))
            parts.append(self.chunk[1][offset : offset + count])
            first, count = first + len(parts[-1]), count - len(parts[-1])
        return np.concatenate(parts)


def rows_of_rank(batch_size: int, rank: int, world: int) -> tuple[int, int]:
    """The first row of a batch that a rank reads, and how many; `ValueError` for what are no equal parts."""
    for name, value in (("batch_size", batch_size), ("world", world)):
        if value < 1:
            raise ValueError(f"{name} (={value}) must be at least 1")
    if batch_size % world:
        raise ValueError(f"batch_size (={batch_size}) must be divisible by the number of ranks (={world})")
    if not 0 <= rank < world:
        raise ValueError(f"rank (={rank}) must be from 0 to {world - 1}")
    rows = batch_size // world
    return rank * rows, rows


def shuffled(sample: U64, size: int, seed: int) -> tuple[U64, U64]:
    """(N,) which of `size` things each sample reads, in another order every epoch; and the keys of their epochs."""
    epoch, index = np.divmod(sample, np.uint64(size))
    key = mix(mix(np.array([seed % 2**64], np.uint64)) + epoch)
    return permute(index, key, size), key


def permute(index: U64, key: U64, size: int) -> U64:
    """The place of each index (N,) in a pseudo-random permutation of range(size) chosen by its key (N,).

    Indices with equal keys go to different places, all of them below `size`.
    """
    bits = max((size - 1).bit_length(), 2)
    place = feistel(index, key, bits)
    while (outside := np.flatnonzero(place >= size)).size:
        place[outside] = feistel(place[outside], key[outside], bits)
    return place


def feistel(x: U64, key: U64, bits: int) -> U64:
    """A bijection of the numbers below 2^bits: each round adds (xor) a hash of one half to the other and swaps them."""
    right_bits, left_bits = np.uint64(bits // 2), np.uint64(bits - bits // 2)
    one = np.uint64(1)
    left, right = x >> right_bits, x & ((one << right_bits) - one)
    for turn in range(ROUNDS):  # an even number, so that the halves have their own widths again
        left, right = right, left ^ (mix(right + mix(key + np.uint64(turn))) & ((one << left_bits) - one))
        left_bits, right_bits = right_bits, left_bits
    return (left << right_bits) | right


def mix(x: U64) -> U64:
    """splitmix64's scrambling of 64 bits (Steele, Lea and Flood 2014, figure 16)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
