"""The tokens of a text in order, for display: what each adds to it, those of one character together.

A character of which each token has a byte or two, as in Japanese or in emoji under a small vocabulary, is one span.
"""

import codecs
from collections.abc import Iterable, Iterator
from typing import Any

from glassworks.core.characters import joined, placed, takes
from glassworks.data.tokenizers.codec import Tokenizer, as_ids


def spans(tokenizer: Tokenizer, ids: Iterable[Any]) -> list[tuple[int, int, str]]:
    """(first, last + 1, text) of the fewest tokens that are whole characters together, over and over.

    The texts joined are the text of the ids, but for bytes that form no character: those are shown as <E2 96>.

    >>> spans(byte_tokenizer(), list("né".encode()))
    [(0, 1, 'n'), (1, 3, 'é')]
    """
    return joined(pieces(tokenizer, as_ids(ids)))


def in_order(tokenizer: Tokenizer, ids: Iterable[Any]) -> list[str]:
    """Each token of a text; a character that several share is whole at its first, and the others are empty."""
    return placed(spans(tokenizer, ids))


def whole_characters(tokenizer: Tokenizer, ids: list[int]) -> list[int]:
    """The tokens of the beginning of a text, without those at its end that have but a part of a character."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    end = 0
    for place, raw in enumerate(pieces(tokenizer, ids), 1):
        if not takes(decoder, raw) or not decoder.getstate()[0]:
            end = place
    return ids[:end]


def pieces(tokenizer: Tokenizer, ids: list[int]) -> Iterator[bytes]:
    """What each token adds to the text; where tokens are no bytes, by decoding it behind the one before."""
    for before, id in zip([None, *ids], ids, strict=False):
        if (raw := tokenizer.bytes_of.get(id)) is None:
            known = "" if before is None else tokenizer.decode([before])
            text = tokenizer.decode([id] if before is None else [before, id])
            raw = (text[len(known) :] if text.startswith(known) else tokenizer.decode([id])).encode()
        yield raw
