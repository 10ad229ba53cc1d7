"""Texts for display: characters that several tokens share, and what a terminal takes for more than a letter."""

import codecs
import re
from collections.abc import Iterable

BYTES = re.compile("<[0-9A-F]{2}( [0-9A-F]{2})*>")
"""Bytes that form no character, as they are shown."""


def readable(raw: bytes) -> str:
    """Bytes for display: the text they are, or <E2 96> where they form no characters."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return f"<{raw.hex(' ').upper()}>"


def joined(parts: Iterable[bytes]) -> list[tuple[int, int, str]]:
    """The same of tokens given by their bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    spans, waiting = list[tuple[int, int, str]](), list[bytes]()
    end = 0
    for raw in parts:
        if not takes(decoder, raw):  # what waited is no beginning of a character
            first = end - len(waiting)
            spans += [(first + i, first + i + 1, readable(alone)) for i, alone in enumerate(waiting)]
            waiting = []
            takes(decoder, raw)
        waiting.append(raw)
        end += 1
        if not decoder.getstate()[0]:
            spans.append((end - len(waiting), end, readable(b"".join(waiting))))
            waiting = []
    if waiting:
        spans.append((end - len(waiting), end, readable(b"".join(waiting))))
    return spans


def together(tokens: Iterable[str]) -> list[str]:
    """The same from the tokens for display alone, those that are parts of characters as <E2 96>.

    >>> together(["n", "<C3>", "<A9>"])
    ['n', 'é', '']
    """
    return placed(joined(map(bytes_of, tokens)))


def placed(spans: Iterable[tuple[int, int, str]]) -> list[str]:
    """The text of each span at its first token, and nothing at the others."""
    return [part for first, end, text in spans for part in (text, *[""] * (end - first - 1))]


def bytes_of(token: str) -> bytes:
    """What a token for display stands for: `shown`, reversed."""
    raw = bytes.fromhex(token[1:-1]) if BYTES.fullmatch(token) else b""
    return raw if raw and readable(raw) == token else token.encode(errors="surrogatepass")


def takes(decoder: codecs.IncrementalDecoder, raw: bytes) -> bool:
    """Whether bytes go on, after those before, as UTF-8 may; the decoder begins anew if not."""
    try:
        decoder.decode(raw)
    except UnicodeDecodeError:
        decoder.reset()
        return False
    return True


def on_one_line(text: str) -> str:
    """A text without line ends, nor what a terminal would take for more than a letter."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def shortened(text: str, most: int) -> str:
    """The beginning of a text."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
