"""Rosenbrock's function of many rows, as a loop that numba compiles: a fifth of the time of torch's passes on a CPU."""

from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.core.machine.jit import compiled
from glassworks.core.machine.team import OWN, SHARES, Loop, bounds, float32s, next_share, task_of

SHARE = 2**14
"""Numbers that are worth a thread of their own."""

real = np.float32
fast = partial(compiled, fastmath={"contract", "reassoc", "nsz", "arcp"})  # the order of a sum is free


def rosenbrock_rows(x: Float[Tensor, "P D"]) -> Float[Tensor, " P"]:
    """Sum of 100 (x_i+1 - x_i^2)^2 + (1 - x_i)^2 of each row: float32, on a CPU and contiguous."""
    values = torch.empty(len(x))
    task = task_of(*x.shape, x.data_ptr(), values.data_ptr())
    fill_values(task, max(1, min(torch.get_num_threads(), len(x), x.numel() // SHARE)))
    return values


@Loop
def fill_values(task: Any) -> None:
    """A share of `rosenbrock_rows`: rows, columns, and where x and the values are."""
    rows, columns = task[OWN], task[OWN + 1]
    low, high = bounds(rows, next_share(task), task[SHARES])
    x, values = float32s(task[OWN + 2], (rows, columns)), float32s(task[OWN + 3], rows)
    for i in range(low, high):
        values[i] = of_row(x[i])


@fast
def of_row(x: Any) -> Any:
    """The function of a row."""
    total = real(0)
    for j in range(len(x) - 1):
        across, along = x[j + 1] - x[j] * x[j], real(1) - x[j]
        total += real(100) * across * across + along * along
    return total
