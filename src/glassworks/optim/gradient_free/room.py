"""Whether a population fits into memory, and one that is drawn part by part where it does not."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.core.machine.memory import free_memory

SMALL = 2**26
"""Bytes that are always there: what is free is not looked up for less."""


@dataclass(frozen=True)
class Drawn:
    """A population that is never there as a whole: rows are drawn as they are asked for, each time to the same bits."""

    rows: Callable[[range], Tensor]
    population: int

    def __getitem__(self, part: slice) -> Float[Tensor, "rows D"]:
        """Some rows."""
        return self.rows(range(*part.indices(self.population)))


def at_once(population: int, mean: Float[Tensor, " D"]) -> int:
    """How many candidates may be there at a time: all, where half of the free memory holds them, else a quarter's."""
    size = len(mean) * mean.element_size()
    if population * size <= SMALL:
        return population
    free = free_on(mean.device)
    if free is None or 2 * population * size <= free:
        return population
    return max(1, free // (4 * size))


def check_room(population: int, mean: Float[Tensor, " D"], in_parts: bool) -> None:
    """Refuse a population that has to be there as a whole, and does not fit."""
    if at_once(population, mean) >= population:
        return
    free, size = free_on(mean.device) or 0, len(mean) * mean.element_size()
    remedy = "ask for some rows at a time, as in ask(slice(0, 100))" if in_parts else "take fewer, or another method"
    raise ValueError(
        f"population (={population:,}) of {len(mean):,} weights takes {2 * population * size / 1e9:.1f} GB with what "
        f"is computed of it, and {free / 1e9:.1f} GB are free: {remedy}"
    )


def free_on(device: torch.device) -> int | None:
    """Bytes that can be had on a device; None where nothing says."""
    if device.type == "cpu":
        return free_memory()
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
