"""The page of a run of pairs, of whatever there is of it."""

from pathlib import Path

import pytest

from glassworks.core.files import write_json
from glassworks.core.runs import Run
from glassworks.evaluate.translation.run import evaluate_pairs
from glassworks.interpret.translation.run_traces import spread, trace_pairs
from glassworks.models.seq2seq.config import Seq2SeqConfig
from glassworks.report.run_page import write_report
from glassworks.translation.recipe import PairRecipe
from glassworks.translation.run import start, train

RECIPE = PairRecipe(
    data="dates:300",
    tokenizer="bpe:300",
    model=Seq2SeqConfig(n_ctx=64, n_layer=1, n_head=2, n_embd=16),
    steps=4,
    batch_size=8,
    device="cpu",
    test=0.2,
)


def page(run: Run) -> str:
    return write_report(run).read_text(encoding="utf-8")


def test_what_is_absent_is_the_command_that_makes_it_and_then_is_there(tmp_path: Path) -> None:
    run = start(tmp_path / "a", RECIPE, ["glassworks", "train"])
    begun = page(run)
    assert "No step has been logged yet" in begun
    assert begun.count('class="missing"') >= 4
    train(run)
    assert "Not compared with its rivals yet." in page(run)
    result = evaluate_pairs(run)
    assert trace_pairs(run) == 3
    whole = page(run)
    assert 'class="missing"' not in whole
    assert result["verdict"] in whole
    for row in run.rows("samples"):
        assert row["prompt"] in whole
    assert whole == page(run)


def test_a_score_that_is_none_is_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    run = start(tmp_path / "a", RECIPE, ["glassworks", "train"])
    train(run)
    run.eval_path("translation").parent.mkdir()
    write_json(run.eval_path("translation"), {"verdict": 3})
    shown = page(run)
    assert "translation.json: score.verdict (=3) must be a text" in shown
    assert "What it writes" in shown


@pytest.mark.parametrize("number", [1, 2, 5])
def test_pairs_to_look_at_are_different_ones(number: int) -> None:
    texts = [("x" * i, "y") for i in range(number)]
    found = spread(texts, 3)
    assert len(found) == len(set(found)) == min(3, number)
