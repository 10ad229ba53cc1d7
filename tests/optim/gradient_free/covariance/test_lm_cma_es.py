import math

import pytest
import torch
from torch import Tensor, nn

from glassworks.optim.functions import FUNCTIONS
from glassworks.optim.gradient_free.covariance.lm_cma_es import LMCMAES, c_1, inverses, success


def factor(optimizer: LMCMAES) -> Tensor:
    """A, built from its rank-one changes one after the other."""
    memory = optimizer.memory
    dimension = len(memory["mean"])
    a = torch.eye(dimension, dtype=memory["mean"].dtype)
    for t in range(memory["held"]):
        a = math.sqrt(1 - c_1(dimension)) * a + memory["gains"][t] * torch.outer(
            memory["paths"][t], memory["inverses"][t]
        )
    return a


def test_the_covariance_is_renewed_by_one_direction_after_another() -> None:
    generator = torch.Generator().manual_seed(0)
    paths = torch.randn(5, 8, generator=generator, dtype=torch.float64)
    v, gains = inverses(paths, 5)
    a, expected = torch.eye(8, dtype=torch.float64), torch.eye(8, dtype=torch.float64)
    for t in range(5):
        assert torch.allclose(a @ v[t], paths[t])
        a = math.sqrt(1 - c_1(8)) * a + gains[t] * torch.outer(paths[t], v[t])
        expected = (1 - c_1(8)) * expected + c_1(8) * torch.outer(paths[t], paths[t])
        assert torch.allclose(a @ a.T, expected)


def test_candidates_come_from_the_product_of_all_directions() -> None:
    w = nn.Parameter(torch.ones(6, dtype=torch.float64))
    optimizer = LMCMAES([w])
    for _ in range(40):
        optimizer.tell(FUNCTIONS["ellipsoid"](optimizer.ask()))
    z = torch.randn(4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = torch.full((4,), 1000.0, dtype=torch.float64)
    assert optimizer.memory["held"] == len(optimizer.memory["paths"])
    assert torch.allclose(optimizer.coloured(z, whole), z @ factor(optimizer).T)
    assert torch.equal(optimizer.coloured(z, torch.zeros(4, dtype=torch.float64)), z)


def test_directions_are_held_in_the_order_of_their_age() -> None:
    optimizer = LMCMAES([nn.Parameter(torch.ones(5, dtype=torch.float64))])
    for _ in range(200):
        optimizer.tell(optimizer.ask().square().sum(1))
    assert (optimizer.memory["born"].diff() > 0).all()
    assert optimizer.memory["born"][-1] == 199


@pytest.mark.parametrize(("name", "generations"), [("sphere", 200), ("rosenbrock", 700)])
def test_reaches_the_optimum(name: str, generations: int) -> None:
    w = nn.Parameter(torch.full((5,), 0.5, dtype=torch.float64))
    optimizer = LMCMAES([w], sigma=0.3, noisy=False)
    for _ in range(generations):
        optimizer.tell(FUNCTIONS[name](optimizer.ask()))
    assert FUNCTIONS[name](w.detach()[None]) < 1e-7


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("dimension", [2_000, 10_000])
@pytest.mark.parametrize("name", ["rosenbrock", "ellipsoid"])
def test_thousands_of_weights_give_numbers_and_become_better(dimension: int, name: str, noisy: bool) -> None:
    w = nn.Parameter(FUNCTIONS[name].start(dimension, torch.Generator().manual_seed(0)))
    before = FUNCTIONS[name](w.detach()[None])
    optimizer = LMCMAES([w], sigma=0.05, noisy=noisy)
    for _ in range(100):
        optimizer.tell(FUNCTIONS[name](optimizer.ask()))
    assert FUNCTIONS[name](w.detach()[None]) < before
    assert all(x.isfinite().all() for x in optimizer.memory.values() if isinstance(x, Tensor))


@pytest.mark.parametrize("population", [6, 7])
def test_where_ranks_are_chance_the_step_size_neither_grows_nor_shrinks(population: int) -> None:
    generator, ends = torch.Generator().manual_seed(0), []
    for seed in range(6):
        optimizer = LMCMAES([nn.Parameter(torch.zeros(20))], sigma=1.0, population=population, seed=seed)
        for _ in range(60):
            optimizer.tell(torch.rand(population, generator=generator))
        ends.append(math.log(optimizer.memory["sigma"]))
    assert abs(sum(ends) / len(ends)) < 1  # by success, each of these would be below -10


def test_a_step_size_by_success_follows_the_papers_rule() -> None:
    optimizer = LMCMAES([nn.Parameter(torch.zeros(3))], sigma=1.0, population=4, noisy=False)
    optimizer.tell(torch.tensor([5.0, 6.0, 7.0, 8.0]))
    assert optimizer.numbers()["sigma"] == 1.0
    optimizer.tell(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert optimizer.numbers()["sigma"] == pytest.approx(math.exp(0.3 * (1 - 0.3)))


@pytest.mark.parametrize("population", [2, 3, 7, 64])
@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_any_population_moves_any_number_of_weights(population: int, dimension: int) -> None:
    w = nn.Parameter(torch.ones(dimension, dtype=torch.float64))
    optimizer = LMCMAES([w], sigma=0.1, population=population)
    for _ in range(100):
        optimizer.tell(optimizer.ask().square().sum(1))
    assert w.square().sum() < 0.7 * dimension


def test_candidates_are_opposite_pairs() -> None:
    optimizer = LMCMAES([nn.Parameter(torch.ones(5, dtype=torch.float64))], population=7)
    steps = optimizer.ask() - optimizer.memory["mean"]
    assert torch.allclose(steps[0:6:2], -steps[1:6:2])


def test_success_is_from_minus_one_to_one() -> None:
    low, high = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    assert success(low, high) == 1
    assert success(high, low) == -1
    assert success(torch.tensor([1.0, 4.0]), torch.tensor([2.0, 3.0])) == 0


def test_a_path_of_no_length_changes_nothing() -> None:
    v, gains = inverses(torch.zeros(3, 4), 3)
    assert v.isfinite().all()
    assert not gains.any()


@pytest.mark.parametrize("flat", [True, False])
def test_where_nothing_can_be_learned_all_stays_a_number(flat: bool) -> None:
    w = nn.Parameter(torch.ones(2))
    optimizer, generator = LMCMAES([w], sigma=1e-20), torch.Generator().manual_seed(0)
    for _ in range(1500):
        candidates = optimizer.ask()
        optimizer.tell(torch.ones(len(candidates)) if flat else torch.rand(len(candidates), generator=generator))
    assert w.isfinite().all()
    assert 0 < optimizer.numbers()["sigma"] < math.inf
    assert optimizer.memory["path"].isfinite().all()
