"""CMA-ES beside pycma 4.5: the same samples teach the same, and as many evaluations reach as far."""

import math
import statistics
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from glassworks.optim.functions import FUNCTIONS
from glassworks.optim.gradient_free.covariance.cma_es import CMAES
from glassworks.optim.gradient_free.covariance.constants import constants
from glassworks.optim.gradient_free.covariance.sep_cma_es import SepCMAES

pytestmark = pytest.mark.peer


def theirs(dimension: int, start: float, seed: int, **options: Any) -> Any:
    """pycma's strategy."""
    cma = pytest.importorskip("cma")
    return cma.CMAEvolutionStrategy(dimension * [start], 0.3, {"verbose": -9, "seed": seed, "verb_log": 0, **options})


def ours(cls: type[CMAES | SepCMAES], dimension: int, start: float, seed: int, population: int | None = None) -> Any:
    """This package's, of double precision as pycma's."""
    w = nn.Parameter(torch.full((dimension,), start, dtype=torch.float64))
    return cls([w], sigma=0.3, population=population, seed=seed)


@pytest.mark.parametrize(("dimension", "population"), [(5, 8), (10, 10), (20, 64)])
def test_the_constants_are_pycmas(dimension: int, population: int) -> None:
    known, es = constants(dimension, population), theirs(dimension, 0.5, 1, popsize=population)
    assert list(es.sp.weights) == pytest.approx(list(known.weights), rel=1e-12)
    learned = es.sm.parameters()
    assert (known.c_1, known.c_mu, known.c_c) == pytest.approx((learned["c1"], learned["cmu"], es.sp.cc), rel=1e-12)


@pytest.mark.parametrize(("dimension", "population"), [(5, 8), (10, 10), (20, 64)])
def test_the_same_samples_and_losses_give_the_same_mean_and_covariance(dimension: int, population: int) -> None:
    """Both decompose nothing seldomer, damp the step size as the tutorial, and start at C = I to the bit.

    Paths of the step size are kept in axes that turn (ours) and that do not, so that sigma is the same for two
    generations, and nearly so after; its own is given to us for the mean and covariance of all others.
    """
    import numpy as np

    known, es = constants(dimension, population), theirs(dimension, 0.5, 1, popsize=population, updatecovwait=0)
    es.sm.C, es.sm.B, es.sm.D = np.eye(dimension), np.eye(dimension), np.ones(dimension)
    es.adapt_sigma.cs, es.adapt_sigma.damps = known.c_sigma, known.d_sigma
    search, free = (ours(CMAES, dimension, 0.5, 0, population) for _ in range(2))
    for generation in range(40):
        x = torch.tensor(np.array(es.ask()))
        losses = FUNCTIONS["rosenbrock"](x)
        es.tell(list(x.numpy()), losses.tolist())
        search.tell(losses, x)
        free.tell(losses, x)
        assert search.memory["mean"].tolist() == pytest.approx(es.mean.tolist(), abs=1e-12)
        assert torch.allclose(search.covariance, torch.tensor(es.sm.C), rtol=0, atol=1e-7 * float(es.sm.C.max()))
        assert free.memory["sigma"] == pytest.approx(es.sigma, rel=1e-9 if generation < 2 else 0.05)
        search.memory["sigma"] = es.sigma


def evaluations(ask: Callable[[], Tensor], tell: Callable[[Tensor, Tensor], None], name: str) -> float:
    """How many until a candidate is below 1e-8."""
    spent = 0
    while spent < 100_000:
        x = ask()
        losses = FUNCTIONS[name](x)
        tell(x, losses)
        spent += len(x)
        if losses.min() < 1e-8:
            return spent
    return math.inf


@pytest.mark.slow
@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize(("name", "start"), [("sphere", 1.0), ("ellipsoid", 1.0), ("rosenbrock", 0.0)])
def test_as_many_evaluations_reach_the_optimum(name: str, start: float, separable: bool) -> None:
    """In the median of seven seeds, within 10 %; 20 % for the diagonal, whose update is another than pycma's."""
    import numpy as np

    if separable and name == "rosenbrock":
        pytest.skip("a diagonal alone does not get to the end of this valley, pycma's or ours")
    found: dict[str, list[float]] = {"theirs": [], "ours": []}
    for seed in range(1, 8):
        es = theirs(10, start, seed, CMA_diagonal=separable)
        search = ours(SepCMAES if separable else CMAES, 10, start, seed)
        found["theirs"].append(
            evaluations(
                lambda es=es: torch.tensor(np.array(es.ask())),
                lambda x, losses, es=es: es.tell(list(x.numpy()), losses.tolist()),
                name,
            )
        )
        found["ours"].append(evaluations(search.ask, lambda x, losses, search=search: search.tell(losses), name))
    ratio = statistics.median(found["ours"]) / statistics.median(found["theirs"])
    assert ratio == pytest.approx(1, abs=0.2 if separable else 0.1)
