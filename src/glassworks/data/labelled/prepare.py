"""Labelled data made ready for training: read once, split, written, opened at once ever after.

    <root>/<digest>/    the examples and the three splits (see `store`), meta.json with every file's SHA-256, last

The digest is that of everything the content follows from: the source (its fingerprint), shares and seed. The folder
appears whole or not at all; processes that prepare the same data at once (the ranks of a job) wait for the first.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glassworks.core.files import at_home, atomic_folder, write_sealed_json
from glassworks.core.progress import going_on, tell
from glassworks.data.arrays import file_table
from glassworks.data.labelled.measures import channel_moments, in_train, row_moments
from glassworks.data.labelled.pour import Poured, divide, pour
from glassworks.data.labelled.source import SPLITS, Source, Task
from glassworks.data.labelled.splits import Shares
from glassworks.data.labelled.store import Part
from glassworks.data.prepared import made_once, read_meta

FORMAT = 1  # of the files, and of how examples are split


@dataclass(frozen=True, eq=False)
class Labelled:
    """Prepared data. `digest` names them; `meta` is their meta.json."""

    path: Path
    digest: str
    meta: dict[str, Any] = field(repr=False)
    kind: Literal["images", "table"]
    what: str
    """The source in words."""
    task: Task
    shape: tuple[int, ...]
    """Of an input: channels, rows, columns; or features."""
    classes: tuple[str, ...]
    """Their names, by index; () for numbers."""
    features: tuple[str, ...]
    """Names of a table's features."""
    preprocessing: dict[str, Any] = field(repr=False)
    """How an input comes of a file or a row."""
    notes: tuple[str, ...] = field(repr=False)
    """What was found and done, a sentence each."""
    mean: NDArray[np.float32] = field(repr=False)
    """Of the training split: (C,) of a channel's pixels, from 0 to 1; (F,) of a feature."""
    std: NDArray[np.float32] = field(repr=False)
    """The same of standard deviations; 1 where a channel or feature is constant, so that one can divide by it."""
    train: Part = field(repr=False)
    validation: Part = field(repr=False)
    test: Part = field(repr=False)


def prepare(source: Source, root: Path | str, *, validation: float = 0.1, test: float = 0.2, seed: int = 0) -> Labelled:
    """The examples of a source in a folder of `root`, made if it is not there yet.

    Args:
        source: see `open_source`.
        root: the folder of all prepared data.
        validation: share of the examples that is kept for choosing among models; of the training examples, if the
            source says what is for training.
        test: share that is kept for the last measurement, in the same way.
        seed: of the draw. What decides is in `splits`: a hash of what each example is, or of its group.

    The source is read once.

    Raises:
        ValueError: a split would be empty, a class could not be learnt, the target is constant or not finite; shares
            that are none.
        FileDamaged: a file of the source, or of the prepared folder, is damaged.
        OSError: a file cannot be read or the disk is full; nothing is left behind then.
    """
    shares = Shares(validation, test, seed)
    digest = digest_of(source, shares)
    folder = at_home(root) / digest

    def make() -> None:
        tell(f"read {source.what}")
        with going_on("prepare the examples"):
            write_labelled(folder, source, shares)

    made_once(folder, make)
    return open_labelled(folder)


def open_labelled(path: Path | str) -> Labelled:
    """Prepared data by their folder. Sizes are checked at once, contents when they are first touched."""
    path = Path(path)
    meta = read_meta(path, "prepared data", FORMAT)
    shape = tuple(meta["shape"])
    train, validation, test = (
        Part(path, split, meta["examples"][split], shape, meta["shard_rows"], meta["files"]) for split in SPLITS
    )
    return Labelled(
        path=path,
        digest=meta["digest"],
        meta=meta,
        kind=meta["kind"],
        what=meta["what"],
        task=meta["task"],
        shape=shape,
        classes=tuple(meta["classes"]),
        features=tuple(meta["features"]),
        preprocessing=meta["preprocessing"],
        notes=tuple(meta["notes"]),
        mean=np.array(meta["mean"], np.float32),
        std=np.array(meta["std"], np.float32),
        train=train,
        validation=validation,
        test=test,
    )


def digest_of(source: Source, shares: Shares) -> str:
    """What the name of the folder is made of."""
    settings = [FORMAT, source.kind, source.task, source.shape, source.preprocessing, source.classes, asdict(shares)]
    return hashlib.sha256(json.dumps([source.fingerprint, *settings]).encode()).hexdigest()[:32]


def write_labelled(folder: Path, source: Source, shares: Shares) -> None:
    """Read the source and write the folder."""
    with atomic_folder(folder) as temporary:
        poured = pour(source, temporary)
        counts, notes = divide(temporary, source, poured, shares)
        files = file_table(temporary)
        examples = {split: int(count) for split, count in zip(SPLITS, counts.sum(1), strict=True)}
        train, validation, test = (
            Part(temporary, split, examples[split], source.shape, poured.shard_rows, files) for split in SPLITS
        )
        copies = {part.split: in_train(part, train) for part in (validation, test)}
        notes += [copy_note(name, number, examples[name]) for name, number in copies.items() if number]
        mean, std = channel_moments(train) if source.kind == "images" else row_moments(train)
        write_sealed_json(temporary / "meta.json", meta_of(folder, source, poured, shares) | {
            "examples": examples,
            "counts": {split: count.tolist() for split, count in zip(SPLITS, counts, strict=True)},
            "copies_in_train": copies,
            "notes": [*source.notes, *notes],
            "mean": mean.tolist(),
            "std": std.tolist(),
            "files": files,
        })  # fmt: skip


def meta_of(folder: Path, source: Source, poured: Poured, shares: Shares) -> dict[str, Any]:
    """What is to be known of the data that the files do not say."""
    return {
        "format": FORMAT,
        "digest": folder.name,
        "kind": source.kind,
        "what": source.what,
        "task": source.task,
        "shape": list(source.shape),
        "classes": list(poured.classes),
        "features": list(source.features),
        "preprocessing": source.preprocessing,
        "shares": asdict(shares),
        "split_by": poured.split_by,
        "shard_rows": poured.shard_rows,
    }


def copy_note(split: str, number: int, examples: int) -> str:
    """What is said of examples that are held out and trained on."""
    return f"{number:,} of the {examples:,} {split} examples are exactly in train, too: their score flatters"
