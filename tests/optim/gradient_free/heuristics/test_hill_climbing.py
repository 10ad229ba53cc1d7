import math

import pytest
import torch
from torch import nn

from glassworks.optim.gradient_free.heuristics.hill_climbing import HillClimbing


def test_reaches_the_optimum_of_a_sphere_at_any_scale() -> None:
    for scale in (1e-3, 1e3):
        w = nn.Parameter(torch.full((5,), scale, dtype=torch.float64))
        search = HillClimbing([w], sigma=1.0)
        for _ in range(800):
            search.tell(search.ask().square().sum(1))
        assert w.square().sum() < 1e-10 * scale**2


def test_steps_grow_by_half_after_success_and_four_failures_undo_that() -> None:
    search = HillClimbing([nn.Parameter(torch.ones(2))], sigma=1.0)
    search.tell(torch.tensor([2.0, 1.0]))
    assert search.numbers()["sigma"] == 1.5
    for _ in range(4):
        search.tell(torch.tensor([1.0, 2.0]))
    assert search.numbers()["sigma"] == pytest.approx(1.0)


def test_one_in_five_succeeds() -> None:
    search = HillClimbing([nn.Parameter(torch.ones(10, dtype=torch.float64))], sigma=1.0)
    before, won = search.memory["mean"], 0
    for _ in range(1000):
        search.tell(search.ask().square().sum(1))
        won += not torch.equal(before, search.memory["mean"])
        before = search.memory["mean"]
    assert won / 1000 == pytest.approx(0.2, abs=0.03)


def test_a_neighbour_that_fails_is_not_taken() -> None:
    search = HillClimbing([nn.Parameter(torch.ones(2))])
    search.tell(torch.tensor([1.0, math.nan]))
    assert search.memory["mean"].tolist() == [1.0, 1.0]
    x = search.ask().clone()
    search.tell(torch.tensor([math.inf, 7.0]))  # where it stands fails: anything is better
    assert torch.equal(search.memory["mean"], x[1])


def test_the_best_of_several_neighbours_is_taken() -> None:
    search = HillClimbing([nn.Parameter(torch.ones(2))], population=3)
    x = search.ask().clone()
    search.tell(torch.tensor([3.0, 2.0, 1.0, 4.0]))
    assert torch.equal(search.memory["mean"], x[2])


def test_given_candidates_are_taken_where_they_are_better_than_where_it_stands() -> None:
    search = HillClimbing([nn.Parameter(torch.ones(2))])
    search.tell(torch.tensor([3.0, 2.0]))
    stands = search.memory["mean"].clone()
    search.tell(torch.tensor([2.5]), torch.zeros(1, 2))
    assert torch.equal(search.memory["mean"], stands)
    search.tell(torch.tensor([1.5]), torch.zeros(1, 2))
    assert search.memory["mean"].tolist() == [0.0, 0.0]


def test_where_all_places_are_equally_good_weights_stay_numbers() -> None:
    w = nn.Parameter(torch.ones(2))
    search = HillClimbing([w])
    for _ in range(300):
        search.tell(torch.ones(2))
    assert w.isfinite().all()
