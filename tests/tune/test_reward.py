"""A reward model comes to put first what was preferred, on examples that it has not seen; and opens elsewhere."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tune.models import preferred, rows_file, small_base

from glassworks.core.runs import Run
from glassworks.evaluate.tuning.reward import evaluate_reward
from glassworks.models.adapters.config import AdapterConfig
from glassworks.models.gpt.scored import load_scored
from glassworks.objectives.losses import parted
from glassworks.optim.config import OptimizerConfig
from glassworks.train.checkpoint import save_checkpoint
from glassworks.train.opening import open_run
from glassworks.tune.material import material_of
from glassworks.tune.recipe import TuneRecipe
from glassworks.tune.reward import OpenedReward, build, options, options_of, reward_loss, reward_of, weights_of
from glassworks.tune.rewards.named import make_reward
from glassworks.tune.run import start, tune


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rewards")


@pytest.fixture(scope="module")
def base(root: Path) -> Run:
    return small_base(root)


@pytest.fixture
def recipe(root: Path, base: Run) -> TuneRecipe:
    data = rows_file(root / "preferred.jsonl", preferred())
    optimizer = OptimizerConfig("adamw", lr=2e-3)
    return TuneRecipe(
        start_from=str(base.path), data=data, method="reward", steps=30, optimizer=optimizer, device="cpu", held_out=0.3
    )


@pytest.mark.parametrize("kind", ["none", "lora"])
@pytest.mark.parametrize("members", [1, 2])
def test_puts_first_what_was_preferred(root: Path, recipe: TuneRecipe, members: int, kind: Any) -> None:
    chosen = dataclasses.replace(recipe, members=members, adapter=AdapterConfig(kind))
    run = start(root / "runs" / f"{members}-{kind}", chosen, [])
    assert run.kind_name == "reward"
    assert tune(run)
    assert run.is_trained
    result = evaluate_reward(run)
    (accuracy,) = result["gain"]
    assert accuracy["after"] > 0.9
    assert accuracy["before"] == 0.5
    assert ("members_agree" in result) == (members == 2)
    opened = open_run(run)
    assert isinstance(opened, OpenedReward)
    assert opened.scores(["cat dog: "], ["ant."]).shape == (1, members)
    reward = make_reward(str(run.path))
    better, worse = reward(["cat dog: ", "bee ant: "] * 2, ["ant.", "ant.", "eel.", "eel."]).view(2, 2)
    assert (better > worse).all()


def test_a_score_does_not_depend_on_what_stands_beside_it(root: Path, recipe: TuneRecipe) -> None:
    run = start(root / "runs" / "alone", dataclasses.replace(recipe, steps=2), [])
    assert tune(run)
    reward = reward_of(run)
    prompts, texts = ["a: ", "a long prompt, longer than others: ", "b: "], ["x.", "", "what is longer than those"]
    together = reward(prompts, texts)
    apart = torch.cat([reward([a], [b]) for a, b in zip(prompts, texts, strict=True)])
    assert torch.allclose(together, apart, atol=1e-5)


def test_stopped_on_the_way_it_ends_with_the_same_weights(
    root: Path, recipe: TuneRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = dataclasses.replace(recipe, members=2, steps=12, checkpoint_every=3, adapter=AdapterConfig("lora"))
    whole, broken = (start(root / "runs" / name, chosen, []) for name in ("whole", "broken"))
    assert tune(whole)

    def killed(run: Run, step: int, *rest: Any) -> None:
        save_checkpoint(run, step, *rest)
        if step == 6:
            raise KeyboardInterrupt

    monkeypatch.setattr("glassworks.train.resumable.save_checkpoint", killed)
    with pytest.raises(KeyboardInterrupt):
        tune(broken)
    assert open_run(broken).model.members[1] is not None  # type: ignore[index, union-attr]
    monkeypatch.undo()
    assert tune(broken)
    for folder in ("model", "members/1"):
        files = [(run.path / folder / "model.safetensors").read_bytes() for run in (whole, broken)]
        assert files[0] == files[1]


def test_margins_and_rankings_are_learned_as_their_equations_say(root: Path, recipe: TuneRecipe) -> None:
    ranked = [{"prompt": f"{i}: ", "ranked": ["ant.", "bee.", "cat."][: 2 + i % 2]} for i in range(20)]
    run = start(root / "runs" / "ranked", dataclasses.replace(recipe, data=rows_file(root / "r.jsonl", ranked)), [])
    material = material_of(run)
    model, _ = build(material, torch.device("cpu"), torch.float32)
    rows, margins = options_of(material, "train")
    long, short = (next(i for i, row in enumerate(rows) if len(row) == n) for n in (3, 2))
    batch = options(rows, margins, torch.ones(len(rows), 1), [long, short])
    with torch.no_grad():
        three, two = (model(batch.tokens[i], batch.lengths[i])[: 3 - i, 0].double() for i in (0, 1))
        found = parted(reward_loss(0.0, False), model, batch)
    expected = -(three[0] - three.logsumexp(0) + three[1] - three[1:].logsumexp(0) + two[0] - two.logsumexp(0))
    assert float(found.total) == pytest.approx(float(expected), rel=1e-4)
    pair = options([row[:2] for row in rows], [1.5] * len(rows), torch.ones(len(rows), 1), [long])
    with torch.no_grad():
        scores = model(pair.tokens[0], pair.lengths[0])[:, 0]
        with_margin = parted(reward_loss(0.0, False), model, pair)
    assert float(with_margin.total) == pytest.approx(
        float(-torch.nn.functional.logsigmoid(scores[0] - scores[1] - 1.5))
    )


def test_members_see_examples_as_often_as_a_resample_would_have_them() -> None:
    weights = weights_of(4000, 3, 0)
    assert torch.equal(weights, weights_of(4000, 3, 0))
    assert weights.mean(0) == pytest.approx([1.0] * 3, abs=0.05)
    assert torch.corrcoef(weights.T)[0, 1].abs() < 0.05
    assert torch.equal(weights_of(5, 1, 0), torch.ones(5, 1))


def test_a_folder_is_a_sequence_classifier_of_transformers(root: Path, recipe: TuneRecipe) -> None:
    transformers = pytest.importorskip("transformers")
    run = start(root / "runs" / "theirs", dataclasses.replace(recipe, steps=2), [])
    assert tune(run)
    ours = load_scored(run.path / "model")
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(run.path / "model", dtype=torch.float32)
    tokens = torch.randint(0, 256, (1, 12), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(theirs(tokens).logits[:, 0], ours(tokens, torch.tensor([12])), atol=1e-5)
