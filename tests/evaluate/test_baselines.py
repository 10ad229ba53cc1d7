import lzma
import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glassworks.data.shards import Corpus, prepare
from glassworks.evaluate.baselines import Baseline, baselines, pieces, sample, verdict
from glassworks.evaluate.loss import SplitLoss
from glassworks.evaluate.ngram import KneserNey

NOUNS, VERBS = ["cat", "dog", "naïve fox", "river", "stone"], ["sees", "eats", "finds", "forgets"]


def write_texts(folder: Path, number: int) -> None:
    generator = random.Random(0)
    for i in range(number):
        sentences = (
            f"The {generator.choice(NOUNS)} {generator.choice(VERBS)} a {generator.choice(NOUNS)}."
            for _ in range(generator.randrange(1, 30))
        )
        (folder / f"{i:03}.txt").write_text(" ".join(sentences), encoding="utf-8")


@pytest.fixture(scope="module", params=["bytes", "chars", "bpe:300"])
def corpus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("texts")
    write_texts(folder, 60)
    return prepare(str(folder), request.param, tmp_path_factory.mktemp("made"), held_out=0.3)


def by_name(corpus: Corpus, **caps: int) -> dict[str, Baseline]:
    return {baseline.name: baseline for baseline in baselines(corpus, **caps)}


def test_each_is_better_than_the_one_before(corpus: Corpus) -> None:
    found = by_name(corpus)
    assert list(found) == ["uniform", "unigram", "5-gram", "xz -9"]
    bits = [found[name].bits_per_byte for name in ("uniform", "unigram", "5-gram")]
    assert bits == sorted(bits, reverse=True)
    assert found["xz -9"].bits_per_byte < found["unigram"].bits_per_byte


def test_bits_and_nats_are_of_the_same_text(corpus: Corpus) -> None:
    num_tokens = corpus.val.num_tokens - corpus.val.num_documents
    for baseline in baselines(corpus):
        nats = baseline.bits_per_byte * math.log(2) * int(corpus.val.num_bytes.sum())
        assert baseline.nats_per_token * num_tokens == pytest.approx(nats)
    assert by_name(corpus)["uniform"].nats_per_token == pytest.approx(math.log(corpus.val.vocab_size))


def test_xz_is_the_compressor_on_the_documents_texts(corpus: Corpus) -> None:
    texts = {
        split: "".join(
            corpus.tokenizer.decode(tokens.read(int(start) + 1, int(end - start) - 1).tolist())
            for start, end in zip(tokens.starts[:-1], tokens.starts[1:], strict=True)
        ).encode()
        for split, tokens in (("train", corpus.train), ("val", corpus.val))
    }
    assert len(texts["val"]) == corpus.val.num_bytes.sum()
    added = len(lzma.compress(texts["train"] + texts["val"], preset=9)) - len(lzma.compress(texts["train"], preset=9))
    assert by_name(corpus)["xz -9"].bits_per_byte == pytest.approx(8 * added / len(texts["val"]))


def test_less_training_text_is_noted_and_no_better(corpus: Corpus) -> None:
    whole, part = by_name(corpus), by_name(corpus, max_tokens=300, max_bytes=300)
    assert part["5-gram"].bits_per_byte > whole["5-gram"].bits_per_byte
    assert part["xz -9"].bits_per_byte > whole["xz -9"].bits_per_byte
    total = corpus.train.num_tokens - corpus.train.num_documents
    assert f"trained on {total:,} of {total:,} tokens" in whole["5-gram"].note
    assert f" of {total:,} tokens" in part["5-gram"].note
    assert part["5-gram"].note != whole["5-gram"].note


@pytest.mark.parametrize("size", [1, 7, 64, 10**6])
def test_reading_in_pieces_changes_no_probability(corpus: Corpus, size: int) -> None:
    train, val = corpus.train, corpus.val
    model = KneserNey(
        train.read(0, train.num_tokens),
        train.starts[train.document_at(np.arange(train.num_tokens))],
        train.vocab_size,
    )
    whole = model.nats(val.read(0, val.num_tokens), val.starts[val.document_at(np.arange(val.num_tokens))])
    parts = [model.nats(*piece)[skip:] for piece, skip in pieces(val, lead=5, size=size)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_sample_takes_all_when_it_fits_and_spreads_evenly_when_not() -> None:
    starts = np.arange(0, 1001, 10)
    assert sample(starts, 1000) == [(10 * i, 10) for i in range(100)]
    some = sample(starts, 255)
    assert sum(count for _, count in some) == 255
    assert sorted(count for _, count in some) == [5, *[10] * 25]
    places = np.array([start for start, _ in some])
    assert np.diff(places).max() <= 80
    assert sample(np.array([0, 1000]), 100) == [(0, 100)]
    assert sample(np.array([0, 1, 2, 12]), 100) == [(2, 10)]  # empty documents have nothing to tell


def test_refuses_caps_that_make_no_sense(corpus: Corpus) -> None:
    with pytest.raises(ValueError, match=r"max_tokens \(=0\)"):
        baselines(corpus, max_tokens=0)
    with pytest.raises(ValueError, match="64 MiB"):
        baselines(corpus, max_bytes=2**30)


# ----------------------------------------------------------------------------------------------------------------------

LOSS = SplitLoss(1.4, 0.01, 2.0, 0.02, 1000, 1000, 9, 1.0)
RIVALS = [Baseline(name, bits, bits, 0.0, "") for name, bits in [("uniform", 8.0), ("5-gram", 2.5), ("xz -9", 3.0)]]


def test_verdict_of_a_network_that_beats_all() -> None:
    sentence = (
        "The network (2.0000 ± 0.0200 bits/byte) beats every baseline, the strongest, 5-gram (2.5000), by 20.0 %."
    )
    assert verdict(LOSS, RIVALS) == sentence


def test_verdict_names_what_the_network_fails_to_beat() -> None:
    mixed = replace(LOSS, bits_per_byte=2.98)
    assert verdict(mixed, RIVALS) == (
        "The network (2.9800 ± 0.0200 bits/byte) does not beat 5-gram (2.5000), "
        "ties with xz -9 (3.0000) within two standard errors and beats uniform (8.0000)."
    )
    worst = replace(LOSS, bits_per_byte=9.0)
    assert verdict(worst, RIVALS) == (
        "The network (9.0000 ± 0.0200 bits/byte) does not beat 5-gram (2.5000), xz -9 (3.0000), uniform (8.0000)."
    )


def test_verdict_within_two_standard_errors_is_a_tie() -> None:
    assert "ties with 5-gram (2.5000)" in verdict(replace(LOSS, bits_per_byte=2.539), RIVALS)
    assert "does not beat 5-gram (2.5000)" in verdict(replace(LOSS, bits_per_byte=2.541), RIVALS)


def test_verdict_says_that_there_is_no_standard_error() -> None:
    sentence = verdict(replace(LOSS, bits_per_byte_se=None), RIVALS)
    assert sentence.startswith(
        "The network (2.0000 bits/byte, without a standard error since it is one document) beats"
    )


# ----------------------------------------------------------------------------------------------------------------------

SHAKESPEARE = Path(__file__).parents[3] / "shared/data/tinyshakespeare.txt"


@pytest.mark.skipif(not SHAKESPEARE.exists(), reason=f"{SHAKESPEARE} is absent")
def test_figures_of_tiny_shakespeare(tmp_path: Path) -> None:
    corpus = prepare(str(SHAKESPEARE), "chars", tmp_path, held_out=0.1, split="tail")
    bits = {name: baseline.bits_per_byte for name, baseline in by_name(corpus).items()}
    expected = {"uniform": 6.0444, "unigram": 4.8292, "5-gram": 2.2523, "xz -9": 2.5158}
    assert bits == pytest.approx(expected, abs=0.005)
