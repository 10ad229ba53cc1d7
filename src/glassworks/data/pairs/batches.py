"""Batches of pairs as a pure function of the seed and the step, as `data.batches` has those of text.

    sample s = step · batch_size + row,   epoch e = s // N,   its pair = permutation(seed, e)(s mod N)

The samples of POOL steps are sorted by length and cut into as many batches, which come in a random order: pairs of a
batch are about as long, and little of it is padding. Every pair is still seen once an epoch.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from glassworks.data.batches import Places, mix, permute, rows_of_rank, shuffled
from glassworks.data.pairs.prepare import Pairs, Part

POOL = 16


class PairBatch(NamedTuple):
    """What a training step reads."""

    source: Int[Tensor, "B S"]
    """Tokens with their end, then padding."""
    inputs: Int[Tensor, "B T"]
    """The start, then the target's tokens, then padding."""
    targets: Int[Tensor, "B T"]
    """The target's tokens with their end, then -1."""


def filled(rows: Sequence[Sequence[int]], filler: int) -> Int[Tensor, "B T"]:
    """Rows of ids as one tensor, filled up at the right."""
    width = max(map(len, rows))
    return torch.tensor([[*row, *[filler] * (width - len(row))] for row in rows], dtype=torch.long)


def batch_of(pairs: Pairs, part: Part, chosen: Sequence[int]) -> PairBatch:
    """Some pairs of a part, as the network reads them."""
    sources = [[*part.ids("source", i), pairs.end_id] for i in chosen]
    targets = [part.ids("target", i) for i in chosen]
    return PairBatch(
        filled(sources, pairs.pad_id),
        filled([[pairs.start_id, *ids] for ids in targets], pairs.pad_id),
        filled([[*ids, pairs.end_id] for ids in targets], -1),
    )


class PairBatches:
    """Step to batch. `batch_size` is that of all ranks together; rank r reads the r-th of `world` equal parts."""

    def __init__(self, pairs: Pairs, batch_size: int, seed: int, rank: int = 0, world: int = 1) -> None:
        self.first_row, self.rows = rows_of_rank(batch_size, rank, world)
        self.pairs, self.batch_size, self.seed = pairs, batch_size, seed
        self.order = Places(lambda sample: shuffled(sample, len(pairs.train), seed)[0].astype(np.int64))
        self.pool: tuple[int, NDArray[np.int64]] = (-1, np.empty((0, 0), np.int64))

    def __call__(self, step: int) -> PairBatch:
        """The batch of a step, the same whenever and wherever it is asked for."""
        if step < 0:
            raise ValueError(f"step (={step}) must be at least 0")
        number, place = divmod(step, POOL)
        if self.pool[0] != number:
            self.pool = number, self.pooled(number)
        chosen = self.pool[1][place, self.first_row : self.first_row + self.rows]
        return batch_of(self.pairs, self.pairs.train, chosen.tolist())

    def pooled(self, number: int) -> NDArray[np.int64]:
        """(POOL, batch_size) pairs: those of so many steps, sorted by length, the batches then shuffled."""
        size = POOL * self.batch_size
        samples = self.order(number * size, size)
        lengths = self.pairs.train.lengths[samples]
        batches = samples[np.lexsort((lengths[:, 1], lengths[:, 0]))].reshape(POOL, self.batch_size)
        key = mix(np.full(POOL, mix(np.array([self.seed % 2**64], np.uint64))[0] ^ np.uint64(number)))
        return batches[permute(np.arange(POOL, dtype=np.uint64), key, POOL).astype(np.int64)]
