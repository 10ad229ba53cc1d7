"""What the page that draws a network unit by unit is told equals what torch computes, and bad input is one line."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from glassworks.classify.recipe import LabelledRecipe
from glassworks.classify.run import checkpoints_of, start, train
from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.data.labelled.store import Part
from glassworks.models.vision.config import VisionConfig
from glassworks.studio.questions import digits
from glassworks.studio.questions.digits import forward, network, style_of, unit
from glassworks.studio.studio import Studio
from glassworks.train.opening import open_labelled_model


def image_run(path: Path, **model) -> Run:
    """A run of a few steps on scikit-learn's digits."""
    recipe = LabelledRecipe(data="digits", model=VisionConfig(**model), steps=5, batch_size=8, device="cpu")
    run = start(path, recipe, ["glassworks", "train"])
    train(run)
    return run


@pytest.fixture(scope="module")
def studio(tmp_path_factory) -> Studio:
    root = tmp_path_factory.mktemp("runs")
    image_run(root / "lenet5", architecture="lenet5")
    return Studio(root)


def test_every_unit_holds_what_torch_computes(studio: Studio) -> None:
    known, found = network(studio, "lenet5"), forward(studio, "lenet5", example=3)
    opened = open_labelled_model(studio.run("lenet5"))
    image = torch.from_numpy(opened.data.test.inputs([3])).float() / 255
    model, x, start = opened.model.eval(), image, 0
    by_name = {}
    with torch.no_grad():
        for name, module in model.named_children():
            x = by_name[name] = module(x)
    for stage in known["stages"]:
        size = int(np.prod(stage["shape"]))
        value = found["values"][start : start + size].view(stage["shape"])
        torch.testing.assert_close(value, by_name[stage["names"][-1]][0].reshape(stage["shape"]))
        start += size
    assert start == len(found["values"]) == 9118
    torch.testing.assert_close(found["probabilities"], x[0].softmax(0))
    assert found["truth"] == opened.data.test.targets[3]
    drawn = forward(studio, "lenet5", pixels=found["pixels"].ravel().tolist())
    assert torch.equal(drawn["values"], found["values"])


def test_a_unit_is_the_sum_of_its_weights_and_sources(studio: Studio) -> None:
    values = forward(studio, "lenet5", example=1)["values"]
    found = unit(studio, "lenet5", 6, 20, example=1)
    model = open_labelled_model(studio.run("lenet5")).model
    torch.testing.assert_close(found["slopes"], model.f6.weight[20].detach())
    first = 1024 + 6 * 784 + 6 * 196 + 1600 + 400
    total = float(found["slopes"] @ values[first : first + 120][found["sources"]]) + found["offset"]
    assert found["isSum"]
    assert found["values"] == pytest.approx([total, 1.7159 * np.tanh(2 / 3 * total)], abs=1e-5)


def test_two_questions_at_once_about_an_earlier_step_both_have_an_answer(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps are all read at the first question; the second one waits for it."""
    answers: list[object] = []
    second = threading.Thread(target=lambda: answers.append(unit(studio, "lenet5", 6, 20, example=1, step=4)))

    def read(run: Run) -> Iterator[tuple[int, nn.Module]]:
        first, *rest = checkpoints_of(run)
        yield first
        second.start()
        second.join(0.2)  # which it must not come through
        yield from rest

    monkeypatch.setattr(digits, "checkpoints_of", read)
    studio.kept.entries.clear()
    answers.append(forward(studio, "lenet5", example=1, step=0))
    second.join()
    assert len(answers) == 2


def test_the_network_of_an_earlier_step_is_the_one_that_was_kept(studio: Studio) -> None:
    run = studio.run("lenet5")
    assert network(studio, "lenet5")["steps"] == [0, 1, 4, 5]
    image = torch.from_numpy(open_labelled_model(run).data.test.inputs([0])).float() / 255
    for step, model in checkpoints_of(run):
        with torch.no_grad():
            torch.testing.assert_close(
                forward(studio, "lenet5", example=0, step=step)["outputs"], model.eval()(image)[0]
            )
    with pytest.raises(ValueError, match=r"step \(=3\) must be one of 0, 1, 4, 5"):
        forward(studio, "lenet5", example=0, step=3)


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({}, "pixels must be 8 × 8 grey levels, not 0"),
        ({"pixels": [0] * 63}, "not 63"),
        ({"pixels": [0] * 63 + [256]}, "from 0 to 255"),
        ({"pixels": ["ink"] * 64}, "whole numbers"),
        ({"example": 10**6}, "example"),
        ({"example": -1}, "example"),
    ],
)
def test_what_is_no_image_is_refused_in_a_line(studio: Studio, asked, line) -> None:
    with pytest.raises(ValueError, match=line):
        forward(studio, "lenet5", **asked)


def test_what_is_no_unit_is_refused(studio: Studio) -> None:
    for stage, number in ((0, 0), (99, 0), (7, 10)):
        with pytest.raises(ValueError, match="must be"):
            unit(studio, "lenet5", stage, number, example=0)


def test_a_network_of_too_many_units_and_one_of_rows_are_refused(studio: Studio, monkeypatch) -> None:
    monkeypatch.setattr(digits, "MOST_UNITS", 9000)
    with pytest.raises(ValueError, match="9,118 units, and at most 9,000"):
        network(Studio(studio.root), "lenet5")
    recipe = LabelledRecipe(data="moons", steps=1, batch_size=8, device="cpu")
    run = start(studio.root / "moons", recipe, ["glassworks", "train"])
    train(run)
    with pytest.raises(RunError, match="rows of a table"):
        network(studio, "moons")


def test_how_drawings_lie_is_measured_on_the_data() -> None:
    class Drawings(Part):
        def __init__(self) -> None:
            pass

        def __len__(self) -> int:
            return 3

        def inputs(self, places) -> np.ndarray:
            images = np.full((len(places), 1, 10, 10), 255, np.uint8)
            images[:, 0, 2:7, 4:7] = 0
            return images

    found = style_of(Drawings())
    assert found == {"paper": 255, "size": 0.5, "row": pytest.approx(0.45), "column": pytest.approx(0.55)}
