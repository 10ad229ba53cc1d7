"""Token shards on disk: what a prepared split looks like, how it is written and read.

    train_000.npy train_001.npy ...   tokens, uint16 or uint32, 32 Mi tokens a file
    train_starts.npy (N + 1,) int64   offset of each document's first token, the <|endoftext|> before it; then the end
    train_bytes.npy (N,) int64        UTF-8 bytes of each document's text
    train_names.txt                   its name, one a line
    train_lines.npy (N + 1,) int64    offset of each name in train_names.txt; then the end

Every file opens by itself with `np.load(..., mmap_mode="r")` or an editor (see `arrays`). The stream of a split is
<|endoftext|>, document 0, <|endoftext|>, document 1, ... Nothing here is ever whole in memory, on either side.
"""

from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from glassworks.data.arrays import ArrayWriter, FileTable, Names, NamesWriter, Shards, check_file

SHARD_TOKENS = 1 << 25


class SplitWriter:
    """Writes one split: `begin` a document, `extend` it by pieces, `finish` at the end. A context that closes files."""

    def __init__(self, folder: Path, split: str, eot: int, dtype: DTypeLike, shard_tokens: int = SHARD_TOKENS) -> None:
        self.folder, self.split, self.eot, self.dtype, self.shard_tokens = folder, split, eot, dtype, shard_tokens
        self.num_tokens = self.num_documents = self.num_bytes = self.size = self.num_shards = 0
        self.files = ExitStack()
        self.starts, self.bytes = (self.open_array(f"{split}_{name}.npy", np.int64) for name in ("starts", "bytes"))
        self.names = self.files.enter_context(NamesWriter(folder, f"{split}_names.txt", f"{split}_lines.npy"))
        self.shard = self.next_shard()

    def __enter__(self) -> "SplitWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self.files.close()

    def open_array(self, name: str, dtype: DTypeLike) -> ArrayWriter:
        """A new array file in the folder."""
        return ArrayWriter(self.files.enter_context((self.folder / name).open("wb")), dtype)

    def next_shard(self) -> ArrayWriter:
        """The file for the next tokens."""
        self.num_shards += 1
        return self.open_array(shard_name(self.split, self.num_shards - 1), self.dtype)

    def begin(self, name: str) -> None:
        """Start a document: its name and the <|endoftext|> before it."""
        self.end_document()
        self.num_documents += 1
        self.starts.append([self.num_tokens])
        self.names.append([name])
        self.write(np.array([self.eot], self.dtype))

    def extend(self, ids: ArrayLike, num_bytes: int) -> None:
        """Add tokens and the bytes of their text to the document begun last."""
        self.size += num_bytes
        self.num_bytes += num_bytes
        self.write(np.asarray(ids, self.dtype))

    def end_document(self) -> None:
        """Note the size of the document begun last."""
        if self.num_documents:
            self.bytes.append([self.size])
        self.size = 0

    def write(self, ids: NDArray[Any]) -> None:
        """Tokens into the current shard, and into the next ones when it is full."""
        while ids.size:
            if self.shard.length == self.shard_tokens:
                self.shard.finish()
                self.shard = self.next_shard()
            part = ids[: self.shard_tokens - self.shard.length]
            self.shard.append(part)
            self.num_tokens += part.size
            ids = ids[part.size :]

    def finish(self) -> dict[str, int]:
        """Complete the files; returns the counts that `Tokens` needs."""
        self.end_document()
        self.starts.append([self.num_tokens])
        for file in (self.shard, self.starts, self.bytes, self.names):
            file.finish()
        return {
            "num_tokens": self.num_tokens,
            "num_documents": self.num_documents,
            "num_bytes": self.num_bytes,
            "shard_tokens": self.shard_tokens,
        }


def shard_name(split: str, shard: int) -> str:
    """File name of a shard."""
    return f"{split}_{shard:03d}.npy"


class Tokens:
    """One split of a prepared corpus, memory-mapped. Each file is checked against its SHA-256 when first touched.

    Reading keeps at most about 32 MB of the shards mapped, so peak memory does not depend on the corpus.
    """

    def __init__(
        self, path: Path, split: str, vocab_size: int, counts: dict[str, int], table: FileTable, dtype: DTypeLike
    ) -> None:
        self.path, self.split, self.vocab_size = path, split, vocab_size
        self.num_tokens, self.num_documents = counts["num_tokens"], counts["num_documents"]
        self.shard_tokens, self.table, self.dtype = counts["shard_tokens"], table, np.dtype(dtype)
        self.lost = counts.get("lost_bytes", 0) / max(counts["num_bytes"], 1)
        """The share of the text that the tokenizer loses; 0 where it was not measured, as of the training split."""
        self.shards = Shards(path, partial(shard_name, split), table)

    def __len__(self) -> int:
        return self.num_tokens

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """(N + 1,) offset of each document's first token, its leading <|endoftext|>; the last entry is num_tokens."""
        return self.array("starts")

    @cached_property
    def num_bytes(self) -> NDArray[np.int64]:
        """(N,) UTF-8 bytes of each document's text."""
        return self.array("bytes")

    @cached_property
    def names_file(self) -> Names:
        """The name of each document."""
        return Names(self.path, f"{self.split}_names.txt", f"{self.split}_lines.npy", self.table)

    def array(self, name: str) -> NDArray[np.int64]:
        """One of the split's index files, mapped."""
        path = check_file(self.path, f"{self.split}_{name}.npy", self.table)
        values: NDArray[np.int64] = np.load(path, mmap_mode="r", allow_pickle=False)
        return values

    def names(self, document: int) -> str:
        """Name of a document (0 ... num_documents - 1)."""
        if not 0 <= document < self.num_documents:
            raise ValueError(f"document (={document}) must be from 0 to {self.num_documents - 1}")
        return self.names_file[document]

    def document_at(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The document of each position of the stream, any shape; a leading <|endoftext|> belongs to its document."""
        return np.searchsorted(self.starts, positions, side="right") - 1

    def read(self, start: int, count: int) -> NDArray[np.int64]:
        """(count,) tokens from an offset on; `ValueError` if they are not all there."""
        if start < 0 or count < 0 or start + count > self.num_tokens:
            raise ValueError(f"tokens {start} to {start + count} are not in a split of {self.num_tokens} tokens")
        out = np.empty(count, np.int64)
        self.fill(out, start)
        return out

    def windows(self, starts: ArrayLike, count: int) -> NDArray[np.int64]:
        """(B, count) tokens from each start on; past the end they go on at the beginning."""
        starts = np.asarray(starts, np.int64)
        out = np.empty((len(starts), count), np.int64)
        for row, start in zip(out, starts.tolist(), strict=True):
            before_end = self.num_tokens - start
            self.fill(row[:before_end], start)
            if before_end < count:
                self.fill(row[before_end:], 0)
        return out

    def fill(self, out: NDArray[np.int64], start: int) -> None:
        """Read as many tokens as fit, across shards."""
        done = 0
        while done < len(out):
            number, offset = divmod(start + done, self.shard_tokens)
            part = self.shards[number][offset : offset + len(out) - done]
            out[done : done + len(part)] = part
            done += len(part)
        self.shards.count_read(out.size * self.dtype.itemsize)
