"""A training of an agent: it ends with the same weights however often it is stopped, and solves what is known."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from glassworks.agents.play import by_policy, play
from glassworks.agents.recipe import METHODS, PolicyRecipe
from glassworks.agents.run import check_data, opened, start, train
from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.models.io import read_tensors
from glassworks.optim.config import OptimizerConfig
from glassworks.train.checkpoint import save_checkpoint

COMMAND = ["glassworks", "train"]
CPU = torch.device("cpu")
SMALL: dict[str, dict[str, Any]] = {
    "ppo": {"n_envs": 4, "n_steps": 16, "epochs": 3, "batch_size": 32, "steps": 14},
    "actor_critic": {"n_envs": 4, "n_steps": 5, "steps": 9},
    "reinforce": {"n_envs": 3, "steps": 5},
    "dqn": {"n_envs": 3, "n_steps": 2, "memory": 100, "warm": 50, "batch_size": 16, "target_every": 4, "steps": 11},
    "sarsa": {"data": "env:Cliff", "episodes": 2, "steps": 5},
    "q_learning": {"data": "env:MountainCar-v0", "episodes": 1, "steps": 3},
}
OTHERS = {
    "continuous": {"data": "env:Pendulum-v1", **SMALL["ppo"]},
    "gymnasium": {"data": "env:gymnasium/CartPole-v1", **SMALL["ppo"]},
    "tiles": {"data": "env:MountainCar-v0", "method": "sarsa", "episodes": 1, "steps": 3, "limit": 300},
}


def weights(run: Run) -> dict[str, torch.Tensor]:
    return read_tensors(run.path / "model" / "model.safetensors")


@pytest.mark.parametrize("name", [*METHODS, *OTHERS])
def test_killed_as_it_saves_it_ends_with_the_same_weights_and_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    pytest.importorskip("gymnasium")
    how = OTHERS.get(name) or {"method": name, **SMALL[name]}
    recipe = PolicyRecipe(**{"checkpoint_every": 1, "seed": 3, **how})
    whole = start(tmp_path / "whole", recipe, COMMAND)
    assert train(whole)
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in whole.rows("metrics")]
    for stop in (1, recipe.steps // 2 + 1):
        run = start(tmp_path / f"killed-{stop}", recipe, COMMAND)

        def killed(run: Run, step: int, *rest: Any, stop: int = stop) -> None:
            save_checkpoint(run, step, *rest)
            if step >= stop:
                raise RuntimeError("killed")

        with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
            patch.setattr("glassworks.train.resumable.save_checkpoint", killed)
            train(run)
        assert train(Run(run.path))
        for key, value in weights(whole).items():
            assert torch.equal(value, weights(run)[key]), key
        assert [{k: v for k, v in row.items() if k != "seconds"} for row in run.rows("metrics")] == rows


def returns_of(run: Run, seed: int = 7) -> np.ndarray:
    found = opened(run, CPU)
    environments = found.make(20)
    return play(by_policy(found.model, environments.actions), environments, seed).returns


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "least"),
    [
        ({"method": "actor_critic", "steps": 300, "optimizer": OptimizerConfig("adamw", lr=0.002)}, 80),
        ({"method": "reinforce", "steps": 60, "optimizer": OptimizerConfig("adamw", lr=0.005)}, 100),
        ({"method": "ppo", "steps": 400, "optimizer": OptimizerConfig("adamw", lr=0.003)}, 200),
        ({"method": "dqn", "steps": 2500}, 80),
        ({"method": "ppo", "data": "env:Track", "steps": 400, "optimizer": OptimizerConfig("adamw", lr=0.003)}, 40),
    ],
)
def test_each_method_learns_what_chance_does_not(tmp_path: Path, how: dict[str, Any], least: float) -> None:
    run = start(tmp_path / "run", PolicyRecipe(**how), COMMAND)
    assert train(run)
    assert returns_of(run).mean() > least


def test_q_learning_walks_along_the_cliff_and_sarsa_farther_away(tmp_path: Path) -> None:
    """Example 6.6 of Sutton & Barto: the shortest way has 13 steps; SARSA, which slips one time in ten, takes more."""
    found = {}
    for method in ("q_learning", "sarsa"):
        recipe = PolicyRecipe(data="env:Cliff", method=method, steps=50, alpha=0.5, lam=0.0, keep="last")
        run = start(tmp_path / method, recipe, COMMAND)
        assert train(run)
        found[method] = returns_of(run)[0]
    assert found["q_learning"] == -13
    assert -30 < found["sarsa"] < -13


def test_a_hundred_thousand_steps_at_random_cost_nothing_in_memory(tmp_path: Path) -> None:
    """Checkpoints hold what a run needs, not what it lived through: their size does not grow."""
    recipe = PolicyRecipe(**{**SMALL["actor_critic"], "method": "actor_critic", "steps": 12, "checkpoint_every": 6})
    run = start(tmp_path / "run", recipe, COMMAND)
    train(run)
    sizes = [(run.path / "checkpoints" / f"step_{step:06}" / "model.safetensors").stat().st_size for step in (6, 12)]
    assert sizes[0] == sizes[1] < 200_000


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"data": "env:Pendulum-v1", "method": "dqn"}, "take ppo"),
        ({"data": "env:CartPole-v1", "method": "sarsa"}, "tiles need observations between two ends"),
        ({"data": "env:Nothing"}, "is no environment"),
    ],
)
def test_what_a_method_is_not_for_is_refused_before_there_is_a_run(how: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_data(PolicyRecipe(**how))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"lam": 2.0}, r"lam \(=2.0\) must be from 0 to 1"),
        ({"batch_size": 300}, "must divide the 2,048 steps"),
        ({"method": "dqn", "epochs": 3}, "epochs .* is nothing that dqn takes"),
        ({"method": "sarsa", "clip": 1.0}, "clip is nothing that sarsa takes"),
        ({"n_envs": 0}, "n_envs .* at least 1"),
        ({"optimizer": OptimizerConfig("openai_es")}, "not for agents"),
        ({"accumulate": 2}, "not for agents"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(how: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PolicyRecipe(**how)


def test_an_episode_that_never_ends_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from glassworks.agents.play import at_random
    from glassworks.data.environments.open import open_environments

    monkeypatch.setattr("glassworks.agents.play.MOST", 50)
    environments = open_environments("env:Pendulum-v1", 2, limit=100)
    with pytest.raises(RunError, match=r"Pendulum-v1: an episode has not ended after 50 steps"):
        play(at_random(environments.actions, 0), environments, 0)


def test_the_best_weights_are_kept_by_what_validation_returned(tmp_path: Path) -> None:
    scores = {2: 5.0, 4: 9.0, 6: 1.0}

    def watch(recipe: PolicyRecipe, judged: torch.nn.Module, often: object) -> Any:
        return [(2, lambda step, model: {"val_return": scores[step]})]

    recipe = PolicyRecipe(**{**SMALL["actor_critic"], "method": "actor_critic", "steps": 6})
    run = start(tmp_path / "best", recipe, COMMAND)
    train(run, watch=watch)
    assert run.record["kept"] == {"step": 4, "score": 9.0}
    last = start(tmp_path / "last", dataclasses.replace(recipe, keep="last"), COMMAND)
    train(last, watch=watch)
    assert "kept" not in last.record
    assert any(not torch.equal(value, weights(last)[name]) for name, value in weights(run).items())
