"""What a network must beat: dumb predictors of the same held-out bytes.

Each predicts the documents' own tokens or bytes, without separators, and sees at most a fixed share of the training
text (whole documents, spread evenly), so that memory does not grow with the corpus.
"""

import lzma
import math
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import numpy as np

from glassworks.data.shards import Corpus, Tokens
from glassworks.data.tokenizers import Tokenizer
from glassworks.evaluate.loss import SplitLoss, plus_minus
from glassworks.evaluate.ngram import KneserNey

MEBI = 2**20
XZ_DICTIONARY = 64 * MEBI


@dataclass(frozen=True)
class Baseline:
    """The score of a predictor on a held-out split; `note` says what it saw."""

    name: str
    bits_per_byte: float
    nats_per_token: float
    seconds: float
    note: str


def baselines(corpus: Corpus, *, max_tokens: int = 4 * MEBI, max_bytes: int = 8 * MEBI) -> list[Baseline]:
    """Score all baselines on the whole held-out split: uniform, unigram, interpolated 5-gram, primed `xz -9`.

    Args:
        corpus: its train split primes or trains, its val split is scored.
        max_tokens: training tokens that the n-grams see (at most 170 bytes of memory each).
        max_bytes: training bytes that xz sees (about 1.5 s a MiB); its dictionary holds 64 MiB, more is no use.
    """
    if max_tokens < 1 or not 1 <= max_bytes <= XZ_DICTIONARY:
        raise ValueError(
            f"max_tokens (={max_tokens}) and max_bytes (={max_bytes}) must be from 1, the latter to 64 MiB"
        )
    return [
        uniform(corpus.val),
        ngram(corpus.train, corpus.val, 1, max_tokens),
        ngram(corpus.train, corpus.val, 5, max_tokens),
        primed_xz(corpus.train, corpus.val, corpus.tokenizer, max_bytes),
    ]


def verdict(loss: SplitLoss, rivals: Iterable[Baseline]) -> str:
    """Say in one sentence whether the network beats the baselines, and by how much of the strongest one's bits.

    A difference within two standard errors of the network's own bits per byte is a tie.
    """
    margin = 2 * (loss.bits_per_byte_se or 0.0)
    ranked = sorted(rivals, key=lambda rival: rival.bits_per_byte)
    lost = [rival for rival in ranked if rival.bits_per_byte < loss.bits_per_byte - margin]
    tied = [rival for rival in ranked if abs(rival.bits_per_byte - loss.bits_per_byte) <= margin]
    beaten = [rival for rival in ranked if rival.bits_per_byte > loss.bits_per_byte + margin]
    certainty = plus_minus(loss.bits_per_byte_se)
    remark = "" if certainty else ", without a standard error since it is one document"
    network = f"The network ({loss.bits_per_byte:.4f}{certainty} bits/byte{remark})"
    if beaten == ranked:
        saved = 100 * (1 - loss.bits_per_byte / ranked[0].bits_per_byte)
        return f"{network} beats every baseline, the strongest, {scored(ranked[:1])}, by {saved:.1f} %."
    parts = [f"does not beat {scored(lost)}"] if lost else []
    parts += [f"ties with {scored(tied)} within two standard errors"] if tied else []
    parts += [f"beats {scored(beaten)}"] if beaten else []
    return f"{network} {', '.join(parts[:-1])}{' and ' if len(parts) > 1 else ''}{parts[-1]}."


def scored(rivals: list[Baseline]) -> str:
    """'5-gram (2.3450), unigram (4.5000)'."""
    return ", ".join(f"{rival.name} ({rival.bits_per_byte:.4f})" for rival in rivals)


# ----------------------------------------------------------------------------------------------------------------------
# The predictors


def uniform(val: Tokens) -> Baseline:
    """Every token of the vocabulary is as likely as any other."""
    began = time.monotonic()
    nats = (val.num_tokens - val.num_documents) * math.log(val.vocab_size)
    return score("uniform", nats, val, began, f"{val.vocab_size:,} tokens in the vocabulary")


def ngram(train: Tokens, val: Tokens, order: int, max_tokens: int) -> Baseline:
    """Interpolated n-gram with modified Kneser-Ney smoothing."""
    began = time.monotonic()
    spans = sample(train.starts, max_tokens)
    stream = np.concatenate([train.read(start, count) for start, count in spans])
    lengths = [count for _, count in spans]
    first = np.repeat(np.cumsum([0, *lengths[:-1]]), lengths)
    model = KneserNey(stream, first, train.vocab_size, order)
    nats = sum(float(model.nats(*piece)[skip:].sum()) for piece, skip in pieces(val, lead=order))
    seen = len(stream) - len(spans)
    note = f"trained on {seen:,} of {train.num_tokens - train.num_documents:,} tokens; modified Kneser-Ney"
    return score("unigram" if order == 1 else f"{order}-gram", nats, val, began, note)


def primed_xz(train: Tokens, val: Tokens, tokenizer: Tokenizer, max_bytes: int) -> Baseline:
    """Bytes that the held-out text adds to `xz -9` of training text, documents joined without separators."""
    began = time.monotonic()
    share = max_bytes / max(int(train.num_bytes.sum()), 1)
    spans = sample(train.starts, max(2, int(train.num_tokens * share)))
    prime = b"".join(texts(train, spans, tokenizer))[:max_bytes]
    whole = zip(val.starts[:-1].tolist(), np.diff(val.starts).tolist(), strict=True)
    with ThreadPoolExecutor(2) as pool:  # lzma runs outside the interpreter's lock
        alone = pool.submit(xz_size, [prime])
        both = pool.submit(xz_size, chain([prime], texts(val, whole, tokenizer)))
        nats = 8 * math.log(2) * (both.result() - alone.result())
    note = f"primed with {len(prime):,} of {int(train.num_bytes.sum()):,} bytes; preset 9, 64 MiB dictionary"
    return score("xz -9", nats, val, began, note)


def score(name: str, nats: float, val: Tokens, began: float, note: str) -> Baseline:
    """Turn total nats into the two rates."""
    num_tokens, num_bytes = val.num_tokens - val.num_documents, int(val.num_bytes.sum())
    return Baseline(name, nats / math.log(2) / num_bytes, nats / num_tokens, time.monotonic() - began, note)


# ----------------------------------------------------------------------------------------------------------------------
# Reading


def sample(starts: np.ndarray, max_tokens: int) -> list[tuple[int, int]]:
    """Documents spread evenly over a split, at most `max_tokens` with their separators: (start, count) of each.

    Documents are taken in the order of multiples of the golden ratio modulo 1, which fills a line evenly however many
    are taken (Weyl 1916). The last one taken is cut to what is left; in the end they are put in the split's order.
    """
    spread = np.argsort(np.arange(len(starts) - 1) * ((math.sqrt(5) - 1) / 2) % 1)
    counts = np.diff(starts)[spread]
    counts = np.minimum(counts, max_tokens - (np.cumsum(counts) - counts))
    taken = [(int(starts[i]), int(count)) for i, count in zip(spread, counts, strict=True) if count > 1]
    return sorted(taken)


def pieces(tokens: Tokens, lead: int, size: int = MEBI) -> Iterator[tuple[tuple[np.ndarray, np.ndarray], int]]:
    """The split's stream in pieces, for `KneserNey.nats`, each with up to `lead` tokens of the one before to skip."""
    for start in range(0, tokens.num_tokens, size):
        skip = min(lead, start)
        stream = tokens.read(start - skip, min(size, tokens.num_tokens - start) + skip)
        positions = np.arange(start - skip, start - skip + len(stream))
        first = np.maximum(tokens.starts[tokens.document_at(positions)] - positions[0], 0)
        yield (stream, first), skip


def texts(tokens: Tokens, spans: Iterable[tuple[int, int]], tokenizer: Tokenizer) -> Iterator[bytes]:
    """UTF-8 bytes of documents, decoded from their tokens."""
    for start, count in spans:
        yield tokenizer.decode(tokens.read(start + 1, count - 1).tolist()).encode()


def xz_size(chunks: Iterable[bytes]) -> int:
    """Bytes of `xz -9` of the chunks joined; memory does not grow with them."""
    compressor = lzma.LZMACompressor(preset=9)
    return sum(len(compressor.compress(chunk)) for chunk in chunks) + len(compressor.flush())
