import lzma
import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glassworks.data.text.shards import Corpus, prepare
from glassworks.evaluate.baselines import Baseline, baselines, compare, pieces, sample, verdict
from glassworks.evaluate.held_out import remedy
from glassworks.evaluate.loss import Documents, SplitLoss
from glassworks.evaluate.ngram import KneserNey
from glassworks.evaluate.ratios import UNKNOWN, ratio

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

    def added(form: int) -> int:
        both, alone = (lzma.compress(text, form, preset=9) for text in (texts["train"] + texts["val"], texts["train"]))
        return len(both) - len(alone)

    bits = by_name(corpus)["xz -9"].bits_per_byte
    assert bits == pytest.approx(8 * added(lzma.FORMAT_ALONE) / len(texts["val"]))
    assert bits == pytest.approx(
        8 * added(lzma.FORMAT_XZ) / len(texts["val"]), abs=8 * 4 / len(texts["val"])
    )  # padding


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

NUM_BYTES = np.array([100.0, 300.0, 200.0, 150.0, 250.0, 120.0, 180.0, 160.0, 240.0])
HARD = np.array([-0.9, 0.8, -0.7, 0.9, -0.8, 0.7, 0.6, -0.6, 0.2])  # bits a byte that a document is harder for anyone
OWN = np.array([0.02, -0.01, 0.01, -0.02, 0.0, 0.01, -0.01, 0.02, -0.02])


def score_of(bits: float, num_bytes: np.ndarray = NUM_BYTES, own: float = 0.0) -> SplitLoss:
    """A network that finds documents as hard as they are, about `bits` a byte, and some harder by itself."""
    nats = (bits + HARD[: len(num_bytes)] + own * OWN[: len(num_bytes)]) * num_bytes * math.log(2)
    value, error = ratio(nats / math.log(2), num_bytes)
    return SplitLoss(1.4, 0.01, value, error, 1700, 1700, len(num_bytes), 1.0, Documents(nats, num_bytes))


def rival(name: str, bits: float, num_bytes: np.ndarray = NUM_BYTES) -> Baseline:
    loss = score_of(bits, num_bytes)
    assert loss.documents
    return Baseline(name, loss.bits_per_byte, bits, 0.0, "", loss.bits_per_byte_se, loss.documents.nats)


RIVALS = [rival(name, bits) for name, bits in [("uniform", 8.0), ("5-gram", 2.5), ("xz -9", 3.0)]]


def test_intervals_that_overlap_do_not_hide_a_difference_within_documents() -> None:
    ours, theirs = score_of(2.3, own=1.0), RIVALS[1]
    assert ours.bits_per_byte_se
    assert theirs.bits_per_byte_se
    assert theirs.bits_per_byte - ours.bits_per_byte < ours.bits_per_byte_se  # a tie, as independent scores go
    found = compare(ours, theirs)
    assert found.verdict == "beats"
    assert found.bits_per_byte == pytest.approx(ours.bits_per_byte - theirs.bits_per_byte)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.bits_per_byte < found.high < -0.15
    assert verdict(ours, RIVALS) == (
        f"The network ({ours.bits_per_byte:.4f} ± {ours.bits_per_byte_se:.4f} bits/byte) beats every baseline, the "
        f"strongest, 5-gram ({theirs.bits_per_byte:.4f}), by {-100 * found.bits_per_byte / theirs.bits_per_byte:.1f} "
        f"± {100 * (found.se or 0) / theirs.bits_per_byte:.1f} %."
    )


def test_verdict_names_what_the_network_fails_to_beat() -> None:
    two, five, xz = (f"{row.name} ({row.bits_per_byte:.4f})" for row in RIVALS)
    assert verdict(score_of(3.0, own=1.0), RIVALS).endswith(
        f" bits/byte) does not beat {five}, ties with {xz} and beats {two}."
    )
    assert verdict(score_of(9.0), RIVALS).endswith(f" bits/byte) does not beat {five}, {xz}, {two}.")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_documents_give_no_verdict_or_a_wide_interval(count: int) -> None:
    sizes = np.full(count, 200.0)
    found = compare(score_of(2.3, sizes, own=1.0), rival("5-gram", 2.5, sizes))
    assert found.documents == count
    if count == 1:
        assert (found.se, found.low, found.high, found.verdict) == (None, None, None, UNKNOWN)
        sentence = verdict(score_of(2.3, sizes), [rival("5-gram", 2.5, sizes), rival("uniform", 8.0, sizes)])
        assert "scores lower than every baseline" in sentence
        assert sentence.endswith(", with too few documents to tell whether by chance: hold out more.")
    else:
        assert found.se
        assert found.high is not None
        quantile = {2: 12.706, 3: 4.303}[count]
        assert found.high - found.bits_per_byte == pytest.approx(quantile * found.se, rel=1e-3)


def test_what_would_tell_is_what_can_be_done(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("a cat and a dog\n" * 200)
    for split, said in (("tail", "so hold out whole ones, by --split document"), ("document", "hold out more")):
        assert remedy(prepare([str(tmp_path / "text.txt")] * 2, "bytes", tmp_path / split, split=split)).endswith(said)  # type: ignore[arg-type]
    sizes = np.full(1, 200.0)
    sentence = verdict(score_of(2.3, sizes), [rival("5-gram", 2.5, sizes)], remedy="try this")
    assert sentence.endswith(" whether by chance: try this.")


def test_scores_without_documents_are_not_judged() -> None:
    sentence = verdict(replace(score_of(2.6), documents=None), RIVALS)
    two, five, xz = (f"{row.name} ({row.bits_per_byte:.4f})" for row in RIVALS)
    assert sentence.endswith(
        f"bits/byte) scores lower than {xz}, {two} and no lower than {five}, with too few documents to tell whether by "
        "chance: hold out more."
    )


def test_a_baseline_that_costs_nothing_is_not_divided_by() -> None:
    """A held-out text of one byte, which xz holds back to the end."""
    sizes = np.array([1.0])
    free = replace(rival("xz -9", 2.0, sizes), bits_per_byte=0.0, nats=np.array([0.0]))
    assert "scores no lower than xz -9 (0.0000)" in verdict(score_of(2.0, sizes), [free])


def test_a_verdict_says_where_documents_are_too_few_for_one() -> None:
    """Three documents: enough to know that uniform is worse, not enough for the two that are near."""
    sizes, noise = np.array([200.0, 220.0, 190.0]), np.array([0.3, -0.4, 0.2])
    ours = score_of(2.5, sizes)
    assert ours.documents
    near = {
        name: replace(rival(name, bits, sizes), nats=ours.documents.nats + (bits - 2.5 + noise) * sizes * math.log(2))
        for name, bits in (("5-gram", 2.4), ("xz -9", 2.6))
    }
    sentence = verdict(ours, [rival("uniform", 8.0, sizes), *near.values()])
    five, xz = (f"{row.name} ({row.bits_per_byte:.4f})" for row in near.values())
    uniform = rival("uniform", 8.0, sizes)
    assert sentence.endswith(
        f"bits/byte) beats uniform ({uniform.bits_per_byte:.4f}); it scores lower than {xz} and no lower than {five}, "
        "with too few documents to tell whether by chance: hold out more."
    )
    assert "ties" not in sentence


def test_documents_sum_to_each_score(corpus: Corpus) -> None:
    for row in baselines(corpus):
        assert row.nats is not None
        assert row.nats.sum() / math.log(2) / corpus.val.num_bytes.sum() == pytest.approx(row.bits_per_byte)
        assert len(row.nats) == (corpus.val.num_documents if row.groups is None else len(row.groups))
        assert "nats" not in row.figures()


def test_a_document_costs_xz_what_it_adds(tmp_path: Path) -> None:
    generator, folder = random.Random(0), tmp_path / "texts"
    folder.mkdir()
    for i in range(40):  # those of odd numbers are noise, which costs 6 bits a byte, the others one letter
        letters = "".join(chr(48 + generator.randrange(64)) for _ in range(12_000)) if i % 2 else "a" * 12_000
        (folder / f"{i:02}.txt").write_text(letters)
    corpus = prepare(str(folder), "bytes", tmp_path / "made", held_out=0.5)
    row = by_name(corpus)["xz -9"]
    assert row.nats is not None
    assert row.groups is not None
    noise = [int(corpus.val.names(int(i)).split(".")[0][-2:]) % 2 for i in row.groups]
    for nats, noisy in zip(row.nats[:-1], noise[:-1], strict=True):
        assert nats / math.log(2) / 12_000 == pytest.approx(6.0 if noisy else 0.0, abs=0.25)


# ----------------------------------------------------------------------------------------------------------------------

SHAKESPEARE = Path(__file__).parents[3] / "shared/data/tinyshakespeare.txt"


@pytest.mark.skipif(not SHAKESPEARE.exists(), reason=f"{SHAKESPEARE} is absent")
def test_figures_of_tiny_shakespeare(tmp_path: Path) -> None:
    corpus = prepare(str(SHAKESPEARE), "chars", tmp_path, held_out=0.1, split="tail")
    bits = {name: baseline.bits_per_byte for name, baseline in by_name(corpus).items()}
    expected = {"uniform": 6.0444, "unigram": 4.8292, "5-gram": 2.2523, "xz -9": 2.5158}
    assert bits == pytest.approx(expected, abs=0.005)
