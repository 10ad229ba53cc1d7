"""Batches of any structure: tuples, lists and mappings of tensors with examples along axis 0, and of anything else.

What is no tensor goes along as it is: names, numbers, None.
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from copy import copy
from typing import Any

import torch
from torch import Tensor


def move(batch: Any, device: torch.device) -> Any:
    """The batch on `device`."""
    return apply(batch, lambda x: x.to(device, non_blocking=True))


def split(batch: Any, parts: int) -> list[Any]:
    """Equal parts of a batch along axis 0; tensors without axes, and what is no tensor, are in every part.

    Raises ValueError if parts cannot be equal, whose mean would not be the whole's, or tensors differ in examples.
    """
    if parts == 1:
        return [batch]
    sizes = {len(x) for x in tensors(batch) if x.ndim}
    if len(sizes) != 1:
        found = " and ".join(map(str, sorted(sizes))) or "no"
        raise ValueError(
            f"accumulate (={parts}) splits a batch along axis 0, and its tensors have {found} examples: give all as "
            "many, or leave accumulate at 1"
        )
    (size,) = sizes
    if size % parts:
        raise ValueError(f"a batch of {size} does not split into {parts} equal parts: change batch_size or accumulate")
    step = size // parts
    return [apply(batch, lambda x: x[i : i + step] if x.ndim else x) for i in range(0, size, step)]  # noqa: B023


def apply(batch: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """The same structure with `function` applied to each tensor."""
    if isinstance(batch, Tensor):
        return function(batch)
    if isinstance(batch, Mapping):
        changed: Any = copy(batch) if isinstance(batch, MutableMapping) else {}
        for name, x in batch.items():
            changed[name] = apply(x, function)
        return changed
    if not isinstance(batch, tuple | list):
        return batch
    parts = [apply(x, function) for x in batch]
    return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)


def tensors(batch: Any) -> Iterator[Tensor]:
    """The tensors in a batch, in order."""
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, Mapping | tuple | list):
        for x in batch.values() if isinstance(batch, Mapping) else batch:
            yield from tensors(x)
