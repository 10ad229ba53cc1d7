"""The tokens of a text in order, for display: what each adds to it, those of one character together.

A character of which each token has a byte or two, as in Japanese or in emoji under a small vocabulary, is one span.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Any

from glassworks.data.codec import Tokenizer, as_ids, shown

BYTES = re.compile("<[0-9A-F]{2}( [0-9A-F]{2})*>")


def spans(tokenizer: Tokenizer, ids: Iterable[Any]) -> list[tuple[int, int, str]]:
    """(first, last + 1, text) of the fewest tokens that are whole characters together, over and over.

    The texts joined are the text of the ids, but for bytes that form no character: those are shown as <E2 96>.

    >>> spans(byte_tokenizer(), list("né".encode()))
    [(0, 1, 'n'), (1, 3, 'é')]
    """
    return joined(pieces(tokenizer, as_ids(ids)))


def joined(parts: Iterable[bytes]) -> list[tuple[int, int, str]]:
    """The same of tokens given by their bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    found, waiting = list[tuple[int, int, str]](), list[bytes]()
    end = 0
    for raw in parts:
        if not takes(decoder, raw):  # what waited is no beginning of a character
            first = end - len(waiting)
            found += [(first + i, first + i + 1, shown(alone)) for i, alone in enumerate(waiting)]
            waiting = []
            takes(decoder, raw)
        waiting.append(raw)
        end += 1
        if not decoder.getstate()[0]:
            found.append((end - len(waiting), end, shown(b"".join(waiting))))
            waiting = []
    if waiting:
        found.append((end - len(waiting), end, shown(b"".join(waiting))))
    return found


def in_order(tokenizer: Tokenizer, ids: Iterable[Any]) -> list[str]:
    """Each token of a text; a character that several share is whole at its first, and the others are empty."""
    return placed(spans(tokenizer, ids))


def together(tokens: Iterable[str]) -> list[str]:
    """The same from the tokens for display alone, those that are parts of characters as <E2 96>.

    >>> together(["n", "<C3>", "<A9>"])
    ['n', 'é', '']
    """
    return placed(joined(map(bytes_of, tokens)))


def placed(found: Iterable[tuple[int, int, str]]) -> list[str]:
    """The text of each span at its first token, and nothing at the others."""
    return [part for first, end, text in found for part in (text, *[""] * (end - first - 1))]


def bytes_of(token: str) -> bytes:
    """What a token for display stands for: `shown`, reversed."""
    raw = bytes.fromhex(token[1:-1]) if BYTES.fullmatch(token) else b""
    return raw if raw and shown(raw) == token else token.encode(errors="surrogatepass")


def whole_characters(tokenizer: Tokenizer, ids: list[int]) -> list[int]:
    """The tokens of the beginning of a text, without those at its end that have but a part of a character."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    end = 0
    for place, raw in enumerate(pieces(tokenizer, ids), 1):
        if not takes(decoder, raw) or not decoder.getstate()[0]:
            end = place
    return ids[:end]


def takes(decoder: codecs.IncrementalDecoder, raw: bytes) -> bool:
    """Whether bytes go on, after those before, as UTF-8 may; the decoder begins anew if not."""
    try:
        decoder.decode(raw)
    except UnicodeDecodeError:
        decoder.reset()
        return False
    return True


def pieces(tokenizer: Tokenizer, ids: list[int]) -> Iterator[bytes]:
    """What each token adds to the text; where tokens are no bytes, by decoding it behind the one before."""
    for before, id in zip([None, *ids], ids, strict=False):
        if (raw := tokenizer.bytes_of.get(id)) is None:
            known = "" if before is None else tokenizer.decode([before])
            text = tokenizer.decode([id] if before is None else [before, id])
            raw = (text[len(known) :] if text.startswith(known) else tokenizer.decode([id])).encode()
        yield raw
