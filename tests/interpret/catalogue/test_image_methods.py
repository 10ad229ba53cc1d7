"""The methods of networks that read images: deterministic, their legends complete, refused where they must be."""

import importlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from glassworks.draw.arrays.kinds import Kind
from glassworks.interpret.catalogue.image_subject import ImageSubject, batches_of, chosen_of, points_of_maps
from glassworks.interpret.catalogue.methods import METHODS, choose, function
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.trace.render import explained
from glassworks.trace.trace import Trace

IMAGES = [name for name, method in METHODS.items() if "images" in method.of]


def make_subject() -> ImageSubject:
    """A small random network with some random images."""
    model = make_model(VisionConfig("small_vgg", (1, 12, 12), 4, width=8), seed=1)
    images = torch.rand(20, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    classes = torch.arange(20) % 4

    def pool() -> Iterator[tuple[Tensor, Tensor]]:
        yield images[:10], classes[:10]
        yield images[10:], classes[10:]

    def checkpoints() -> Iterator[tuple[int, nn.Module]]:
        for step in (0, 4, 16):
            yield step, make_model(model.config, seed=step)

    return ImageSubject(
        model, images[:3], ["a.png", "b.png", "c.png"], [0.0, 1.0, None], list("wxyz"), pool, checkpoints
    )


@pytest.fixture(scope="module")
def subject() -> ImageSubject:
    return make_subject()


@pytest.mark.parametrize("name", IMAGES)
def test_every_method_is_deterministic_and_the_code_that_a_page_shows_calls_what_the_page_says_it_calls(
    name: str, subject: ImageSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, method = function(METHODS[name])(subject), METHODS[name]
    assert isinstance(made, Trace)
    where, called = method.made_of.split(":")
    module, calls = importlib.import_module(f"glassworks.interpret.{where}"), []
    original = getattr(module, called)
    monkeypatch.setattr(module, called, lambda *args, **kwargs: calls.append(name) or original(*args, **kwargs))
    scope: dict[str, object] = {"subject": subject}
    exec(compile(method.code, name, "exec"), scope)
    assert calls
    again = scope["trace"]
    assert isinstance(again, Trace)
    for key, array in made.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[key], err_msg=key)


@pytest.mark.parametrize("name", IMAGES)
def test_a_legend_knows_every_array_axis_and_number_of_its_trace_and_fills_its_places(
    name: str, subject: ImageSubject
) -> None:
    trace = function(METHODS[name])(subject)
    legend = trace.legend
    assert legend.title == METHODS[name].legend.title
    known = {*legend.quantities, *(quantity.captions for quantity in legend.quantities.values())}
    assert set(trace.arrays) <= known, set(trace.arrays) - known
    assert set(trace.meta) <= set(legend.numbers), set(trace.meta) - set(legend.numbers)
    axes = {axis for axes in trace.axes.values() for axis in axes}
    assert axes <= {*legend.axes, *get_args(Kind)}, axes
    words = re.sub(r"<[^>]*>", "", explained(trace))
    assert not re.search(r"{\w+}", words)


@pytest.mark.parametrize("name", [name for name in IMAGES if "checkpoints" not in METHODS[name].reads])
def test_every_method_refuses_weights_that_are_not_finite(name: str) -> None:
    subject = make_subject()
    with torch.no_grad():
        next(module for module in subject.model.modules() if isinstance(module, nn.Conv2d)).weight[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"NaN|finite"):
        function(METHODS[name])(subject)


@pytest.mark.parametrize("name", IMAGES)
def test_a_method_leaves_the_network_as_it_was(name: str) -> None:
    subject = make_subject()
    subject.model.train()
    before = {key: value.clone() for key, value in subject.model.state_dict().items()}
    function(METHODS[name])(subject)
    assert all(torch.equal(value, before[key]) for key, value in subject.model.state_dict().items())
    assert all(module.training for module in subject.model.modules())
    assert not any(parameter.grad is not None for parameter in subject.model.parameters())
    assert not any(module._forward_hooks for module in subject.model.modules())


def test_points_of_maps_are_where_nonlinearities_give_rows_and_columns() -> None:
    model = make_model(VisionConfig("small_vgg", (1, 12, 12), 4, width=8))
    points = points_of_maps(model, torch.rand(1, 1, 12, 12))
    assert points[0] == "block1.relu1"
    assert all("relu" in point for point in points)
    plain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 10 * 10, 2))
    assert points_of_maps(plain, torch.rand(1, 1, 12, 12)) == ["0"]
    with pytest.raises(ValueError, match="has no map: it has no convolution"):
        points_of_maps(nn.Sequential(nn.Flatten(), nn.Linear(144, 2)), torch.rand(1, 1, 12, 12))


def test_methods_are_chosen_of_what_the_network_reads() -> None:
    assert choose([], "images") == [name for name in IMAGES if METHODS[name].quick]
    with pytest.raises(ValueError, match="looks into networks that read text, and this one reads images"):
        choose(["attention"], "images")
    with pytest.raises(ValueError, match="nearest: projections"):
        choose(["projection"], "images")


class ByClass:
    """A part of the data that lies class by class, as folders of images do."""

    targets = np.repeat(np.arange(4), 700)

    def __len__(self) -> int:
        return len(self.targets)

    def inputs(self, places: np.ndarray) -> np.ndarray:
        pixels = np.random.default_rng(0).integers(0, 256, (len(self), 1, 2, 2), dtype=np.uint8)
        pixels[:, 0, 0, 0] = self.targets
        return pixels[places]


@pytest.mark.usefixtures("unchecked")
def test_some_images_of_data_that_lie_by_class_are_of_all_classes() -> None:
    images, classes = next(batches_of(ByClass()))
    assert np.bincount(classes).min() > 15
    assert torch.equal((images[:, 0, 0, 0] * 255).round().long(), classes)


@pytest.mark.usefixtures("unchecked")
def test_images_to_draw_are_those_that_the_network_was_asked_of() -> None:
    class Always(nn.Module):
        """Says what the first pixel is, and of class 2 that it is class 1."""

        def forward(self, x: Tensor) -> Tensor:
            k = (x[:, 0, 0, 0] * 255).round().long()
            return 9.0 * nn.functional.one_hot(torch.where(k == 2, 1, k), 4)

    chosen = chosen_of(Always(), ByClass())
    assert (ByClass.targets[chosen[: len(chosen) // 2]] == 2).all()
    assert set(ByClass.targets[chosen[len(chosen) // 2 :]]) == {0, 1, 3}


def test_the_control_of_a_loss_surface_is_one_that_the_list_promises(subject: ImageSubject) -> None:
    promised = METHODS["loss_surface"].legend.control
    for one, arrays, words in (
        (subject, {"shares", "shares_random"}, "random walk with steps as long"),
        (replace(subject, checkpoints=lambda: iter(())), {"loss_untrained"}, "untrained network of the same"),
    ):
        trace = function(METHODS["loss_surface"])(one)
        assert arrays <= set(trace.arrays)
        assert words in trace.legend.control
        assert words in promised


def test_along_a_step_it_is_said_which_learning_rate_and_which_batch_it_is(subject: ImageSubject) -> None:
    page = explained(function(METHODS["along_step"])(replace(subject, folder=Path("run"))))
    assert "a step of gradient descent is 0.001 of the weights’ length, not the training’s" in page
    assert "on a batch of 20 images of its test split" in page
