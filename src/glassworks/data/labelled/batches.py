"""Batches of labelled examples as a pure function of the seed and the step, as `data.batches` has those of text.

    sample s = step · batch_size + row,   epoch e = s // N,   its example = permutation(seed, e)(s mod N)

Every example is seen once an epoch, in another order each time; how it is changed follows from the seed and s alone. So
there is nothing to save and nothing to restore, and any number of ranks read the same.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Shaped
from numpy.typing import NDArray
from torch import Tensor

from glassworks.data.batches import U64, Places, mix, permute, rows_of_rank, shuffled
from glassworks.data.labelled.augment import Augmentation
from glassworks.data.labelled.changes import as_pixels, changed, mixing_shares
from glassworks.data.labelled.store import Part


class LabelledBatch(NamedTuple):
    """What a training step reads. An input is its own by `share`, by the rest that of mixup's partner."""

    inputs: Float32[Tensor, "B ..."]
    """(B, C, H, W) pixels from 0 to 1, or (B, F)."""
    targets: Shaped[Tensor, " B"]
    """int64 the index of each one's class, or float32 its number."""
    others: Shaped[Tensor, " B"]
    """The partners' targets; the same as `targets` without mixup."""
    share: Float32[Tensor, " B"]
    """1 without mixup."""


class Examples:
    """Step to batch. `batch_size` is that of all ranks together; rank r reads the r-th of `world` equal parts."""

    def __init__(
        self,
        part: Part,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        augment: Augmentation | None = None,
    ) -> None:
        self.first_row, self.rows = rows_of_rank(batch_size, rank, world)
        self.part, self.batch_size, self.seed, self.augment = part, batch_size, seed, augment or Augmentation()
        if self.augment.changes_pixels and len(part.shape) != 3:
            raise ValueError("augmentation of rows of a table can be mixup only: crop, flip, shift, ... are for images")
        targets = part.targets
        self.targets = targets.astype(np.float32) if targets.dtype.kind == "f" else targets
        self.order = Places(lambda sample: shuffled(sample, len(part), seed)[0].astype(np.int64))
        self.key = mix(mix(np.array([seed % 2**64], np.uint64)) + np.uint64(1))

    def __call__(self, step: int) -> LabelledBatch:
        """The batch of a step, the same whenever and wherever it is asked for."""
        if step < 0:
            raise ValueError(f"step (={step}) must be at least 0")
        first = step * self.batch_size
        if self.augment.mixup:
            return self.mixed(first)
        examples = self.order(first + self.first_row, self.rows)
        targets = torch.from_numpy(self.targets[examples])
        return LabelledBatch(self.inputs(examples, first + self.first_row), targets, targets, torch.ones(self.rows))

    def inputs(self, examples: NDArray[np.int64], first: int) -> Float32[Tensor, "B ..."]:
        """What consecutive samples read, changed as their numbers say."""
        inputs = self.part.inputs(examples)
        if inputs.dtype != np.uint8:
            return torch.from_numpy(inputs)
        if not self.augment.changes_pixels:
            return as_pixels(inputs)
        return changed(inputs, self.augment, self.keys(first, len(examples)))

    def keys(self, first: int, count: int) -> U64:
        """(count,) what every draw of consecutive samples follows from."""
        return mix(np.arange(first, first + count, dtype=np.uint64) ^ self.key)

    def mixed(self, first: int) -> LabelledBatch:
        """A rank's rows of a batch, each mixed with another of the whole batch, in another pairing every time."""
        rows = np.arange(self.batch_size, dtype=np.uint64)
        pairing = np.full(self.batch_size, mix(self.key + np.uint64(first))[0])
        partners = permute(rows, pairing, self.batch_size).astype(np.int64)
        own = slice(self.first_row, self.first_row + self.rows)
        examples = self.order(first, self.batch_size)
        whole = self.inputs(examples, first)  # of all ranks: a partner may be in the part of another
        share = torch.from_numpy(mixing_shares(self.augment.mixup, self.keys(first, self.batch_size)[own]))
        weight = share.reshape(-1, *[1] * (whole.ndim - 1))
        inputs = torch.lerp(whole[partners[own]], whole[own], weight)
        targets = torch.from_numpy(self.targets[examples])
        return LabelledBatch(inputs, targets[own], targets[partners[own]], share)
