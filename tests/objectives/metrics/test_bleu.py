"""BLEU by what sacrebleu 2.6.0 says of the same texts (written down here), and by hand."""

import math

import numpy as np
import pytest

from glassworks.objectives.metrics.bleu import bleu_of, bleu_sums, corpus_bleu, words_13a

TEXTS = [
    ("the cat is on the mat .", "the cat sat on the mat .", 48.892302243490086),
    ("he paid 3,042 euro on 1997-05-04", "he paid 3,042 euros on 1997-05-03", 52.53819788848316),
    ("a", "a", 0.0),
    ("It's quoted; isn't it?", "It's \"quoted\", isn't it?", 24.598127518343304),
    ("&quot;Yes&quot; &amp; <skipped>no, 3.5% - x-\ny", '"Yes" & no, 3.5% x y', 75.98356856515926),
    ("ein Haus. (klein)  ", "ein kleines Haus. (klein)", 67.31821382417488),
    ("x y z w", "a b c d", 0.0),
    ("a x b y", "a c b d", 18.99589214128981),
    ("a b c d", "a b c d e f g h", 36.78794411714425),
    ("", "a", 0.0),
]
CORPUS = 55.940012720362134
"""Of the first six together."""


@pytest.mark.parametrize(("hypothesis", "reference", "expected"), TEXTS)
def test_a_text_has_sacrebleus_score(hypothesis: str, reference: str, expected: float) -> None:
    assert corpus_bleu([hypothesis], [reference]) == pytest.approx(expected, abs=1e-9)


def test_a_corpus_has_sacrebleus_score() -> None:
    hypotheses, references, _ = zip(*TEXTS[:6], strict=True)
    assert corpus_bleu(hypotheses, references) == pytest.approx(CORPUS, abs=1e-9)


def test_words_are_those_of_mteval() -> None:
    assert " ".join(words_13a(TEXTS[4][0])) == '" Yes " & no , 3.5 % - xy'
    assert " ".join(words_13a(TEXTS[1][0])) == "he paid 3,042 euro on 1997 - 05 - 04"
    assert words_13a(" \n ") == []


def test_by_hand() -> None:
    sums = bleu_sums("a b c d e", "a b c d x y")
    assert sums.tolist() == [4, 3, 2, 1, 5, 4, 3, 2, 5, 6]
    expected = 100 * math.exp(1 - 6 / 5) * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    assert float(bleu_of(sums)) == pytest.approx(expected)


def test_many_corpora_at_once_have_each_its_own() -> None:
    sums = np.stack([bleu_sums(ours, theirs) for ours, theirs, _ in TEXTS], 1)
    assert bleu_of(sums).tolist() == pytest.approx([expected for *_, expected in TEXTS])
    assert bleu_of(sums[:, :6].sum(1, keepdims=True)).tolist() == pytest.approx([CORPUS])


def test_a_word_counts_as_often_as_the_reference_has_it() -> None:
    assert bleu_sums("the the the", "the cat the")[0] == 2


@pytest.mark.parametrize(("hypotheses", "references"), [([], []), (["a"], ["a", "b"])])
def test_corpora_of_other_sizes_are_refused(hypotheses: list[str], references: list[str]) -> None:
    with pytest.raises(ValueError, match="must be as many, and some"):
        corpus_bleu(hypotheses, references)
