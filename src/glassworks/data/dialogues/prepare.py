"""Examples made ready for tuning: checked, split by prompt, and written down as they were.

    <root>/<digest>/    train.jsonl, held_out.jsonl, and meta.json with the SHA-256 of both, last

The digest is that of the examples and their split. What a run was begun on stays as it was, though its file may change,
as a file of choices does whenever somebody chooses.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from glassworks.core.errors import FileDamaged
from glassworks.core.files import atomic_folder, read_sealed_json, sha256, write_sealed_json
from glassworks.data.dialogues.read import read_rows
from glassworks.data.dialogues.rows import Form, Row, form_of, group_of
from glassworks.data.prepared import made_once

SPLITS = ("train", "held_out")


@dataclass(frozen=True)
class Dialogues:
    """Prepared examples. `digest` names them."""

    path: Path
    digest: str
    train: list[Row] = field(repr=False)
    held_out: list[Row] = field(repr=False)

    @property
    def form(self) -> Form:
        """What form they all are of."""
        return form_of(self.train[0], f"{self.path}")


def prepare(data: Sequence[str], root: Path, *, held_out: float | Sequence[str] = 0.1) -> Dialogues:
    """The examples of some files in a folder of `root`, made if it is not there yet.

    Args:
        data: files, globs or folders (see `read`).
        root: the folder of all prepared examples.
        held_out: the share that is held out, by whole prompts; or files of their own.

    Raises: ValueError for what is no example, or cannot be split; OSError; FileDamaged.
    """
    return keep(list(read_rows(data)), root, held_out if isinstance(held_out, float) else list(read_rows(held_out)))


def keep(rows: list[Row], root: Path, held_out: float | list[Row]) -> Dialogues:
    """The same of rows that are there already."""
    if not rows:
        raise ValueError("data has no examples: give a file with some")
    train, aside = split(rows, held_out) if isinstance(held_out, float) else (rows, held_out)
    if not aside or form_of(aside[0], "held_out") != form_of(train[0], "data"):
        raise ValueError("held_out must name examples of the same form as data: give such a file, or a share")
    texts = {"train": lines(train), "held_out": lines(aside)}
    digest = hashlib.sha256("\0".join(texts.values()).encode()).hexdigest()[:16]
    folder = root / digest
    made_once(folder, lambda: write(folder, texts))
    return open_dialogues(folder)


def lines(rows: Iterable[Row]) -> str:
    """Rows as a file has them."""
    return "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows)


def write(folder: Path, texts: dict[str, str]) -> None:
    """Write a folder of prepared examples, whole or not at all."""
    with atomic_folder(folder) as temporary:
        for name, text in texts.items():
            (temporary / f"{name}.jsonl").write_text(text, encoding="utf-8")
        files = {f"{name}.jsonl": sha256(temporary / f"{name}.jsonl") for name in texts}
        write_sealed_json(temporary / "meta.json", {"files": files})


def open_dialogues(folder: Path) -> Dialogues:
    """Prepared examples by their folder; FileDamaged where they are not as they were written."""
    remedy = f"delete the folder {folder}, and start a new run"
    meta = read_sealed_json(folder / "meta.json", remedy)
    rows: dict[str, list[Row]] = {}
    for split_name in SPLITS:
        file = folder / f"{split_name}.jsonl"
        if not file.is_file() or sha256(file) != meta["files"][file.name]:
            raise FileDamaged(f"{file} is not as it was written: {remedy}")
        rows[split_name] = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
    return Dialogues(folder, folder.name, rows["train"], rows["held_out"])


def split(rows: list[Row], share: float) -> tuple[list[Row], list[Row]]:
    """Those to learn from and those held out: about so many, all examples of a prompt on one side."""
    places = [place_of(group_of(row)) for row in rows]
    lowest, highest = min(places), max(places)
    if lowest == highest:
        raise ValueError("data holds examples of one prompt, and a split needs two: give more, or a file by held_out")
    threshold = min(max(share, math.nextafter(lowest, 1)), highest)  # neither side may be empty
    return (
        [row for row, place in zip(rows, places, strict=True) if place >= threshold],
        [row for row, place in zip(rows, places, strict=True) if place < threshold],
    )


def place_of(group: Any) -> float:
    """A number from 0 to below 1 that follows from what a group is, and from nothing else."""
    text = json.dumps(group, ensure_ascii=False, sort_keys=True)
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest()) / 2**48
