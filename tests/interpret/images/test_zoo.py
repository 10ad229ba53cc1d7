"""Every network of ours, trained or not, can be looked into by every method; what has no deconvnet says so by name."""

import re

import pytest
import torch
from torch import nn

from glassworks.interpret.images.correspondence import correspondence
from glassworks.interpret.images.features.deconvnet import projections
from glassworks.interpret.images.features.evolution import evolution
from glassworks.interpret.images.features.strongest import strongest_examples
from glassworks.interpret.images.invariance import invariance
from glassworks.interpret.images.occlusion.four_maps import occlusion
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import Architecture, VisionConfig

IMAGES = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
TARGETS = torch.arange(4)
POINTS: dict[Architecture, tuple[str, ...]] = {
    "mlp": ("normalise", "relu1", "head"),
    "lenet5": ("normalise", "s2", "tanh3", "head"),
    "tiny_vgg": ("block1.relu1", "block2.conv2", "head"),
    "small_vgg": ("block1.relu1", "pool2", "head"),
    "resnet20": ("stage1.block2", "stage2.block1.relu2", "head"),
    "vit": ("patches", "blocks.1", "head"),
}
NO_RELU = ("lenet5", "vit")


@pytest.mark.parametrize("architecture", POINTS)
def test_every_network_of_ours_can_be_looked_into(architecture: Architecture) -> None:
    config = VisionConfig(architecture, (3, 16, 16), 5)
    model, fresh = (make_model(config, seed=seed, mean=[0.5] * 3, std=[0.25] * 3) for seed in (0, 1))
    assert isinstance(model, nn.Module)
    names = dict(model.named_modules())
    rule = "plain" if architecture in NO_RELU else "deconvnet"
    for point in POINTS[architecture]:
        assert point in names, list(names)
        trace = projections(model, IMAGES[:2], point, [0, 1], rule=rule, fresh=fresh)
        assert trace.arrays["projection"].shape == (2, 2, 3, 16, 16)
        found = strongest_examples(model, IMAGES, point, [0], k=2, rule=rule, fresh=fresh)
        assert found.arrays["patch"].shape[:3] == (1, 2, 3)
    point = POINTS[architecture][1]
    assert occlusion(model, IMAGES[:1], TARGETS[:1], point, window=8, stride=8, rule=rule).arrays["label"].size == 4
    assert evolution([("0", fresh), ("1", model)], IMAGES, point, [0], rule=rule).arrays["correlation"].shape == (1, 2)
    squares = torch.tensor([[0, 0, 4, 4]] * 4)
    assert correspondence(model, IMAGES, {"corner": squares}, point, draws=2).arrays["change"].shape == (2, 3, 1)
    moved = invariance(model, IMAGES, TARGETS, point, changes={"shift": [0.0, 0.25]}, fresh=fresh)
    assert moved.arrays["distance_shift"].shape == (2, 1, 2)


@pytest.mark.parametrize("architecture", NO_RELU)
def test_what_has_no_relus_has_no_deconvnet_by_name(architecture: Architecture) -> None:
    model = make_model(VisionConfig(architecture, (3, 16, 16), 5))
    with pytest.raises(ValueError, match=r"^\S+ applies (tanh|gelu), and rule \(='deconvnet'\) is about ReLUs") as said:
        projections(model, IMAGES[:1], "head", [0])
    assert re.match(r"\S+", str(said.value))[0] in dict(model.named_modules())  # type: ignore[index]
