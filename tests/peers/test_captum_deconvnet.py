"""Deconvnets and occlusion beside captum's, which knows ReLUs that are modules."""

import warnings

import pytest
import torch
from torch import Tensor, nn

from glassworks.interpret.images.features.deconvnet import project
from glassworks.interpret.images.occlusion.windows import occlusion_maps
from glassworks.interpret.images.units import find_units

captum = pytest.importorskip("captum.attr", reason="pip install captum")
pytestmark = pytest.mark.peer


class Residual(nn.Module):
    """A convolutional network with pools, a norm and a shortcut, all modules."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.relu1, self.pool1 = nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(3, 2)
        self.conv2, self.norm2, self.relu2 = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        self.conv3, self.relu3, self.pool3 = nn.Conv2d(8, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2)
        self.head = nn.Linear(24, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(self.relu1(self.conv1(x)))
        x = self.relu2(x + self.norm2(self.conv2(x)))
        return self.head(self.pool3(self.relu3(self.conv3(x))).flatten(1))


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    made = Residual().eval()
    made.head.bias.data += 2  # a signal begins with the activation, and where that is negative others pass
    return made


IMAGES = torch.rand(4, 3, 20, 22, generator=torch.Generator().manual_seed(1))
CLASSES = torch.tensor([0, 4, 2, 1])


@pytest.mark.parametrize(("rule", "kind"), [("deconvnet", "Deconvolution"), ("guided", "GuidedBackprop")])
def test_projections_of_outputs_are_captums_times_the_output(model: nn.Module, rule: str, kind: str) -> None:
    found = project(find_units(model, IMAGES, ""), IMAGES, CLASSES, rule=rule)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it sets hooks
        theirs = getattr(captum, kind)(model).attribute(IMAGES.clone(), target=CLASSES)
    assert torch.allclose(found.pictures, theirs * found.values[:, None, None, None], atol=1e-6)


def test_projections_of_a_map_are_captums_of_a_neuron_times_its_activation(model: nn.Module) -> None:
    found = project(find_units(model, IMAGES, "relu2"), IMAGES, CLASSES)
    method = captum.NeuronDeconvolution(model, model.relu2)
    for i in range(4):
        row, column = divmod(int(found.places[i]), 9)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = method.attribute(IMAGES[i : i + 1].clone(), (int(CLASSES[i]), row, column))
        assert torch.allclose(found.pictures[i], theirs[0] * found.values[i], atol=1e-6)


@pytest.mark.parametrize(("window", "stride"), [(8, 4), (5, 5), (7, 2)])
def test_occlusion_maps_are_captums(model: nn.Module, window: int, stride: int) -> None:
    found = occlusion_maps(model, IMAGES, CLASSES, window=window, stride=stride, fill=0.25)
    sides = {"sliding_window_shapes": (3, window, window), "strides": (3, stride, stride)}
    theirs = captum.Occlusion(model).attribute(IMAGES, **sides, baselines=0.25, target=CLASSES)
    assert torch.allclose(found[:, None].expand_as(theirs), theirs, atol=1e-6)
