"""How good translations are, beside rivals that are known by construction."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from glassworks.core.runs import Run
from glassworks.evaluate.translation.other import evaluate_other
from glassworks.evaluate.translation.rivals import copied, nearest
from glassworks.evaluate.translation.run import evaluate_pairs, measure, validation
from glassworks.evaluate.translation.verdict import advice, conclusions, table, verdict
from glassworks.models.seq2seq.config import Seq2SeqConfig
from glassworks.objectives.metrics.bleu import corpus_bleu
from glassworks.train.opening import OpenedPairs, open_run
from glassworks.translation.recipe import PairRecipe
from glassworks.translation.run import start, train
from glassworks.translation.translate import translate

RECIPE = PairRecipe(
    data="dates:300",
    tokenizer="bpe:300",
    model=Seq2SeqConfig(n_ctx=64, n_layer=1, n_head=2, n_embd=16),
    steps=8,
    batch_size=8,
    device="cpu",
    test=0.2,
    beams=2,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = start(tmp_path_factory.mktemp("runs") / "a", RECIPE, ["glassworks", "train"])
    train(run)
    return run


def test_figures_are_those_of_what_it_writes(run: Run) -> None:
    result = evaluate_pairs(run)
    assert json.loads(run.eval_path("translation").read_text()) == result
    opened = open_run(run)
    assert isinstance(opened, OpenedPairs)
    sources, targets = zip(*opened.data.test.texts, strict=True)
    for beams, found in ((2, result), (None, result["greedy"])):
        said = [ranked[0].text for ranked in translate(opened.model, opened.tokenizer, sources, beams=beams)]
        assert found["metrics"]["bleu"]["value"] == pytest.approx(corpus_bleu(said, targets))
        right = sum(a == b for a, b in zip(said, targets, strict=True)) / len(targets)
        assert found["metrics"]["exact"]["value"] == pytest.approx(right)
    assert result["examples"] == len(targets)
    assert [rival["name"] for rival in result["rivals"]] == ["copy", "nearest pair"]
    assert result["rivals"][0]["metrics"]["bleu"]["value"] == pytest.approx(corpus_bleu(sources, targets))
    low, high = (result["rivals"][1]["metrics"]["bleu"][end] for end in ("low", "high"))
    assert low < result["rivals"][1]["metrics"]["bleu"]["value"] < high


def test_the_table_says_every_figure_and_the_verdict(run: Run) -> None:
    result = evaluate_pairs(run)
    printed = table(result)
    for name in ("network, greedily", "copy", "nearest pair", "exact match", "by a beam of 2, length penalty 0.6"):
        assert name in printed
    assert result["verdict"] in printed
    assert max(map(len, table(result, 80).splitlines())) <= 80


def test_what_is_perfect_beats_and_what_is_wrong_loses(run: Run) -> None:
    opened = open_run(run)
    assert isinstance(opened, OpenedPairs)
    sources = [source for source, _ in opened.data.train.texts[:60]]
    said = [ranked[0].text for ranked in translate(opened.model, opened.tokenizer, sources, beams=2)]
    ours = measure(opened, opened.data, list(zip(sources, said, strict=True)), beams=2)
    assert ours["metrics"]["exact"]["value"] == 1
    assert ours["metrics"]["exact"]["low"] < 1
    assert ours["mistakes"] == []
    assert ours["rivals"][0]["difference"]["bleu"]["verdict"] == "beats"
    assert "); it beats copy (BLEU" in ours["verdict"]
    same = measure(opened, opened.data, [(source, source) for source in sources], beams=2)
    assert same["rivals"][0]["difference"]["exact"]["verdict"] == "loses"
    assert "loses to" in same["verdict"]


def test_rivals_copy_and_look_up() -> None:
    train = [("the third of may", "05-03"), ("nine hundred", "900"), ("the third of june", "06-03")]
    assert nearest(train, ["third of june", "nine hundreds"]).texts == ("06-03", "900")
    assert "3 training pairs" in nearest(train, ["a"]).note
    assert copied(["a", "b"]).texts == ("a", "b")


def test_other_pairs_are_measured_and_the_trained_ones_told(run: Run, tmp_path: Path) -> None:
    opened = open_run(run)
    assert isinstance(opened, OpenedPairs)
    known = opened.data.train.texts[:40]
    rows = [*known, ("z" * 300, "too long"), known[0]]
    (tmp_path / "a.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in rows))
    result = evaluate_other(opened, [str(tmp_path / "a.tsv")])
    assert result["examples"] == 40
    assert result["notes"][:2] == ["1 pair left out: there already", "1 pair left out: more than 63 tokens"]
    assert "40 of the 40 pairs are exactly among those trained on: the score flatters" in result["notes"]
    (tmp_path / "de.po").write_text('msgid "may"\nmsgstr "mai"\n')
    assert evaluate_other(opened, [str(tmp_path / "de.po")])["examples"] == 1
    folder = open_run(str(run.path / "model"))
    assert isinstance(folder, OpenedPairs)
    alone = evaluate_other(folder, [str(tmp_path / "a.tsv")])
    assert "no rival to be judged by" in alone["verdict"]
    assert alone["training"] is None
    assert "no rival" in table(alone)
    (tmp_path / "a.tsv").write_text("")
    with pytest.raises(ValueError, match="is empty"):
        evaluate_other(opened, [str(tmp_path / "a.tsv")])
    (tmp_path / "a.tsv").write_text(f"{'z' * 300}\ta\n")
    with pytest.raises(ValueError, match="has no pair of at most 63 tokens"):
        evaluate_other(opened, [str(tmp_path / "a.tsv")])


def test_a_look_on_the_way_has_loss_and_both_figures(run: Run) -> None:
    opened = open_run(run)
    assert isinstance(opened, OpenedPairs)
    found = validation(opened.model, opened.tokenizer, opened.data)
    assert found.keys() == {"val_loss", "val_exact", "val_bleu"}
    assert 0 < found["val_loss"] < 10
    assert [row for row in run.rows("metrics") if "val_loss" in row] == []  # nobody asked for it


def told(exact: float, training: float) -> dict[str, Any]:
    interval = lambda value: {"value": value, "low": value - 0.01, "high": value + 0.01}  # noqa: E731
    figures = {"exact": interval(exact), "bleu": interval(100 * exact)}
    return {"metrics": figures, "rivals": [], "training": {"exact": training, "bleu": 100 * training, "examples": 9}}


def test_advice_follows_from_what_it_knows_of_its_own_pairs() -> None:
    assert advice(told(0.95, 0.99)) is None
    assert "by heart (BLEU 99.0" in str(advice(told(0.3, 0.99)))
    assert "train longer" in str(advice(told(0.3, 0.4)))
    assert conclusions({"verdict": verdict(told(0.3, 0.4)), "advice": None}) == [verdict(told(0.3, 0.4))]
    assert "30.0 %, from 29.0 to 31.0" in verdict(told(0.3, 0.4))


def test_a_recipes_own_search_is_what_is_measured(run: Run) -> None:
    assert evaluate_pairs(run)["decoding"] == {"beams": 2, "alpha": 0.6}
    assert dataclasses.asdict(RECIPE)["beams"] == 2
