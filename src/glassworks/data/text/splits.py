"""Documents into the training and the held-out split, by document and never by position.

A document is held out when a hash of its number and name falls below the share asked for: the same source gives the
same split, and documents added at its end change nothing for those before them. (`tail` is the one exception, for
comparisons with others who split by position.)
"""

import hashlib
import math
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from glassworks.data.text.corpora import Document, Source, documents
from glassworks.data.text.reading import Reading

PIECE = 1 << 20  # characters that are tokenized at once
BETWEEN_WORDS = re.compile(r"(?<=[^\W\d_])(?= [^\W\d_])|(?<=\S)\n(?=\w)")

Split = Literal["document", "tail"]


def check_split(held_out: float | Source, split: Split) -> None:
    """Refuse what cannot be held out: a share that is none, a split by another name, the tail of no share."""
    if isinstance(held_out, float) and not 0 < held_out < 1:
        raise ValueError(f"held_out (={held_out}) must be between 0 and 1, or a source of its own")
    if split not in ("document", "tail"):
        raise ValueError(f"split (={split!r}) must be document or tail")
    if split == "tail" and not isinstance(held_out, float):
        raise ValueError(f"held_out (={held_out!r}) must be a fraction for split (=tail)")


class Piece(NamedTuple):
    """A part of a document and its split; `name` is None where the piece goes on with the document before it."""

    split: str
    name: str | None
    text: str


class Splitter:
    """The pieces of both splits, as often as they are asked for; a first pass over the source counts what they need."""

    def __init__(self, source: Source, held_out: float | Source, split: Split, reading: Reading | None = None) -> None:
        self.source, self.held_out, self.split, self.reading = source, held_out, split, reading or Reading()
        self.num_chars = num_documents = 0
        lowest, highest = 1.0, 0.0
        for document in documents(source, self.reading):
            place = place_of(num_documents, document)
            lowest, highest = min(lowest, place), max(highest, place)
            num_documents += 1
            self.num_chars += len(document.text)
        if isinstance(held_out, float):
            if split == "document" and num_documents < 2:
                raise ValueError(
                    f"source (={source!r}) holds one document, and a split by document needs two: give more text, "
                    'another text to hold out by held_out=FILE, or its last share by split="tail"'
                )
            # Neither split may be empty: the lowest place is always held out, the highest never.
            self.threshold = min(max(held_out, math.nextafter(lowest, 1)), highest)
            self.cut = int((1 - held_out) * self.num_chars)
            if split == "tail" and not 0 < self.cut < self.num_chars:
                raise ValueError(f"held_out (={held_out}) of {self.num_chars} characters leaves a split empty")

    def __iter__(self) -> Iterator[Piece]:
        """Every piece of at most a megabyte; those of a document follow one another."""
        if not isinstance(self.held_out, float):
            for split, source in (("train", self.source), ("val", self.held_out)):
                for document in documents(source, self.reading):
                    yield from pieces(split, document.name, document.text)
        elif self.split == "tail":
            yield from self.tail(self.cut)
        else:
            for number, document in enumerate(documents(self.source, self.reading)):
                split = "val" if place_of(number, document) < self.threshold else "train"
                yield from pieces(split, document.name, document.text)

    def tail(self, left: int) -> Iterator[Piece]:
        """The first `left` characters of the whole source as one document of "train", the others as one of "val"."""
        name: str | None = "train"
        for document in documents(self.source, self.reading):
            head, rest = document.text[: max(left, 0)], document.text[max(left, 0) :]
            if head:
                yield from pieces("train", name, head)
                name = None
            if rest:
                yield from pieces("val", "val" if left >= 0 else None, rest)
                left = -1
            left -= len(head)


def place_of(number: int, document: Document) -> float:
    """A number in [0, 1) that depends on the document's number and name only."""
    digest = hashlib.blake2b(f"{number} {document.name}".encode(errors="replace"), digest_size=6)
    return int.from_bytes(digest.digest(), "big") / 2**48


def pieces(split: str, name: str | None, text: str) -> Iterator[Piece]:
    """Cut a text into pieces of at most a megabyte, between two words or lines with a single space or line end between.

    The patterns of GPT-2, GPT-4 and our own never look past such a place, so the ids are those of the whole text. Only
    a text without such a place in half a megabyte, or a tokenizer without such a pattern, may get a few others there.
    """
    start = 0
    while len(text) - start > PIECE:
        found = BETWEEN_WORDS.search(text, start + PIECE // 2, start + PIECE)
        end = found.end() if found else start + PIECE
        yield Piece(split, name, text[start:end])
        name, start = None, end
    yield Piece(split, name, text[start:])
