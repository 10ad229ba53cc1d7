"""Several short examples in a row, so that little of a batch is padding; none of them sees another.

Best fit, the longest first (Johnson 1973): each example goes to the fullest row that has room for it.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from glassworks.data.dialogues.tokens import Tokens


class PackedBatch(NamedTuple):
    """What a training step reads."""

    inputs: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]
    """-1 where nothing is learned."""
    segments: Int[Tensor, "B T"]
    """Which example of its row a token is of, from 1; 0 = none."""


def packed(lengths: Sequence[int], room: int) -> list[list[int]]:
    """The examples of each row, by their numbers, given how long each is and how much a row holds.

    >>> packed([3, 5, 2, 4], 7)
    [[1, 2], [3, 0]]
    """
    rows: list[list[int]] = []
    free: list[tuple[int, int]] = []  # room that is left in a row, and its number
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        size = lengths[i]
        if size > room:
            raise ValueError(f"an example has {size} tokens, and a row only {room}: cut it before")
        at = bisect_left(free, (size, -1))
        if at < len(free):
            left, row = free.pop(at)
            rows[row].append(i)
        else:
            left, row = room, len(rows)
            rows.append([i])
        if left > size:
            insort(free, (left - size, row))
    return rows


def packed_batch(rows: Sequence[Sequence[Tokens]], room: int, filler: int) -> PackedBatch:
    """Some rows of examples as one batch."""
    inputs = np.full((len(rows), room), filler, np.int64)
    targets, segments = np.full_like(inputs, -1), np.zeros_like(inputs)
    for i, row in enumerate(rows):
        start = 0
        for number, one in enumerate(row, 1):
            ids, end = np.array(one.ids), start + len(one.ids) - 1
            inputs[i, start:end] = ids[:-1]
            targets[i, start:end] = np.where(one.learned[1:], ids[1:], -1)
            segments[i, start:end] = number
            start = end
    return PackedBatch(*map(torch.from_numpy, (inputs, targets, segments)))
