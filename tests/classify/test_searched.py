"""Trainings on labelled data without a gradient: what is refused, and what is stopped."""

from pathlib import Path

import pytest

from glassworks.classify.recipe import LabelledRecipe
from glassworks.classify.run import start, train
from glassworks.core.errors import RunError
from glassworks.models.vision.config import VisionConfig
from glassworks.optim.config import OptimizerConfig


@pytest.mark.parametrize(("name", "lr"), [("openai_es", 30.0), ("mezo", 3.0)])
def test_a_search_that_diverges_is_stopped_while_its_loss_is_a_number(name: str, lr: float, tmp_path: Path) -> None:
    optimizer = OptimizerConfig(name, lr=lr)
    recipe = LabelledRecipe(data="moons:200", model=VisionConfig(width=8), optimizer=optimizer, steps=300)
    run = start(tmp_path / "far", recipe, ["train"])
    with pytest.raises(RunError, match=r"the loss rose from .* a lower learning rate \(--optimizer.lr"):
        train(run)


@pytest.mark.parametrize(
    ("name", "model", "said"),
    [
        ("nelder_mead", VisionConfig(width=64, depth=2), r"NelderMead is for 1,000 at most: .* \(--model.width"),
        ("cobyqa", VisionConfig(width=64, depth=2), r"COBYQA is for 100 at most: .* \(--model.width"),
        ("target_propagation", VisionConfig(width=8, norm="batch"), "take layer norms or none"),
    ],
)
def test_a_network_that_a_method_is_not_for_is_refused_before_there_is_a_run(
    name: str, model: VisionConfig, said: str, tmp_path: Path
) -> None:
    recipe = LabelledRecipe(data="moons:200", model=model, optimizer=OptimizerConfig(name), steps=3)
    with pytest.raises(ValueError, match=said):
        start(tmp_path / "bad", recipe, ["train"])
    assert not (tmp_path / "bad").exists()


def test_numbers_are_refused_by_a_method_of_classes_before_there_is_a_run(tmp_path: Path) -> None:
    table = tmp_path / "line.csv"
    table.write_text("x,y\n" + "".join(f"{i / 100},{i * i / 7}\n" for i in range(100)))
    recipe = LabelledRecipe(data=str(table), target="y", optimizer=OptimizerConfig("forward_forward"), steps=3)
    with pytest.raises(ValueError, match="forward_forward"):
        start(tmp_path / "bad", recipe, ["train"])
    assert not (tmp_path / "bad").exists()
