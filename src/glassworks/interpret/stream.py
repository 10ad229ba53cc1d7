"""Activations of any module, batch by batch: rows of numbers at named points, ready for probes, SAEs and comparisons.

A point's tensor (B, ..., features) becomes a matrix: one row for each place that a mask keeps, one column for each
number found there. Rows are yielded as the model makes them, so that a stream of any length needs the memory of one
batch; `chunks` gathers them into blocks of a size that is known before anything is allocated.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.interpret.hooks import capture
from glassworks.train.fit import move

IGNORE = -100
Batches = Callable[[int], Any]
"""The batch of a step: inputs, or (inputs, keep) where `keep` is a mask or labels; see `stream`."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that belong together: the same places of the same examples at every point."""

    values: dict[str, Tensor]
    """Point to (N, width)."""
    labels: Tensor
    """(N, targets) whole numbers, -100 where there is none; no columns without labels."""
    example: Tensor
    """(N,) which example of the stream each row is from: rows of one example are not independent."""

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.example)


def stream(
    model: nn.Module, batches: Batches, points: str | Sequence[str], *, steps: int, start: int = 0
) -> Iterator[Rows]:
    """Run the model on one batch after another without gradients; yield each batch's rows in the model's precision.

    Args:
        model: any module, in evaluation mode during each pass.
        batches: `batches(step)` gives the model's inputs (a tensor, or a dict of keyword arguments), or (inputs, keep).
            A bool `keep` has the shape of the leading axes that become rows, such as (B, T), and is true where a row is
            wanted. A whole-number `keep` is labels with one more axis, the targets, such as (B, T, S): a row is wanted
            where any target has a label (not -100). Without `keep`, rows are the first two axes of a point's tensor
            (B, T, ...), or the first of a matrix. All axes after those are a row's numbers.
        points: names or globs as `capture` takes them.
        steps: number of batches.
        start: the first batch's step.

    Raises: ValueError for a shape that does not fit, and for values that are not finite, naming the first such point.
    """
    if steps < 1:
        raise ValueError(f"steps (={steps}) must be at least 1 batch")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    seen_examples = 0
    for step in range(start, start + steps):
        inputs, keep = parts_of(batches(step))
        inputs, keep = move(inputs, device), None if keep is None else keep.to(device)
        with torch.no_grad(), capture(model, points) as seen:
            model(**inputs) if isinstance(inputs, dict) else model(inputs)
        if not seen:
            raise ValueError(f"points (={points!r}) were not reached by the model's forward pass")
        rows = to_rows(dict(seen), keep)
        check_finite(rows.values)
        yield replace(rows, example=rows.example + seen_examples)
        seen_examples += len(next(iter(seen.values())))


def parts_of(batch: Any) -> tuple[Any, Tensor | None]:
    """A batch as inputs and what to keep of them."""
    if isinstance(batch, tuple):
        if len(batch) != 2:
            raise ValueError(f"batches gave a tuple of {len(batch)}: give inputs, or (inputs, mask or labels)")
        return batch[0], batch[1]
    return batch, None


def to_rows(seen: dict[str, Tensor], keep: Tensor | None) -> Rows:
    """Flatten the leading axes of every point alike, and drop the rows that are not wanted."""
    first = next(iter(seen.values()))
    if keep is None:
        keep = torch.ones(first.shape[: 2 if first.ndim > 2 else 1], dtype=torch.bool, device=first.device)
    labels = keep if keep.dtype is not torch.bool else None
    if labels is not None and labels.ndim < 2:
        raise ValueError(f"labels {tuple(labels.shape)} must have targets as their last axis: add one of size 1")
    mask = keep if labels is None else (labels != IGNORE).any(-1)
    for name, x in seen.items():
        if x.shape[: mask.ndim] != mask.shape:
            raise ValueError(
                f"{name} {tuple(x.shape)} does not begin with the axes of the mask or labels {tuple(mask.shape)}"
            )
    kept = mask.flatten().nonzero()[:, 0]
    whole = len(kept) == mask.numel()
    examples = torch.arange(len(mask), device=mask.device).repeat_interleave(mask[0].numel())
    values = {name: x.reshape(mask.numel(), -1) for name, x in seen.items()}
    return Rows(
        values if whole else {name: x[kept] for name, x in values.items()},
        (labels.flatten(0, -2) if labels is not None else examples[:, None][:, :0])[kept].long(),
        examples[kept],
    )


def check_finite(values: dict[str, Tensor]) -> None:
    """Refuse NaN and infinity, naming the first point in the model's order that has them."""
    for name, x in values.items():
        if not torch.isfinite(x.sum(dtype=torch.float32)) and not torch.isfinite(x).all():
            bad = int((~torch.isfinite(x)).any(1).sum())
            raise ValueError(f"{name} is the first point with NaN or infinity ({bad} of {len(x)} rows): mend the model")


# ----------------------------------------------------------------------------------------------------------------------
# Gathered


def chunks(
    model: nn.Module, batches: Batches, points: str | Sequence[str], *, steps: int, max_bytes: int, start: int = 0
) -> Iterator[Rows]:
    """The stream in float32 blocks of at most `max_bytes` of activations each, evenly sized; one block if all fits.

    A block's memory is used again for the next: take what you need of it before asking for another.

    Raises: ValueError when not even one batch fits, with the size it needs.
    """
    rows = stream(model, batches, points, steps=steps, start=start)
    first = next(rows)
    block: Rows | None = None
    filled = batch_size = 0
    for i, part in enumerate(all_of(first, rows)):
        if block is None:
            size = block_size(part, steps - i, max_bytes)
            block, batch_size = empty_block(part, size), len(part)
        if filled + len(part) > len(block):
            yield part_of(block, 0, filled)
            filled = 0
            if len(part) > len(block):
                raise ValueError(f"a batch has {len(part)} rows, the first had {batch_size}: give batches of one size")
        copy_into(block, part, filled)
        filled += len(part)
    if block is not None and filled:
        yield part_of(block, 0, filled)


def all_of(first: Rows, rest: Iterator[Rows]) -> Iterator[Rows]:
    """The batches that have rows at all."""
    if len(first):
        yield first
    yield from (rows for rows in rest if len(rows))


def gather(
    model: nn.Module, batches: Batches, points: str | Sequence[str], *, steps: int, max_bytes: int, start: int = 0
) -> Rows:
    """The whole stream in memory, float32; ValueError with the size that is needed when that is above `max_bytes`."""
    blocks = chunks(model, batches, points, steps=steps, max_bytes=max_bytes, start=start)
    found = next(blocks, None)
    if found is None:
        raise ValueError("batches keep no row: their masks or labels leave nothing")
    if next(blocks, None) is not None:
        raise ValueError(needed(found, bytes_of_row(found) * len(found), max_bytes))
    return found


def bytes_of_row(rows: Rows) -> int:
    """Memory of one row of all points in float32."""
    return sum(4 * x.size(1) for x in rows.values.values())


def needed(rows: Rows, size: int, max_bytes: int) -> str:
    """What to tell somebody whose activations do not fit."""
    return (
        f"activations of {len(rows.values)} points need {size:,} bytes or more, above max_bytes (={max_bytes:,}): "
        "give fewer points or steps, smaller batches, or more memory"
    )


def block_size(part: Rows, steps: int, max_bytes: int) -> int:
    """Rows of a block: the whole stream's if they fit, or an even part of them; at least a batch."""
    most = max_bytes // bytes_of_row(part)
    if most < len(part):
        raise ValueError(needed(part, bytes_of_row(part) * len(part), max_bytes))
    whole = len(part) * steps
    if whole <= most:
        return most if len(part) * steps * 2 > most else 2 * whole  # masks differ: leave room, it costs no memory yet
    blocks = -(-whole // most)
    return min(most, -(-whole // blocks) + len(part))


def empty_block(like: Rows, size: int) -> Rows:
    """Room for so many rows."""
    return Rows(
        {name: torch.empty(size, x.size(1), device=x.device) for name, x in like.values.items()},
        like.labels.new_empty(size, like.labels.size(1)),
        like.example.new_empty(size),
    )


def copy_into(block: Rows, part: Rows, at: int) -> None:
    """Write rows into a block."""
    for name, x in part.values.items():
        block.values[name][at : at + len(part)] = x
    block.labels[at : at + len(part)] = part.labels
    block.example[at : at + len(part)] = part.example


def part_of(rows: Rows, start: int, stop: int) -> Rows:
    """Some consecutive rows, without a copy."""
    return Rows(
        {name: x[start:stop] for name, x in rows.values.items()}, rows.labels[start:stop], rows.example[start:stop]
    )
