import pytest
import torch
from torch import Tensor, nn

from glassworks.interpret.similarity import KEPT, similarity
from glassworks.models.config import GPTConfig
from glassworks.models.gpt import GPT

METHODS = ("cka", "svcca")


def inputs(step: int) -> Tensor:
    return torch.randn(64, 6, generator=torch.Generator().manual_seed(step))


def linear(weight: Tensor) -> nn.Module:
    model = nn.Linear(weight.size(1), weight.size(0), bias=False)
    with torch.no_grad():
        model.weight.copy_(weight)
    return model


def compare(model: nn.Module, other: nn.Module | None, method: str, steps: int = 8) -> float:
    trace = similarity(model, inputs, "", steps=steps, other=other, method=method)  # type: ignore[arg-type]
    return float(trace.arrays["similarity"][0, 0, 0])


@pytest.mark.parametrize("method", METHODS)
def test_a_representation_is_like_itself_rotated_and_scaled(method: str) -> None:
    base = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    rotation = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(1))).Q
    assert compare(linear(base), None, method) == pytest.approx(1, abs=1e-5)
    assert compare(linear(base), linear(3 * rotation @ base), method) == pytest.approx(1, abs=1e-5)


def test_only_svcca_is_blind_to_stretching() -> None:
    stretch = torch.diag(torch.tensor([8.0, 4.0, 2.0, 1.0, 1.0, 1.0]))
    plain, stretched = linear(torch.eye(6)), linear(stretch)
    assert compare(plain, stretched, "cka") < 0.8
    # as long as no direction falls below the share of the variance that is kept
    assert (stretch.diag().square() / stretch.square().sum()).min() > 1 - KEPT
    assert compare(plain, stretched, "svcca") == pytest.approx(1, abs=1e-4)


def test_independent_representations_are_unlike() -> None:
    left, right = linear(torch.eye(6)[:3]), linear(torch.eye(6)[3:])
    assert abs(compare(left, right, "cka", steps=40)) < 0.02
    assert compare(left, right, "svcca", steps=40) < 0.1


def test_agrees_with_the_textbook_on_much_data() -> None:
    base = torch.randn(5, 6, generator=torch.Generator().manual_seed(2))
    other = base.roll(1, 0) * torch.tensor([[3.0], [1.0], [1.0], [1.0], [0.5]])
    rows = torch.cat([inputs(step) for step in range(60)])
    x, y = (rows @ w.T for w in (base, other))
    x, y = x - x.mean(0), y - y.mean(0)
    expected = (y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())
    assert compare(linear(base), linear(other), "cka", steps=60) == pytest.approx(float(expected), abs=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_all_pairs_of_layers_with_a_random_network_beside_them(method: str) -> None:
    model = GPT(GPTConfig("gpt2", 20, 8, 2, 2, 16))
    tokens = torch.randint(20, (6, 32, 8), generator=torch.Generator().manual_seed(0))
    trace = similarity(model, lambda step: tokens[step], "blocks.*.resid_post", steps=6, method=method)  # type: ignore[arg-type]
    found = trace.arrays["similarity"]
    assert trace.labels["point"] == ["blocks.0.resid_post", "blocks.1.resid_post"]
    assert found[0].diagonal() == pytest.approx([1, 1], abs=1e-5)
    assert found[0, 0, 1] == pytest.approx(found[0, 1, 0], abs=1e-6)
    assert (found[1] < 0.999).all()


def test_refuses_what_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match=r"steps \(=0\)"):
        similarity(linear(torch.eye(6)), inputs, "", steps=0)
    with pytest.raises(ValueError, match="at least 4"):
        similarity(linear(torch.eye(6)), lambda step: inputs(step)[:3], "", steps=1)
    with pytest.raises(ValueError, match="do not differ"):
        similarity(linear(torch.zeros(6, 6)), inputs, "", steps=1)
    with pytest.raises(ValueError, match="twice as many rows"):
        similarity(linear(torch.eye(6)), lambda step: inputs(step)[:8], "", steps=1, method="svcca")
