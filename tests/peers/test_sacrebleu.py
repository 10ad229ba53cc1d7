"""BLEU and chrF beside sacrebleu's own, on random corpora."""

import random

import pytest

from glassworks.objectives.metrics.bleu import corpus_bleu, words_13a
from glassworks.objectives.metrics.text import chrf

pytestmark = pytest.mark.peer

WORDS = ["the", "cat,", "3,042", "1997-05-03", "isn't", '"so"', "&amp;", "e.g.", "x-", "(a)", "ß", "5%", "…", "a\tb"]


def corpus(seed: int, size: int = 60) -> tuple[list[str], list[str]]:
    """Texts and others that share a part of their words."""
    draw = random.Random(seed)
    references = [" ".join(draw.choices(WORDS, k=draw.randint(0, 12))) for _ in range(size)]
    hypotheses = [" ".join(word for word in text.split(" ") if draw.random() < 0.8) for text in references]
    return hypotheses, references


@pytest.mark.parametrize("seed", range(20))
def test_it_is_sacrebleus(seed: int) -> None:
    bleu = pytest.importorskip("sacrebleu.metrics").BLEU()
    hypotheses, references = corpus(seed)
    for text in (*hypotheses, *references):
        assert " ".join(words_13a(text)) == bleu.tokenizer(text.rstrip())
    assert corpus_bleu(hypotheses, references) == pytest.approx(bleu.corpus_score(hypotheses, [references]).score)
    for ours, theirs in zip(hypotheses[:20], references, strict=False):
        assert corpus_bleu([ours], [theirs]) == pytest.approx(bleu.corpus_score([ours], [[theirs]]).score, abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_so_is_chrf(seed: int) -> None:
    theirs = pytest.importorskip("sacrebleu.metrics").CHRF()
    hypotheses, references = corpus(seed)
    assert chrf(hypotheses, references) == pytest.approx(theirs.corpus_score(hypotheses, [references]).score)
    for one, other in zip(hypotheses[:20], references, strict=False):
        assert chrf([one], [other]) == pytest.approx(theirs.corpus_score([one], [[other]]).score, abs=1e-9)
