"""Pairs made ready for training: split, tokenized, written once, opened at once ever after.

    <root>/<digest>/
      train.jsonl               the pairs of a split as texts, an object a line; validation.jsonl, test.jsonl
      train_source.npy          their tokens one after the other, without marks; train_target.npy, ...
      train_source_starts.npy   (N + 1,) where each begins; then the end
      tokenizer.json            of both sides
      meta.json                 every file's SHA-256, written last

The digest is that of everything the content follows from. The folder appears whole or not at all.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.core.errors import RunError
from glassworks.core.files import at_home, atomic_folder, write_sealed_json
from glassworks.core.progress import counted, going_on, tell
from glassworks.core.text import check_text
from glassworks.data.arrays import ArrayWriter, FileTable, check_file, file_table
from glassworks.data.pairs.pair import Pair
from glassworks.data.pairs.read import SIDES, PairSource
from glassworks.data.pairs.splits import SPLITS, Splitter
from glassworks.data.pairs.tokens import marks, with_start_and_padding
from glassworks.data.prepared import made_once, read_meta
from glassworks.data.tokenizers.build import Tokenizer, load_tokenizer
from glassworks.data.tokenizers.specs import make_tokenizer, tokenizer_files

FORMAT = 1
AT_ONCE = 4096
"""Pairs that are tokenized together."""


@dataclass(frozen=True, eq=False)
class Part:
    """One split: texts and tokens. Files are checked against their SHA-256 when they are first read."""

    path: Path
    split: str
    size: int
    table: FileTable = field(repr=False)

    def __len__(self) -> int:
        return self.size

    @cached_property
    def texts(self) -> list[tuple[str, str]]:
        """Source and target of every pair."""
        return list(self.read())

    def read(self, most: int | None = None) -> Iterator[tuple[str, str]]:
        """The same one by one, or the first of them, without keeping any: training splits may be large."""
        with check_file(self.path, f"{self.split}.jsonl", self.table).open(encoding="utf-8", newline="\n") as lines:
            for line in islice(lines, most):
                row = json.loads(line)
                yield row["source"], row["target"]

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Tokens and starts of both sides, mapped."""
        names = [f"{side}{what}" for side in SIDES for what in ("", "_starts")]
        files = {name: check_file(self.path, f"{self.split}_{name}.npy", self.table) for name in names}
        return {name: np.load(file, mmap_mode="r", allow_pickle=False) for name, file in files.items()}

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """(N, 2) tokens of source and target, without marks."""
        return np.stack([np.diff(self.arrays[f"{side}_starts"]) for side in SIDES], 1)

    def ids(self, side: str, pair: int) -> list[int]:
        """The tokens of one text, without marks."""
        starts = self.arrays[f"{side}_starts"]
        ids: list[int] = self.arrays[side][starts[pair] : starts[pair + 1]].tolist()
        return ids


@dataclass(frozen=True, eq=False)
class Pairs:
    """Prepared pairs. `digest` names them; `meta` is their meta.json."""

    path: Path
    digest: str
    tokenizer: Tokenizer
    pad_id: int
    start_id: int
    end_id: int
    train: Part
    validation: Part
    test: Part
    meta: dict[str, Any] = field(repr=False)


def prepare(
    source: PairSource, tokenizer_spec: str, root: Path | str, *, n_ctx: int, validation: float, test: float
) -> Pairs:
    """The pairs of a source in a folder of `root`, made if it is not there yet.

    Args:
        source: where they are read from; it is read three times.
        tokenizer_spec: as for text; BPE is learned from both sides of the training split, a
            digit a token.
        root: the folder of all prepared pairs.
        n_ctx: the longest text in tokens, its end included; longer ones are left out with their pair, and counted.
        validation: share of the groups that is looked at in training.
        test: share of the groups that is kept for the end.

    Raises:
        ValueError: the source or the tokenizer cannot be had, or a split would be empty.
        FileDamaged: a file of the source, or of the prepared folder, is damaged.
        OSError: a file cannot be read, or the disk is full; nothing is left behind then.
    """
    settings = [FORMAT, source.fingerprint(), tokenizer_spec, n_ctx, validation, test]
    digest = hashlib.sha256(json.dumps(settings).encode())
    for file in tokenizer_files(tokenizer_spec):
        digest.update(file.read_bytes())
    folder = at_home(root) / digest.hexdigest()[:32]

    def make() -> None:
        tell(f"read {', '.join(source.data)}")
        with going_on("prepare the pairs"):
            before = source.fingerprint()
            write_pairs(folder, source, tokenizer_spec, n_ctx, (validation, test))
            if source.fingerprint() != before:
                raise RunError(f"{', '.join(source.data)} changed while it was read: prepare it again")

    made_once(folder, make)
    return open_pairs(folder)


def open_pairs(path: Path | str) -> Pairs:
    """Prepared pairs by their folder. Sizes are checked at once, contents when they are first touched."""
    path = Path(path)
    meta = read_meta(path, "prepared pairs", FORMAT)
    table = meta["files"]
    tokenizer = load_tokenizer(check_file(path, "tokenizer.json", table))
    train, held, test = (Part(path, split, meta["pairs"][split], table) for split in SPLITS)
    return Pairs(path, path.name, tokenizer, *marks(tokenizer), train, held, test, meta)


# ----------------------------------------------------------------------------------------------------------------------
# Writing


def write_pairs(folder: Path, source: PairSource, spec: str, n_ctx: int, shares: tuple[float, float]) -> None:
    """Read the source and write the folder."""
    tokenizer = shared_tokenizer(source, spec, shares)
    splitter, too_long = Splitter(*shares), 0
    with atomic_folder(folder) as temporary, ExitStack() as stack:
        writers = {split: PartWriter(temporary, split, tokenizer, stack) for split in SPLITS}
        for block in blocks(splitter(source.pairs())):
            texts = [text for _, pair in block for text in (pair.source, pair.target)]
            ids = iter(list(tokenizer.encode_documents(texts)))
            for (split, pair), ours, theirs in zip(block, ids, ids, strict=False):
                if max(len(ours), len(theirs)) >= n_ctx:
                    too_long += 1
                else:
                    writers[split].append(pair, ours, theirs)
        sizes = {split: writer.finish() for split, writer in writers.items()}
        what = ", ".join(source.data)
        long = f"{counted(too_long, 'pair')} left out: more than {n_ctx - 1} tokens; --model.n-ctx takes longer ones"
        for split, size in sizes.items():
            if not size:
                why = f" ({long})" if too_long else ""
                held = "leave less out" if split == "train" else f"give more, or a larger --{split}"
                raise ValueError(
                    f"{what} has {counted(sum(sizes.values()), 'pair')}{why}, of which none is for {split}: {held}"
                )
        tokenizer.save(temporary / "tokenizer.json")
        write_sealed_json(
            temporary / "meta.json",
            {
                "format": FORMAT,
                "what": what,
                "tokenizer": spec,
                "vocab_size": tokenizer.vocab_size,
                "n_ctx": n_ctx,
                "pairs": sizes,
                "notes": [*splitter.notes(), *([long] if too_long else [])],
                "files": file_table(temporary),
            },
        )


def shared_tokenizer(source: PairSource, spec: str, shares: tuple[float, float]) -> Tokenizer:
    """The tokenizer of both sides; ValueError where there is nothing to make it from."""

    def texts(*splits: str) -> Iterator[str]:
        for split, pair in Splitter(*shares)(source.pairs()):
            if split in splits:
                yield pair.source
                yield pair.target

    first = next(texts(*SPLITS), None)
    if first is None:
        raise ValueError(nothing_in(source))
    for text in texts(*SPLITS):
        check_text(text)
    made = make_tokenizer(spec, alphabet=texts(*SPLITS), training=texts("train"), digits=1)
    return with_start_and_padding(made)


def nothing_in(source: PairSource) -> str:
    """What is said of a source without a pair."""
    names, files = ", ".join(source.data), source.files()
    if files and all(file.stat().st_size == 0 for file in files):
        return f"{names} is empty: give pairs of texts, one a line"
    if any(file.name.lower().endswith((".po", ".mo")) for file in files):
        return f"{names} has no message that is translated: give a language's catalogue, not a template"
    return f"{names} has no pair of texts: give one a line"


def blocks(dealt: Iterator[tuple[str, Pair]]) -> Iterator[list[tuple[str, Pair]]]:
    """Lists of so many pairs as are tokenized together."""
    block: list[tuple[str, Pair]] = []
    for one in dealt:
        block.append(one)
        if len(block) == AT_ONCE:
            yield block
            block = []
    if block:
        yield block


class PartWriter:
    """Writes one split, pair by pair."""

    def __init__(self, folder: Path, split: str, tokenizer: Tokenizer, stack: ExitStack) -> None:
        self.texts = stack.enter_context((folder / f"{split}.jsonl").open("w", encoding="utf-8"))
        self.arrays = {
            f"{side}{what}": ArrayWriter(stack.enter_context((folder / f"{split}_{side}{what}.npy").open("wb")), dtype)
            for side in SIDES
            for what, dtype in (("", tokenizer.dtype), ("_starts", np.int64))
        }
        self.size = 0

    def append(self, pair: Pair, source: NDArray[Any], target: NDArray[Any]) -> None:
        """Add a pair: its texts and their tokens."""
        row = {"source": pair.source, "target": pair.target}
        self.texts.write(json.dumps(row, ensure_ascii=False) + "\n")
        for side, ids in zip(SIDES, (source, target), strict=True):
            self.arrays[f"{side}_starts"].append([self.arrays[side].length])
            self.arrays[side].append(ids)
        self.size += 1

    def finish(self) -> int:
        """Complete the files; how many pairs there are."""
        for side in SIDES:
            self.arrays[f"{side}_starts"].append([self.arrays[side].length])
        self.texts.close()
        for array in self.arrays.values():
            array.finish()
        return self.size
