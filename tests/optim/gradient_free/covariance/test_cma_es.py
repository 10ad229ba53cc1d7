import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from glassworks.optim.functions import FUNCTIONS
from glassworks.optim.gradient_free.covariance import cma_es
from glassworks.optim.gradient_free.covariance.cma_es import CMAES, spectrum
from glassworks.optim.gradient_free.covariance.constants import constants
from glassworks.optim.gradient_free.covariance.sep_cma_es import SepCMAES

Loss = Callable[[Tensor], Tensor]


def starting(*values: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor(values, dtype=torch.float64))


def reach(optimizer: CMAES | SepCMAES, loss: Loss, target: float, most: int) -> int:
    """Evaluations until a candidate is as good as the target."""
    for spent in range(0, most, optimizer.settings["population"]):
        losses = loss(optimizer.ask())
        optimizer.tell(losses)
        if losses.min() < target:
            return spent
    raise AssertionError(f"not reached in {most} evaluations")


@pytest.mark.parametrize("cls", [CMAES, SepCMAES])
@pytest.mark.parametrize(("name", "most"), [("sphere", 2000), ("ellipsoid", 5500)])
def test_reaches_the_optimum_of_convex_functions(cls: type[CMAES | SepCMAES], name: str, most: int) -> None:
    w = starting(*[1.0] * 10)
    reach(cls([w], sigma=0.3), FUNCTIONS[name], 1e-8, most)


def test_reaches_the_end_of_a_curved_valley() -> None:
    w = starting(*[0.0] * 10)
    reach(CMAES([w], sigma=0.3), FUNCTIONS["rosenbrock"], 1e-8, 9000)
    assert w.detach().tolist() == pytest.approx([1.0] * 10, abs=1e-3)


@pytest.mark.parametrize("cls", [CMAES, SepCMAES])
@pytest.mark.parametrize("population", [2, 3, 5, 64])
@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_any_population_moves_any_number_of_weights(
    cls: type[CMAES | SepCMAES], population: int, dimension: int
) -> None:
    w = starting(*[1.0] * dimension)
    optimizer = cls([w], sigma=0.3, population=population)
    for _ in range(150):
        optimizer.tell(optimizer.ask().square().sum(1))
    assert w.square().sum() < 0.1 * dimension
    assert optimizer.memory["factor"].isfinite().all()


def test_single_precision_follows_an_ill_conditioned_valley() -> None:
    w = nn.Parameter(torch.ones(8))
    reach(CMAES([w], sigma=0.3), FUNCTIONS["ellipsoid"], 1e-8, 5000)


def test_weights_that_were_turned_follow_a_loss_that_was_turned() -> None:
    turn, _ = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    ellipsoid = FUNCTIONS["ellipsoid"]
    plain, turned = CMAES([starting(*[1.0] * 6)], sigma=0.3), CMAES([starting(*[1.0] * 6)], sigma=0.3)
    turned.memory["mean"] @= turn.T
    turned.memory["factor"] = turn.clone()
    for _ in range(100):
        plain.tell(ellipsoid(plain.ask()))
        turned.tell(ellipsoid(turned.ask() @ turn))
    assert torch.allclose(turned.memory["mean"], turn @ plain.memory["mean"], rtol=0, atol=1e-8)
    assert turned.memory["sigma"] == pytest.approx(plain.memory["sigma"], rel=1e-6)
    assert torch.allclose(turned.covariance, turn @ plain.covariance @ turn.T, atol=1e-6)


@pytest.mark.parametrize("cls", [CMAES, SepCMAES])
def test_only_ranks_of_losses_count(cls: type[CMAES | SepCMAES]) -> None:
    runs = [cls([starting(1.0, 2.0, 3.0)]) for _ in range(2)]
    for _ in range(20):
        runs[0].tell(runs[0].ask().square().sum(1))
        runs[1].tell(runs[1].ask().square().sum(1).log() * 7 - 3)
    assert torch.equal(runs[0].memory["mean"], runs[1].memory["mean"])
    assert runs[0].memory["sigma"] == runs[1].memory["sigma"]


def test_scaled_weights_follow_a_scaled_loss() -> None:
    plain, wide = CMAES([starting(1.0, 2.0)], sigma=0.25), CMAES([starting(8.0, 16.0)], sigma=2.0)
    for _ in range(20):
        plain.tell(plain.ask().square().sum(1))
        wide.tell((wide.ask() / 8).square().sum(1))
    assert torch.equal(wide.memory["mean"], 8 * plain.memory["mean"])


def test_the_covariance_is_renewed_by_the_tutorials_formula() -> None:
    known, w = constants(4, 9), starting(0.0, 0.0, 0.0, 0.0)
    optimizer = CMAES([w], sigma=0.5, population=9)
    for _ in range(6):
        old, mean, sigma = optimizer.covariance, optimizer.memory["mean"].clone(), optimizer.memory["sigma"]
        root = optimizer.memory["factor"].clone()
        x = optimizer.ask()
        losses = FUNCTIONS["rosenbrock"](x)
        optimizer.tell(losses)
        y = ((x - mean) / sigma)[losses.argsort()]
        weights = torch.tensor(known.weights, dtype=torch.float64)
        assert torch.allclose(optimizer.memory["mean"], mean + sigma * weights.clamp(min=0) @ y)
        path = optimizer.memory["factor"] @ optimizer.memory["learned"]  # of the new A: the same place
        length = torch.linalg.solve(root, y.T).square().sum(0)
        scaled = torch.where(weights < 0, weights * 4 / length, weights)
        keep = 1 - known.c_1 - known.c_mu * float(weights.sum())
        expected = keep * old + known.c_1 * torch.outer(path, path) + known.c_mu * (y.T * scaled) @ y
        assert torch.allclose(optimizer.covariance, expected, atol=1e-12)


@pytest.mark.parametrize("count", [3, 12])
def test_a_spectrum_says_what_a_sum_of_outer_products_is(count: int) -> None:
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(count, 6, generator=generator, dtype=torch.float64)
    weights = torch.randn(count, generator=generator, dtype=torch.float64)
    axes, values = spectrum(z, weights)
    assert torch.allclose((axes * values) @ axes.T, (z.T * weights) @ z)
    assert torch.allclose(axes.T @ axes, torch.eye(axes.size(1), dtype=torch.float64))


@pytest.mark.parametrize("cls", [CMAES, SepCMAES])
def test_told_of_the_same_candidates_as_given_ones_learns_the_same(cls: type[CMAES | SepCMAES]) -> None:
    asked, given = cls([starting(1.0, 2.0, 3.0)], sigma=0.5), cls([starting(1.0, 2.0, 3.0)], sigma=0.5)
    for _ in range(5):
        x = asked.ask().clone()
        asked.tell(x.square().sum(1))
        given.tell(x.square().sum(1), x)
    assert torch.allclose(asked.memory["mean"], given.memory["mean"])
    assert torch.allclose(asked.covariance, given.covariance)
    assert asked.memory["sigma"] == pytest.approx(given.memory["sigma"])


def test_candidates_that_fail_are_moved_away_from() -> None:
    w = starting(1.0, 1.0)
    optimizer = CMAES([w], sigma=0.5, population=16)
    for _ in range(60):
        x = optimizer.ask()
        optimizer.tell(torch.where(x[:, 0] < 0.5, math.nan, x.square().sum(1)))
    assert 0.5 < w[0] < 0.7
    assert abs(w[1]) < 0.05


def test_the_mean_stays_where_all_losses_are_the_same() -> None:
    w = starting(1.0, 2.0)
    optimizer = CMAES([w], population=8)
    step = optimizer.ask().mean(0) - w.detach()
    optimizer.tell(torch.ones(8))
    assert (w.detach() - torch.tensor([1.0, 2.0])).norm() <= step.norm() + 1e-12


def test_lr_scales_the_step_of_the_mean_and_nothing_else() -> None:
    runs = [CMAES([starting(1.0, 2.0)], lr=lr, population=8) for lr in (1.0, 0.25)]
    losses = runs[0].ask().square().sum(1)
    for run in runs:
        run.tell(losses)
    moved = [run.memory["mean"] - torch.tensor([1.0, 2.0], dtype=torch.float64) for run in runs]
    assert torch.allclose(moved[1], 0.25 * moved[0])
    assert torch.equal(runs[0].covariance, runs[1].covariance)


def test_sigma_and_the_covariance_do_not_run_away_from_each_other() -> None:
    optimizer = SepCMAES([starting(1.0, 2.0)], sigma=0.1)
    optimizer.memory["factor"] *= 1e-7
    optimizer.tell(optimizer.ask().square().sum(1))
    assert optimizer.memory["factor"].norm() == pytest.approx(2**0.5)


def test_a_covariance_that_does_not_fit_is_refused_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cma_es, "at_once", lambda population, mean: 7)
    monkeypatch.setattr(cma_es, "free_on", lambda device: 10**9)
    with pytest.raises(ValueError, match="covariance of 20,000 x 20,000.* 3.2 GB .* 1.0 GB are free: take sep_cma_es"):
        CMAES([nn.Parameter(torch.zeros(20_000))])


def test_a_thousand_weights_come_down_and_stay_numbers() -> None:
    w = nn.Parameter(torch.ones(1000))
    optimizer = CMAES([w], sigma=0.3)
    for _ in range(200):
        optimizer.tell(optimizer.ask().square().sum(1))
    assert w.square().sum() < 0.75 * 1000
    assert optimizer.covariance.isfinite().all()
