import inspect

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from glassworks.interpret.probing.similarity import KEPT, basis, similarity
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT

unchecked = inspect.unwrap(similarity)  # as a user calls it, without the tests' check of types
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


def test_directions_are_counted_where_few_hold_the_variance() -> None:
    left, right = linear(torch.diag(torch.tensor([1000.0, 1.0, 1.0, 1.0, 1.0, 1.0]))), linear(torch.eye(6)[:4])
    arrays = similarity(left, inputs, "", steps=8, other=right, method="svcca").arrays
    assert (arrays["directions"].tolist(), arrays["other_directions"].tolist()) == ([1], [4])
    assert set(similarity(left, inputs, "", steps=8, method="svcca").arrays) == {"similarity", "directions"}
    assert set(similarity(left, inputs, "", steps=8).arrays) == {"similarity"}


def test_a_basis_is_that_of_the_singular_vectors() -> None:
    generator = torch.Generator().manual_seed(0)
    for shape in ((60, 8), (20, 200)):
        rows = torch.randn(shape, generator=generator, dtype=torch.float64) * 0.7 ** torch.arange(shape[1])
        found = basis(rows, "")
        u = torch.linalg.svd(rows - rows.mean(0), full_matrices=False).U[:, : found.size(1)]
        torch.testing.assert_close(found.T @ found, torch.eye(found.size(1), dtype=torch.float64))
        torch.testing.assert_close(found @ found.T, u @ u.T)


def test_independent_representations_are_unlike() -> None:
    left, right = linear(torch.eye(6)[:3]), linear(torch.eye(6)[3:])
    assert abs(compare(left, right, "cka", steps=40)) < 0.02
    assert compare(left, right, "svcca", steps=40) < 0.1


def test_directions_between_batches_count_for_svcca() -> None:
    """Each batch is one cluster: all that both sides share is which."""
    centre = torch.randn(64, 3, generator=torch.Generator().manual_seed(5))

    def clusters(step: int) -> Tensor:
        noise = torch.randn(8, 6, generator=torch.Generator().manual_seed(step))
        return 0.1 * noise + torch.cat([centre[step], centre[step]])

    left, right = linear(torch.eye(6)[:3]), linear(torch.eye(6)[3:])
    trace = similarity(left, clusters, "", steps=64, other=right, method="svcca")
    assert trace.arrays["similarity"][0, 0, 0] > 0.95
    whole = torch.cat([clusters(step) for step in range(64)])
    once = similarity(left, lambda step: whole, "", steps=1, other=right, method="svcca")
    assert trace.arrays["similarity"] == pytest.approx(once.arrays["similarity"], abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_rows_in_random_order_are_what_chance_gives(method: str) -> None:
    """Few rows of many numbers: SVCCA calls independent noise alike, and the floor says so."""
    noise = torch.randn(40, 24, generator=torch.Generator().manual_seed(0))
    left, right = linear(torch.eye(24)[:12]), linear(torch.eye(24)[12:])
    trace = similarity(left, lambda step: noise, "", steps=1, other=right, method=method)  # type: ignore[arg-type]
    assert trace.labels["row"] == ["models", "with a random network", "rows in random order"]
    models, _, floor = trace.arrays["similarity"][:, 0, 0]
    assert models == pytest.approx(floor, abs=0.15)
    assert (floor > 0.4) == (method == "svcca")
    same = similarity(left, lambda step: noise, "", steps=1, method=method)  # type: ignore[arg-type]
    assert same.arrays["similarity"][0, 0, 0] == pytest.approx(1, abs=1e-5)
    assert same.arrays["similarity"][2, 0, 0] < 0.7


class Largest(TorchDispatchMode):
    """The most numbers that a tensor of the block had."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor):
            self.numbers = max(self.numbers, out.numel())
        return out


def test_all_pairs_need_no_more_than_their_gram_matrices_and_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(8)))
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    points = [str(i) for i in range(8)]
    with Largest() as largest:
        similarity(model, lambda step: x, points, steps=1)
    assert largest.numbers == 8 * 64 * 64
    monkeypatch.setattr("glassworks.interpret.access.checks.free_memory", lambda: 8 * 8 * 64 * 64)
    with pytest.raises(ValueError, match="needs 1,048,576 bytes, 262,144 are free: give batches of fewer than 64 rows"):
        similarity(model, lambda step: x, points, steps=1)
    with pytest.raises(ValueError, match="are free: give fewer steps or points"):
        similarity(model, lambda step: x, points, steps=999, method="svcca")


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
    with pytest.raises(ValueError, match=r"method \(='CKA'\) must be cka or svcca"):
        unchecked(linear(torch.eye(6)), inputs, "", steps=1, method="CKA")
    with pytest.raises(ValueError, match="mask of torch.int64: here it must be bool"):
        similarity(linear(torch.eye(6)), lambda step: (inputs(step), torch.ones(64, 1).long()), "", steps=1)
    with pytest.raises(ValueError, match="twice as many rows"):
        similarity(linear(torch.eye(6)), lambda step: inputs(step)[:8], "", steps=1, method="svcca")
