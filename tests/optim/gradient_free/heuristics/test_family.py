"""What holds of each of the searches here and in `covariance`."""

import copy
import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from glassworks.optim.catalogue import METHODS, method_class
from glassworks.optim.functions import FUNCTIONS

NAMES = [name for name, m in METHODS.items() if m.made_by.startswith(("gradient_free.cov", "gradient_free.heur"))]
ELITIST = ["genetic", "differential_evolution", "particle_swarm", "hill_climbing", "random_search"]


def made(name: str, start: Tensor, **settings: Any) -> Any:
    return method_class(name)([nn.Parameter(start.clone())], **settings)


def test_all_nine_are_in_the_catalogue() -> None:
    assert len(NAMES) == 9


@pytest.mark.parametrize("name", NAMES)
def test_stopped_anywhere_it_goes_on_to_the_same_bits(name: str) -> None:
    start = torch.tensor([0.5, -1.0, 2.0, 0.1, 0.3])

    def step_of(search: Any) -> None:
        search.step(lambda: FUNCTIONS["rosenbrock"](search.weights[0][None])[0])

    whole, parts = made(name, start, seed=3), made(name, start, seed=3)
    for step in range(12):
        step_of(whole)
        if step in (1, 7):
            parts.ask()  # killed within a generation
            state = copy.deepcopy(parts.state_dict())
            numbers = {n: x for n, x in state["state"][0].items() if not isinstance(x, Tensor)}
            state["state"][0].update(json.loads(json.dumps(numbers, allow_nan=False)))
            weights = parts.weights[0].detach()
            parts = made(name, weights, seed=3)
            parts.load_state_dict(state)
        step_of(parts)
    assert torch.equal(whole.weights[0], parts.weights[0])
    for key, value in whole.memory.items():
        if isinstance(value, Tensor):
            assert torch.equal(value, parts.memory[key]), key
        elif key != "ways":
            assert value == parts.memory[key], key


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dimension", [1, 3])
def test_small_and_odd_populations_move_few_weights(name: str, dimension: int) -> None:
    for population in (2, 3, 7):
        if name == "differential_evolution" and population == 2:
            continue
        search = made(name, torch.ones(dimension), population=population)
        for _ in range(30):
            search.tell(search.ask().square().sum(1))
        assert search.weights[0].isfinite().all()


@pytest.mark.parametrize("name", ELITIST)
def test_the_best_is_never_forgotten_where_losses_are_what_they_were(name: str) -> None:
    settings = {"noisy": False} if name in ("differential_evolution", "particle_swarm") else {}
    search = made(name, torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64), **settings)
    best = float("inf")
    for _ in range(40):
        losses = FUNCTIONS["rastrigin"](search.ask())
        best = min(best, float(losses.min()))
        search.tell(losses)
        assert float(FUNCTIONS["rastrigin"](search.memory["mean"][None])) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_losses_that_are_no_numbers_are_counted_and_lead_nowhere(name: str) -> None:
    search = made(name, torch.tensor([1.0, -2.0]))
    for generation in range(20):
        x = search.ask()
        losses = x.square().sum(1)
        fails = torch.arange(len(x)) % 3 == generation % 3
        fails[0] = False  # where it stands
        search.tell(losses.masked_fill(fails, torch.nan))
        assert search.numbers()["failed"] == fails.sum()
    search.tell(torch.full((len(search.ask()),), torch.inf))
    assert search.weights[0].isfinite().all()
    assert search.weights[0].detach().square().sum() <= 5.5


@pytest.mark.parametrize("name", NAMES)
def test_it_may_be_told_of_any_other_candidates(name: str) -> None:
    search = made(name, torch.tensor([1.0, -2.0]))
    generator = torch.Generator().manual_seed(0)
    for count in (5, 2, 9):
        given = torch.randn(count, 2, generator=generator)
        search.tell(given.square().sum(1), given)
        search.tell(search.ask().square().sum(1))
    assert search.weights[0].isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_a_small_network_learns_from_batches(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(512, 4, generator=generator)
    y = (x[:, 0] + x[:, 1] > 0).long()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    search = method_class(name)(model.parameters())
    loss_fn, steps = nn.CrossEntropyLoss(), 600 // (len(search.ask()) + 1)

    def whole() -> float:
        with torch.no_grad():
            return float(loss_fn(model(x), y))

    before = whole()
    for step in range(steps):
        batch = slice(64 * (step % 8), 64 * (step % 8 + 1))
        search.step(lambda batch=batch: loss_fn(model(x[batch]), y[batch]))  # type: ignore[misc]
    assert whole() < before - 0.05
