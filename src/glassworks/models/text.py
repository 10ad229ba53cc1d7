"""From a row's tokens to its text: whole characters, as soon as they are certain, up to the first stop string."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Tokenizer(Protocol):
    """What generation asks of a tokenizer. Two more attributes are optional, see `ends_of` and `known_ids`."""

    eot: int
    """The id of the token that begins and ends a document."""

    def encode(self, text: str) -> list[int]:
        """Ids of a text."""

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; bytes that form no character become U+FFFD."""


def ends_of(tokenizer: Tokenizer) -> frozenset[int]:
    """The ids that end a text: `eot`, and those of `ends` where the tokenizer has such a set."""
    return frozenset(getattr(tokenizer, "ends", ())) | {tokenizer.eot}


def known_ids(tokenizer: Tokenizer) -> NDArray[np.bool_] | None:
    """Whether each id stands for a token, where the tokenizer says so by `known`; models may have more rows than it."""
    known: NDArray[np.bool_] | None = getattr(tokenizer, "known", None)
    return known


def check_texts(prompts: Sequence[str]) -> None:
    """Refuse a single text where a list is wanted: its characters would be the prompts."""
    if isinstance(prompts, str):
        raise ValueError(f"prompts (={shortened(prompts)}) must be a list of texts, as [{shortened(prompts)}]")
    for place, prompt in enumerate(prompts):
        if not isinstance(prompt, str):
            raise ValueError(
                f"prompt {place} (={shortened(prompt)}) must be a text: give str, not {type(prompt).__name__}"
            )


def shortened(value: object) -> str:
    """As Python writes it, to 40 characters."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


CONTEXT = 8
"""Tokens of the prompt that the first of the text are decoded with; a decoder looks back by one or two."""

WITHIN = 3
"""Tokens that may still become part of a character: it has at most four bytes."""


class Text:
    """The text of one row, as its tokens come: whole characters only, and nothing that may belong to a stop string.

    Tokens are decoded behind those before them, at first the prompt's last: many tokenizers drop the blank of the
    first token they are given.
    """

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str], prompt: Sequence[int] = ()) -> None:
        self.tokenizer, self.stop, self.ends = tokenizer, stop, ends_of(tokenizer)
        self.context = list(prompt[-CONTEXT:])  # the tokens decoded last
        self.known = tokenizer.decode(self.context) if self.context else ""  # their text
        self.pending: list[int] = []  # tokens that may end within a character
        self.held = ""  # text that may be the beginning of a stop string
        self.ready = ""

    def push(self, token: int) -> bool:
        """Add a token. True if it is the last: the end of the text, or of a stop string."""
        if token in self.ends:
            return True
        self.pending.append(token)
        text = self.tokenizer.decode(self.context + self.pending)
        if not text.endswith("\ufffd"):
            return self.decoded(text, len(self.pending))
        certain = len(self.pending) - WITHIN
        return certain > 0 and self.decoded(self.tokenizer.decode(self.context + self.pending[:certain]), certain)

    def decoded(self, text: str, count: int) -> bool:
        """Take the text of the context and so many pending tokens; True if it holds a stop string."""
        same = self.known if text.startswith(self.known) else common(self.known, text)
        self.held += text[len(same) :]
        self.context, self.pending = self.pending[:count], self.pending[count:]
        self.known = self.tokenizer.decode(self.context)
        found = [place for stop in self.stop if (place := self.held.find(stop)) >= 0]
        cut = min(found) if found else len(self.held) - overlap(self.held, self.stop)
        self.ready += self.held[:cut]
        self.held = "" if found else self.held[cut:]
        return bool(found)

    def take(self) -> str:
        """What has become certain since the last call."""
        ready, self.ready = self.ready, ""
        return ready

    def finish(self) -> str:
        """The rest: what was held back while more could come."""
        if self.pending:
            self.decoded(self.tokenizer.decode(self.context + self.pending), len(self.pending))
        self.ready, self.held = self.ready + self.held, ""
        return self.take()


def text_behind(tokenizer: Tokenizer, prompt: Sequence[int], ids: Sequence[int]) -> str:
    """The text of tokens that follow a prompt's."""
    text = Text(tokenizer, (), prompt)
    for id in ids:
        text.push(id)
    return text.finish()


def common(one: str, other: str) -> str:
    """The longest beginning of two texts: some decoders write a token otherwise once another follows."""
    length = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:length]


def overlap(text: str, stops: Sequence[str]) -> int:
    """Length of the longest end of `text` with which a stop string begins: 2 for "some te" and "text"."""
    longest = min(len(text), max(map(len, stops), default=1) - 1)
    return next((n for n in range(longest, 0, -1) if any(stop.startswith(text[-n:]) for stop in stops)), 0)
