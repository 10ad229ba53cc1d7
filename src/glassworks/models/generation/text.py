"""From a row's tokens to its text: whole characters, as soon as they are certain, up to the first stop string."""

from collections.abc import Iterable, Sequence, Sized
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Tokenizer(Protocol):
    """What generation asks of a tokenizer. See `ends_of`, `known_ids` and `byte_ids` for more."""

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


def byte_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """The ids of byte tokens of which a run is one text, or U+FFFD for each; `fallback`, where the tokenizer has it."""
    return frozenset(getattr(tokenizer, "fallback", ()))


def check_texts(prompts: Sequence[str]) -> None:
    """Refuse a single text where a list is wanted, as its characters would be the prompts, and what is no list."""
    if not isinstance(prompts, Iterable):
        raise ValueError(f"prompts (={shortened(prompts)}) must be a list of texts")
    if not isinstance(prompts, Sized):  # which would be read once, and is needed twice
        raise ValueError(f"prompts must be a list of texts, not a {type(prompts).__name__}: give list(prompts)")
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
"""Tokens that a token is decoded behind, at least; a decoder looks back by a character, or by one or two tokens."""

LONGEST_RUN = 64
"""Byte tokens in a row that are held back, since each may turn all of them into U+FFFD."""


class Text:
    """The text of one row, as its tokens come: whole characters only, and nothing that may belong to a stop string.

    Tokens are decoded behind those before them, at first the prompt's last: many tokenizers drop the blank of the
    first token they are given. Joined, the pieces are the text of all tokens together, with one exception: of
    `byte_ids`, what was a text for `LONGEST_RUN` tokens stays one, whatever follows.
    """

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str], prompt: Sequence[int] = ()) -> None:
        self.tokenizer, self.stop, self.ends, self.bytes = tokenizer, stop, ends_of(tokenizer), byte_ids(tokenizer)
        first = max(0, len(prompt) - CONTEXT)
        while first > 0 and self.bytes.issuperset(prompt[first - 1 : first + 1]):
            first -= 1
        self.window = list(prompt[first:])  # the last tokens
        self.emitted = tokenizer.decode(self.window) if self.window else ""  # what was given of their text, or is old
        self.run: list[int] = []  # byte tokens behind them
        self.is_broken = False  # whether this run of byte tokens has been given as U+FFFD
        self.held = ""  # text that may be the beginning of a stop string
        self.ready = ""
        self.is_cut = False  # whether a stop string has come: what follows is no part of the text
        self.is_over = False  # whether that has, or a token that ends the text

    def push(self, token: int) -> bool:
        """Add a token. True if it is the last: the end of the text, or of a stop string."""
        if token in self.ends:
            self.is_over = True
            return True
        if token in self.bytes:
            return self.push_byte(token)
        self.window += [*self.run, token]
        self.run, self.is_broken = [], False
        text = self.tokenizer.decode(self.window)
        certain = len(text) - text.endswith("\ufffd")  # which may be the beginning of a character
        old = length_before(self.emitted, text)
        self.emitted = text[: max(old, certain)]
        if len(self.window) > 2 * CONTEXT:
            rest = len(text) - len(self.emitted)
            self.window = self.window[-CONTEXT:]
            behind = self.tokenizer.decode(self.window)
            self.emitted = behind[: len(behind) - rest]
        return self.add(text[old:certain])

    def push_byte(self, token: int) -> bool:
        """Add a byte token: to the run, up to whose end nothing is certain, or to what a broken one has given."""
        if self.is_broken:
            return self.add("\ufffd")
        self.run.append(token)
        if len(self.run) < LONGEST_RUN:
            return False
        for count in range(LONGEST_RUN, LONGEST_RUN - 4, -1):  # less than a character may be missing at the end
            text = self.tokenizer.decode(self.window + self.run[:count])
            self.is_broken = text.endswith("\ufffd" * count)
            if not self.is_broken:
                break
        else:
            count, text = LONGEST_RUN, self.tokenizer.decode(self.window + self.run)
        new, self.run = text[length_before(self.emitted, text) :], self.run[count:]
        while self.window and self.window[-1] in self.bytes:  # the prompt's
            self.window.pop()
        self.emitted = self.tokenizer.decode(self.window)
        return self.add(new)

    def add(self, text: str) -> bool:
        """Take text that has become certain; True if a stop string ends in it, or has before."""
        if self.is_cut:
            return True
        self.held += text
        stops_at = [place for stop in self.stop if (place := self.held.find(stop)) >= 0]
        cut = min(stops_at) if stops_at else len(self.held) - overlap(self.held, self.stop)
        self.ready += self.held[:cut]
        self.held = "" if stops_at else self.held[cut:]
        self.is_cut, self.is_over = bool(stops_at), self.is_over or bool(stops_at)
        return self.is_cut

    def take(self) -> str:
        """What has become certain since the last call."""
        ready, self.ready = self.ready, ""
        return ready

    def finish(self) -> str:
        """The rest: what was held back while more could come."""
        self.window, self.run = self.window + self.run, []
        text = self.tokenizer.decode(self.window)
        old, self.emitted = length_before(self.emitted, text), text
        self.add(text[old:])
        self.ready, self.held = self.ready + self.held, ""
        return self.take()


def text_behind(tokenizer: Tokenizer, prompt: Sequence[int], ids: Sequence[int]) -> str:
    """The text of tokens that follow a prompt's."""
    text = Text(tokenizer, (), prompt)
    for id in ids:
        text.push(id)
    return text.finish()


def length_before(emitted: str, text: str) -> int:
    """How much of a text was given before: all that was known, but a prompt's last U+FFFD may have become characters.

    Some decoders write a token otherwise once another follows; what was given is not given again.
    """
    certain = len(emitted.rstrip("\ufffd"))
    now = text[certain : len(emitted)]
    return certain + len(now) - len(now.lstrip("\ufffd"))


def overlap(text: str, stops: Sequence[str]) -> int:
    """Length of the longest end of `text` with which a stop string begins: 2 for "some te" and "text"."""
    longest = min(len(text), max(map(len, stops), default=1) - 1)
    return next((n for n in range(longest, 0, -1) if any(stop.startswith(text[-n:]) for stop in stops)), 0)
