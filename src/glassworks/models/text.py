"""From a row's tokens to its text: whole characters, as soon as they are certain, up to the first stop string."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class Tokenizer(Protocol):
    """What generation asks of a tokenizer."""

    eot: int
    """The id of the token that begins and ends a document."""

    def encode(self, text: str) -> list[int]:
        """Ids of a text."""

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; bytes that form no character become U+FFFD."""


class Text:
    """The text of one row, as its tokens come: whole characters only, and nothing that may belong to a stop string."""

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str]) -> None:
        self.tokenizer, self.stop = tokenizer, stop
        self.context: list[int] = []  # the tokens decoded last; some tokenizers decode by what stands before
        self.pending: list[int] = []  # tokens that may end within a character
        self.known = ""  # text of the context
        self.held = ""  # text that may be the beginning of a stop string
        self.ready = ""

    def push(self, token: int) -> bool:
        """Add a token. True if it is the last: the end of the text, or of a stop string."""
        if token == self.tokenizer.eot:
            return True
        self.pending.append(token)
        text = self.tokenizer.decode(self.context + self.pending)
        if text.endswith("\ufffd"):
            return False
        return self.decoded(text)

    def decoded(self, text: str) -> bool:
        """Take the text of context and pending tokens; True if it holds a stop string."""
        self.held += text[len(self.known) :]
        self.context, self.pending = self.pending, []
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
            self.decoded(self.tokenizer.decode(self.context + self.pending))
        self.ready, self.held = self.ready + self.held, ""
        return self.take()


def overlap(text: str, stops: Sequence[str]) -> int:
    """Length of the longest end of `text` with which a stop string begins: 2 for "some te" and "text"."""
    longest = min(len(text), max(map(len, stops), default=1) - 1)
    return next((n for n in range(longest, 0, -1) if any(stop.startswith(text[-n:]) for stop in stops)), 0)
