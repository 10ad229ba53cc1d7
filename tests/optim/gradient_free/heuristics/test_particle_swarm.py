import pytest
import torch
from torch import nn

from glassworks.optim.functions import FUNCTIONS
from glassworks.optim.gradient_free.heuristics.particle_swarm import CONSTRICTION, PHI, ParticleSwarm


def test_the_constriction_is_clercs_and_kennedys() -> None:
    assert pytest.approx(0.7298, abs=5e-5) == CONSTRICTION


def test_reaches_the_optimum_whatever_the_scales() -> None:
    search = ParticleSwarm([nn.Parameter(torch.ones(5, dtype=torch.float64))], noisy=False)
    for _ in range(400):
        search.tell(FUNCTIONS["ellipsoid"](search.ask()))
    assert FUNCTIONS["ellipsoid"](search.memory["mean"][None]) < 1e-8


def test_particles_are_drawn_between_their_best_places_and_the_best_of_all() -> None:
    search = ParticleSwarm([nn.Parameter(torch.tensor([1.0, 2.0]))], population=6, noisy=False)
    places = search.ask().clone()
    search.tell(places.square().sum(1))
    best = places[places.square().sum(1).argmin()]
    share = (search.ask() - places) / (CONSTRICTION * PHI * (best - places))
    assert ((share.nan_to_num() >= 0) & (share.nan_to_num() <= 1)).all()
    before = search.ask().clone()
    search.tell(before.square().sum(1))
    assert torch.allclose(search.memory["velocity"], before - places)


def test_no_particle_forgets_its_best_place() -> None:
    search = ParticleSwarm([nn.Parameter(torch.tensor([1.0, 2.0]))], population=6, noisy=False)
    best = torch.full((6,), torch.inf)
    for _ in range(30):
        losses = FUNCTIONS["rosenbrock"](search.ask())
        best = torch.minimum(best, losses)
        search.tell(losses)
        assert torch.equal(search.memory["losses"], best)
        assert torch.allclose(FUNCTIONS["rosenbrock"](search.memory["best"]), best)


def test_best_places_are_measured_again_where_losses_are_noisy() -> None:
    search = ParticleSwarm([nn.Parameter(torch.tensor([1.0, 2.0]))], population=3)
    search.tell(torch.tensor([0.0, 1.0, 2.0]))
    assert search.ask().shape == (6, 2)
    assert torch.equal(search.ask()[:3], search.memory["best"])
    search.tell(torch.tensor([9.0, 1.0, 2.0, 10.0, 3.0, 4.0]))
    assert torch.equal(search.memory["mean"], search.memory["best"][1])
    assert search.memory["losses"].tolist() == [9.0, 1.0, 2.0]


@pytest.mark.parametrize("population", [1, 2, 3])
def test_small_swarms_keep_their_best(population: int) -> None:
    search = ParticleSwarm([nn.Parameter(torch.ones(1))], population=population)
    for _ in range(20):
        search.tell(search.ask().square().sum(1))
    assert search.memory["mean"].abs() <= 1


def test_given_candidates_take_the_place_of_worse_ones() -> None:
    search = ParticleSwarm([nn.Parameter(torch.tensor([3.0, 4.0]))], population=4)
    search.tell(search.ask().square().sum(1))
    search.tell(torch.tensor([0.0]), torch.zeros(1, 2))
    assert search.memory["mean"].tolist() == [0.0, 0.0]
