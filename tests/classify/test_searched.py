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
