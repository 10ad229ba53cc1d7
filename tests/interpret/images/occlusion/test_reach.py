"""What a window can reach: outputs are those of whole images for every kind of layer, and none is followed too far."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.interpret.images.occlusion.reach import find_reach
from glassworks.interpret.images.occlusion.windows import (
    logit_of,
    occluded,
    occluded_scores,
    reached_scores,
    windows_over,
)
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig


def chain(*layers: nn.Module) -> nn.Module:
    """Layers, and ten scores of all their numbers."""
    body = nn.Sequential(*layers)
    with torch.no_grad():
        numbers = body(torch.zeros(1, 3, 20, 22)).numel()
    return nn.Sequential(body, nn.Flatten(), nn.Linear(numbers, 10))


class Residual(nn.Module):
    """Functional ReLUs, in place and not, a module that is used twice, a skip that is added, another beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.same = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.down, self.end = nn.Conv2d(8, 5, 3, stride=2, padding=1), nn.Identity()
        self.out = nn.Linear(5, 10)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 10)."""
        x = F.relu(self.first(x), inplace=True)
        y = self.same(F.relu(self.same(x))) + x
        y = torch.cat([y, torch.relu(x) * 2], 1)
        return self.out(self.end(F.relu(self.down(y))).mean((2, 3)))


class Gated(nn.Module):
    """The mean over all places scales every place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate, self.end = nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 4)."""
        y = self.conv(x)
        return self.end(y * torch.sigmoid(self.gate(y))).amax((2, 3))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "padding": lambda: chain(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 5, padding=2), nn.MaxPool2d(2)),
    "stride": lambda: chain(nn.Conv2d(3, 4, 4, stride=3, padding=2), nn.Tanh(), nn.Conv2d(4, 4, 2, stride=2)),
    "gaps": lambda: chain(nn.Conv2d(3, 4, 1, stride=2), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)),
    "dilation": lambda: chain(nn.Conv2d(3, 6, 3, dilation=2, padding=1), nn.Conv2d(6, 6, 3, groups=3, padding=(0, 2))),
    "pools": lambda: chain(nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.Conv2d(3, 4, 3), nn.AvgPool2d(3, 1, 1)),
    "overlap": lambda: chain(nn.MaxPool2d(3, 2, dilation=2), nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(3, 4, 2)),
    "norm": lambda: chain(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(), nn.MaxPool2d(2)),
    "mirrored": lambda: chain(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect")),
    "group norm": lambda: chain(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.Conv2d(4, 4, 3)),
    "response norm": lambda: chain(nn.Conv2d(3, 4, 3), nn.LocalResponseNorm(3), nn.Conv2d(4, 4, 3)),
    "residual": Residual,
    "gated": Gated,
}  # fmt: skip

WINDOWS = torch.cat([windows_over((20, 22), 5, 3), torch.tensor([[0, 0, 0, 0], [7, 9, 8, 10], [18, 2, 20, 9]])])


@pytest.mark.parametrize("name", NETWORKS)
def test_the_outputs_are_those_of_whole_images(name: str) -> None:
    model = drawn(NETWORKS[name]())
    image = torch.rand(3, 20, 22, dtype=torch.float64)
    for fill in (0.5, torch.tensor([0.1, 0.9, 0.4], dtype=torch.float64)):
        for size in (1, 7, 64):
            found = reached_scores(model, image, WINDOWS, lambda y: y, [""], fill, size)
            assert found is not None
            with torch.no_grad():
                assert torch.allclose(found, model.eval()(occluded(image, WINDOWS, fill)), rtol=0, atol=1e-12)


def drawn(model: nn.Module) -> nn.Module:
    """The model in double precision, with running statistics that are no zeros and ones."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None and module.running_var is not None:
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    return model.double()


@pytest.mark.usefixtures("unchecked")  # what torch.fx passes through our blocks is no tensor
@pytest.mark.parametrize("architecture", ["tiny_vgg", "small_vgg", "resnet20"])
def test_our_networks_are_followed_behind_what_normalises(architecture: str) -> None:
    config = VisionConfig(architecture, (3, 32, 32), 10)  # type: ignore[arg-type]
    model = make_model(config, mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.4]).double().eval()
    image, windows = torch.rand(3, 32, 32, dtype=torch.float64), windows_over((32, 32), 4, 3)
    reach = find_reach(model, image, windows, torch.zeros_like(image))
    assert reach is not None
    assert len(reach.painted) == 2  # the image, and the normalised one
    assert len(reach.steps) > 5
    found = reached_scores(model, image, windows, lambda y: y, [""], 0.0, 64)
    assert found is not None
    with torch.no_grad():
        assert torch.allclose(found, model(occluded(image, windows, 0.0)), rtol=0, atol=1e-10)


def test_a_layer_that_mixes_all_places_ends_what_is_followed() -> None:
    image, windows = torch.rand(3, 20, 22, dtype=torch.float64), windows_over((20, 22), 4, 4)
    for name, last in (("group norm", "0.0"), ("mirrored", "0.0"), ("gated", "conv"), ("response norm", "0.2")):
        reach = find_reach(drawn(NETWORKS[name]()), image, windows, torch.zeros_like(image))
        assert reach is not None
        assert reach.steps[-1][0].target == last


class Undecided(nn.Module):
    """No graph: what it does hangs on the numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 4)."""
        y = self.conv(x).mean((2, 3))
        return y if float(y.sum()) > 0 else -y


class Signed(nn.Module):
    """A graph that holds for the image alone: the sign is that of the first pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 4)."""
        return self.conv(x).mean((2, 3)) * x[:, :1, 0, 0].sign()


def test_what_cannot_be_followed_is_computed_whole() -> None:
    image, windows = torch.rand(3, 20, 22) + 1, windows_over((20, 22), 5, 3)
    for model in (Undecided(), Signed()):
        with torch.no_grad():
            expected = torch.cat([model(occluded(image, window[None], -1.0)) for window in windows])
        found = occluded_scores(model, image, windows, lambda y: y, fill=-1.0, batch_size=1)
        assert torch.allclose(found, expected, atol=1e-6)


def test_a_point_before_the_end_of_what_is_followed_is_read_of_whole_images() -> None:
    model, image = chain(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3)).eval(), torch.rand(3, 20, 22)
    windows = windows_over((20, 22), 5, 3)
    found = occluded_scores(model, image, windows, lambda x: x.sum((1, 2, 3)), points=["0.1"])
    with torch.no_grad():
        expected = F.relu(model[0][0](occluded(image, windows))).sum((1, 2, 3))  # type: ignore[index]
    assert torch.allclose(found, expected, rtol=1e-4)
    both = occluded_scores(model, image, windows, lambda x, y: x.flatten(1)[:, 0] + y[:, 0], points=["0", ""])
    assert len(both) == len(windows)


def test_the_model_and_the_image_are_left_as_they_were() -> None:
    model = NETWORKS["norm"]().train()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    image = torch.rand(3, 20, 22)
    before = image.clone()
    occluded_scores(model, image, WINDOWS, logit_of(3))
    assert torch.equal(image, before)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())
