"""Text to token ids and back, by any tokenizer.json.

A text is data: where it spells out "<|endoftext|>" it becomes ordinary tokens, never the special id (transformers does
the same with `split_special_tokens=True`). Only the code that joins documents uses the special id, `eot`; a text that
is generated ends at any of `ends`.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from operator import index
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import AddedToken

from glassworks.core.characters import readable
from glassworks.core.ends import END_TOKENS, ends_of
from glassworks.core.errors import FileDamaged
from glassworks.core.files import write_json, write_text
from glassworks.core.text import check_text, several

Ids = NDArray[np.unsignedinteger[Any]]

BATCH_CHARS = 1 << 20


class Tokenizer:
    """A `tokenizers.Tokenizer` that never adds, cuts or interprets: text in, the text's own ids out.

    `declared` are the ids that a model's folder declares to end a text; without any, the names of tokens tell. The
    table of a tokenizer without merges (bytes, characters) is looked up by numpy, some hundred times faster. Messages
    call it `name`; a `FileDamaged` says that it opened and yet cannot encode or decode.
    """

    def __init__(
        self, inner: tokenizers.Tokenizer, declared: Sequence[int] = (), name: str | Path = "the tokenizer"
    ) -> None:
        inner.no_truncation()
        inner.no_padding()
        self.inner, self.name = inner, name
        vocabulary = inner.get_vocab()
        special = inner.get_added_tokens_decoder()
        found = ends_of(vocabulary, special, declared)
        if found is None:
            raise ValueError(f"the tokenizer has no end-of-text token: add one of {' '.join(END_TOKENS)} to it")
        self.eot, self.ends = found
        self.is_declared = found != ends_of(vocabulary, special, ())
        with guarded(f"{name} makes no sense"):
            inner.add_special_tokens([AddedToken(inner.id_to_token(self.eot), special=True, normalized=False)])
        inner.encode_special_tokens = True  # special tokens spelled out in a text stay text
        self.vocab_size = max(vocabulary.values()) + 1
        self.dtype: np.dtype[Any] = np.dtype(np.uint16 if self.vocab_size <= 1 << 16 else np.uint32)
        self.kind = kind(json.loads(inner.to_str()))
        self.table = character_table(vocabulary, self.eot, self.dtype) if self.kind == "chars" else None

    def encode(self, text: str) -> list[int]:
        """Ids of a text; `ValueError` for a character that the alphabet of a character tokenizer lacks."""
        check_text(text)
        if self.kind in ("bytes", "chars"):
            ids: list[int] = self.look_up(text).tolist()
        else:
            with guarded(f"{self.name} cannot encode"):
                ids = self.inner.encode(text, add_special_tokens=False).ids
        return ids

    def encode_documents(self, texts: Iterable[str]) -> Iterator[Ids]:
        """The ids of each text, in order; BPE works on batches of about a megabyte on all cores."""
        checked = map(checked_text, several(texts))
        if self.kind in ("bytes", "chars"):
            yield from map(self.look_up, checked)
            return
        for batch in batches(checked):
            with guarded(f"{self.name} cannot encode"):
                encodings = self.inner.encode_batch_fast(batch, add_special_tokens=False)
            for encoding in encodings:
                yield np.array(encoding.ids, self.dtype)

    def look_up(self, text: str) -> Ids:
        """Ids of a text by its bytes, or by its characters' rows in the table."""
        if self.table is None:
            return np.frombuffer(text.encode(), np.uint8).astype(self.dtype)
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        ids: Ids = self.table.take(codes, mode="clip")
        missing = ids == self.eot  # no character has this id, so it marks those outside the alphabet
        if missing.any():
            character = chr(codes[missing.argmax()])
            raise ValueError(
                f"character {character!r} (U+{ord(character):04X}) is not in the tokenizer's alphabet of "
                f"{self.vocab_size - 1} characters: leave it out, or use the tokenizer bytes or bpe"
            )
        return ids

    def decode(self, ids: Iterable[Any]) -> str:
        """Text of some ids, special tokens spelled out; bytes that form no character become U+FFFD.

        Ids that stand for no token add nothing: models may have more rows than their tokenizer has tokens.
        """
        ids = as_ids(ids)
        if (least := min(ids, default=0)) < 0:
            raise ValueError(f"id (={least}) must be at least 0: leave out what marks no token")
        if self.kind != "other":
            return b"".join(self.bytes_of.get(id, b"") for id in ids).decode(errors="replace")
        with guarded(f"{self.name} cannot decode"):
            text: str = self.inner.decode([id for id in ids if id < self.vocab_size], skip_special_tokens=False)
        return text

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Whether each id below `vocab_size` stands for a token: a tokenizer.json may have holes in its numbering."""
        mask = np.zeros(self.vocab_size, np.bool_)
        mask[list(self.inner.get_vocab().values())] = True
        return mask

    def stands(self, id: int) -> bool:
        """Whether an id stands for a token."""
        return 0 <= id < self.vocab_size and bool(self.known[id])

    def token(self, id: int) -> str:
        """A token for display: its text, or its bytes as <E2 96> where they form no characters."""
        return readable(self.token_bytes(id)) if self.stands(id) else f"<no token {id}>"

    def token_bytes(self, id: int) -> bytes:
        """The bytes an id stands for, perhaps none; where tokens are not bytes, those of its text when alone."""
        if not self.stands(id):
            return b""
        raw = self.bytes_of.get(id, self.added.get(id))
        return self.decode([id]).encode() if raw is None else raw

    @cached_property
    def bytes_of(self) -> dict[int, bytes]:
        """The bytes of each token, by id; where tokens are no bytes, of those that are: <0xE2>."""
        vocabulary = self.inner.get_vocab()
        if self.kind == "other":
            fallback = '"ByteFallback"' in json.dumps(json.loads(self.inner.to_str())["decoder"])
            return {vocabulary[name]: raw for name, raw in BYTE_NAMES.items() if fallback and name in vocabulary}
        spelled = {id: name.encode() if self.kind == "chars" else name_bytes(name) for name, id in vocabulary.items()}
        return spelled | self.added

    @cached_property
    def fallback(self) -> frozenset[int]:
        """The ids of byte tokens whose runs are decoded whole: one that is no text is U+FFFD for every byte."""
        return frozenset(self.bytes_of) if self.kind == "other" else frozenset()

    @cached_property
    def added(self) -> dict[int, bytes]:
        """The added tokens, by id. They stand for the text they are found by, so that an added "é" is no byte 0xE9."""
        return {id: token.content.encode() for id, token in self.inner.get_added_tokens_decoder().items()}

    @cached_property
    def json(self) -> str:
        """The tokenizer.json."""
        text: str = self.inner.to_str(pretty=True)
        return text

    @property
    def digest(self) -> str:
        """SHA-256 of the tokenizer.json, in hex."""
        return hashlib.sha256(self.json.encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Write the tokenizer.json, atomically, and beside it the ends of texts where names do not tell them."""
        write_text(path, self.json)
        if self.is_declared and path.name == "tokenizer.json":
            ends = [self.eot, *sorted(self.ends - {self.eot})]
            write_json(path.with_name("generation_config.json"), {"eos_token_id": ends})


@contextmanager
def guarded(problem: str, remedy: str = "restore it, or use another") -> Iterator[None]:
    """Whatever the Rust library raises becomes `FileDamaged`; its panics are no `Exception`, and have only a name."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, MemoryError) or not (isinstance(error, Exception) or is_panic(error)):
            raise
        raise FileDamaged(f"{problem} ({' '.join(str(error).split())}): {remedy}") from error


def is_panic(error: BaseException) -> bool:
    """Whether an error is a panic of a library in Rust."""
    return type(error).__name__ == "PanicException"


def checked_text(text: str) -> str:
    """The text, if it is one that UTF-8 can write."""
    check_text(text)
    return text


def as_ids(ids: Iterable[Any]) -> list[int]:
    """Ids of a list, an array or a tensor as a list."""
    try:
        return list(map(index, ids.tolist() if hasattr(ids, "tolist") else ids))
    except TypeError:
        raise ValueError(f"ids (={str(ids)[:60]}) must be a row of whole numbers: give the ids of one text") from None


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Lists of texts of about a megabyte together."""
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text) + 1
        if size >= BATCH_CHARS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


# ----------------------------------------------------------------------------------------------------------------------
# What a tokenizer.json says


def byte_of() -> dict[str, int]:
    """The character that stands for each byte in a byte-level vocabulary (GPT-2's `bytes_to_unicode`, inverted).

    Printable bytes stand for themselves, the others are moved up from U+0100 in order: a space is Ġ.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = [byte for byte in range(256) if byte not in printable]
    return {chr(b): b for b in printable} | {chr(0x100 + i): b for i, b in enumerate(moved)}


BYTE_OF = byte_of()
BYTE_NAMES = {f"<0x{byte:02X}>": bytes([byte]) for byte in range(256)}


def name_bytes(name: str) -> bytes:
    """The bytes that a token of a byte-level vocabulary is spelled by; its own where it is not spelled so."""
    return bytes(BYTE_OF[c] for c in name) if all(c in BYTE_OF for c in name) else name.encode()


# A BPE model as this module makes it, without its vocabulary and merges.
PLAIN_BPE: dict[str, Any] = {
    "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
    "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "merges": [],
}  # fmt: skip
WHOLE_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def kind(spec: dict[str, Any]) -> str:
    """How ids follow from text: "bytes" or "chars" by table, "byte-level" by merges, "other" for all else."""
    model, split, decoder = spec["model"], spec["pre_tokenizer"], spec["decoder"] or {"type": None}
    vocabulary = model.pop("vocab")
    if model == PLAIN_BPE and spec["normalizer"] is None and all(token["special"] for token in spec["added_tokens"]):
        if split == WHOLE_BYTES and vocabulary == BYTE_OF:
            return "bytes"
        if split is None and decoder["type"] == "Fuse" and all(len(token) == 1 for token in vocabulary):
            return "chars"
    steps = {step["type"] for step in decoder.get("decoders", [decoder])}
    return "byte-level" if "ByteLevel" in steps and steps <= {"ByteLevel", "Fuse"} else "other"


def character_table(vocabulary: dict[str, int], eot: int, dtype: np.dtype[Any]) -> Ids:
    """Code point to id, one row past the highest character; the end-of-text id where there is no character."""
    characters = {ord(token): id for token, id in vocabulary.items() if len(token) == 1}
    table = np.full(max(characters, default=0) + 2, eot, dtype)
    table[list(characters)] = list(characters.values())
    return table
