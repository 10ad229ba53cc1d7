"""Equilibrium propagation: as nudges become small its gradient is the true one, step by step that through time."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.models.simple.settling import SettlingMLP
from glassworks.optim.rules.settling.equilibrium_propagation import EquilibriumPropagation, energetic, gradient
from glassworks.optim.rules.settling.through_time import compare
from glassworks.train.fit import fit

X = torch.rand(12, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
Y = torch.randint(3, (12,), generator=torch.Generator().manual_seed(2))


def chain() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 7), nn.Sigmoid(), nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 3)
    ).double()


def settling() -> nn.Module:
    return SettlingMLP((6, 8, 7, 3), steps=100, seed=1).double()


def cost(outputs: Tensor) -> Tensor:
    return F.cross_entropy(outputs, Y, reduction="sum")


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def apart(found: list[Tensor], true: tuple[Tensor, ...]) -> float:
    difference = torch.cat([(a - b).flatten() for a, b in zip(found, true, strict=True)]).norm()
    return float(difference / torch.cat([b.flatten() for b in true]).norm())


@pytest.mark.parametrize("make", [chain, settling])
def test_the_estimate_is_the_gradient_as_beta_becomes_small(make: type) -> None:
    model = make()
    weights = list(model.parameters())
    true = torch.autograd.grad(cost(model(X)), weights)
    off = {}
    for beta in (1e-2, 1e-3):
        value, found = gradient(energetic(model, 0.2), X, cost, weights, beta=beta, steps=300)
        assert value == pytest.approx(float(cost(model(X)).detach()), rel=1e-12)
        off[beta] = apart(found, true)
    assert off[1e-3] < 1e-5
    if make is chain:  # smooth: the error of the symmetric estimate is of order beta squared
        assert off[1e-2] == pytest.approx(100 * off[1e-3], rel=0.05)


@pytest.mark.parametrize("make", [chain, settling])
def test_each_step_of_a_nudge_is_a_step_back_in_time(make: type) -> None:
    found = compare(make(), (X, Y), loss, steps=8, beta=1e-4)
    assert len(found.differences) == 8
    assert max(found.differences) < 1e-6
    lowest = [float(step[0].norm()) for step in found.through_time]
    assert lowest[0] == 0 or make is settling  # what pulls at the top has not reached the first layer
    assert lowest[-1] > 0


def test_a_chain_is_at_rest_in_its_own_forward_pass() -> None:
    model = chain()
    network = energetic(model, 0.2)
    drive = network.drive(X)
    states = network.rest(drive)
    assert torch.equal(network.output(drive, states), model(X))
    assert network.energy(drive, states) == 0


def test_a_settling_network_is_at_the_least_energy_and_feels_its_feedback() -> None:
    model = settling()
    drive = model.drive(X)
    states = model.rest(drive)
    assert model.unrest(X) < 1e-12
    assert SettlingMLP((6, 8, 7, 3), steps=1, seed=1).double().unrest(X) > 1e-3
    least = float(model.energy(drive, states).detach())
    torch.manual_seed(3)
    for _ in range(20):
        others = [(state + 0.1 * torch.randn_like(state)).clamp(0, 1) for state in states]
        assert float(model.energy(drive, others).detach()) > least
    alone = drive.clamp(0, 1)
    assert (states[0] - alone).abs().max() > 0.01


@pytest.mark.parametrize("make", [chain, settling])
def test_it_learns(make: type) -> None:
    model = make()
    rule = EquilibriumPropagation(model, lr=0.02)
    before = float(loss(model, (X, Y)).detach())
    assert fit(model, lambda _: (X, Y), loss, rule, steps=80).loss < 0.5 * before


def test_frozen_weights_stay_and_are_no_gradient() -> None:
    model = settling()
    model.links[0].weight.requires_grad_(False)
    before = model.links[0].weight.clone()
    fit(model, lambda _: (X, Y), loss, EquilibriumPropagation(model), steps=3)
    assert torch.equal(before, model.links[0].weight)


@pytest.mark.parametrize(("name", "value"), [("beta", 0.0), ("settling", 0), ("rate", 1.5)])
def test_settings_that_cannot_be(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{name} \(={value}\)"):
        EquilibriumPropagation(chain(), **{name: value})


@pytest.mark.parametrize("sizes", [(6, 3), (6, 0, 3)])
def test_sizes_that_cannot_be(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="sizes"):
        SettlingMLP(sizes)
