"""`train --optimizer NAME`."""

import dataclasses

import pytest

from glassworks.classify.recipe import LabelledRecipe
from glassworks.cli.arguments.parse import Arguments
from glassworks.cli.main import run
from glassworks.cli.training.optimizer import name_optimizer, with_optimizer
from glassworks.optim.config import OptimizerConfig, ScheduleConfig


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--optimizer", "sgd"], ["--optimizer.name", "sgd"]),
        (["--optimizer=sgd"], ["--optimizer.name=sgd"]),
        (["--optimizer.lr", "1"], ["--optimizer.lr", "1"]),
    ],
)
def test_the_short_flag_is_the_long_one(words: list[str], named: list[str]) -> None:
    arguments = Arguments(words)
    name_optimizer(arguments)
    assert arguments == named


def test_another_method_keeps_nothing_of_the_recipes() -> None:
    recipe = LabelledRecipe(optimizer=OptimizerConfig("adamw", lr=3.0, weight_decay=0.1), clip=1.0, compile="on")
    assert with_optimizer(recipe, "") == with_optimizer(recipe, "adamw") == recipe
    assert with_optimizer(recipe, "sgd").optimizer == OptimizerConfig("sgd")
    assert with_optimizer(recipe, "sgd").clip == 1.0
    searched = with_optimizer(recipe, "openai-es")
    assert searched.schedule == dataclasses.replace(recipe.schedule, warmup=0)
    assert with_optimizer(recipe, "nelder-mead").schedule == ScheduleConfig("constant")
    assert with_optimizer(recipe, "hebbian").schedule == recipe.schedule
    assert (searched.optimizer, searched.clip, searched.compile) == (OptimizerConfig("openai_es"), None, "auto")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--optimizer", "sdg"], "--optimizer.name (='sdg') is no optimizer: did you mean sgd?"),
        (["--optimizer", "sgd", "--optimizer.betas", "0.9", "0.99"], "is nothing that sgd takes: leave it out"),
        (["--optimizer.population", "8"], "--optimizer.population (=8) is nothing that "),
        (["--optimizer", "openai-es", "--clip", "1"], "--clip (=1.0) is of gradients, and openai_es has none to clip"),
        (["--optimizer", "openai-es", "--compile", "on"], "--compile (='on') is of a step with its gradient"),
        (["--optimizer", "hebbian", "--precision", "bfloat16"], "--precision (='bfloat16') is not for hebbian"),
        (["--optimizer", "openai-es", "--optimizer.sigma", "0"], "--optimizer.sigma (=0.0) must be more than 0"),
    ],
)
@pytest.mark.parametrize("data", ["digits", "."])
def test_a_mistake_is_one_line(
    data: str,
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("a text")
    assert run(["train", "--data", data, *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
