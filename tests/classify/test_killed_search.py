"""A training by search, killed within a generation, ends with the same weights to the bit."""

import dataclasses
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.processes import processes

from glassworks.classify.recipe import LabelledRecipe
from glassworks.classify.run import start, train
from glassworks.core.runs import Run
from glassworks.models.io import read_tensors
from glassworks.models.vision.config import VisionConfig
from glassworks.optim.config import OptimizerConfig
from glassworks.optim.gradient_free import search
from glassworks.optim.gradient_free.search import Search
from glassworks.train.checkpoint import last_step

RECIPE = LabelledRecipe(
    data="moons:400",
    model=VisionConfig(width=8),
    optimizer=OptimizerConfig("openai_es", population=6),
    steps=12,
    checkpoint_every=2,
    eval_every=4,
    keep="last",
    device="cpu",
)


def train_until(run: Run, generation: int, when: str) -> None:
    """Train on, and die by SIGKILL in some generation: before its candidates are evaluated, or before it is learned."""
    evaluate, tell = search.losses_of, Search.tell

    def die(optimizer: Any) -> None:
        if optimizer.memory["generation"] == generation:
            os.kill(os.getpid(), signal.SIGKILL)

    def told(self: Search, *given: Any, **named: Any) -> None:
        if when == "learned":
            die(self)
        tell(self, *given, **named)

    def stepped(self: Search, closure: Any) -> Any:
        def losses_of(*given: Any, **named: Any) -> Any:
            if when == "evaluated":
                die(self)
            return evaluate(*given, **named)

        search.losses_of = losses_of
        return step(self, closure)

    step = Search.step
    Search.tell, Search.step = told, stepped  # type: ignore[method-assign]
    train(run)


def weights(run: Run) -> dict[str, torch.Tensor]:
    return read_tensors(run.path / "model" / "model.safetensors")


@pytest.mark.slow
def test_killed_within_a_generation_it_ends_with_the_same_weights_and_rows(tmp_path: Path) -> None:
    whole, broken = Run(tmp_path / "whole"), Run(tmp_path / "broken")
    start(whole.path, RECIPE, ["train"])
    for number, (generation, when, kept) in enumerate([(3, "evaluated", 2), (5, "evaluated", 4), (8, "learned", 8)]):
        run = broken if number else whole
        child = processes.Process(target=train_until, args=(run, generation, when))
        child.start()
        child.join(120)
        assert child.exitcode == -signal.SIGKILL
        assert last_step(run) == kept
        if not number:  # what was chosen by the clock in the first generation is the same for both
            shutil.copytree(whole.path, broken.path)
    assert train(whole)
    assert train(broken)
    expected = weights(whole)
    assert all(torch.equal(value, expected[name]) for name, value in weights(broken).items())
    rows = [[{**row, "seconds": 0} for row in run.rows("metrics")] for run in (whole, broken)]
    assert rows[0] == rows[1]
    assert rows[0][-1]["forwards"] == 12 * 7
    assert [row["step"] for row in rows[0]] == list(range(1, 13))


@pytest.mark.parametrize("name", ["openai_es", "mezo"])
def test_a_search_in_a_recipe_says_what_it_spent_and_has_the_seed(name: str, tmp_path: Path) -> None:
    losses = []
    for seed in (0, 0, 1):
        how = OptimizerConfig(name) if name == "mezo" else RECIPE.optimizer
        recipe = dataclasses.replace(RECIPE, optimizer=how, steps=2, seed=seed)
        run = start(tmp_path / f"run{len(losses)}", recipe, ["train"])
        assert train(run)
        losses.append(run.rows("metrics")[-1]["loss"])
        assert run.rows("metrics")[-1]["forwards"] == 2 * (3 if name == "mezo" else 7)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[0] != losses[2]
