"""The sums that are learned from, as a loop that numba compiles: on a CPU each candidate is read from memory once."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.core.machine.jit import compiled
from glassworks.core.machine.team import OWN, SHARES, Loop, bounds, float32s, next_share, task_of

TILE = 2048
"""Columns whose sums stay in a core's nearest cache while all rows are gone through."""


def add_moments(
    x: Float[Tensor, "rows D"],
    mean: Float[Tensor, " D"],
    weights: Float[Tensor, " rows"],
    first: Float[Tensor, " D"],
    second: Float[Tensor, " D"],
) -> None:
    """Add the sums over rows of w d and of w d^2, with d = x - mean: all float32, on a CPU and contiguous."""
    places = (tensor.data_ptr() for tensor in (x, mean, weights, first, second))
    moment_columns(task_of(*x.shape, *places), max(1, min(torch.get_num_threads(), x.shape[1] // TILE)))


@Loop
def moment_columns(task: Any) -> None:
    """A share of `add_moments`: rows, columns, and where x, mean, weights and both sums are."""
    rows, columns = task[OWN], task[OWN + 1]
    low, high = bounds(columns, next_share(task), task[SHARES], TILE)
    x, mean = float32s(task[OWN + 2], (rows, columns)), float32s(task[OWN + 3], columns)
    weights = float32s(task[OWN + 4], rows)
    first, second = float32s(task[OWN + 5], columns), float32s(task[OWN + 6], columns)
    for start in range(low, high, TILE):
        end = min(start + TILE, high)
        for i in range(rows):
            add_row(x[i, start:end], mean[start:end], weights[i], first[start:end], second[start:end])


@compiled
def add_row(x: Any, mean: Any, weight: Any, first: Any, second: Any) -> None:
    """Add a row's part."""
    for j in range(len(x)):
        d = x[j] - mean[j]
        first[j] += weight * d
        second[j] += weight * d * d
