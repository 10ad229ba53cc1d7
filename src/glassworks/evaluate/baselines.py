"""What a network must beat: dumb predictors of the same held-out bytes.

Each predicts the documents' own tokens or bytes, without separators, and sees at most a fixed share of the training
text (whole documents, spread evenly), so that memory does not grow with the corpus.
"""

import lzma
import math
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from glassworks.core.progress import Report, silent, tracked
from glassworks.data.store import Tokens
from glassworks.data.text.reading import share
from glassworks.data.text.shards import Corpus
from glassworks.data.tokenizers.build import Tokenizer
from glassworks.evaluate.loss import SplitLoss, null_for_nan, plus_minus
from glassworks.evaluate.ngram import KneserNey
from glassworks.evaluate.ratios import UNKNOWN, Difference, difference, ratio

MEBI = 2**20
XZ_DICTIONARY = 64 * MEBI
XZ_STEP = 1 << 17
"""Bytes between two reports of how far it is."""
XZ_GROUP, XZ_AHEAD, XZ_LOOK = 8192, 4352, 512
"""Bytes of text: of a group of documents at least; by which the output lags behind, about; between two looks at it."""


@dataclass(frozen=True)
class Baseline:
    """The score of a predictor on a held-out split; `note` says what it saw."""

    name: str
    bits_per_byte: float
    nats_per_token: float
    seconds: float
    note: str
    bits_per_byte_se: float | None = None
    """Over documents, or groups of them; None when there is only one."""
    nats: np.ndarray | None = field(default=None, repr=False, compare=False)
    """(G,) of each group of documents."""
    groups: np.ndarray | None = field(default=None, repr=False, compare=False)
    """(G,) each group's first document; None = each document by itself."""

    def figures(self) -> dict[str, Any]:
        """All but the documents, for a file."""
        names = ("name", "bits_per_byte", "bits_per_byte_se", "nats_per_token", "seconds", "note")
        return {name: null_for_nan(getattr(self, name)) for name in names}


def baselines(corpus: Corpus, *, max_tokens: int = 4 * MEBI, max_bytes: int = 8 * MEBI) -> list[Baseline]:
    """Score all baselines on the whole held-out split: uniform, unigram, interpolated 5-gram, primed `xz -9`.

    Where the tokenizer loses text, no bits per byte are told (NaN), and xz is left out: only the tokens are common.

    Args:
        corpus: its train split primes or trains, its val split is scored.
        max_tokens: training tokens that the n-grams see (at most 170 bytes of memory each).
        max_bytes: training bytes that xz sees (about 1.5 s a MiB); its dictionary holds 64 MiB, more is no use.
    """
    if max_tokens < 1 or not 1 <= max_bytes <= XZ_DICTIONARY:
        raise ValueError(
            f"max_tokens (={max_tokens}) and max_bytes (={max_bytes}) must be from 1, the latter to 64 MiB"
        )
    predictors: list[Callable[[], Baseline]] = [
        lambda: uniform(corpus.val),
        lambda: ngram(corpus.train, corpus.val, 1, max_tokens),
        lambda: ngram(corpus.train, corpus.val, 5, max_tokens),
    ]
    if not corpus.val.lost:
        predictors.append(lambda: primed_xz(corpus.train, corpus.val, corpus.tokenizer, max_bytes))
    results: list[Baseline] = []
    with tracked("measure the baselines", len(predictors)) as report:
        for predictor in predictors:
            results.append(predictor())
            report(len(results))
    return results


def compare(loss: SplitLoss, rival: Baseline) -> Difference:
    """The network's bits per byte less the baseline's, paired by documents; without an interval where none are kept."""
    if loss.documents is None or rival.nats is None:
        return Difference(loss.bits_per_byte - rival.bits_per_byte, None, None, None, documents=0, degrees=0.0)
    return difference(loss.documents.nats, rival.nats, loss.documents.num_bytes, rival.groups)


def verdict(loss: SplitLoss, rivals: Iterable[Baseline], remedy: str = "hold out more") -> str:
    """Say in one sentence whether the network beats the baselines, and by how much of the strongest one's bits.

    A baseline whose difference from the network has 0 within its 95 % interval is tied with, unless the documents are
    so few that the interval is wide for that alone: then the sentence says which score is lower, and that this may be
    chance; `remedy` is what would tell.
    """
    if loss.lost:
        return (
            f"No verdict: the tokenizer loses {share(loss.lost)} of the held-out text, which then costs nothing to "
            "predict, so bits per byte would flatter the network; a tokenizer that keeps every text, such as bytes or "
            "bpe:2048, can be judged."
        )
    ranked = sorted(rivals, key=lambda rival: rival.bits_per_byte)
    compared = [(rival, compare(loss, rival)) for rival in ranked]
    named = {word: [rival for rival, d in compared if d.verdict == word] for word in ("does not beat", "ties", "beats")}
    unsure = [(rival, d) for rival, d in compared if d.verdict == UNKNOWN]
    scores = {
        "lower than": [rival for rival, d in unsure if d.bits_per_byte < 0],
        "no lower than": [rival for rival, d in unsure if d.bits_per_byte >= 0],
    }
    clauses = [f"{'ties with' if word == 'ties' else word} {scored(group)}" for word, group in named.items() if group]
    uncertain = [f"{word} {scored(group)}" for word, group in scores.items() if group]
    if len(named["beats"]) == len(ranked):
        clauses = [f"beats {every(*compared[0])}"]
    elif len(scores["lower than"]) == len(ranked):
        uncertain = [f"lower than {every(*compared[0])}"]
    network = f"The network ({loss.bits_per_byte:.4f}{plus_minus(loss.bits_per_byte_se)} bits/byte)"
    sentences = [" and ".join(filter(None, [", ".join(clauses[:-1]), clauses[-1]]))] if clauses else []
    if uncertain:
        sentences.append(f"scores {' and '.join(uncertain)}, with {UNKNOWN} whether by chance: {remedy}")
    return f"{network} {'; it '.join(sentences)}."


def every(strongest: Baseline, least: Difference) -> str:
    """All baselines by the strongest, and the difference from that in per cent of its bits."""
    plus = "" if least.se is None else f" ± {100 * least.se / strongest.bits_per_byte:.1f}"
    by = f"{-100 * least.bits_per_byte / strongest.bits_per_byte:.1f}{plus} %"
    return f"every baseline, the strongest, {scored([strongest])}, by {by}"


def scored(rivals: list[Baseline]) -> str:
    """'5-gram (2.3450), unigram (4.5000)'."""
    return ", ".join(f"{rival.name} ({rival.bits_per_byte:.4f})" for rival in rivals)


# ----------------------------------------------------------------------------------------------------------------------
# The predictors


def uniform(val: Tokens) -> Baseline:
    """Every token of the vocabulary is as likely as any other."""
    began = time.monotonic()
    nats = (np.diff(val.starts) - 1) * math.log(val.vocab_size)
    return score("uniform", nats, val, began, f"{val.vocab_size:,} tokens in the vocabulary")


def ngram(train: Tokens, val: Tokens, order: int, max_tokens: int) -> Baseline:
    """Interpolated n-gram with modified Kneser-Ney smoothing."""
    began = time.monotonic()
    spans = sample(train.starts, max_tokens)
    stream = np.concatenate([train.read(start, count) for start, count in spans])
    lengths = [count for _, count in spans]
    first = np.repeat(np.cumsum([0, *lengths[:-1]]), lengths)
    model = KneserNey(stream, first, train.vocab_size, order)
    nats, start = np.zeros(val.num_documents), 0
    for piece, skip in pieces(val, lead=order):
        found = model.nats(*piece)[skip:]
        nats += np.bincount(val.document_at(start + np.arange(len(found))), found, val.num_documents)
        start += len(found)
    seen = len(stream) - len(spans)
    note = f"trained on {seen:,} of {train.num_tokens - train.num_documents:,} tokens; modified Kneser-Ney"
    return score("unigram" if order == 1 else f"{order}-gram", nats, val, began, note)


def primed_xz(train: Tokens, val: Tokens, tokenizer: Tokenizer, max_bytes: int) -> Baseline:
    """Bytes that the held-out text adds to `xz -9` of training text, documents joined without separators.

    All is one stream, whose output grows as documents go in: by how much is what a document costs, once documents are
    put together to `XZ_GROUP` bytes of text, as the compressor looks ahead by about `XZ_AHEAD`. The stream is that of
    `--format=lzma`: an .xz file's would grow by whole blocks only, to which it owes 11 bytes in 65,536 more.
    """
    began = time.monotonic()
    share = max_bytes / max(int(train.num_bytes.sum()), 1)
    spans = sample(train.starts, max(2, int(train.num_tokens * share)))
    prime = b"".join(texts(train, spans, tokenizer))[:max_bytes]
    whole = zip(val.starts[:-1].tolist(), np.diff(val.starts).tolist(), strict=True)
    with (
        ThreadPoolExecutor(2) as pool,
        tracked("the baseline xz -9, in bytes", len(prime) + int(val.num_bytes.sum())) as report,
    ):
        alone = pool.submit(xz_growth, prime, ())  # lzma runs outside the interpreter's lock
        both = pool.submit(xz_growth, prime, texts(val, whole, tokenizer), report)
        before, growth = alone.result().grown[-1], both.result()
    groups = grouped(np.asarray(val.num_bytes), XZ_GROUP)
    ends = growth.ends[[*groups[1:], val.num_documents]]
    sizes = np.interp(ends + XZ_AHEAD, growth.fed, growth.grown)
    nats = 8 * math.log(2) * np.diff(sizes, prepend=before)
    note = f"primed with {len(prime):,} of {int(train.num_bytes.sum()):,} bytes; preset 9, 64 MiB dictionary"
    return score("xz -9", nats, val, began, note, groups)


def score(
    name: str, nats: np.ndarray, val: Tokens, began: float, note: str, groups: np.ndarray | None = None
) -> Baseline:
    """Turn the nats of documents, or of groups of them, into the two rates."""
    num_bytes = np.asarray(val.num_bytes)
    sizes = num_bytes if groups is None else np.add.reduceat(num_bytes, groups)
    bits_per_byte, error = (math.nan, None) if val.lost else ratio(nats / math.log(2), sizes)
    rate = float(nats.sum()) / (val.num_tokens - val.num_documents)
    return Baseline(name, bits_per_byte, rate, time.monotonic() - began, note, error, nats, groups)


def grouped(sizes: np.ndarray, least: int) -> np.ndarray:
    """Each group's first document, for groups of neighbours that hold at least so much; the last takes what is left.

    >>> grouped(np.array([3, 4, 9, 1, 6, 2]), 6)
    array([0, 2, 3])
    """
    first, held, left = [0], 0, int(sizes.sum())
    for i, size in enumerate(sizes.tolist()):
        if held >= least and left >= least:
            first.append(i)
            held = 0
        held, left = held + size, left - size
    return np.array(first)


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


class Growth(NamedTuple):
    """How the output of `xz -9` grew."""

    ends: np.ndarray
    """Bytes that had gone in at the end of the prime and of each chunk."""
    fed: np.ndarray
    """Bytes that had gone in each time that more came out, and at the end what would have, in ascending order."""
    grown: np.ndarray
    """Bytes that had come out."""


def xz_growth(prime: bytes, chunks: Iterable[bytes], report: Report = silent) -> Growth:
    """Compress the prime and the chunks as one stream, looking often; of text, only lengths are kept."""
    compressor = lzma.LZMACompressor(format=lzma.FORMAT_ALONE, preset=9)
    fed, grown = [len(prime)], [0]
    for start in range(0, len(prime), XZ_STEP):
        grown[0] += len(compressor.compress(prime[start : start + XZ_STEP]))
        report(min(start + XZ_STEP, len(prime)))
    ends, eaten = fed[:], len(prime)
    for chunk in chunks:
        for start in range(0, len(chunk), XZ_LOOK):
            piece = chunk[start : start + XZ_LOOK]
            eaten += len(piece)
            if more := len(compressor.compress(piece)):  # it comes in leaps, of up to 4 KiB of text
                fed.append(eaten)
                grown.append(grown[-1] + more)
        report(eaten)
        ends.append(eaten)
    fed.append(eaten + XZ_AHEAD)
    grown.append(grown[-1] + len(compressor.flush()))
    return Growth(np.array(ends), np.array(fed), np.array(grown))
