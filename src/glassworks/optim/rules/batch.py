"""What a rule reads of the closure that `fit` steps it by: inputs, targets, and the loss of outputs."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Batch(NamedTuple):
    """One step's examples, all parts of them together."""

    inputs: Tensor
    """(B, ...)."""
    targets: Tensor
    """(B,) int64 classes, or (B,) or (B, K) numbers."""
    loss: Callable[[Tensor], Tensor]
    """The mean loss of outputs (B, ...), as if the module had given them."""


class Said(nn.Module):
    """Stands for a module whose outputs are there already."""

    def __init__(self, outputs: Tensor) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, *_: Any, **__: Any) -> Tensor:
        """The outputs, whatever the input."""
        return self.outputs


def read_batch(closure: Any, model: nn.Module, rule: str) -> Batch:
    """The batch of a step, from a closure as `fit` has it, with `net`, `loss_fn` and `parts`.

    Raises: ValueError for another closure, for batches that are no (inputs, targets, ...), for mixed examples and for
        several processes.
    """
    if closure is None or not all(hasattr(closure, name) for name in ("net", "loss_fn", "parts")):
        raise ValueError(f"{rule} reads inputs and targets, which this closure does not hold: step it by fit(...)")
    if closure.net is not model:
        raise ValueError(f"{rule} was made of another model than is trained, or runs under torchrun: use one process")
    parts = closure.parts
    if not all(isinstance(part, Sequence) and len(part) > 1 and all_tensors(part[:2]) for part in parts):
        raise ValueError(f"{rule} reads batches of (inputs, targets): give such tuples of tensors")
    if any(getattr(part, "share", None) is not None and bool((part.share != 1).any()) for part in parts):
        raise ValueError(f"{rule} needs one target an example, and mixup mixes two: set augment.mixup to 0")
    batch = parts[0] if len(parts) == 1 else joined(parts)

    def loss(outputs: Tensor) -> Tensor:
        found = closure.loss_fn(Said(outputs), batch)
        mean: Tensor = found.total / found.number if hasattr(found, "total") else found
        return mean

    return Batch(batch[0], batch[1], loss)


def all_tensors(values: Sequence[Any]) -> bool:
    """Whether each is one."""
    return all(isinstance(value, Tensor) for value in values)


def joined(parts: Sequence[Any]) -> Any:
    """Parts of a batch as the whole."""
    whole = [torch.cat(some) if all_tensors(some) and some[0].ndim else some[0] for some in zip(*parts, strict=True)]
    return type(parts[0])(*whole) if hasattr(parts[0], "_fields") else tuple(whole)
