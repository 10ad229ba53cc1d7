"""Test functions of 2 to 10,000 dimensions: how far each method gets with so many evaluations.

A problem is solved to tolerance t once a value f has been seen with f(x) - f* <= t (f(x0) - f*), x0 being the start:
Moré & Wild 2009 (https://doi.org/10.1137/080724083, eq. 2.2). Coordinates are brought to a domain of width 1, so that
one sigma and one learning rate mean the same on all functions.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.core.errors import FileDamaged
from glassworks.core.files import read_json, write_json
from glassworks.core.progress import tracked
from glassworks.optim.catalogue import METHODS
from glassworks.optim.config import OptimizerConfig, settings_of
from glassworks.optim.functions import FUNCTIONS, Function
from glassworks.optim.gradient_free.few import Sequential
from glassworks.optim.gradient_free.search import Search, mixed
from glassworks.optim.groups import make_optimizer
from glassworks.optim.trial import Spent, Trial

SIGMA = 0.2
"""Of candidates at the start, in widths of the domain."""
RATES = (1.0, 0.1, 10.0)
"""Learning rates tried, in multiples of the method's own; a dimension's is the best over every third function."""
MOST = {"cma_es": 100, "xnes": 1_000, "cobyqa": 10, "bobyqa": 10}
"""Dimensions beyond which a method that models them all takes minutes for a problem, and is left out."""
ANEW = ("cobyqa", "bobyqa")
"""They go over all evaluations again in each step, so they are given one that takes them all."""
GRADIENT = "adamw"
"""What has the gradient, and stands beside the others."""

FAMILIES = {
    "a simplex, or a model of the function": ("nelder_mead", "cobyqa", "bobyqa"),
    "a full covariance": ("cma_es", "xnes"),
    "a covariance of few numbers": ("sep_cma_es", "lm_cma_es", "snes", "pgpe"),
    "slopes from pairs of values": ("openai_es", "spsa", "mezo", "forward_gradient"),
    "populations that mix": ("genetic", "differential_evolution", "particle_swarm"),
    "a place and its neighbours": ("hill_climbing", "simulated_annealing"),
    "random places": ("random_search",),
    "the gradient": (GRADIENT,),
}
"""What each method without a gradient learns; forward_gradient has its slopes exactly, where it is smooth."""


@dataclass(frozen=True)
class Tried:
    """What is left of the way down, as a share of it, of each method, dimension, function and seed.

    NaN = refused, or left out.
    """

    methods: tuple[str, ...]
    dimensions: tuple[int, ...]
    left: Float[np.ndarray, "method dimension function seed"]


def minimised(name: str, function: Function, dimension: int, evaluations: int, seed: int, rate: float = 1.0) -> float:
    """The share of the way down that is left after so many evaluations: 1 = nowhere better than the start.

    ValueError where the method refuses so many dimensions, or is left out.
    """
    if dimension > MOST.get(name, dimension):
        raise ValueError(f"dimension (={dimension:,}) is too many for {name}: at most {MOST[name]:,}")
    width, noise = function.high - function.low, torch.Generator().manual_seed(mixed(seed, 1))
    lowest = np.inf

    def values(places: Tensor) -> Tensor:
        nonlocal lowest
        x = places * width
        found = function(x, noise)
        exact = function.formula(x.detach()) if function.noisy else found.detach()
        lowest = min(lowest, float(exact.nan_to_num(np.inf).min()))
        return found

    start = function.start(dimension, torch.Generator().manual_seed(seed)) / width
    trial = Trial(lambda place: values(place[None])[0], start, evaluations=evaluations)
    sigma, population = SIGMA if "sigma" in settings_of(name) else None, evaluations if name in ANEW else None
    config = OptimizerConfig(name, sigma=sigma, population=population)
    optimizer = make_optimizer(trial, config, seed=seed)
    for group in optimizer.param_groups:
        group["lr"] = group.get("lr", 0.0) * rate
        if "steepest" in group:  # a function's values are in units of its own
            group["steepest"] = None
        if "noisy" in group:  # whether the same place has another value each time
            group["noisy"] = function.noisy
    at_once = optimizer if isinstance(optimizer, Search) and not isinstance(optimizer, Sequential) else None
    with suppress(Spent):
        while at_once is not None and evaluations > 0:
            losses = values(at_once.ask()[:evaluations])
            evaluations -= len(losses)
            if evaluations > 0:
                at_once.tell(losses)
        while at_once is None:
            optimizer.step(trial.evaluate)  # type: ignore[arg-type]  # torch: returns a float
    return min(1.0, lowest / float(function.formula((start * width)[None])))


def suite(
    folder: Path, methods: Sequence[str], dimensions: Sequence[int], evaluations: int, seeds: int, *, tuned: bool
) -> Tried:
    """All methods on all functions; what `folder` has is read. `tuned` = of several learning rates the best is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    left = np.full((len(methods), len(dimensions), len(FUNCTIONS), seeds), np.nan)
    rates = RATES if tuned else RATES[:1]
    with tracked("methods on test functions", len(methods)) as report:
        for i, name in enumerate(methods):
            path = folder / f"{name}.json"
            if not path.exists():
                write_json(path, {"left": [of_dimension(name, d, evaluations, seeds, rates) for d in dimensions]})
            found = np.array(read_json(path).get("left"), dtype=float)
            if found.shape != left.shape[1:]:
                raise FileDamaged(f"{path} is of other dimensions or functions: delete it, and it is made again")
            left[i] = found
            report(i + 1)
    return Tried(tuple(methods), tuple(dimensions), left)


def of_dimension(
    name: str, dimension: int, evaluations: int, seeds: int, rates: Sequence[float]
) -> list[list[float | None]]:
    """What is left of each function, by seed; None where the method refuses so many dimensions, or is left out.

    The learning rate is the best on a seed of its own, which is not among those that count.
    """
    run = partial(minimised, name)
    try:
        rates = rates if METHODS[name].kind == "gradient" or "lr" in settings_of(name) else rates[:1]
        score = dict.fromkeys(rates, 0.0)
        if len(rates) > 1:
            for rate in rates:
                each = [run(f, dimension, evaluations, seeds, rate) for f in list(FUNCTIONS.values())[::3]]
                score[rate] = float(np.log10(np.maximum(each, 1e-8)).mean())
        rate = min(rates, key=lambda rate: score[rate])
        return [[run(f, dimension, evaluations, seed, rate) for seed in range(seeds)] for f in FUNCTIONS.values()]
    except ValueError:
        return [[None] * seeds for _ in FUNCTIONS]


def stops(solved: Float[np.ndarray, " dimension"]) -> int | None:
    """The place of the most dimensions in which half of the problems are solved; None where there is none."""
    half = np.flatnonzero(np.nan_to_num(solved) >= 0.5)
    return int(half[-1]) if len(half) else None


def solved(tried: Tried, tolerance: float) -> Float[np.ndarray, "method dimension"]:
    """The share of problems, functions and seeds, that are solved to a tolerance; NaN where the method refuses."""
    refused = np.isnan(tried.left).all((2, 3))
    shares: np.ndarray = np.where(refused, np.nan, (tried.left <= tolerance).mean((2, 3)))
    return shares
