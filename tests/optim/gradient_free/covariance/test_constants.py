import math

import pytest
import torch

from glassworks.optim.gradient_free.covariance.constants import constants, shares


@pytest.mark.parametrize(("dimension", "population"), [(1, 2), (1, 64), (2, 3), (10, 10), (10, 256), (1000, 24)])
@pytest.mark.parametrize("separable", [False, True])
def test_weights_lead_by_one_and_never_take_all_of_the_covariance(
    dimension: int, population: int, separable: bool
) -> None:
    known = constants(dimension, population, separable=separable)
    better = [w for w in known.weights if w > 0]
    assert math.isclose(sum(better), 1)
    assert list(known.weights) == sorted(known.weights, reverse=True)
    assert len(known.weights) == population
    assert math.isclose(known.mu_eff, 1 / sum(w * w for w in better))
    assert known.c_1 > 0
    assert known.c_1 + known.c_mu <= 1
    # Were all negative directions the same, each of length sqrt(dimension), what is left stays positive.
    negative = -sum(w for w in known.weights if w < 0)
    left = 1 - known.c_1 - known.c_mu * sum(known.weights)
    assert left - known.c_mu * negative * dimension >= -1e-12


def test_the_expected_length_is_that_of_a_normal_vector() -> None:
    assert math.isclose(constants(1, 4).chi, math.sqrt(2 / math.pi))
    assert math.isclose(constants(3, 4).chi, math.sqrt(8 / math.pi))


def test_one_candidate_is_refused() -> None:
    with pytest.raises(ValueError, match="population \\(=1\\) must be at least 2"):
        constants(5, 1)


def test_shares_follow_ranks_alone_and_infinite_losses_lead_nowhere() -> None:
    known = constants(5, 4)
    losses = torch.tensor([3.0, 1.0, 2.0, 4.0], dtype=torch.float64)
    found = shares(losses, known)
    assert found[[1, 2, 0, 3]].tolist() == pytest.approx(known.weights)
    assert torch.equal(found, shares(losses.exp(), known))
    failed = shares(torch.tensor([math.inf, 1.0, math.inf, math.inf]), known)
    assert failed[1] == pytest.approx(1)
    assert (failed[[0, 2, 3]] <= 0).all()
    assert shares(torch.full((4,), 7.0), known).diff().abs().max() == 0
