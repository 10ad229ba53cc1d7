"""The labels of a stream: read off its batches, checked, counted before any model runs, and dealt out anew."""

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from glassworks.interpret.access.stream import IGNORE, Batches, parts_of


def labels_of(batch: Any) -> Int[Tensor, "*B S"]:
    """A batch's labels; ValueError if it has none, or none of whole numbers with an axis of targets."""
    _, labels = parts_of(batch)
    if labels is None or labels.dtype is torch.bool or labels.is_floating_point() or labels.ndim < 2:
        what = "none" if labels is None else f"{labels.dtype} {tuple(labels.shape)}"
        raise ValueError(f"batches gave {what} as labels: give (inputs, labels), whole numbers (B, ..., targets)")
    return labels


def check_labels(labels: Int[Tensor, "N S"], classes: int) -> None:
    """Refuse labels that are no class."""
    if classes < 2:
        raise ValueError(f"classes (={classes}) must be at least 2")
    wrong = labels[((labels < 0) & (labels != IGNORE)) | (labels >= classes)]
    if len(wrong):
        raise ValueError(f"labels (one is {int(wrong[0])}) must be 0 to {classes - 1} (classes={classes}), or -100")


def count_labels(batches: Batches, steps: int, classes: int) -> tuple[Int[Tensor, "S K"], int]:
    """How often each target has each label in the whole stream, and how many of its rows have any.

    ValueError for labels that are none.
    """
    if steps < 1:
        raise ValueError(f"steps (={steps}) must be at least 1 batch")
    counts, rows = torch.zeros(0, classes, dtype=torch.int64), 0
    for step in range(steps):
        labels = labels_of(batches(step)).flatten(0, -2).cpu()
        check_labels(labels, classes)
        if step and labels.size(1) != len(counts):
            raise ValueError(f"batches gave labels of {len(counts)} targets, then of {labels.size(1)}: they must agree")
        new = torch.stack([(labels == k).sum(0) for k in range(classes)], 1)
        counts = counts + new if step else new
        rows += int((labels != IGNORE).any(-1).sum())
    if not counts.any():
        raise ValueError("batches have no labels: all of them are -100")
    return counts, rows


def with_shuffled(batches: Batches, steps: int, seed: int) -> Batches:
    """The same batches with further targets: the labels of another example of the stream, at the same positions.

    Every example is the donor of one other. Labels of different shapes are dealt out among those of their own shape.
    """
    labels = [labels_of(batches(step)) for step in range(steps)]
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for step, y in enumerate(labels):
        by_shape.setdefault(tuple(y.shape[1:]), []).append(step)
    generator = torch.Generator().manual_seed(seed)
    for shape, members in by_shape.items():
        whole = torch.cat([labels[step] for step in members])
        if len(whole) < 2:
            raise ValueError(
                f"batches have one example with labels of shape {shape}: give another of that shape, so that the "
                "shuffled labels can be another's"
            )
        order = torch.randperm(len(whole), generator=generator).to(whole.device)
        dealt = torch.empty_like(whole)
        dealt[order] = whole[order.roll(1)]
        sizes = [len(labels[step]) for step in members]
        for step, part in zip(members, torch.split(dealt, sizes), strict=True):
            labels[step] = part

    def shuffled(step: int) -> tuple[Any, Tensor]:
        inputs, own = parts_of(batches(step))
        assert own is not None
        return inputs, torch.cat([own, labels[step].to(own.device)], -1)

    return shuffled
