import math

import pytest
import torch
from torch import Tensor

from glassworks.optim.gradient_free.evolution import gaussian
from glassworks.optim.gradient_free.evolution.gaussian import centred_ranks, drawn, moments, normal, ranked, utilities

D = 300


def mean_and_sigma(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    return torch.randn(D, dtype=dtype), torch.rand(D, dtype=dtype) + 0.1


def test_ranks_are_centred_and_equal_losses_share_theirs() -> None:
    assert centred_ranks(torch.tensor([3.0, 1.0, 2.0])).tolist() == [0.5, -0.5, 0.0]
    assert centred_ranks(torch.tensor([7.0, 1.0, 7.0])).tolist() == [0.25, -0.5, 0.25]
    assert centred_ranks(torch.tensor([math.inf, 0.0, 1.0, math.inf])).tolist() == pytest.approx(
        [1 / 3, -1 / 2, -1 / 6, 1 / 3]
    )
    assert centred_ranks(torch.tensor([5.0])).tolist() == [0]
    assert centred_ranks(torch.ones(6)).abs().max() < 1e-7


def test_utilities_are_the_papers() -> None:
    """Table 1's formula by hand, for a population of 4: ln 3 - ln k for k = 1, 2, then 0, over its sum, less 1/4."""
    raw = [math.log(3), math.log(3) - math.log(2), 0.0, 0.0]
    expected = [x / sum(raw) - 0.25 for x in raw]
    assert utilities(torch.tensor([0.1, 0.2, 0.3, 0.4])).tolist() == pytest.approx(expected)
    assert utilities(torch.tensor([0.4, 0.1, 0.3, 0.2])).tolist() == pytest.approx([expected[i] for i in (3, 0, 2, 1)])
    assert utilities(torch.rand(101)).sum().abs() < 1e-6


def test_ranks_do_not_depend_on_the_order_of_candidates() -> None:
    losses, order = torch.rand(50).round(decimals=1), torch.randperm(50)
    weights = torch.rand(50, dtype=torch.float64)
    assert torch.equal(ranked(losses, weights)[order], ranked(losses[order], weights))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_moments_are_what_they_are_called(dtype: torch.dtype) -> None:
    mean, sigma = mean_and_sigma(dtype)
    x = drawn(1, range(40), mean, sigma)
    weights = torch.randn(40, dtype=dtype)
    first, second = moments(x, mean, weights)
    d = (x - mean).double()
    torch.testing.assert_close(first, (weights.double()[:, None] * d).sum(0).to(dtype), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(second, (weights.double()[:, None] * d**2).sum(0).to(dtype), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("half", [None, 20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_candidates_in_parts_are_the_same_to_the_bit(
    dtype: torch.dtype, half: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaussian, "BLOCK", 3 * D)  # so that there are several
    mean, sigma = mean_and_sigma(dtype)
    whole = drawn(9, range(40), mean, sigma, half=half)
    for part in (range(0, 7), range(5, 31), range(19, 21), range(39, 40)):
        assert torch.equal(drawn(9, part, mean, sigma, half=half), whole[part.start : part.stop])


def test_pairs_lie_opposite_and_have_the_noise_that_the_key_names() -> None:
    mean, sigma = mean_and_sigma()
    x = drawn(9, range(40), mean, sigma, half=20)
    torch.testing.assert_close(x[:20] - mean, mean - x[20:], atol=1e-6, rtol=0)
    torch.testing.assert_close(x[:20], mean + sigma * normal(9, range(20), mean))
