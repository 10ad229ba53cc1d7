"""Points of a plane: their losses are those of networks with these weights, and first layers are computed once."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.interpret.landscapes.networks import cross_entropy, disturbed, examples
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from glassworks.interpret.landscapes.objective import Objective, lent
from glassworks.interpret.landscapes.plane import OnPlane, losses_on
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.optim.gradient_free import evaluate, vector
from glassworks.optim.gradient_free.evaluation.ways import Way


class Branches(nn.Module):
    """Two convolutions that read the batch, one of them twice and with a bias that stays; and what they make of it."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.near = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(2, 4, 1, groups=2)
        self.head = nn.Linear(4, 3)
        self.near.bias.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.wide(x).relu() + self.near(x) * self.near(2 * x)
        return self.head(F.max_pool2d(maps, 2).mean((2, 3)))


class Stopped(nn.Module):
    """What the second layer reads no gradient passes, though it depends on the first one's weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).tanh().detach())


class Dead(nn.Module):
    """What the second layer reads is 0 at many places."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 3)
        with torch.no_grad():
            self.first.bias.fill_(-50)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).relu())


def images(count: int = 12, channels: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(7)
    return torch.rand(count, channels, 8, 8, generator=generator), torch.randint(3, (count,), generator=generator)


def made(build: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return build()


NETWORKS: dict[str, tuple[nn.Module, tuple[Tensor, Tensor], int]] = {
    "mlp": (made(lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))), examples(), 1),
    "dropout and batch norm": (disturbed().train(), examples(), 1),
    "branches": (made(Branches), images(), 3),
    "stopped": (made(Stopped), examples(), 1),
    "dead": (made(Dead), examples(), 1),
    "lenet5": (made(lambda: make_model(VisionConfig("lenet5", (1, 8, 8), 3), seed=0)), images(channels=1), 1),
    "small_vgg": (
        made(lambda: make_model(VisionConfig("small_vgg", (2, 8, 8), 3, norm="batch", width=2), seed=0)),
        images(),
        1,
    ),
}
"""With the number of products that read the batch itself."""


def across_of(objective: Objective, count: int) -> Tensor:
    draw = torch.randn(count, len(objective.point), generator=torch.Generator().manual_seed(1))
    return 0.3 * draw


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(("model", "batch", "number"), NETWORKS.values(), ids=NETWORKS)
def test_losses_are_those_of_networks_with_these_weights(
    model: nn.Module, batch: tuple[Tensor, Tensor], number: int, count: int
) -> None:
    places = torch.randn(11, count, generator=torch.Generator().manual_seed(2))
    with lent(model, cross_entropy, batch) as objective:
        across = across_of(objective, count)
        expected = [objective.loss(objective.point + place @ across) for place in places]
        objective.move(objective.point)
        found = losses_on(objective, across, places)
        assert torch.equal(vector.read(objective.weights), objective.point)
        moved = OnPlane(objective, across)
        moved.find_known(places[0])
    torch.testing.assert_close(found, torch.tensor(expected), rtol=2e-5, atol=1e-6)
    assert len(moved.known) == number


@pytest.mark.parametrize("way", [Way(), Way("images last"), Way("vmap", 4)])
@pytest.mark.parametrize("name", ["mlp", "dropout and batch norm", "branches", "lenet5"])
def test_whichever_way_was_chosen_before_gives_the_same(name: str, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch, _ = NETWORKS[name]
    places = torch.randn(9, 2, generator=torch.Generator().manual_seed(2))
    with lent(model, cross_entropy, batch) as objective:
        across = across_of(objective, 2)
        expected = losses_on(objective, across, places)
        monkeypatch.setattr(evaluate, "CHOSEN", Chosen(way))
        torch.testing.assert_close(losses_on(objective, across, places), expected, rtol=2e-5, atol=1e-6)


class Chosen(dict):
    """The same way for everything, as if it had been the fastest before."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self.way = way

    def get(self, key: str, default: object = None) -> Way:
        return self.way


def test_what_is_below_float32_is_computed_at_every_point() -> None:
    model = made(lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))).bfloat16()
    inputs, classes = examples()
    with lent(model, cross_entropy, (inputs.bfloat16(), classes)) as objective:
        moved = OnPlane(objective, across_of(objective, 2))
        moved.find_known(torch.ones(2))
    assert not moved.known


class Products(TorchFunctionMode):
    """How often a product of a first layer is asked for."""

    count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func in (F.linear, F.conv2d) and args[1].shape[1:] in ((4,), (1, 5, 5))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["mlp", "lenet5"])
def test_a_first_layer_is_computed_for_its_directions_and_not_for_each_point(name: str) -> None:
    model, batch, _ = NETWORKS[name]
    places = torch.randn(200, 2, generator=torch.Generator().manual_seed(2))
    with lent(model, cross_entropy, batch) as objective, Products() as seen:
        losses_on(objective, across_of(objective, 2), places)
    assert 3 <= seen.count <= 2 + 3 * 4  # to find them, and three terms for each mode in which points are evaluated
