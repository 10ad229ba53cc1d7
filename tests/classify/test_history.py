"""What a run of images remembers of its way."""

from pathlib import Path

import pytest
import torch

from glassworks.classify.recipe import LabelledRecipe
from glassworks.classify.run import checkpoints_of, start, train
from glassworks.core.errors import FileDamaged
from glassworks.core.runs import Run
from glassworks.models.vision.config import VisionConfig


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    recipe = LabelledRecipe(data="digits", model=VisionConfig("small_vgg", width=8), steps=20, device="cpu")
    run = start(tmp_path_factory.mktemp("history") / "a", recipe, ["glassworks", "train"])
    assert train(run)
    return run


def test_weights_are_kept_after_powers_of_four_between_the_untrained_and_the_finished_ones(run: Run) -> None:
    found = list(checkpoints_of(run))
    assert [step for step, _ in found] == [0, 1, 4, 16, 20]
    first = [next(model.parameters()) for _, model in found]
    far = [float((weight - first[0]).detach().norm()) for weight in first]
    assert far[0] == 0 < far[1] < far[2] < far[3]
    assert not torch.equal(first[3], first[4])


def test_a_table_remembers_nothing(tmp_path: Path) -> None:
    run = start(tmp_path / "a", LabelledRecipe(data="moons:200", steps=4, device="cpu"), ["glassworks", "train"])
    assert train(run)
    assert not (run.path / "history").exists()


def test_weights_of_another_network_are_named(run: Run, tmp_path: Path) -> None:
    file = run.path / "history" / "step_000004.safetensors"
    kept = file.read_bytes()
    file.write_bytes(kept[: len(kept) // 2])
    with pytest.raises(FileDamaged, match=r"step_000004\.safetensors"):
        list(checkpoints_of(run))
    file.write_bytes(kept)
