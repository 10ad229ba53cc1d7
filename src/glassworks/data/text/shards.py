"""A corpus made ready for training: split by document, tokenized, written once, opened at once ever after.

    <root>/<digest>/    tokenizer.json, the two splits' files (see `store`), meta.json with every file's SHA-256, last

The digest is that of everything the content follows from: source files (path, size, time), tokenizer, split. The folder
appears whole or not at all; processes that prepare the same corpus at once (the ranks of a job) wait for the first.
"""

import hashlib
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from glassworks.core.errors import RunError
from glassworks.core.files import at_home, atomic_folder, write_sealed_json
from glassworks.core.progress import going_on, tell, tracked
from glassworks.data.arrays import check_file, file_table
from glassworks.data.prepared import made_once, read_meta
from glassworks.data.store import SplitWriter, Tokens
from glassworks.data.text.corpora import Source, as_list, fingerprint
from glassworks.data.text.overlap import share_within
from glassworks.data.text.reading import Reading, noted
from glassworks.data.text.splits import Piece, Split, Splitter, check_split
from glassworks.data.tokenizers.build import TRAIN_BYTES, Tokenizer, load_tokenizer
from glassworks.data.tokenizers.lossy import lost_bytes
from glassworks.data.tokenizers.specs import make_tokenizer, tokenizer_files

__all__ = ["Corpus", "Tokens", "open_corpus", "prepare"]

FORMAT = 1  # of the files
READING = 2  # raised when a source gives other documents than before: byte-order marks, passages of CRLF files


@dataclass(frozen=True)
class Corpus:
    """A prepared corpus. `digest` names it; `meta` is its meta.json."""

    path: Path
    train: Tokens
    val: Tokens
    tokenizer: Tokenizer
    digest: str
    meta: dict[str, Any] = field(repr=False)


def prepare(
    source: Source,
    tokenizer_spec: str,
    root: Path | str,
    *,
    held_out: float | Source = 0.05,
    split: Split = "document",
    column: str | None = None,
    skip_unreadable: bool = False,
) -> Corpus:
    """The corpus of a source in a folder of `root`, made if it is not there yet.

    Args:
        source: see `corpora`.
        tokenizer_spec: "bytes", "chars", "bpe:<vocab_size>", "gpt2:<folder of encoder.json and vocab.bpe>", or the path
            of a tokenizer.json or of a model folder. BPE is trained on the training split only; the alphabet of "chars"
            is that of both splits, or the held-out text could not be written in it.
        root: the folder of all prepared corpora.
        held_out: fraction of the documents to hold out, or a source of its own to hold out whole.
        split: "document" holds out whole documents, chosen by a hash of their number and name. "tail" holds out the
            last fraction of the characters instead, each split being one document: nanoGPT's convention, for
            comparisons with it only, since its two splits share a document (exact for bytes and chars; merges stop at
            the passages of the source).
        column: the column of tables (.jsonl, .parquet, .csv, .tsv) that holds the text; None = "text", or the only one
            that holds strings. Without it a CSV file is plain text.
        skip_unreadable: leave out, whole, what cannot be read to its end among the files of a folder or a glob;
            `meta["skipped"]` lists them, and they are read once more to find out.

    The source is read twice (three times for BPE and chars), also when it is streamed from the hub.

    Raises:
        ValueError: the source, the tokenizer or the split cannot be had; a corpus of one document cannot be split.
        FileDamaged: a file of the source, or of the prepared folder, is damaged.
        OSError: a file cannot be read or the disk is full; nothing is left behind then.
    """
    held_out = float(held_out) if isinstance(held_out, int) else held_out
    check_split(held_out, split)
    reading = Reading(column, skip_unreadable)
    digest = digest_of(source, tokenizer_spec, held_out, split, reading)
    folder = at_home(root) / digest

    def make() -> None:
        with going_on("read the text"):
            splitter = Splitter(source, held_out, split, reading)
        write_corpus(folder, splitter, tokenizer_spec)

    made_once(folder, make)
    return open_corpus(folder)


def open_corpus(path: Path | str) -> Corpus:
    """A prepared corpus by its folder. Sizes are checked at once, contents when they are first touched."""
    path = Path(path)
    meta = read_meta(path, "a prepared corpus", FORMAT)
    table = meta["files"]
    tokenizer = load_tokenizer(check_file(path, "tokenizer.json", table))
    train, val = (
        Tokens(path, split, meta["vocab_size"], meta[split], table, meta["dtype"]) for split in ("train", "val")
    )
    return Corpus(path, train, val, tokenizer, meta["digest"], meta)


def digest_of(source: Source, tokenizer_spec: str, held_out: float | Source, split: Split, reading: Reading) -> str:
    """What the name of the corpus' folder is made of."""
    digest = hashlib.sha256(f"{READING} {split}\n".encode())
    if reading.column is not None or reading.skip_unreadable:
        digest.update(f"{reading.column} {reading.skip_unreadable}\n".encode(errors="surrogatepass"))
    sources = [source] if isinstance(held_out, float) else [source, held_out]
    for one in sources:
        digest.update(f"{one}\n".encode(errors="surrogatepass"))
        for line in fingerprint(one, reading):
            digest.update(f"{line}\n".encode(errors="surrogatepass"))
    digest.update(f"{held_out if len(sources) == 1 else ''}\n{tokenizer_spec}\n".encode())
    for file in tokenizer_files(tokenizer_spec):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


# ----------------------------------------------------------------------------------------------------------------------
# Pieces into files


def write_corpus(folder: Path, splitter: Splitter, tokenizer_spec: str) -> None:
    """Tokenize every piece and write the folder."""
    # BPE learns from an even sample of the training split where that is above the trainer's limit.
    stride = -(-splitter.num_chars // TRAIN_BYTES)
    tell(f"read {splitter.num_chars:,} characters; preparing tokens by {tokenizer_spec}")
    training = islice((piece.text for piece in splitter if piece.split == "train"), 0, None, stride)
    with going_on(f"make the tokenizer {tokenizer_spec}"):
        tokenizer = make_tokenizer(tokenizer_spec, alphabet=(piece.text for piece in splitter), training=training)
    with atomic_folder(folder) as temporary, ExitStack() as stack:
        writers = {
            split: stack.enter_context(SplitWriter(temporary, split, tokenizer.eot, tokenizer.dtype))
            for split in ("train", "val")
        }
        report = stack.enter_context(tracked("tokenize, in characters", splitter.num_chars))
        waiting, done, lost = deque[Piece](), 0, 0
        exact = tokenizer.kind in ("bytes", "chars")
        for ids in tokenizer.encode_documents(remembered(splitter, waiting)):
            piece = waiting.popleft()
            writer = writers[piece.split]
            if piece.name is not None:
                writer.begin(piece.name)
            writer.extend(ids, len(piece.text.encode()))
            if piece.split == "val" and not exact:
                lost += lost_bytes(piece.text, tokenizer.decode(ids))
            done += len(piece.text)
            report(done)
        meta: dict[str, Any] = {split: writer.finish() for split, writer in writers.items()}
        meta["val"]["lost_bytes"] = lost
        tokenizer.save(temporary / "tokenizer.json")
        digest = digest_of(splitter.source, tokenizer_spec, splitter.held_out, splitter.split, splitter.reading)
        if digest != folder.name:
            raise RunError(f"{splitter.source!r} changed while it was read: prepare it again")
        files = file_table(temporary)
        train, val = (
            Tokens(temporary, split, tokenizer.vocab_size, meta[split], files, tokenizer.dtype)
            for split in ("train", "val")
        )
        meta |= {
            "format": FORMAT,
            "digest": digest,
            "source": plain(splitter.source),
            "held_out": plain(splitter.held_out),
            **noted(splitter.reading),
            "lost": lost / meta["val"]["num_bytes"],
            "seen": share_within(val, train),
            "split": splitter.split,
            "tokenizer": tokenizer_spec,
            "tokenizer_digest": tokenizer.digest,
            "vocab_size": tokenizer.vocab_size,
            "dtype": tokenizer.dtype.name,
            "files": files,
        }
        write_sealed_json(temporary / "meta.json", meta)


def remembered(splitter: Splitter, waiting: deque[Piece]) -> Iterator[str]:
    """The texts of the pieces; the pieces themselves wait in the queue for their tokens."""
    for piece in splitter:
        waiting.append(piece)
        yield piece.text


def plain(source: float | Source) -> float | str | list[str]:
    """A source, or a share of one, as JSON has it."""
    if isinstance(source, float):
        return source
    names = as_list(source)
    return names if isinstance(source, list | tuple) else names[0]
