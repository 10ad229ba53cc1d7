"""Every method that learns from preferences comes to prefer what was chosen, on examples that it has not seen."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tune.models import preferred, rows_file, small_base

from glassworks.core.runs import Run
from glassworks.evaluate.tuning.run import evaluate_tuned
from glassworks.objectives.losses import parted
from glassworks.objectives.preferences.dpo import dpo_loss
from glassworks.optim.config import OptimizerConfig
from glassworks.train.opening import open_text
from glassworks.tune.material import material_of
from glassworks.tune.methods import PREFERENCES
from glassworks.tune.pairs import pair_rows, pairs_of, row_logprobs
from glassworks.tune.preferences import in_pairs, look, made_singly, weights_of
from glassworks.tune.recipe import TuneRecipe
from glassworks.tune.run import start, tune


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("preferences")


@pytest.fixture(scope="module")
def base(root: Path) -> Run:
    return small_base(root)


@pytest.fixture
def recipe(root: Path, base: Run) -> TuneRecipe:
    data = rows_file(root / "preferred.jsonl", preferred())
    optimizer = OptimizerConfig("adamw", lr=2e-3)
    return TuneRecipe(
        start_from=str(base.path), data=data, method="dpo", steps=40, optimizer=optimizer, device="cpu", held_out=0.25
    )


@pytest.mark.parametrize("method", PREFERENCES)
def test_prefers_what_was_chosen(root: Path, recipe: TuneRecipe, method: str) -> None:
    run = start(root / "runs" / method, dataclasses.replace(recipe, method=method), [])
    assert tune(run, watch=lambda material, judged, often: [(often, lambda step, _: look(material)(judged))])
    accuracy, nats = evaluate_tuned(run)["gain"]
    assert accuracy["what"] == "accuracy"
    assert accuracy["after"] > 0.9
    assert accuracy["before"] <= 0.5
    assert nats["what"] == "nats per token of the chosen"
    row = run.rows("metrics")[-1]
    assert row["reward_chosen"] > row["reward_rejected"]
    assert row["val_loss"] < run.rows("metrics")[0]["loss"]


def test_the_loss_of_a_batch_is_that_of_its_pairs_by_themselves(root: Path, recipe: TuneRecipe) -> None:
    run = start(root / "runs" / "batch", recipe, [])
    material = material_of(run)
    other = open_text(recipe.start_from).model
    torch.manual_seed(0)
    for p in other.parameters():
        p.data.add_(0.02 * torch.randn(p.shape))
    made = in_pairs(material)
    batch = made["batches"](0)
    rows = [(pair.chosen, pair.rejected) for pair in pairs_of(material, "train")]
    with torch.no_grad():
        found = parted(made["loss_fn"], other, batch)
    lengths = [(batch.targets[i] >= 0).sum() for i in range(len(batch.inputs))]
    assert len(lengths) == 8
    policy = row_logprobs(other, [side for two in rows for side in two], 256).view(-1, 2)
    reference = row_logprobs(material.base.model, [side for two in rows for side in two], 256).view(-1, 2)
    of_all = dpo_loss(*policy.unbind(1), *reference.unbind(1), beta=0.1)
    at = [next(i for i in range(len(rows)) if torch.allclose(reference[i], two, atol=1e-5)) for two in batch.reference]
    assert float(found.total) == pytest.approx(float(of_all[at].sum()), rel=1e-4)


def test_the_reference_is_asked_once_for_all_starts_of_the_same(
    root: Path, recipe: TuneRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(root / "runs" / "first", recipe, [])
    monkeypatch.setattr("glassworks.tune.pairs.row_logprobs", lambda *_, **__: pytest.fail("it was asked again"))
    start(root / "runs" / "second", recipe, [])


def test_equal_options_and_empty_completions_do_no_harm(root: Path, recipe: TuneRecipe) -> None:
    rows: list[dict[str, Any]] = [{"prompt": f"{i} ant: ", "chosen": "", "rejected": "bee."} for i in range(12)]
    rows += [{"prompt": f"{i} bee: ", "chosen": "cat.", "rejected": "cat."} for i in range(12)]
    data = rows_file(root / "odd.jsonl", rows)
    run = start(root / "runs" / "odd", dataclasses.replace(recipe, data=data, steps=6), [])
    assert tune(run)
    accuracy, _ = evaluate_tuned(run)["gain"]
    assert 0.5 <= accuracy["after"] <= 1.0


def test_rankings_are_all_of_their_pairs() -> None:
    ranked = [{"prompt": "p", "ranked": ["a", "b", "c"]}]
    found = [(row["chosen"], row["rejected"]) for row in pair_rows(ranked)]
    assert found == [("a", "b"), ("a", "c"), ("b", "c")]


def test_kto_takes_single_completions_and_refuses_those_of_one_kind(root: Path, recipe: TuneRecipe) -> None:
    rows = [{"prompt": f"{i} ant: ", "completion": "ant." if i % 3 else "bee.", "label": i % 3 > 0} for i in range(30)]
    kto = dataclasses.replace(recipe, method="kto", data=rows_file(root / "single.jsonl", rows), steps=4)
    run = start(root / "runs" / "single", kto, [])
    assert tune(run)
    lengths, good, make = made_singly(material_of(run), "train")
    own, strange = make([*range(len(good))]).targets.unbind(1)
    assert not torch.equal(own, strange)  # some are followed by a completion that is another
    assert len(lengths) == len(good)
    a, b = weights_of(good)
    assert a * good.sum() == pytest.approx(float(b * (~good).sum()))
    only = rows_file(root / "only.jsonl", [{**row, "label": True} for row in rows])
    with pytest.raises(ValueError, match=r"only good or only bad completions \(label\), and kto needs both"):
        start(root / "runs" / "only", dataclasses.replace(kto, data=only), [])
