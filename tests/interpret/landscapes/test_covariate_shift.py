"""The gradient of a layer before and after the layers below have stepped."""

import numpy as np
import pytest
import torch
from tests.interpret.landscapes.networks import DOUBLE, cross_entropy, disturbed, examples
from torch import Tensor, nn

from glassworks.interpret.landscapes.covariate_shift import covariate_shift, next_step


def deep_linear(width: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(3))).double()


def squared(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return (model(batch[0]) - batch[1]).square().sum(1).mean() / 2


PAIRS = tuple(torch.randn(10, 3, generator=torch.Generator().manual_seed(i), dtype=DOUBLE) for i in range(2))


def gradients(weights: list[Tensor]) -> list[Tensor]:
    """Of the deep linear network, by hand: W_i' = (W_k ... W_i+1)^T E (W_i-1 ... W_1 X)^T / N."""
    x, y = PAIRS
    first, second, third = weights
    error = (third @ second @ first @ x.T - y.T) / len(x)
    return [
        second.T @ third.T @ error @ x,
        third.T @ error @ (first @ x.T).T,
        error @ (second @ first @ x.T).T,
    ]


def test_of_a_deep_linear_network_it_is_what_is_found_by_hand() -> None:
    model, lr = deep_linear(), 0.1
    trace = covariate_shift(model, squared, PAIRS, lr=lr)
    weights = [layer.weight.detach() for layer in model]
    before = gradients(weights)
    stepped = [w - lr * g for w, g in zip(weights, before, strict=True)]
    for i in range(3):
        after = gradients([*stepped[:i], *weights[i:]])[i]
        assert trace.arrays["distance"][0, i] == pytest.approx(float((after - before[i]).norm()), rel=1e-9, abs=1e-15)
        cosine = float((after * before[i]).sum() / (after.norm() * before[i].norm()))
        assert trace.arrays["cosine"][0, i] == pytest.approx(cosine, rel=1e-9)
    np.testing.assert_allclose(trace.arrays["step_length"], [lr * float(g.norm()) for g in before], rtol=1e-9)


def test_the_first_layer_has_none_below_it_and_the_control_moves_those_below_as_far() -> None:
    trace = covariate_shift(deep_linear(), squared, PAIRS, lr=0.1)
    assert not trace.arrays["distance"][:, 0].any()
    assert (trace.arrays["distance"][:, 1:] > 0).all()
    assert trace.labels["below"] == ["step", "random"]


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_the_step_is_the_optimizers_own_and_it_is_left_as_it_was(kind: str) -> None:
    found = []
    for looks in (True, False):
        model = disturbed(0.0).train()
        weights = [p for p in model.parameters() if p.requires_grad]
        optimizer = (
            torch.optim.SGD(weights, lr=0.1, momentum=0.9) if kind == "sgd" else torch.optim.Adam(weights, lr=0.1)
        )
        for step in range(3):
            if looks:
                before = [w.detach().clone() for w in weights]
                trace = covariate_shift(model, cross_entropy, examples(), optimizer=optimizer)
            optimizer.zero_grad()
            cross_entropy(model, examples()).backward()
            optimizer.step()
            if looks:
                moved = [(w.detach() - was).flatten() for w, was in zip(weights, before, strict=True)]
                lengths = [float(torch.cat(moved[i : i + 2]).norm()) for i in (0, 2, 4)]
                np.testing.assert_allclose(trace.arrays["step_length"], lengths, rtol=1e-4, err_msg=str(step))
        found.append([w.detach().clone() for w in weights])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert trace.labels["layer"] == ["0", "1", "5"]  # the frozen layer is none


def test_sgd_by_its_rate_is_sgd_by_its_optimizer() -> None:
    model = deep_linear()
    one = covariate_shift(model, squared, PAIRS, lr=0.1)
    other = covariate_shift(model, squared, PAIRS, optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    for name, array in one.arrays.items():
        np.testing.assert_allclose(array, other.arrays[name], rtol=1e-9, atol=1e-12)


def test_what_takes_no_gradients_is_refused_and_so_are_neither_or_both() -> None:
    model = deep_linear()
    weights = list(model.parameters())
    with pytest.raises(ValueError, match=r"optimizer \(=LBFGS\) steps by more than gradients: give lr"):
        covariate_shift(model, squared, PAIRS, optimizer=torch.optim.LBFGS(weights))
    with pytest.raises(ValueError, match="give either lr"):
        covariate_shift(model, squared, PAIRS)
    with pytest.raises(ValueError, match=r"lr \(=-1.0\) must be above 0"):
        covariate_shift(model, squared, PAIRS, lr=-1.0)
    assert next_step(torch.optim.SGD(weights, lr=0.0), weights, weights)[0].abs().max() == 0


def test_an_optimizer_of_another_network_is_refused() -> None:
    model, other = deep_linear(), deep_linear()
    with pytest.raises(ValueError, match=r"optimizer \(=SGD\) has none of the network's weights: give its own"):
        covariate_shift(model, squared, PAIRS, optimizer=torch.optim.SGD(other.parameters(), lr=0.1))


def test_a_state_of_another_precision_than_the_weights_and_groups_are_left_as_they_were() -> None:
    model = nn.Linear(3, 3).bfloat16()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    kept = torch.full((3, 3), 1.001)
    optimizer.state[model.weight]["momentum_buffer"] = kept.clone()
    group = optimizer.param_groups[0]
    batch = tuple(x.bfloat16() for x in PAIRS)
    covariate_shift(model, squared, batch, optimizer=optimizer)
    assert torch.equal(optimizer.state[model.weight]["momentum_buffer"], kept)
    assert set(optimizer.state) == {model.weight}
    assert optimizer.param_groups[0] is group
    assert group["lr"] == 0.1
