"""A network on labelled data that it was not trained from: read as its own were, with the same classes."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from glassworks.core.errors import FileDamaged
from glassworks.core.files import at_home
from glassworks.data.arrays import file_table
from glassworks.data.labelled.kinds import has_columns, is_toy, kind_of
from glassworks.data.labelled.open import open_source
from glassworks.data.labelled.pour import pour
from glassworks.data.labelled.source import SPLITS, Source
from glassworks.data.labelled.store import Part, PartWriter
from glassworks.data.labelled.tables.encoding import Encoding
from glassworks.data.labelled.tables.formats import rows_of
from glassworks.data.labelled.tables.table import table_as
from glassworks.evaluate.labelled.predictions import predict_part
from glassworks.evaluate.labelled.run import judge, measure
from glassworks.evaluate.labelled.verdict import verdict
from glassworks.train.opening import OpenedLabelled


def evaluate_other(opened: OpenedLabelled, data: str) -> dict[str, Any]:
    """Measure a network on other labelled data, as `measure` does; nothing is written.

    Where the data say themselves what is for a test, on that alone. A run's rivals are fitted on its own training part;
    a model folder has none, and no validation part for a temperature. What was a column of groups in training is one
    here, too, where it is there.

    Args:
        opened: the network.
        data: what `open_source` takes: images are brought to the network's size and colour, the columns of a table to
            its features.

    Raises: ValueError for data of another kind, or an example of a class that the network does not know, with its name.
    """
    with part_of(source_like(opened, data)) as part:
        if opened.run is None:
            result = judge(predict_part(opened.model, part), None, [], opened.classes)
            return result | {"verdict": verdict(result), "advice": None}
        return measure(opened.model, opened.data, part)


def source_like(opened: OpenedLabelled, data: str) -> Source:
    """Other data as the source of a network's own, with its classes."""
    wanted = opened.preprocessing
    target = wanted.get("target") or (opened.run.record["recipe"].get("target") if opened.run is not None else None)
    check_kind(opened, data, target)
    try:
        if not opened.is_table:
            height, width = wanted["size"]
            size, group = (height, width), group_in(opened, data)
            source = open_source(data, target=target, group=group, size=size, colour=wanted["colour"])
        elif is_toy(data) or target is None:
            source = open_source(data)
        else:
            encoding = Encoding.from_json(wanted["encoding"], str(opened.path))
            source = table_as(
                at_home(data),
                encoding=encoding,
                target=target,
                group=group_in(opened, data),
                task=opened.task,
                classes=opened.classes,
            )
    except (KeyError, TypeError) as error:
        raise FileDamaged(f"{opened.path}: its preprocessing does not say {error}: restore it") from None
    if (source.task, source.shape) != (opened.task, opened.model.config.shape):
        ours, theirs = (" × ".join(map(str, shape)) for shape in (opened.model.config.shape, source.shape))
        raise ValueError(
            f"data (={data!r}) is for {source.task} from {theirs} numbers, and the network for {opened.task} from "
            f"{ours}: give data as it was trained on"
        )
    check_classes(source, opened.classes, data)
    return replace(source, classes=opened.classes or None)


def group_in(opened: OpenedLabelled, data: str) -> str | None:
    """The column that said in training which examples belong together, where other data have it, too."""
    group: str | None = None if opened.run is None else opened.run.record["recipe"].get("group")
    if group is None or data.startswith("hf:") or not has_columns(data):
        return None
    return group if group in rows_of(at_home(data)).columns else None


def check_kind(opened: OpenedLabelled, data: str, target: str | None) -> None:
    """Refuse what is not there, or of another kind than the network's own data."""
    kind, wanted = kind_of(data, target), "table" if opened.is_table else "images"
    if kind.name == wanted:
        return
    if kind.name == "text" and not at_home(data).exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), data)
    what = f"a {wanted}" if opened.is_table else wanted
    raise ValueError(f"data (={data!r}) is not {what}, as the network was trained on ({kind.why}): give {what}")


def check_classes(source: Source, classes: tuple[str, ...], data: str) -> None:
    """Refuse data whose source says classes that the network does not know."""
    unknown = [name for name in source.classes or () if name not in classes]
    if classes and unknown:
        raise ValueError(
            f"data (={data!r}) has the class {unknown[0]!r}, which is none of the network's: {', '.join(classes[:20])}"
        )


@contextmanager
def part_of(source: Source) -> Iterator[Part]:
    """All examples of a source, or those that it says are for a test, on disk for the length of a block."""
    with tempfile.TemporaryDirectory(prefix="glassworks-") as name:
        folder = Path(name)
        poured = pour(source, folder)
        columns = {path.stem[4:]: np.load(path, mmap_mode="r") for path in folder.glob("all_*.npy")}
        if not columns:
            raise ValueError(f"{source.what}: there is no example to measure on")
        rows = np.arange(len(columns["target"]))
        if "split" in columns and (columns["split"] == SPLITS.index("test")).any():
            rows = np.flatnonzero(columns["split"] == SPLITS.index("test"))
        targets = columns["target"][rows] if source.task == "number" else poured.order[columns["target"][rows]]
        arrays = {"rows": rows, "targets": targets, "keys": columns["key"][rows]}
        if "group" in columns:
            arrays["groups"] = columns["group"][rows].view(np.int64)
        with PartWriter(folder, "test", {name: values.dtype for name, values in arrays.items()}) as writer:
            writer.append(**arrays)
            writer.finish()
        yield Part(folder, "test", len(rows), source.shape, poured.shard_rows, file_table(folder))
