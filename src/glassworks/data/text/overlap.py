"""How much of a text stands in another one, word for word: a low loss on what was trained on proves nothing.

Passages of some fifty tokens are the measure in use: shorter ones recur by themselves, and near copies share many of
these (Lee et al. 2021, Deduplicating Training Data Makes Language Models Better). They lie inside documents, or those
that are shorter than two would never be found beside other neighbours; a document shorter than one is one, whole.
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from glassworks.data.store import Tokens

LEVELS = (
    0x9E3779B97F4A7C15,
    0xC2B2AE3D27D4EB4F,
    0xD6E8FEB86659FD93,
    0xA0761D6478BD642F,
    0xE7037ED1A0B428DB,
    0x8EBC6AF09C88C6E3,
)
"""Odd numbers, one for each time that two neighbouring hashes become one."""
PASSAGE = 2 ** len(LEVELS)
"""Tokens of a passage."""
MOST = 4096
"""Passages of a text that are looked for, spread over it evenly."""
BLOCK = 1 << 18
"""Tokens that are hashed at once, few enough for a core's cache."""


def share_within(text: Tokens, *others: Tokens) -> float:
    """The share of a text, by its passages of 64 tokens within documents, that stands in any of some others.

    All are of one tokenizer. A document of fewer tokens is a passage itself, and stands in another text if that has a
    document that is the same. Reads the other texts once: about a second for 100 million tokens.
    """
    if text.num_tokens == text.num_documents:  # nothing but ends of text
        return 0.0
    numbers, lengths = passages(text)
    distinct, places = np.unique(numbers, return_inverse=True)
    matched, begins = np.zeros(len(distinct), bool), np.zeros(1 << 16, bool)
    begins[beginning(distinct)] = True
    for candidates in chain.from_iterable(map(all_passages, others)):
        candidates = candidates[begins[beginning(candidates)]]  # few are left to be searched for
        at = np.searchsorted(distinct, candidates)
        at[at == len(distinct)] = 0
        matched[at[distinct[at] == candidates]] = True
    return float(np.average(matched[places], weights=lengths))


def beginning(numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The first 16 bits."""
    return (numbers >> np.uint64(48)).view(np.int64)


def passages(text: Tokens) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """At most `MOST` passages, spread evenly over the documents and within them: their numbers, and their tokens."""
    starts, sizes = text.starts[:-1] + 1, np.diff(text.starts) - 1  # without the end of text before each
    counts = np.maximum(sizes // PASSAGE, np.minimum(sizes, 1))
    ends = counts.cumsum()
    chosen = np.linspace(0, ends[-1] - 1, min(MOST, ends[-1])).astype(np.int64)
    documents = np.searchsorted(ends, chosen, side="right")
    starts, sizes, counts, ends = starts[documents], sizes[documents], counts[documents], ends[documents]
    starts += (chosen - (ends - counts)) * (sizes - PASSAGE) // np.maximum(counts - 1, 1)
    lengths = np.minimum(sizes, PASSAGE)
    ids = np.concatenate([text.read(*place) for place in zip(starts.tolist(), lengths.tolist(), strict=True)])
    at, short = lengths.cumsum() - lengths, lengths < PASSAGE
    numbers = np.empty(len(at), np.uint64)
    numbers[~short] = hashes(ids)[at[~short]]
    numbers[short] = document_numbers(ids, at[short], lengths[short])
    return numbers, lengths


def all_passages(text: Tokens) -> Iterator[NDArray[np.uint64]]:
    """The numbers of all passages and all short documents of a text, block by block.

    Passages over the end of a document are among them, and are found in no document. Each block ends with what the
    first passage of the next one needs, so that a short document that begins in it is there to its end.
    """
    for start in range(0, text.num_tokens, BLOCK):
        ids = text.read(start, min(BLOCK + PASSAGE - 1, text.num_tokens - start))
        first, last = np.searchsorted(text.starts, [start, start + BLOCK])
        starts = text.starts[first : last + 1] - start
        sizes = np.diff(starts) - 1
        short = (sizes > 0) & (sizes < PASSAGE)
        yield np.concatenate([hashes(ids), document_numbers(ids, starts[:-1][short] + 1, sizes[short])])


def hashes(ids: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A number for the passage that begins at each place; (T,) -> (T - 63,).

    Twice as many tokens are hashed in every turn: those of the first half, times an odd number, and of the second.
    """
    hashed = ids.astype(np.uint64)
    for level, factor in enumerate(LEVELS):
        width = 2**level
        hashed = hashed[:-width] * np.uint64(factor) + hashed[width:]
    return hashed


def document_numbers(ids: NDArray[np.int64], starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A number for each of some short documents, by their first token's place and their sizes; (N,), (N,) -> (N,).

    Each token, counted from 1, times a power of an odd number; their sum.
    """
    if not len(sizes):
        return np.empty(0, np.uint64)
    ends = sizes.cumsum()
    number = np.arange(ends[-1]) - np.repeat(ends - sizes, sizes)  # of a token within its document
    tokens = ids[np.repeat(starts, sizes) + number].astype(np.uint64) + np.uint64(1)
    powers = np.multiply.accumulate(np.full(PASSAGE, LEVELS[0], np.uint64))
    return np.add.reduceat(tokens * powers[number], ends - sizes)
