"""Searches of few weights do what the libraries do, and can be stopped between any two evaluations."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from threadpoolctl import threadpool_info
from torch import Tensor, nn

from glassworks.optim.config import OptimizerConfig
from glassworks.optim.gradient_free.few import Sequential
from glassworks.optim.gradient_free.nelder_mead import NelderMead
from glassworks.optim.gradient_free.trust_region import BOBYQA, COBYQA, LONGEST, NARROW
from glassworks.optim.groups import make_optimizer


class Point(nn.Module):
    def __init__(self, start: Any) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.tensor(start, dtype=torch.float64))

    def forward(self) -> Tensor:
        return rosenbrock(self.x)


def rosenbrock(x: Tensor) -> Tensor:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def numpys(x: Any) -> float:
    return float(rosenbrock(torch.from_numpy(x)))


def tried(make: type[Sequential], start: Any, steps: int, population: int, losses: Any = rosenbrock) -> list[float]:
    """The losses of all candidates, in order."""
    point, seen = Point(start), list[float]()
    optimizer = make(point.parameters(), population=population)

    def closure() -> Tensor:
        found = losses(point.x.detach())
        seen.append(float(found))
        return found

    for _ in range(steps):
        before = len(seen)
        optimizer.step(closure)
        del seen[before]  # the loss of the weights before it
        assert len(seen) == before + population
    assert float(rosenbrock(point.x.detach())) == min(loss for loss in seen if loss == loss)
    return seen


def scipys(start: Any, number: int, **how: Any) -> list[float]:
    """The losses that scipy sees."""
    seen: list[float] = []

    def loss(x: Any) -> float:
        seen.append(numpys(x))
        return seen[-1]

    minimize(loss, start, **how)
    return seen[:number]


@pytest.mark.parametrize("d", [2, 3, 6])
def test_nelder_mead_is_scipys_evaluation_by_evaluation(d: int) -> None:
    start = np.linspace(-1.2, 1.0, d)
    simplex = np.vstack([start, start + 0.1 * np.eye(d)])
    options = {"adaptive": True, "initial_simplex": simplex, "maxfev": 300, "maxiter": 10**6, "xatol": 0, "fatol": 0}
    expected = scipys(start, 300, method="Nelder-Mead", options=options)
    ours = tried(NelderMead, start, 30, 10)
    np.testing.assert_allclose(ours[: len(expected)], expected, rtol=1e-6)
    assert min(ours) < 0.2 * ours[0]


def test_nelder_mead_shrinks_as_scipys_does() -> None:
    """Where every way out is a wall, all points move towards the best."""
    start = np.array([0.0, 0.0])

    def walls(x: Tensor) -> Tensor:
        return (torch.sin(40 * x).abs() + x.abs()).sum() + torch.where(x.abs().max() > 0.08, 5.0, 0.0)

    seen: list[float] = []

    def loss(x: Any) -> float:
        seen.append(float(walls(torch.from_numpy(x))))
        return seen[-1]

    simplex = np.vstack([start, start + 0.1 * np.eye(2)])
    options = {"initial_simplex": simplex, "maxfev": 60, "maxiter": 10**6, "xatol": 0, "fatol": 0}
    minimize(loss, start, method="Nelder-Mead", options=options)
    point = Point(start)
    optimizer, ours, doing = NelderMead(point.parameters(), population=1), list[float](), set[str]()
    for _ in range(min(60, len(seen))):
        doing.add(optimizer.memory["doing"])
        ours.append(float(walls(optimizer.ask()[0])))
        optimizer.tell(torch.tensor([ours[-1]]))
    assert doing >= {"begin", "reflect", "inside", "shrink"}
    np.testing.assert_allclose(ours, seen[: len(ours)], rtol=1e-5)


def test_cobyqa_is_scipys_evaluation_by_evaluation() -> None:
    start = np.linspace(-1.2, 1.0, 3)
    options = {"initial_tr_radius": 0.1, "final_tr_radius": NARROW * 0.1}
    expected = scipys(start, 100, method="COBYQA", options=options)
    assert tried(COBYQA, start, 10, 7)[: len(expected)] == expected[:70]


@pytest.mark.parametrize("make", [NelderMead, COBYQA])
def test_the_size_of_a_step_changes_nothing(make: type[Sequential]) -> None:
    start = np.linspace(-1, 1, 3)
    assert tried(make, start, 10, 6) == tried(make, start, 20, 3)


@pytest.mark.parametrize("make", [NelderMead, COBYQA])
def test_asked_and_told_by_hand_it_is_the_same(make: type[Sequential]) -> None:
    start = np.linspace(-1, 1, 3)
    optimizer, ours = make(Point(start).parameters()), list[float]()
    for _ in range(25):
        assert torch.equal(optimizer.ask(), optimizer.ask())
        ours.append(float(rosenbrock(optimizer.ask()[0])))
        optimizer.tell(torch.tensor([ours[-1]], dtype=torch.float64))
    assert ours == tried(make, start, 5, 5)


@pytest.mark.parametrize("make", [NelderMead, COBYQA])
def test_losses_that_are_no_numbers_are_the_worst(make: type[Sequential]) -> None:
    def holed(x: Tensor) -> Tensor:
        return torch.where(x[0] > -0.9, torch.nan, rosenbrock(x))

    seen = tried(make, [-1.0, 0.5], 10, 10, holed)
    finite = [loss for loss in seen if loss == loss]
    assert 0 < len(finite) < len(seen)
    assert min(finite) < finite[0]


def test_a_search_that_has_ended_begins_again_at_its_best() -> None:
    point = Point([0.5, 0.5])
    optimizer = COBYQA(point.parameters(), population=100)
    for _ in range(3):
        optimizer.step(lambda: ((point.x.detach() - 1) ** 2).sum())
    assert len(optimizer.memory["losses"]) < 100
    torch.testing.assert_close(optimizer.memory["start"], torch.ones(2).double(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("name", "most"), [("nelder_mead", 1000), ("cobyqa", 100)])
def test_many_weights_are_refused(name: str, most: int) -> None:
    with pytest.raises(ValueError, match=rf"has {most + 1:,} weights to move, and \w+ is for {most:,} at most"):
        make_optimizer(nn.Linear(most, 1), OptimizerConfig(name))


def test_bobyqa_says_how_to_get_it_and_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pybobyqa", None)
    with pytest.raises(ValueError, match=r"needs Py-BOBYQA, which is of the GPL: .* -m pip install Py-BOBYQA.*cobyqa"):
        make_optimizer(Point([0.0, 0.0]), OptimizerConfig("bobyqa"))


def test_bobyqa_is_whatever_is_installed_by_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def solve(loss: Any, start: Any, *, rhobeg: float, rhoend: float, maxfun: int, do_logging: bool) -> None:
        assert (rhobeg, rhoend, maxfun, do_logging) == (0.1, NARROW * 0.1, LONGEST, False)
        for i in range(100):
            loss(start + rhobeg * 0.9**i)

    monkeypatch.setitem(sys.modules, "pybobyqa", SimpleNamespace(solve=solve))
    start = np.array([-1.0, 1.0])
    assert tried(BOBYQA, start, 2, 9) == [numpys(start + 0.1 * 0.9**i) for i in range(18)]


@pytest.mark.peer
def test_bobyqa_is_py_bobyqas_evaluation_by_evaluation() -> None:
    peer: Any = pytest.importorskip("pybobyqa")
    start, seen = np.linspace(-1.2, 1.0, 3), list[float]()

    def loss(x: Any) -> float:
        seen.append(numpys(x))
        return seen[-1]

    peer.solve(loss, start, rhobeg=0.1, rhoend=NARROW * 0.1, do_logging=False)
    assert tried(BOBYQA, start, 10, 6) == seen[:60]


def test_cobyqa_keeps_its_linear_algebra_to_one_thread():
    weight, seen = nn.Parameter(torch.ones(3)), []

    def closure():
        seen.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return weight.square().sum()

    COBYQA([weight], population=2).step(closure)
    assert seen
    assert set(seen) == {1}
