"""A generation of our searches beside evosax, EvoTorch, pycma and plain torch, in one run.

    python benchmarks/searches.py [--population 256] [--dimensions 1000 28938] [--rounds 2] [--methods snes pgpe]
                                  [--evosax PYTHON] [--evotorch PYTHON] [--cma PYTHON]

Rosenbrock's function in float32: noise, candidates, their losses and the update are all in the time, which is the
median over generations after the first few. Every side is one thread on one core, in a process of its own, and they
take turns; the best round is shown. Peers come from `pip install -r benchmarks/requirements-search.txt`, in this Python
or in others that the flags name; those that are not there are left out, and said to be.

ours           ask(), the function, tell(), from Python
evosax         the same in one `lax.scan`, compiled: nothing of it is Python; and ask and tell called from Python
EvoTorch       `searcher.step()`, the function vectorised
pycma          ask() and tell(), the function of NumPy, float64
plain torch    what one would write: antithetic normals, the function's formula, ranks, Adam
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

Step = Callable[[], Any]
"""One generation; or more than one, if its function has an attribute `generations`."""


def rosenbrock(x: Any) -> Any:
    """Of rows, for arrays of any kind."""
    across = x[:, 1:] - x[:, :-1] ** 2
    return (100 * across**2 + (1 - x[:, :-1]) ** 2).sum(1)


# ----------------------------------------------------------------------------------------------------------------------
# The sides


def ours(method: str, D: int, P: int) -> Step:
    """By its name in the catalogue."""
    import torch

    from glassworks.core.machine.memory import keep_freed_memory
    from glassworks.optim.catalogue import method_class
    from glassworks.optim.functions import FUNCTIONS

    torch.set_num_threads(1)
    keep_freed_memory()
    search = method_class(method)([torch.nn.Parameter(torch.zeros(D))], population=P, sigma=0.1)
    function = FUNCTIONS["rosenbrock"]
    return lambda: search.tell(function(search.ask()))


def evosax(method: str, D: int, P: int, *, compiled: bool) -> Step:
    """The algorithm with its usual settings, Adam where it has an inner step."""
    import jax
    import jax.numpy as jnp
    import optax
    from evosax.algorithms import algorithms

    inner = {"optimizer": optax.adam(0.01)} if method in ("Open_ES", "PGPE") else {}
    es = algorithms[method](P, jnp.zeros(D), **inner)
    params = es.default_params
    if hasattr(params, "std_init"):
        params = params.replace(std_init=0.1)
    state = es.init(jax.random.key(0), jnp.zeros(D), params)
    function = jax.jit(rosenbrock)

    def generation(state: Any, key: Any) -> tuple[Any, None]:
        ask, tell = jax.random.split(key)
        x, state = es.ask(ask, state, params)
        return es.tell(tell, x, function(x), state, params)[0], None

    if not compiled:
        keys = iter(jax.random.split(jax.random.key(1), 100_000))
        states = [state]

        def step() -> None:
            states[0] = jax.block_until_ready(generation(states[0], next(keys))[0])

        return step

    n = max(2, 200_000 // D)
    scan = jax.jit(lambda state, key: jax.lax.scan(generation, state, jax.random.split(key, n))[0])

    def steps() -> None:
        jax.block_until_ready(scan(state, jax.random.key(2)))

    steps.generations = n  # type: ignore[attr-defined]
    return steps


def evotorch(method: str, D: int, P: int) -> Step:
    """A searcher over a vectorised problem."""
    import logging

    import torch
    from evotorch import Problem
    from evotorch import algorithms as searchers
    from evotorch.tools.misc import set_default_logger_config

    set_default_logger_config(logger_level=logging.ERROR, override=True)
    torch.set_num_threads(1)
    problem = Problem("min", rosenbrock, solution_length=D, initial_bounds=(-0.1, 0.1), vectorized=True)
    own = {"center_learning_rate": 0.01, "stdev_learning_rate": 0.1} if method == "PGPE" else {}
    searcher = getattr(searchers, method)(problem, popsize=P, stdev_init=0.1, **own)
    return lambda: searcher.step()


def pycma(method: str, D: int, P: int) -> Step:
    """With a covariance of all weights ("full"), or a variance of each ("separable")."""
    import cma
    import numpy as np

    es = cma.CMAEvolutionStrategy(
        np.zeros(D), 0.1, {"popsize": P, "CMA_diagonal": method == "separable", "verbose": -9, "seed": 1}
    )

    def step() -> None:
        x = es.ask()
        es.tell(x, rosenbrock(np.asarray(x)).tolist())

    return step


def plain(method: str, D: int, P: int) -> Step:
    """Without any library but torch."""
    import torch

    torch.set_num_threads(1)
    mean = torch.zeros(D, requires_grad=True)
    adam = torch.optim.Adam([mean], lr=0.01)

    @torch.no_grad()
    def step() -> None:
        e = torch.randn(P // 2, D)
        x = torch.cat([mean + 0.1 * e, mean - 0.1 * e])
        u = rosenbrock(x).argsort().argsort() / (P - 1) - 0.5
        mean.grad = (u[: P // 2] - u[P // 2 :]) @ e / (P * 0.1)
        adam.step()

    return step


@dataclass(frozen=True)
class Side:
    """A method, as somebody has it."""

    method: str
    who: str
    made: Callable[[int, int], Step]
    """Of dimension and population."""
    needs: str = "torch"
    """The package that it is of."""
    most: int = 100_000
    """The highest dimension at which it takes less than minutes."""


SIDES = [
    Side("openai_es", "ours", partial(ours, "openai_es")),
    Side("openai_es", "plain torch", partial(plain, "openai_es")),
    Side("openai_es", "evosax, one scan", partial(evosax, "Open_ES", compiled=True), "evosax"),
    Side("openai_es", "evosax from Python", partial(evosax, "Open_ES", compiled=False), "evosax"),
    Side("pgpe", "ours", partial(ours, "pgpe")),
    Side("pgpe", "evosax, one scan", partial(evosax, "PGPE", compiled=True), "evosax"),
    Side("pgpe", "EvoTorch", partial(evotorch, "PGPE"), "evotorch"),
    Side("snes", "ours", partial(ours, "snes")),
    Side("snes", "evosax, one scan", partial(evosax, "SNES", compiled=True), "evosax"),
    Side("snes", "EvoTorch", partial(evotorch, "SNES"), "evotorch"),
    Side("sep_cma_es", "ours", partial(ours, "sep_cma_es")),
    Side("sep_cma_es", "pycma", partial(pycma, "separable"), "cma"),
    Side("lm_cma_es", "ours", partial(ours, "lm_cma_es")),
    Side("lm_cma_es", "evosax's LM-MA-ES", partial(evosax, "LM_MA_ES", compiled=True), "evosax"),
    Side("cma_es", "ours", partial(ours, "cma_es"), most=2000),
    Side("cma_es", "pycma", partial(pycma, "full"), "cma", most=2000),
]


# ----------------------------------------------------------------------------------------------------------------------
# The clock


def milliseconds(step: Step, least: float = 2.0) -> float:
    """The median time of a generation, over `least` seconds or five calls after the first three."""
    for _ in range(3):
        step()
    times: list[float] = []
    while len(times) < 5 or sum(times) < least:
        begun = time.perf_counter()
        step()
        times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times) / getattr(step, "generations", 1)


def measured(number: int, D: int, P: int, python: str) -> float | None:
    """A side's time, taken in a process of its own; None if its package is not there."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    call = [python, __file__, "--side", str(number), "--dimensions", str(D), "--population", str(P)]
    done = subprocess.run(call, env=os.environ | one_thread, capture_output=True, text=True, check=False)
    if done.returncode == MISSING:
        return None
    if done.returncode:
        raise RuntimeError(f"{SIDES[number].method} of {SIDES[number].who} failed:\n{done.stderr[-2000:]}")
    return float(json.loads(done.stdout.splitlines()[-1]))


MISSING = 77


def measure(number: int, D: int, P: int) -> None:
    """What such a process does: print the time."""
    side = SIDES[number]
    if importlib.util.find_spec(side.needs) is None:
        sys.exit(MISSING)
    if hasattr(os, "sched_setaffinity"):  # XLA starts threads of its own
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(json.dumps(milliseconds(side.made(D, P))))


def main() -> None:
    """Take turns, then print a table for each dimension."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--population", type=int, default=256)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[1000, 28_938])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--methods", nargs="+", default=sorted({side.method for side in SIDES}))
    for package in ("evosax", "evotorch", "cma"):
        parser.add_argument(f"--{package}", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--side", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        return measure(options.side, options.dimensions[0], options.population)

    pythons = {"torch": sys.executable} | {name: getattr(options, name) for name in ("evosax", "evotorch", "cma")}
    for D in options.dimensions:
        chosen = [i for i, side in enumerate(SIDES) if side.method in options.methods and side.most >= D]
        rounds = [
            {i: measured(i, D, options.population, pythons[SIDES[i].needs]) for i in chosen}
            for _ in range(options.rounds)
        ]
        print(f"\nRosenbrock at {D:,} dimensions, population {options.population}: ms a generation, and times ours")
        for i in chosen:
            times = [found for found in (one[i] for one in rounds) if found is not None]
            own = next(j for j in chosen if SIDES[j].method == SIDES[i].method)
            ratio = "" if not times else f"{min(times) / min(one[own] for one in rounds):7.1f}"
            shown = f"{min(times):9.2f}{ratio}" if times else "  not installed"
            print(f"  {SIDES[i].method:<11} {SIDES[i].who:<20}{shown}", flush=True)
    return None


if __name__ == "__main__":
    main()
