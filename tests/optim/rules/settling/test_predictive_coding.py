"""Predictive coding: held predictions give backpropagation's gradient, free ones near it as errors become small."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.optim.rules.chain import read_chain
from glassworks.optim.rules.settling.predictive_coding import PredictiveCoding, gradient
from glassworks.train.fit import fit

X = torch.randn(12, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
Y = torch.randint(3, (12,), generator=torch.Generator().manual_seed(2))


def network(depth: int = 3) -> nn.Sequential:
    torch.manual_seed(depth)
    layers: list[nn.Module] = []
    for n in range(depth):
        layers += [nn.Linear(6 if n == 0 else 5, 5), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(5, 3)).double()


def cost(outputs: Tensor) -> Tensor:
    return F.cross_entropy(outputs, Y, reduction="sum")


def apart(found: list[Tensor], true: tuple[Tensor, ...]) -> float:
    difference = torch.cat([(a - b).flatten() for a, b in zip(found, true, strict=True)]).norm()
    return float(difference / torch.cat([b.flatten() for b in true]).norm())


@pytest.mark.parametrize("depth", [0, 1, 2, 4])
def test_held_predictions_give_the_gradient_after_as_many_steps_as_hidden_layers(depth: int) -> None:
    model = network(depth) if depth else nn.Sequential(nn.Linear(6, 3)).double()
    weights = list(model.parameters())
    loss = cost(model(X))
    true = torch.autograd.grad(loss, weights)
    chain = read_chain(model)
    value, found = gradient(chain, X, cost, weights, steps=max(1, depth), rate=1.0, fixed=True)
    assert value == loss
    assert apart(found, true) < 1e-14
    if depth > 1:
        assert apart(gradient(chain, X, cost, weights, steps=depth - 1, rate=1.0, fixed=True)[1], true) > 0.01
        assert apart(gradient(chain, X, cost, weights, steps=300, rate=0.2, fixed=True)[1], true) < 1e-12


def test_free_states_give_another_gradient_that_nears_it_as_the_loss_becomes_small() -> None:
    model = network()
    weights = list(model.parameters())
    chain = read_chain(model)
    off = []
    for scale in (1.0, 1e-2, 1e-4):

        def small(outputs: Tensor, scale: float = scale) -> Tensor:
            return scale * cost(outputs)

        true = torch.autograd.grad(small(model(X)), weights)
        off.append(apart(gradient(chain, X, small, weights, steps=400, rate=0.2, fixed=False)[1], true))
    assert off[0] > 0.1
    assert off[1] == pytest.approx(off[2] * 100, rel=0.1)  # in proportion
    assert off[2] < 1e-3


def test_shared_layers_and_convolutions() -> None:
    torch.manual_seed(0)
    shared = nn.Linear(5, 5)
    twice = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), shared, nn.Tanh(), shared, nn.Tanh(), nn.Linear(5, 3)).double()
    weights = list(twice.parameters())
    assert len(weights) == 6
    found = gradient(read_chain(twice), X, cost, weights, steps=3, rate=1.0, fixed=True)[1]
    assert apart(found, torch.autograd.grad(cost(twice(X)), weights)) < 1e-14

    images = X.reshape(2, 1, 6, 6)
    maps = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)).double()
    weights = list(maps.parameters())

    def of_two(outputs: Tensor) -> Tensor:
        return F.cross_entropy(outputs, Y[:2], reduction="sum")

    found = gradient(read_chain(maps), images, of_two, weights, steps=1, rate=1.0, fixed=True)[1]
    assert apart(found, torch.autograd.grad(of_two(maps(images)), weights)) < 1e-14


def test_a_training_with_held_predictions_is_that_of_adam() -> None:
    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1])

    ours, its = network(), network()
    rule = PredictiveCoding(ours, lr=0.01, predictions="fixed", inference=3, rate=1.0)
    made = fit(ours, lambda _: (X, Y), loss, rule, steps=20)
    adam = torch.optim.Adam(its.parameters(), lr=0.01)
    assert made.loss == pytest.approx(fit(its, lambda _: (X, Y), loss, adam, steps=20).loss, rel=1e-9)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"rate": 0.0}, r"rate \(=0.0\) above 0"),
        ({"inference": 0}, r"inference \(=0\) must be 1 or more"),
        ({"lr": 0.0}, r"lr \(=0.0\)"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        PredictiveCoding(network(), **settings)


@pytest.mark.usefixtures("unchecked")
def test_predictions_of_no_such_kind() -> None:
    with pytest.raises(ValueError, match=r"predictions \(='held'\) must be free or fixed"):
        PredictiveCoding(network(), predictions="held")
