"""A policy learns what is rewarded, by every method, and ends with the same bits however often it is stopped."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from tests.tune.models import rows_file, small_base

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.evaluate.tuning.run import evaluate_tuned
from glassworks.models.adapters.config import AdapterConfig
from glassworks.optim.config import OptimizerConfig
from glassworks.train.checkpoint import save_checkpoint
from glassworks.train.opening import open_text
from glassworks.tune.methods import POLICIES
from glassworks.tune.policy.algorithms import ALGORITHMS
from glassworks.tune.recipe import TuneRecipe
from glassworks.tune.run import check_sources, start, tune

ANIMALS = ["ant", "bee", "cat", "dog", "eel"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("policies")


@pytest.fixture(scope="module")
def base(root: Path) -> Run:
    return small_base(root)


@pytest.fixture
def recipe(root: Path, base: Run) -> TuneRecipe:
    data = rows_file(root / "prompts.jsonl", [{"prompt": f"{a} {b} "} for a in ANIMALS for b in ANIMALS])
    return TuneRecipe(
        start_from=str(base.path),
        data=data,
        held_out=0.3,
        method="grpo",
        reward=f"{__name__}:often",
        batch_size=16,
        group=4,
        max_tokens=8,
        steps=6,
        checkpoint_every=1,
        eval_every=3,
        device="cpu",
        optimizer=OptimizerConfig("adamw", lr=3e-3),
    )


def often(prompts: list[str], completions: list[str]) -> list[float]:
    """The share of a completion that is the letter e."""
    return [text.count("e") / max(1, len(text)) for text in completions]


def rows(run: Run) -> list[dict[str, Any]]:
    return [{**row, "seconds": 0} for row in run.rows("metrics")]


def test_the_methods_are_those_that_there_are() -> None:
    assert POLICIES.keys() == ALGORITHMS.keys()


@pytest.mark.parametrize("method", ["grpo", "ppo", "rloo", "reinforce_pp"])
def test_what_is_rewarded_comes_more_often(root: Path, recipe: TuneRecipe, method: str) -> None:
    longer = dataclasses.replace(recipe, method=method, batch_size=32, steps=60, eval_every=60, checkpoint_every=60)
    run = start(root / "runs" / f"learns-{method}", longer, [])
    assert tune(run)
    (gain,) = evaluate_tuned(run)["gain"]
    assert gain["what"] == "reward"
    assert gain["after"] > gain["before"] + 0.3
    assert run.rows("metrics")[-1]["kl"] > 0


@pytest.mark.parametrize("method", POLICIES)
def test_stopped_at_any_step_it_ends_with_the_same_bits_rows_and_samples(
    root: Path, recipe: TuneRecipe, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = dataclasses.replace(recipe, method=method, epochs=2, accumulate=2, beta=0.1, clip=1.0, ema=0.9)
    whole, broken = (start(root / "runs" / f"{name}-{method}", short, []) for name in ("whole", "broken"))
    assert tune(whole)
    for kill in (1, 2, 5):

        def killed(run: Run, step: int, *rest: Any, kill: int = kill) -> None:
            save_checkpoint(run, step, *rest)
            if step == kill:
                raise KeyboardInterrupt

        monkeypatch.setattr("glassworks.train.resumable.save_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            tune(broken)
    monkeypatch.undo()
    assert tune(broken)
    ours, theirs = (load_file(run.path / "model" / "model.safetensors") for run in (whole, broken))
    assert all(bool((ours[name] == theirs[name]).all()) for name in ours)
    assert rows(whole) == rows(broken)
    assert whole.rows("samples") == broken.rows("samples")
    assert not list((broken.path / "rollouts").glob("000000*"))  # no checkpoint goes on with it


def test_what_was_drawn_must_be_there_to_go_on_with(
    root: Path, recipe: TuneRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(root / "runs" / "gone", dataclasses.replace(recipe, method="ppo"), [])

    def killed(run: Run, step: int, *rest: Any) -> None:
        save_checkpoint(run, step, *rest)
        raise KeyboardInterrupt

    monkeypatch.setattr("glassworks.train.resumable.save_checkpoint", killed)
    with pytest.raises(KeyboardInterrupt):
        tune(run)
    monkeypatch.undo()
    assert open_text(run).model.config.n_embd == 32  # an unfinished one with values opens as a model without
    for file in (run.path / "rollouts").iterdir():
        file.unlink()
    with pytest.raises(RunError, match=r"the completions .*000000-0.safetensors are gone, .*: start a new run"):
        tune(run)


def test_what_is_logged_says_how_it_goes(root: Path, recipe: TuneRecipe) -> None:
    run = start(root / "runs" / "logs", dataclasses.replace(recipe, gold="length:4"), [])
    assert tune(run)
    row = run.rows("metrics")[-1]
    wanted = "reward reward_std gold flat_groups length cut entropy kl clip_share val_reward val_gold val_kl"
    assert row.keys() >= set(wanted.split())
    assert all(math.isfinite(row[name]) for name in wanted.split())
    assert 0 < row["length"] <= 8
    first = run.rows("samples")[0]
    assert first.keys() == {"step", "prompt", "text", "reward", "gold"}
    assert 0 <= first["gold"] <= 1


def test_a_run_that_has_gone_far_enough_stops_and_is_whole(root: Path, recipe: TuneRecipe) -> None:
    far = dataclasses.replace(recipe, steps=40, eval_every=2, stop_kl=0.01, checkpoint_every=None)
    run = start(root / "runs" / "stops", far, [])
    assert tune(run)
    assert run.is_trained
    assert run.steps == run.record["result"]["step"] < 40
    assert run.record["stopped"].startswith(f"after step {run.steps - 1}: held-out completions are ")
    assert tune(run)  # nothing more to do
    assert run.steps < 40


def failing(prompts: list[str], completions: list[str]) -> list[float]:
    return [
        math.nan if prompt.startswith("dog") else float(len(text))
        for prompt, text in zip(prompts, completions, strict=True)
    ]


def test_completions_without_a_reward_are_counted_and_the_others_learned_from(root: Path, recipe: TuneRecipe) -> None:
    run = start(root / "runs" / "faults", dataclasses.replace(recipe, reward=f"{__name__}:failing", steps=4), [])
    assert tune(run)
    assert max(row.get("faults", 0) for row in run.rows("metrics")) > 0
    assert all(math.isfinite(row["loss"]) for row in run.rows("metrics"))


def test_what_cannot_be_is_refused_before_anything_is_loaded(recipe: TuneRecipe) -> None:
    for change, message in (
        ({"reward": None}, r"reward \(=None\) must say what completions are worth to grpo"),
        ({"reward": "aritmetic"}, "did you mean arithmetic"),
        ({"gold": "lenth:3"}, "did you mean length"),
    ):
        with pytest.raises(ValueError, match=message):
            check_sources(dataclasses.replace(recipe, **change))
    for change, message in (
        ({"group": 0}, r"group \(=0\) must be at least 1"),
        ({"temperature": 0.0}, r"temperature \(=0.0\) must be more than 0"),
        ({"beta": -1.0}, r"beta \(=-1.0\) must be at least 0"),
        ({"method": "sft"}, r"reward \(='.*often'\) is for methods such as grpo, and sft has none"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(recipe, **change)


def test_completions_must_fit_groups_and_the_context(root: Path, recipe: TuneRecipe) -> None:
    with pytest.raises(ValueError, match=r"batch_size \(=6\) counts completions: give a multiple of group \(=4\)"):
        start(root / "runs" / "x", dataclasses.replace(recipe, batch_size=6), [])
    with pytest.raises(ValueError, match=r"max_tokens \(=48\) leaves no room for a prompt in .* \(48\)"):
        start(root / "runs" / "x", dataclasses.replace(recipe, max_tokens=48), [])


@pytest.mark.parametrize("method", ["grpo", "ppo"])
def test_an_adapter_learns_from_rewards_as_well(root: Path, base: Run, recipe: TuneRecipe, method: str) -> None:
    adapter = AdapterConfig(kind="lora", r=4)
    short = dataclasses.replace(recipe, method=method, adapter=adapter, checkpoint_every=6)
    run = start(root / "runs" / f"adapter-{method}", short, [])
    assert tune(run)
    assert (run.path / "adapter" / "adapter_model.safetensors").is_file()
    ours, before = (load_file(one.path / "model" / "model.safetensors") for one in (run, base))
    assert any(not bool((ours[name] == before[name]).all()) for name in before)
