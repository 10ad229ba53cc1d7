"""A source's examples into files, then the files of each split: only the first pass reads the source."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from glassworks.data.labelled.measures import different
from glassworks.data.labelled.source import SPLITS, Block, Source
from glassworks.data.labelled.splits import (
    TRAIN,
    Shares,
    check_classes,
    check_counts,
    class_notes,
    cuts_of,
    drawn,
    keys_of,
    share_note,
)
from glassworks.data.labelled.store import ExamplesWriter, PartWriter

ROWS = 1 << 16  # examples whose split is decided at once


@dataclass(frozen=True)
class Poured:
    """What the first pass found."""

    classes: tuple[str, ...]
    order: NDArray[np.int64]
    """The index of each class by the number it had while reading, which is that of its first example."""
    counts: NDArray[np.int64]
    """(3,) examples by what the source itself says; all are for training if it says nothing."""
    split_by: str
    shard_rows: int


def pour(source: Source, folder: Path) -> Poured:
    """Write every example, and for now its target, content, group, time and split, in the source's order."""
    dtype = np.uint8 if source.kind == "images" else np.float32
    numbers = {name: i for i, name in enumerate(source.classes or ())}
    counts = np.zeros(3, np.int64)
    with ExamplesWriter(folder, source.shape, dtype) as writer:
        for block in source.blocks():
            if not len(block.inputs):
                continue
            check_block(block, source)
            columns = {"target": targets_of(block, source, numbers), "key": keys_of(block.inputs)}
            if block.groups is not None:
                columns["group"] = keys_of(block.groups)
            if block.contents is not None:
                columns["content"] = keys_of(block.contents)
            if block.times is not None:
                columns["time"] = np.asarray(block.times, np.float64)
            if block.splits is not None:
                columns["split"] = np.array([SPLITS.index(split) for split in block.splits], np.int8)
            if writer.columns and writer.columns.keys() != columns.keys():
                raise ValueError(f"{source.what}: some examples have {' '.join(columns.keys() ^ writer.columns.keys())}"
                                 ", and others not: give it for all or for none")  # fmt: skip
            counts += np.bincount(columns.get("split", np.zeros(len(block.inputs), np.int8)), minlength=3)
            writer.append(block.inputs, list(block.names), columns)
        writer.finish()
    classes = source.classes if source.classes is not None else tuple(sorted(numbers, key=by_size(numbers)))
    order = np.array([classes.index(name) for name in numbers] if source.classes is None else range(len(classes)))
    split_by = split_rule(source, set(writer.columns))
    return Poured(classes, order.astype(np.int64), counts, split_by, writer.shard_rows)


def check_block(block: Block, source: Source) -> None:
    """Refuse examples that are not as the source says they are."""
    n = len(block.inputs)
    if block.inputs.shape[1:] != source.shape:
        raise ValueError(f"{block.names[0]}: its shape is {block.inputs.shape[1:]}, and the source's {source.shape}")
    for name in ("targets", "names", "groups", "times", "splits", "contents"):
        values = getattr(block, name)
        if values is not None and len(values) != n:
            raise ValueError(f"{block.names[0]}: {len(values)} {name} stand beside {n} inputs")
    checked = [("an input", block.inputs.reshape(n, -1))] if block.inputs.dtype.kind == "f" else []
    if source.task == "number":
        checked.append(("the target", np.asarray(block.targets, np.float64)[:, None]))
    if block.times is not None:
        checked.append(("the time", np.asarray(block.times, np.float64)[:, None]))
    for what, values in checked:
        wrong = np.flatnonzero(~np.isfinite(values).all(1))
        if len(wrong):
            raise ValueError(f"{block.names[wrong[0]]}: {what} is missing or not finite: fill it in or leave it out")


def targets_of(block: Block, source: Source, numbers: dict[str, int]) -> NDArray[Any]:
    """Numbers as they are; classes as numbers, new ones in the order in which they come."""
    if source.task == "number":
        return np.asarray(block.targets, np.float64)
    if source.classes is not None:
        for name, target in zip(block.names, block.targets, strict=True):
            if target not in numbers:
                raise ValueError(f"{name}: the target (={target!r}) is none of the {len(numbers)} classes")
    return np.array([numbers.setdefault(str(target), len(numbers)) for target in block.targets], np.int64)


def by_size(names: Sequence[str] | dict[str, int]) -> Any:
    """The key that sorts classes: by size if all are numbers, as texts otherwise: nan has no place among them."""
    try:
        sizes = {name: float(name) for name in names}
    except ValueError:
        return str
    if not all(map(isfinite, sizes.values())):
        return str
    return lambda name: (sizes[name], name)


def split_rule(source: Source, columns: set[str]) -> str:
    """What decides the splits, in words that go on with "split"."""
    if "time" in columns and "split" in columns:
        raise ValueError(f"{source.what}: it says itself which examples are for the test: leave time out")
    if "time" in columns and "group" in columns:
        raise ValueError(f"{source.what}: group and time cannot both decide the splits: leave one out")
    if "split" in columns:
        return "as the source says"
    return "by time" if "time" in columns else "by group" if "group" in columns else "by content"


def divide(folder: Path, source: Source, poured: Poured, shares: Shares) -> tuple[NDArray[np.int64], list[str]]:
    """Write the files of each split; (3, K) counts by split and class (K = 1 for numbers), and what is to be said."""
    columns = {path.stem[4:]: np.load(path, mmap_mode="r", allow_pickle=False) for path in folder.glob("all_*.npy")}
    if not columns:
        raise ValueError(f"{source.what}: there are no examples: give data with some")
    if not poured.counts[TRAIN]:
        raise ValueError(f"{source.what}: nothing is said to be for training: give the training examples, too")
    units = different(units_of(columns))
    counts = np.zeros((3, max(len(poured.classes), 1)), np.int64)
    dtypes: dict[str, DTypeLike] = {"rows": np.int64, "targets": columns["target"].dtype, "keys": np.uint64}
    dtypes |= {"groups": np.int64} if "group" in columns else {}
    with ExitStack() as stack:
        writers = [stack.enter_context(PartWriter(folder, split, dtypes)) for split in SPLITS]
        for first, codes in decided(columns, poured, shares):
            targets, keys = (columns[name][first : first + len(codes)] for name in ("target", "key"))
            if source.task == "classes":
                targets = poured.order[targets]
                np.add.at(counts, (codes, targets), 1)
            else:
                counts[:, 0] += np.bincount(codes, minlength=3)
            for code, writer in enumerate(writers):
                here = np.flatnonzero(codes == code)
                groups = columns["group"][first + here].view(np.int64) if "group" in columns else here
                writer.append(rows=first + here, targets=targets[here], keys=keys[here], groups=groups)
        for writer in writers:
            writer.finish()
    check_counts(counts.sum(1), units, source.what, shares)
    notes = [share_note(counts, poured.split_by, units)]
    if source.task == "classes":
        only = None if "split" in columns else only_one(folder, counts, columns["target"], poured)
        check_classes(counts, poured.classes, source.what, only)
        notes += class_notes(counts, poured.classes)
    elif columns["target"].min() == columns["target"].max():
        raise ValueError(
            f"{source.what}: the target is constant (={columns['target'][0]:g}): there is nothing to learn"
        )
    for path in folder.glob("all_*.npy"):
        path.unlink()
    return counts, notes


def decided(columns: dict[str, NDArray[Any]], poured: Poured, shares: Shares) -> Iterator[tuple[int, NDArray[np.int8]]]:
    """Where each piece of the examples begins, and the split of each of them."""
    missing = [code for code in range(1, 3) if not poured.counts[code]]
    cuts = cuts_of(columns["time"], shares) if "time" in columns else None
    units = units_of(columns)
    for first in range(0, len(units), ROWS):
        piece = slice(first, first + ROWS)
        if cuts is not None:
            yield first, np.searchsorted(cuts, columns["time"][piece], side="right").astype(np.int8)
        else:
            said = columns["split"][piece] if "split" in columns else np.zeros(len(units[piece]), np.int8)
            yield first, drawn(np.asarray(said), units[piece], shares, missing)


def units_of(columns: dict[str, NDArray[Any]]) -> NDArray[np.uint64]:
    """(N,) what each example falls into a split by, where it is drawn."""
    return next(columns[name] for name in ("group", "content", "key") if name in columns)


def only_one(folder: Path, counts: NDArray[np.int64], targets: NDArray[np.int64], poured: Poured) -> str | None:
    """The name of the only example of the first class that has but one; None where each has more."""
    alone = np.flatnonzero(counts.sum(0) == 1)
    if not len(alone):
        return None
    row = int(np.flatnonzero(poured.order[targets] == alone[0])[0])
    with (folder / "names.txt").open(encoding="utf-8") as names:
        return next(name for number, name in enumerate(names) if number == row).rstrip("\n")
