"""OpenAI-ES, PGPE and SNES are updated as evosax updates them: the same candidates and losses in, the same mean out.

`pip install -r benchmarks/requirements-search.txt`, then pytest -m peer tests/peers/test_evosax.py
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from glassworks.optim.functions import FUNCTIONS
from glassworks.optim.gradient_free.evolution.openai_es import OpenAIES
from glassworks.optim.gradient_free.evolution.pgpe import PGPE
from glassworks.optim.gradient_free.evolution.snes import SNES
from glassworks.optim.gradient_free.search import Search

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]
P, D, GENERATIONS = 24, 40, 20


@pytest.fixture(scope="module")
def jax() -> Iterator[Any]:
    """In double precision, as the weights below are."""
    found = pytest.importorskip("jax")
    pytest.importorskip("evosax")
    found.config.update("jax_enable_x64", True)
    yield found
    found.config.update("jax_enable_x64", False)


def start() -> nn.Parameter:
    return nn.Parameter(torch.linspace(-1, 2, D, dtype=torch.float64))


def compare(ours: Search, p: nn.Parameter, theirs: Any, jax: Any, changes: dict[str, Any], *, sigma: str = "") -> None:
    """Tell both of our candidates, for some generations. `sigma` is the name of ours, where there is one a weight."""
    key = jax.random.key(0)
    params = theirs.default_params.replace(**changes)
    state = theirs.init(key, jax.numpy.asarray(p.detach().numpy()), params)
    for _ in range(GENERATIONS):
        candidates = ours.ask()
        losses = FUNCTIONS["rosenbrock"](candidates)
        ours.tell(losses)
        state, _ = theirs.tell(
            key, jax.numpy.asarray(candidates.numpy()), jax.numpy.asarray(losses.numpy()), state, params
        )
        np.testing.assert_allclose(p.detach().numpy(), np.asarray(state.mean), rtol=1e-9, atol=1e-9)
        if sigma:
            np.testing.assert_allclose(ours.memory[sigma].numpy(), np.asarray(state.std), rtol=1e-9)
    assert (p - start()).abs().max() > 0.05


@pytest.mark.parametrize("inner", ["adam", "momentum", "plain"])
def test_openai_es(jax: Any, inner: str) -> None:
    import optax
    from evosax.algorithms import Open_ES

    step = {"adam": optax.adam(0.05), "momentum": optax.sgd(0.05, 0.9), "plain": optax.sgd(0.05)}[inner]
    p = start()
    theirs = Open_ES(P, jax.numpy.zeros(D), optimizer=step, std_schedule=optax.constant_schedule(0.1))
    compare(OpenAIES([p], population=P, lr=0.05, sigma=0.1, inner=inner), p, theirs, jax, {})


def test_openai_es_with_weight_decay(jax: Any) -> None:
    import optax
    from evosax.algorithms import Open_ES

    p = start()
    step, constant = optax.adamw(0.05, weight_decay=0.1), optax.constant_schedule(0.1)
    theirs = Open_ES(P, jax.numpy.zeros(D), optimizer=step, std_schedule=constant)
    compare(OpenAIES([p], population=P, lr=0.05, sigma=0.1, weight_decay=0.1), p, theirs, jax, {})


@pytest.mark.parametrize("inner", ["adam", "plain"])
def test_pgpe(jax: Any, inner: str) -> None:
    import optax
    from evosax.algorithms import PGPE as Theirs

    lr, step = {"adam": (0.05, optax.adam(0.05)), "plain": (2.0, optax.sgd(2.0))}[inner]
    p = start()
    ours = PGPE([p], population=P, lr=lr, sigma=0.3, sigma_lr=0.1, inner=inner)
    compare(ours, p, Theirs(P, jax.numpy.zeros(D), optimizer=step), jax, {"std_init": 0.3}, sigma="sigma")


@pytest.mark.parametrize("population", [P, 25])
def test_snes(jax: Any, population: int) -> None:
    from evosax.algorithms import SNES as Theirs

    p = start()
    theirs = Theirs(population, jax.numpy.zeros(D))
    compare(SNES([p], population=population, sigma=0.3), p, theirs, jax, {"std_init": 0.3}, sigma="sigma")


def test_xnes_of_evosax_leaves_its_covariance_a_diagonal(jax: Any) -> None:
    """Why ours is not compared with it: each number's exponential stands there for the matrix's."""
    from evosax.algorithms import xNES

    theirs, key = xNES(P, jax.numpy.zeros(3)), jax.random.key(0)
    params = theirs.default_params
    state = theirs.init(key, jax.numpy.ones(3), params)
    for i in range(5):
        candidates, state = theirs.ask(jax.random.key(i), state, params)
        state, _ = theirs.tell(key, candidates, (candidates.sum(1) ** 2), state, params)
    B = np.asarray(state.B)
    assert not np.allclose(np.diag(B), 1)
    assert np.array_equal(B, np.diag(np.diag(B)))
    assert math.isfinite(B.sum())
