"""Difference target propagation: targets that a perfect inverse makes right, and inverses that are learned."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.optim.rules.target_propagation import TargetPropagation
from glassworks.train.fit import fit

X = torch.randn(64, 6, generator=torch.Generator().manual_seed(1))
Y = (X[:, :3].argmax(1) + (X[:, 3] > 0)) % 3


def network(depth: int = 3) -> nn.Sequential:
    torch.manual_seed(depth)
    layers: list[nn.Module] = []
    for n in range(depth):
        layers += [nn.Linear(6 if n == 0 else 8, 8), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(8, 3))


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def test_with_one_hidden_layer_it_is_the_gradient() -> None:
    ours, its = network(1), network(1)
    settings = {"inner": "sgd", "momentum": 0.0, "target": 1.0, "lr": 0.1}
    made = fit(ours, lambda _: (X, Y), loss, TargetPropagation(ours, **settings), steps=10)
    true = fit(its, lambda _: (X, Y), loss, torch.optim.SGD(its.parameters(), lr=0.1), steps=10)
    assert made.loss == pytest.approx(true.loss, rel=1e-5)


def test_with_the_true_inverse_a_target_is_what_gives_the_one_above() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3))
    rule = TargetPropagation(model)
    states = rule.chain.states(X)
    weight, bias = rule.parameters_of(1)
    inverse = model[1].weight.detach().inverse()
    weight.copy_(inverse)
    bias.copy_(-inverse @ model[1].bias.detach())
    above = states[2] + 0.1 * torch.randn_like(states[2])
    below, _ = rule.targets(states, above)
    assert torch.allclose(model[1](below), above, atol=1e-4)


def test_the_difference_takes_away_what_an_inverse_gets_wrong() -> None:
    rule = TargetPropagation(network())
    states = rule.chain.states(X)
    for target, state in zip(rule.targets(states, states[3]), states[1:4], strict=True):
        assert torch.equal(target, state)  # nothing is wanted of the top, nothing of those below


def test_inverses_and_the_network_learn() -> None:
    model = network()
    rule = TargetPropagation(model, lr=0.01, inverse_lr=0.01)
    found = fit(model, lambda _: (X, Y), loss, rule, steps=150, every=[(1, lambda *_: rule.numbers())], log_every=1)
    told = found.history["reconstruction"]
    assert told[-1] < 0.6 * told[0]
    assert found.loss < 0.6 * found.rows[0]["loss"]


def test_layers_without_an_inverse_are_refused_by_name() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
    with pytest.raises(ValueError, match=r"learns an inverse of each layer, and 0 is a Conv2d: take linear layers"):
        TargetPropagation(model)


@pytest.mark.parametrize("name", ["target", "inverse_lr", "noise"])
def test_settings_that_cannot_be(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} \(=0.0\) must be above 0"):
        TargetPropagation(network(), **{name: 0.0})
