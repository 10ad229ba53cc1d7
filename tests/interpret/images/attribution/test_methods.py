"""Every attribution as a trace: its maps, its badges beside them, and a page that draws both."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from glassworks.interpret.images.attribution.cams import cam_map
from glassworks.interpret.images.attribution.gradients import saliency_map
from glassworks.interpret.images.attribution.judged import judged
from glassworks.interpret.images.attribution.methods import (
    class_activation,
    guided_backprop,
    guided_grad_cam,
    integrated_gradients,
    saliency,
    smooth_grad,
)
from glassworks.trace.trace import Trace

IMAGES = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(0))
METHODS: dict[str, Callable[..., Trace]] = {
    "saliency": saliency,
    "smooth_grad": smooth_grad,
    "integrated_gradients": integrated_gradients,
    "guided_backprop": guided_backprop,
    "grad_cam": class_activation,
    "grad_cam_plus_plus": lambda *args, **how: class_activation(*args, rule="grad++", **how),
    "hires_cam": lambda *args, **how: class_activation(*args, rule="hires", **how),
    "guided_grad_cam": guided_grad_cam,
}


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 4)
    )


@pytest.mark.parametrize("name", METHODS)
def test_a_trace_has_maps_badges_and_a_page(name: str, tmp_path: Path) -> None:
    trace = METHODS[name](network(), IMAGES, classes=["cat", "dog", "bird", "fish"])
    assert trace.method == name
    assert trace.arrays["attribution"].shape == (3, 12, 12)
    assert trace.arrays["image"].shape == (3, 12, 12, 3)
    assert set(trace.arrays) >= {"sheet", "forgotten", "likeness", "deletion", "insertion", "area", "unexplained"}
    assert trace.labels["layer"] == ["6", "3", "0"]
    assert all(label.split(": ")[1] in ("cat", "dog", "bird", "fish") for label in trace.labels["example"])
    for part in ("title", "question", "measure", "reading", "nothing", "control"):
        assert getattr(trace.legend, part)
    assert set(trace.arrays) <= set(trace.legend.quantities)
    assert set(trace.meta) <= set(trace.legend.numbers)
    page = trace.save_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "{" not in trace.legend.filled(trace.meta).reading if hasattr(trace.legend, "filled") else True
    assert trace.arrays["sheet"].shape == (3, 4, 12, 12, 4)
    assert trace.labels["shown"] == ["image", "map", "forgotten", "edges"]
    assert next(iter(trace.arrays)) == "sheet"  # the answer comes first
    assert page.count("<img") >= 3 * 5
    assert trace.meta["randomisation"] in page


@pytest.mark.parametrize("name", METHODS)
def test_maps_alone_cost_no_badges(name: str) -> None:
    trace = METHODS[name](network(), IMAGES, 1, badges=False)
    assert set(trace.arrays) <= {"image", "attribution", "sheet", "gap", "change"}
    assert trace.labels["example"] == ["image 1: class 1", "image 2: class 1", "image 3: class 1"]


def test_maps_are_those_of_the_functions() -> None:
    model = network()
    gradient = saliency_map(model, IMAGES, 2).abs().amax(1)
    assert np.allclose(saliency(model, IMAGES, 2, badges=False).arrays["attribution"], gradient.numpy())
    cam = cam_map(model, IMAGES, 2, point="4")
    trace = class_activation(model, IMAGES, 2, badges=False)
    assert trace.meta["point"] == "4"
    assert np.allclose(trace.arrays["attribution"], cam.numpy())


def test_completeness_is_said() -> None:
    trace = integrated_gradients(network(), IMAGES, 1, baseline=0.5, badges=False)
    total = trace.arrays["attribution"].sum((1, 2), dtype=np.float64)
    assert np.allclose(total - trace.arrays["change"], trace.arrays["gap"], atol=1e-5)
    assert abs(float(trace.meta["largest_gap"])) == pytest.approx(abs(trace.arrays["gap"]).max())


def test_images_of_other_than_three_channels_are_drawn_grey() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(2 * 12 * 12, 3))
    trace = judged(model, IMAGES[:, :2], saliency_map, badges=False)
    assert np.allclose(trace.arrays["image"][..., 0], IMAGES[:, :2].mean(1).numpy())


def test_a_map_of_the_picture_is_told_to_fail_the_randomisation_test() -> None:
    trace = judged(network(), IMAGES, lambda _model, x, _classes: x)
    assert str(trace.meta["randomisation"]).startswith("fails")
    assert float(trace.meta["likeness_left"]) == pytest.approx(1)


def test_one_image_has_badges_without_errors(tmp_path: Path) -> None:
    trace = saliency(network(), IMAGES[:1])
    assert np.isnan(trace.arrays["area_error"]).all()
    trace.save_html(tmp_path / "page.html")
