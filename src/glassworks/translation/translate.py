"""What a network makes of texts: by beam search, or greedily, in batches of about as long ones."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from glassworks.core.progress import tracked
from glassworks.data.pairs.batches import filled
from glassworks.data.tokenizers.build import Tokenizer
from glassworks.models.seq2seq.decode import Hypothesis, beam_search, greedy
from glassworks.models.seq2seq.model import Seq2Seq

AT_ONCE = 64
"""Texts that are translated together."""


@dataclass(frozen=True)
class Translation:
    """One of the texts that a network makes of a source."""

    text: str
    log_prob: float
    """Of all of its tokens and its end, given the source, in nats."""
    score: float
    """What it is ranked by among others: that over the length penalty."""
    ended: bool
    """Whether it ended by itself, before there was no more room."""

    @property
    def probability(self) -> float:
        """Of all of it, given the source."""
        return math.exp(self.log_prob)


def translate(
    model: Seq2Seq,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    beams: int | None = 4,
    alpha: float = 0.6,
    label: str | None = None,
) -> list[list[Translation]]:
    """Of each text its translations, the best first.

    Args:
        model: the network.
        tokenizer: its own.
        texts: sources.
        beams: of the search, and translations at most; None = greedily, one.
        alpha: the length penalty of the search.
        label: what is told of the progress; None = nothing.

    Raises: ValueError for a text that is too long for the network, or empty.
    """
    sources = [source_ids(model, tokenizer, text) for text in texts]
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    device, found = model.embed.weight.device, dict[int, list[Translation]]()
    with tracked(label, len(sources)) as report:
        for first in range(0, len(order), AT_ONCE):
            block = order[first : first + AT_ONCE]
            source = filled([sources[i] for i in block], model.config.pad_id).to(device)
            if beams is None:
                hypotheses = [[one] for one in greedy(model, source)]
            else:
                hypotheses = beam_search(model, source, beams=beams, alpha=alpha)
            for i, ranked in zip(block, hypotheses, strict=True):
                found[i] = [translation(tokenizer, one) for one in ranked]
            report(len(found))
    return [found[i] for i in range(len(sources))]


def source_ids(model: Seq2Seq, tokenizer: Tokenizer, text: str) -> list[int]:
    """The tokens of a source and its end."""
    if not text.strip():
        raise ValueError("an empty text has nothing to translate: leave it out")
    ids = [*tokenizer.encode(text.strip()), model.config.end_id]
    if len(ids) > model.config.n_ctx:
        raise ValueError(
            f"text (={text[:40]!r}...) has {len(ids)} tokens with its end, and the network reads {model.config.n_ctx} "
            "(n_ctx): give a shorter one"
        )
    return ids


def translation(tokenizer: Tokenizer, found: Hypothesis) -> Translation:
    """A hypothesis as text."""
    return Translation(tokenizer.decode(found.ids), found.log_prob, found.score, found.ended)


def translator(model: Seq2Seq, tokenizer: Tokenizer, **how: object) -> Callable[[Sequence[str]], list[str]]:
    """The network as a `Generate`: sources to the best translation of each."""
    return lambda texts: [ranked[0].text for ranked in translate(model, tokenizer, texts, **how)]  # type: ignore[arg-type]
