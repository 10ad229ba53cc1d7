import math

import pytest
import torch

from glassworks.optim.functions import FUNCTIONS, ackley, griewank, levy, rastrigin, rosenbrock, schwefel, turned

QUIET = [name for name, function in FUNCTIONS.items() if not function.noisy]


def around(name: str, dimension: int = 7) -> torch.Tensor:
    """Fifty rows within the domain."""
    function, generator = FUNCTIONS[name], torch.Generator().manual_seed(1)
    return torch.stack([function.start(dimension, generator) for _ in range(50)]).double()


def gradient(name: str, rows: torch.Tensor) -> torch.Tensor:
    rows = rows.clone().requires_grad_()
    return torch.autograd.grad(FUNCTIONS[name](rows).sum(), rows)[0]


@pytest.mark.parametrize("dimension", [2, 3, 1000])
@pytest.mark.parametrize("name", QUIET)
def test_a_function_is_0_at_its_optimum_and_above_0_elsewhere(name: str, dimension: int) -> None:
    function = FUNCTIONS[name]
    optimum = function.optimum(dimension)[None]
    assert function(optimum).abs() < 1e-9 * dimension
    if name == "steps":  # which is 0 on a whole terrace
        assert (function(around(name, dimension)) >= 0).all()
    else:
        assert (function(around(name, dimension)) > function(optimum)).all()
        near = optimum + torch.randn(20, dimension, dtype=torch.float64) * 1e-3
        assert (function(near) > function(optimum)).all()


@pytest.mark.parametrize("name", QUIET)
def test_rows_are_judged_each_by_itself(name: str) -> None:
    rows = around(name)
    alone = torch.cat([FUNCTIONS[name](row[None]) for row in rows])
    torch.testing.assert_close(FUNCTIONS[name](rows), alone)


@pytest.mark.parametrize("name", QUIET)
def test_separable_ones_and_no_others_are_sums_over_coordinates(name: str) -> None:
    function, rows = FUNCTIONS[name], around(name)
    a, b = rows[:25], rows[25:]
    mixed_a, mixed_b = a.clone(), b.clone()
    mixed_a[:, 3:], mixed_b[:, 3:] = b[:, 3:], a[:, 3:]  # a sum over coordinates does not care whose they are
    apart = (function(a) + function(b) - function(mixed_a) - function(mixed_b)).abs() / function(rows).max()
    assert (apart.max() < 1e-9) == function.separable


@pytest.mark.parametrize("name", ["sphere", "ellipsoid", "rotated_ellipsoid"])
def test_the_condition_of_bowls_is_what_it_is_said_to_be(name: str) -> None:
    hessian = torch.autograd.functional.hessian(lambda x: FUNCTIONS[name](x[None])[0], torch.ones(6).double())
    values = torch.linalg.eigvalsh(hessian)
    assert values[-1] / values[0] == pytest.approx(1 if name == "sphere" else 1e6, rel=1e-6)
    diagonal = torch.diag(hessian.diagonal())
    assert torch.allclose(hessian, diagonal) == FUNCTIONS[name].separable


@pytest.mark.parametrize("name", [name for name in QUIET if FUNCTIONS[name].multimodal])
def test_multimodal_ones_have_other_minima(name: str) -> None:
    function = FUNCTIONS[name]
    line = function.optimum(2).repeat(200_001, 1)
    line += torch.linspace(function.low, function.high, 200_001, dtype=torch.float64)[:, None] * torch.tensor([0.5, 0])
    values = function(line)
    minima = (values[1:-1] < values[:-2]) & (values[1:-1] < values[2:])
    assert minima.sum() > 1


def test_published_values() -> None:
    ones, zeros = torch.ones(1, 2).double(), torch.zeros(1, 3).double()
    assert rosenbrock(zeros) == 2
    assert rosenbrock(torch.tensor([[2.0, 2, 2]])) == 100 * (2 - 4) ** 2 * 2 + 2
    assert rastrigin(ones).item() == pytest.approx(2)
    assert ackley(ones).item() == pytest.approx(3.6253849384403627)
    assert griewank(ones).item() == pytest.approx(2 / 4000 + 1 - math.cos(1) * math.cos(1 / math.sqrt(2)))
    assert levy(zeros).item() == pytest.approx(
        math.sin(0.75 * math.pi) ** 2
        + 2 * (1 + 10 * math.sin(0.75 * math.pi + 1) ** 2) / 16
        + (1 + math.sin(1.5 * math.pi) ** 2) / 16
    )
    assert schwefel(zeros).item() == pytest.approx(3 * 418.9828872724338)


def test_turning_is_orthogonal_mixes_all_coordinates_and_is_always_the_same() -> None:
    matrix = turned(torch.eye(64, dtype=torch.float64))
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(64, dtype=torch.float64))
    assert matrix.abs().max() < 0.6
    assert torch.equal(matrix, turned(torch.eye(64, dtype=torch.float64)))


def test_noise_is_the_generators_and_is_refused_without_one() -> None:
    noisy, rows = FUNCTIONS["noisy_sphere"], around("noisy_sphere")
    first, again, other = (noisy(rows, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    spread = (first / FUNCTIONS["sphere"](rows)).log()
    assert spread.std() == pytest.approx(1, abs=0.3)
    with pytest.raises(ValueError, match="generator"):
        noisy(rows)


def test_a_single_coordinate_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        FUNCTIONS["sphere"](torch.zeros(3, 1))
