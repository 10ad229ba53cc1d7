import math

import pytest
import torch
from torch import Tensor, nn

from glassworks.optim.gradient_free.heuristics import simulated_annealing
from glassworks.optim.gradient_free.heuristics.simulated_annealing import SimulatedAnnealing, is_taken


def test_better_ones_are_always_taken_worse_ones_as_metropolis_says() -> None:
    assert is_taken(-1.0, 0.0, 0.999)
    assert is_taken(0.0, 0.0, 0.999)
    assert not is_taken(1e-9, 0.0, 0.0)
    coins = torch.rand(4000, generator=torch.Generator().manual_seed(0)).tolist()
    share = sum(is_taken(1.0, 2.0, coin) for coin in coins) / len(coins)
    assert share == pytest.approx(math.exp(-0.5), abs=0.03)
    assert not is_taken(math.inf, 1.0, 0.0)
    assert not is_taken(math.nan, 1.0, 0.0)


def test_it_cools_by_the_same_factor_each_step() -> None:
    search = SimulatedAnnealing([nn.Parameter(torch.ones(2))], temperature=3.0, cooling=0.5)
    for _ in range(3):
        search.tell(search.ask().square().sum(1))
    assert search.numbers()["temperature"] == 3.0 * 0.5**3


def test_without_a_temperature_it_starts_at_the_first_difference() -> None:
    search = SimulatedAnnealing([nn.Parameter(torch.ones(2))], population=3, cooling=1.0)
    search.tell(torch.tensor([math.nan] * 4))  # nothing is learned of these
    search.tell(torch.tensor([5.0, 6.0, 2.0, math.nan]))
    assert search.numbers()["temperature"] == 2.0


def test_stationary_places_follow_boltzmann() -> None:
    w = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    search = SimulatedAnnealing([w], sigma=1.0, temperature=0.5, cooling=1.0)
    places = []
    for _ in range(1500):
        search.tell(search.ask().square().sum(1))
        places.append(w.item())
    # exp(-x^2 / T) is normal with variance T / 2
    assert torch.tensor(places).square().mean() == pytest.approx(0.25, rel=0.2)


def test_cold_it_finds_the_optimum() -> None:
    w = nn.Parameter(torch.ones(3, dtype=torch.float64))
    search = SimulatedAnnealing([w], sigma=0.05)
    for _ in range(1500):
        search.tell(search.ask().square().sum(1))
    assert w.square().sum() < 0.01


def test_the_first_of_several_neighbours_that_is_taken_ends_the_step() -> None:
    search = SimulatedAnnealing([nn.Parameter(torch.ones(2))], population=4, temperature=0.0)
    x = search.ask().clone()
    search.tell(torch.tensor([5.0, 6.0, 4.0, 1.0, 9.0]))
    assert torch.equal(search.memory["mean"], x[2])


@pytest.mark.parametrize(("field", "value"), [("temperature", -1.0), ("cooling", 0.0), ("cooling", 1.1)])
def test_refuses_what_does_not_cool(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} \\(={value}\\)"):
        SimulatedAnnealing([nn.Parameter(torch.zeros(2))], **{field: value})


def test_what_is_taken_is_decided_by_other_numbers_than_the_module_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    coins, drawn = list[float](), list[float]()
    monkeypatch.setattr(simulated_annealing, "is_taken", lambda rise, heat, coin: bool(coins.append(coin)))
    w = nn.Parameter(torch.ones(2))
    search = SimulatedAnnealing([w])

    def closure() -> Tensor:
        drawn.append(float(torch.rand(1)))
        return w.square().sum()

    search.step(closure)
    assert coins
    assert not set(coins) & set(drawn)
