"""A network whose first module works in place: every method leaves the images as they were, and finds the same."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from glassworks.interpret.images.attribution import methods
from glassworks.interpret.images.correspondence import correspondence
from glassworks.interpret.images.features.deconvnet import projections
from glassworks.interpret.images.features.evolution import evolution
from glassworks.interpret.images.features.strongest import strongest_examples
from glassworks.interpret.images.invariance import invariance
from glassworks.interpret.images.neighbours import neighbours
from glassworks.interpret.images.occlusion.four_maps import occlusion
from glassworks.trace.trace import Trace

POINT, TARGETS = "relu", torch.arange(3)
SQUARES = {"corner": torch.tensor([[0, 0, 3, 3]] * 3)}


class Normalise(nn.Module):
    """Pixels around 0, in place or not."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.in_place = in_place

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x.sub_(0.5).mul_(4) if self.in_place else (x - 0.5) * 4


def network(in_place: bool, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    parts = {
        "normalise": Normalise(in_place),
        "conv": nn.Conv2d(3, 4, 3, padding=1),
        "relu": nn.ReLU(),
        "pool": nn.AdaptiveAvgPool2d(2),
        "flat": nn.Flatten(),
        "head": nn.Linear(16, 3),
    }
    return nn.Sequential(OrderedDict(parts))


METHODS: dict[str, Callable[[nn.Module, nn.Module, Tensor], Trace]] = {
    **{
        name: lambda model, _, images, name=name: getattr(methods, name)(model, images)
        for name in ("saliency", "smooth_grad", "integrated_gradients", "guided_backprop", "guided_grad_cam")
    },
    "grad_cam": lambda model, _, images: methods.class_activation(model, images),
    "projections": lambda model, fresh, images: projections(model, images, POINT, fresh=fresh),
    "strongest": lambda model, fresh, images: strongest_examples(model, images, POINT, k=2, fresh=fresh),
    "evolution": lambda model, fresh, images: evolution([("0", fresh), ("1", model)], images, POINT),
    "occlusion": lambda model, fresh, images: occlusion(model, images, TARGETS, POINT, fresh=fresh),
    "invariance": lambda model, fresh, images: invariance(model, images, TARGETS, POINT, fresh=fresh),
    "correspondence": lambda model, fresh, images: correspondence(model, images, SQUARES, POINT, fresh=fresh),
    "neighbours": lambda model, _, images: neighbours(
        model, images, images.flip(3), [POINT], labels=TARGETS, other_labels=TARGETS, k=2
    ),
}


@pytest.mark.parametrize("name", METHODS)
def test_images_stay_as_they_were_and_the_same_is_found(name: str) -> None:
    images = torch.rand(3, 3, 8, 10, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    traces: list[dict[str, Any]] = [
        METHODS[name](network(in_place), network(in_place, seed=1), images).arrays for in_place in (True, False)
    ]
    assert torch.equal(images, before)
    for key, expected in traces[1].items():
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(traces[0][key], expected, rtol=1e-4, atol=1e-5, err_msg=key)
