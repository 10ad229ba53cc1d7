"""Batches of any structure: tensors with examples along axis 0, or tuples, lists and dicts of them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def move(batch: Any, device: torch.device) -> Any:
    """The batch on `device`."""
    return apply(batch, lambda x: x.to(device, non_blocking=True))


def split(batch: Any, parts: int) -> list[Any]:
    """Equal parts of a batch along axis 0; ValueError if they cannot be equal: their mean would not be the whole's."""
    if parts == 1:
        return [batch]
    size = len(first_of(batch))
    if size % parts:
        raise ValueError(f"a batch of {size} does not split into {parts} equal parts: change batch_size or accumulate")
    step = size // parts
    return [apply(batch, lambda x: x[i : i + step]) for i in range(0, size, step)]  # noqa: B023  # called at once


def apply(batch: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """The same structure with `function` applied to each tensor."""
    if isinstance(batch, Tensor):
        return function(batch)
    if isinstance(batch, dict):
        return {name: apply(x, function) for name, x in batch.items()}
    parts = [apply(x, function) for x in batch]
    return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)


def first_of(batch: Any) -> Tensor:
    """The first tensor in a batch."""
    while not isinstance(batch, Tensor):
        batch = next(iter(batch.values() if isinstance(batch, dict) else batch))
    return batch
