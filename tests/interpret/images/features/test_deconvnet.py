"""Deconvnets by hand, and however ReLUs and pools are called."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.interpret.access.axes import describe
from glassworks.interpret.images.features.deconvnet import project, projections, strongest_units
from glassworks.interpret.images.units import find_units


def by_hand() -> nn.Sequential:
    """One convolution of two filters, ReLU, pool of 2."""
    model = nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.MaxPool2d(2))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[[[1.0, -1.0], [2.0, 0.0]]], [[[0.0, 1.0], [-1.0, 1.0]]]]))  # type: ignore[operator, union-attr]
        model[0].bias.copy_(torch.tensor([0.5, -1.0]))  # type: ignore[operator, union-attr]
    return model


IMAGE = torch.tensor([[[[0.0, 1.0, 0.0], [2.0, 0.0, 1.0], [0.0, 1.0, 0.0]]]])


def test_one_convolution_one_relu_one_pool_are_as_by_hand() -> None:
    # filter 0: 0-1+4+.5 = 3.5, 1-0+0+.5 = 1.5; 2-0+0+.5 = 2.5, 0-1+2+.5 = 1.5 -> pool 3.5 at (0, 0)
    # filter 1: 1-2+0-1 = -2, 0-0+1-1 = 0; 0-0+1-1 = 0, 1-1+0-1 = -1 -> pool 0
    units = find_units(by_hand(), IMAGE, "2")
    found = project(units, IMAGE.repeat(2, 1, 1, 1), torch.tensor([0, 1]))
    assert found.values.tolist() == [3.5, 0]
    assert found.pictures[0, 0].tolist() == [[3.5, -3.5, 0], [7, 0, 0], [0, 0, 0]]  # filter 0 at the switch
    assert not found.pictures[1].any()
    below = find_units(by_hand(), IMAGE, "1")  # below the pool every place can be asked for
    at = project(below, IMAGE, torch.tensor([0]), places=torch.tensor([2]))
    assert at.values.tolist() == [2.5]
    assert at.pictures[0, 0].tolist() == [[0, 0, 0], [2.5, -2.5, 0], [5, 0, 0]]


def test_the_signal_is_rectified_wherever_the_network_was_not_active() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
    inside = nn.Sequential(nn.Flatten(), *model)
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(3))  # type: ignore[operator, union-attr]
        model[0].bias.zero_()  # type: ignore[operator, union-attr]
        model[2].weight.copy_(torch.tensor([[2.0, -1.0, 3.0]]))  # type: ignore[operator, union-attr]
        model[2].bias.zero_()  # type: ignore[operator, union-attr]
    image = torch.tensor([[[[1.0, 4.0, -1.0]]]])  # activation 2 - 4 = -2
    units = find_units(inside, image, "3")
    of = {rule: project(units, image, torch.tensor([0]), rule=rule).pictures.flatten().tolist() for rule in RULES}  # type: ignore[arg-type]
    assert of == {"plain": [-4, 2, 0], "deconvnet": [0, 2, 0], "guided": [0, 2, 0]}


RULES = ("plain", "deconvnet", "guided")


class Functional(nn.Module):
    """The same as `Modules`, by functions, in place and with one ReLU for all."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 5, 3)
        self.norm, self.relu = nn.BatchNorm2d(6), nn.ReLU(inplace=True)
        self.norm.running_var.fill_(0.3)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x), inplace=True), 2)
        x = (x + self.norm(self.conv2(x))).relu_()
        return self.conv3(x).clamp(min=0)


class Modules(Functional):
    """A module for each step, none in place."""

    def __init__(self) -> None:
        super().__init__()
        self.relu1, self.relu2, self.relu3, self.pool = nn.ReLU(), nn.ReLU(), nn.ReLU(), nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu1(self.conv1(x)))
        x = self.relu2(x + self.norm(self.conv2(x)))
        return self.relu3(self.conv3(x))


class Reused(Functional):
    """One module for all ReLUs, in place."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.relu(self.conv1(x)), 2)
        x = self.relu(x + self.norm(self.conv2(x)))
        return self.relu(self.conv3(x))


def same(kind: type[Functional]) -> Functional:
    torch.manual_seed(0)
    model = kind()
    describe(model, {"": "B C H W -> B H W C"})
    return model


@pytest.mark.parametrize("kind", [Functional, Reused])
def test_functions_reused_modules_and_in_place_ones_give_what_modules_give(kind: type[Functional]) -> None:
    images, unit = torch.rand(5, 3, 14, 14, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 3, 4])
    expected = project(find_units(same(Modules), images, ""), images, unit)
    found = project(find_units(same(kind), images, ""), images, unit)
    for a, b in zip(expected, found, strict=True):
        assert torch.equal(a, b)
    assert expected.pictures.abs().amax((1, 2, 3)).count_nonzero() >= 4  # a unit may be silent


def test_a_batch_is_each_image_for_itself() -> None:
    images, unit = torch.rand(7, 3, 14, 14), torch.arange(7) % 5
    units = find_units(same(Modules), images, "relu3")
    together = project(units, images, unit)
    for i in range(7):
        alone = project(units, images[i : i + 1], unit[i : i + 1], batch_size=1)
        assert torch.allclose(alone.pictures[0], together.pictures[i], atol=1e-6)
    in_parts = project(units, images, unit, batch_size=3)
    assert torch.allclose(in_parts.pictures, together.pictures, atol=1e-6)


def test_a_linear_network_projects_to_the_activation_less_its_bias() -> None:
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 3))
    images = torch.rand(3, 2, 6, 6)
    found = project(find_units(model, images, "3"), images, torch.tensor([0, 1, 2]))
    without = model(images) - model(torch.zeros(1, 2, 6, 6))
    sums = (found.pictures * images).sum((1, 2, 3))
    assert torch.allclose(sums, without.diagonal() * model(images).diagonal(), atol=1e-5)


def test_the_trace_has_what_was_projected_beside_its_controls() -> None:
    images = torch.rand(2, 3, 14, 14)
    model = same(Functional)
    trace = projections(model, images, "", [1, 4], seed=3)
    found = project(find_units(model, images, ""), images[[0, 0, 1, 1]], torch.tensor([1, 4, 1, 4]))
    assert torch.equal(torch.from_numpy(trace.arrays["projection"]).flatten(0, 1), found.pictures)
    assert torch.equal(torch.from_numpy(trace.arrays["picture"][:, 0, 0]), images)
    assert (trace.arrays["picture"] >= 0).all()
    assert (trace.arrays["picture"] <= 1).all()
    assert trace.arrays["likeness"].shape == (2, 2, 2)
    assert trace.arrays["projection_untrained"].any()
    assert "unit 4" in trace._repr_html_()
    same_network = projections(model, images, "", [1, 4], fresh=model)
    assert torch.allclose(torch.from_numpy(same_network.arrays["likeness"][1]), torch.ones(2, 2))
    assert len(strongest_units(find_units(model, images, ""), images, 3)) == 3


@pytest.mark.usefixtures("unchecked")
def test_what_has_no_deconvnet_is_refused_by_name() -> None:
    images = torch.rand(1, 3, 8, 8)
    model = nn.Sequential()
    model.add_module("conv", nn.Conv2d(3, 2, 3))
    model.add_module("act", nn.GELU())
    with pytest.raises(ValueError, match=r"^act applies gelu, and rule \(='deconvnet'\) is about ReLUs"):
        projections(model, images, "act", [0])
    assert projections(model, images, "conv", [0]).arrays["projection"].any()
    assert projections(model, images, "act", [0], rule="plain").arrays["projection"].any()
    with pytest.raises(ValueError, match=r"^units \(=2\) must be from 0 to 1, the units of conv$"):
        projections(model, images, "conv", [2])
    with pytest.raises(ValueError, match=r"^names \(='convolution'\) match no module; nearest: conv"):
        projections(model, images, "convolution", [0])
    with pytest.raises(ValueError, match="must stand for one place, not 2: conv, act"):
        projections(model, images, "?*", [0])
