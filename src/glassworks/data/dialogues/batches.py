"""Batches of examples as a pure function of the seed and the step, as `data.pairs.batches` has those of pairs.

    sample s = step · batch_size + row,   epoch e = s // N,   its example = permutation(seed, e)(s mod N)

The samples of POOL steps are sorted by length and cut into as many batches, which come in a random order: examples of a
batch are about as long, and little of it is padding. Every example is still seen once an epoch.
"""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from glassworks.data.batches import Places, mix, permute, rows_of_rank, shuffled
from glassworks.data.dialogues.tokens import Tokens

POOL = 16
T = TypeVar("T")


class TokenBatch(NamedTuple):
    """What a training step reads."""

    inputs: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]
    """-1 where nothing is learned."""


def token_batch(rows: Sequence[Tokens], filler: int) -> TokenBatch:
    """Some examples as one batch, filled up at the right."""
    width = max(len(row.ids) for row in rows) - 1
    inputs = np.full((len(rows), width), filler, np.int64)
    targets = np.full((len(rows), width), -1, np.int64)
    for i, row in enumerate(rows):
        ids = np.array(row.ids)
        inputs[i, : len(ids) - 1] = ids[:-1]
        targets[i, : len(ids) - 1] = np.where(row.learned[1:], ids[1:], -1)
    return TokenBatch(torch.from_numpy(inputs), torch.from_numpy(targets))


class ByLength(Generic[T]):
    """Step to what `make` makes of the examples of its batch, of which `lengths` (N,) says how long each is.

    `batch_size` is that of all ranks together; rank r reads the r-th of `world` equal parts.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        make: Callable[[list[int]], T],
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if not lengths:
            raise ValueError("there is no example to learn from: give some, or a longer n_ctx")
        self.first_row, self.rows = rows_of_rank(batch_size, rank, world)
        self.lengths, self.make, self.batch_size, self.seed = np.array(lengths), make, batch_size, seed
        self.order = Places(lambda sample: shuffled(sample, len(lengths), seed)[0].astype(np.int64))
        self.pool: tuple[int, NDArray[np.int64]] = (-1, np.empty((0, 0), np.int64))

    def __call__(self, step: int) -> T:
        """The batch of a step, the same whenever and wherever it is asked for."""
        if step < 0:
            raise ValueError(f"step (={step}) must be at least 0")
        number, place = divmod(step, POOL)
        if self.pool[0] != number:
            self.pool = number, self.pooled(number)
        return self.make(self.pool[1][place, self.first_row : self.first_row + self.rows].tolist())

    def pooled(self, number: int) -> NDArray[np.int64]:
        """(POOL, batch_size) examples: those of so many steps, sorted by length, the batches then shuffled."""
        size = POOL * self.batch_size
        samples = self.order(number * size, size)
        batches = samples[np.argsort(self.lengths[samples], kind="stable")].reshape(POOL, self.batch_size)
        key = mix(np.full(POOL, mix(np.array([self.seed % 2**64], np.uint64))[0] ^ np.uint64(number)))
        return batches[permute(np.arange(POOL, dtype=np.uint64), key, POOL).astype(np.int64)]
