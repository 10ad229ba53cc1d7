"""Activations of any module, batch by batch: rows of numbers at named points, ready for probes, SAEs and comparisons.

A point's tensor becomes a matrix: one row for each place that a mask keeps, one column for each number found there. A
sequence (B, T, C) has rows of C numbers, one for each of its places (B, T), a convolution's map (B, C, H, W) one for
each (B, H, W); of values with other axes, `axes.describe` says which are places, or they are refused. Rows are yielded
as the model makes them, so that a stream of any length needs the memory of one batch; `chunks` gathers them into blocks
of a size that is known before anything is allocated.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.core.progress import tracked
from glassworks.interpret.access.arguments import as_tensor, tensors
from glassworks.interpret.access.axes import axes_of, known_axes
from glassworks.interpret.access.checks import check_room
from glassworks.interpret.access.compiled import uncompiled
from glassworks.interpret.access.finite import is_finite, kind, run_for, where_it_begins
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.access.maps import Maps, finding_maps
from glassworks.interpret.access.points import of_this_thread
from glassworks.train.batch import move

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
    model: nn.Module,
    batches: Batches,
    points: str | Sequence[str],
    *,
    steps: int,
    start: int = 0,
    mask_only: bool = False,
) -> Iterator[Rows]:
    """Run the model on one batch after another without gradients; yield each batch's rows in the model's precision.

    Args:
        model: any module, in evaluation mode during each pass.
        batches: `batches(step)` gives the model's inputs (a tensor, or a dict of keyword arguments), or (inputs, keep).
            A bool `keep` has the shape of the leading axes that become rows, such as (B, T), and is true where a row is
            wanted. A whole-number `keep` is labels with one more axis, the targets, such as (B, T, S): a row is wanted
            where any target has a label (not -100). Without `keep`, rows are all places: (B, T) of a sequence, (B,) of
            a matrix, (B, H, W) of a map. The other axes are a row's numbers.
        points: names or globs as `capture` takes them.
        steps: number of batches.
        start: the first batch's step.
        mask_only: refuse labels, for what does not read them.

    A mask or labels with examples alone (B,) make one row of all of an example's numbers, in their own order.

    Raises: ValueError for a shape or dtype that does not fit, for a point whose axes nobody knows (see `axes`), for a
    batch without examples, and for values that are not finite, naming the first such point and where in the model that
    begins.
    """
    if steps < 1:
        raise ValueError(f"steps (={steps}) must be at least 1 batch")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    seen_examples = 0
    with tracked("read text", steps) as report:
        for step in range(start, start + steps):
            inputs, keep = parts_of(batches(step))
            check_keep(keep, mask_only)
            inputs, keep = move(inputs, device), None if keep is None else keep.to(device)
            with spread(model, inputs), torch.no_grad():
                with capture(model, points) as seen, finding_maps(model, points) as maps:
                    run_for(model, inputs, points)
                if not seen:
                    raise ValueError(f"points (={points!r}) name none: give at least one")
                rows = to_rows(model, dict(seen), keep, maps)
                check_finite(model, inputs, rows.values)
            report(step - start + 1)
            yield replace(rows, example=rows.example + seen_examples)
            seen_examples += len(next(iter(seen.values())))


@contextmanager
def spread(model: nn.Module, inputs: Any) -> Iterator[None]:
    """Inside the block `model(inputs)` is `model(**inputs)`, if the inputs are a dict; for other threads nothing is."""
    if not isinstance(inputs, dict):
        yield
        return
    with uncompiled(model) as root:
        named = of_this_thread(lambda _module, args, _kwargs: ((), args[0]))
        hook = root.register_forward_pre_hook(named, with_kwargs=True)
        try:
            yield
        finally:
            hook.remove()


def parts_of(batch: Any) -> tuple[Any, Tensor | None]:
    """A batch as inputs and what to keep of them."""
    if isinstance(batch, tuple):
        if len(batch) != 2:
            raise ValueError(f"batches gave a tuple of {len(batch)}: give inputs, or (inputs, mask or labels)")
        keep = None if batch[1] is None else as_tensor(batch[1], "the mask or labels that batches gave")
        return tensors(batch[0], "the inputs that batches gave"), keep
    return tensors(batch, "the inputs that batches gave"), None


def check_keep(keep: Tensor | None, mask_only: bool) -> None:
    """Refuse what is neither a mask nor labels."""
    if keep is None or keep.dtype is torch.bool:
        return
    if keep.is_floating_point() or keep.is_complex():
        raise ValueError(f"batches gave a mask or labels of {keep.dtype}: give a bool mask, or labels as whole numbers")
    if mask_only:
        raise ValueError(f"batches gave a mask of {keep.dtype}: here it must be bool, as mask.bool()")
    if keep.ndim < 2:
        raise ValueError(f"labels {tuple(keep.shape)} must have targets as their last axis: add one of size 1")


def to_rows(model: nn.Module, captured: Mapping[str, Tensor], keep: Tensor | None, maps: Maps) -> Rows:
    """Flatten the places of every point alike, and drop the rows that are not wanted."""
    labels = keep if keep is not None and keep.dtype is not torch.bool else None
    if keep is None:
        name, first = next(iter(captured.items()))
        axes = axes_of(model, name, first, maps)
        mask = torch.ones(axes.lay(first).shape[: axes.places], dtype=torch.bool, device=first.device)
    else:
        mask = keep if labels is None else (labels != IGNORE).any(-1)
    if not len(mask):
        raise ValueError("batches gave a batch of 0 examples: give fewer steps, or leave empty batches out")
    values = {name: laid(model, name, x, maps, mask.ndim) for name, x in captured.items()}
    for name, x in values.items():
        if x.shape[: mask.ndim] != mask.shape:
            raise ValueError(
                f"{name} {tuple(x.shape)} does not begin with the axes of the mask or labels {tuple(mask.shape)}"
            )
    chosen = mask.flatten().nonzero()[:, 0]
    examples = torch.arange(len(mask), device=mask.device).repeat_interleave(mask[0].numel())
    values = {name: x.reshape(mask.numel(), -1) for name, x in values.items()}
    return Rows(
        values if len(chosen) == mask.numel() else {name: x[chosen] for name, x in values.items()},
        (labels.flatten(0, -2) if labels is not None else examples[:, None][:, :0])[chosen].long(),
        examples[chosen],
    )


def laid(model: nn.Module, point: str, x: Tensor, maps: Maps, rows: int) -> Tensor:
    """A point's value with the axes first that become rows, so many; a row for an example needs no more than that."""
    if rows > 1:
        return axes_of(model, point, x, maps).lay(x)
    axes = known_axes(model, point, x.ndim, maps)
    return x if axes is None else x.movedim(axes.order[0], 0)


def check_finite(model: nn.Module, inputs: Any, values: Mapping[str, Tensor]) -> None:
    """Refuse NaN and infinity, naming the first point in the model's order that has them, and where they come from."""
    for name, x in values.items():
        if not is_finite(x):
            bad = int((~torch.isfinite(x)).any(1).sum())
            raise ValueError(
                f"{name} holds {kind(x)} in {bad} of {len(x)} rows, which begin at {where_it_begins(model, inputs)}: "
                "mend the model there"
            )


# ----------------------------------------------------------------------------------------------------------------------
# Gathered


def chunks(
    model: nn.Module,
    batches: Batches,
    points: str | Sequence[str],
    *,
    steps: int,
    max_bytes: int,
    start: int = 0,
    work: Callable[[Rows], int] | None = None,
    total: int | None = None,
) -> Iterator[Rows]:
    """The stream in float32 blocks of at most `max_bytes` each; one block if all fits.

    A block's memory is used again for the next: take what you need of it before asking for another.

    Args: as `stream`, and
        max_bytes: of a block's activations, and of what the caller needs beside them.
        work: the bytes that the caller needs for each row of a block, told by some of the rows; None = none.
        total: rows of the whole stream, where that is known: blocks are then of about one size. None = each is filled
            before the next is begun.

    Raises: ValueError when a batch does not fit, with the size it needs; and when memory for a block is not free.
    """
    block, filled, per_row = Rows({}, torch.empty(0), torch.empty(0)), 0, 0
    for i, part in enumerate(stream(model, batches, points, steps=steps, start=start)):
        if not len(part):
            continue
        per_row = per_row or bytes_of_row(part) + (0 if work is None else work(part))
        most = max_bytes // per_row
        if len(part) > most:
            raise ValueError(needed(part, per_row * len(part), max_bytes))
        enough = most if total is None else -(-total // -(-total // most))
        if filled >= enough or filled + len(part) > most:
            yield part_of(block, 0, filled)
            filled = 0
        if filled + len(part) > len(block):
            like_this = (steps - i) * len(part) if not len(block) else 2 * len(block)  # masks differ: it is a guess
            guess = like_this if total is None else min(total, enough + len(part))
            room = max(filled + len(part), min(most, guess))
            check_room(room * per_row, part.example.device, "lower max_bytes, or give fewer steps")
            block = longer(block, filled, part, room)
        copy_into(block, part, filled)
        filled += len(part)
    if filled:
        yield part_of(block, 0, filled)


def gather(
    model: nn.Module, batches: Batches, points: str | Sequence[str], *, steps: int, max_bytes: int, start: int = 0
) -> Rows:
    """The whole stream in memory, float32; ValueError with the size that is needed when that is above `max_bytes`."""
    blocks = chunks(model, batches, points, steps=steps, max_bytes=max_bytes, start=start)
    first = next(blocks, None)
    if first is None:
        raise ValueError("batches keep no row: their masks or labels leave nothing")
    more = next(blocks, None)
    if more is not None:
        raise ValueError(needed(first, bytes_of_row(first) * (len(first) + len(more)), max_bytes))
    return first


def bytes_of_row(rows: Rows) -> int:
    """Memory of one row of all points in float32, and of its labels."""
    return sum(4 * x.size(1) for x in rows.values.values()) + 8 * rows.labels.size(1)


def needed(rows: Rows, size: int, max_bytes: int) -> str:
    """What to tell somebody whose activations do not fit."""
    return (
        f"activations of {len(rows.values)} points need {size:,} bytes or more, above max_bytes (={max_bytes:,}): "
        "give fewer points or steps, smaller batches, or more memory"
    )


def longer(block: Rows, filled: int, like: Rows, size: int) -> Rows:
    """Room for so many rows, with those of a shorter block at its beginning."""
    rows = Rows(
        {name: torch.empty(size, x.size(1), device=x.device) for name, x in like.values.items()},
        like.labels.new_empty(size, like.labels.size(1)),
        like.example.new_empty(size),
    )
    if filled:
        copy_into(rows, part_of(block, 0, filled), 0)
    return rows


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
