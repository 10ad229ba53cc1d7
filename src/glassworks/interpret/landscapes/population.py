"""A search seen at work: where its candidates lie over a loss of two numbers, generation after generation.

The two numbers are those of a test function, or say how far a network's weights are moved along two directions; by
default along the Hessian's two largest eigenvectors, in which the loss is steepest.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd import forward_ad

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.landscapes.lanczos import top_eigenpairs
from glassworks.interpret.landscapes.legends.population import population_legend
from glassworks.interpret.landscapes.objective import Objective, lent
from glassworks.objectives.losses import LossFn
from glassworks.optim.config import OptimizerConfig, settings_of
from glassworks.optim.functions import FUNCTIONS
from glassworks.optim.groups import make_optimizer
from glassworks.optim.trial import Trial
from glassworks.trace.trace import Trace

Rows = Callable[[Float[Tensor, "P 2"]], Float[Tensor, " P"]]
"""Places on the plane to their losses."""

POINTS = 61
SIGMA = 0.1
"""Of a search's candidates at the start, in widths of the plane."""
SPAN = 20.0
"""Losses that span more than this factor are drawn on a logarithmic axis."""
CONTROL = "random_search"
PRODUCTS = 60  # with the Hessian, for two eigenvectors


@public
def population_on_function(method: str, function: str = "rosenbrock", *, generations: int = 40, seed: int = 0) -> Trace:
    """The candidates of a method over a test function of two numbers; see `moved` for the arrays.

    Args:
        method: a name of `optim.catalogue.METHODS`.
        function: a name of `optim.functions.FUNCTIONS`. Noise is of the seed.
        generations: steps of the method.
        seed: of the start and of the method.
    """
    if function not in FUNCTIONS:
        raise ValueError(f"function (={function!r}) must be one of {', '.join(FUNCTIONS)}")
    of = FUNCTIONS[function]
    noise, side = torch.Generator().manual_seed(seed), np.linspace(of.low, of.high, POINTS)
    start = of.low + (of.high - of.low) * torch.tensor([0.15, 0.8])
    return moved(
        method,
        lambda rows: of(rows, noise),
        of.formula,
        start,
        side,
        generations=generations,
        seed=seed,
        what=f"{function.replace('_', ' ')}, {of.line}",
    )


@public
def population_on_network(
    method: str,
    model: nn.Module,
    loss_fn: LossFn,
    batch: Any,
    *,
    plane: Float[Tensor, "2 D"] | None = None,
    reach: float = 1.0,
    generations: int = 40,
    seed: int = 0,
    what: str = "a network’s loss along two directions of its weights",
) -> Trace:
    """The candidates of a method that may move a network's weights along two directions alone; see `moved`.

    Args:
        method: a name of `optim.catalogue.METHODS`.
        model: any module; it is left as it was.
        loss_fn: the mean loss of a batch, as `fit` takes it.
        batch: what it takes.
        plane: the two directions, as vectors of all weights. None = the Hessian's two largest eigenvectors, as long as
            the weights are.
        reach: how far the plane goes to all sides, in lengths of the directions.
        generations: steps of the method.
        seed: of the method.
        what: what the loss is of, in words: which network, which batch, in which unit.
    """
    if not reach > 0:
        raise ValueError(f"reach (={reach}) must be above 0")
    with lent(model, loss_fn, batch, seed=seed) as objective:
        plane = strongest(objective, seed) if plane is None else plane
        across = plane.to(objective.point)

        def rows(places: Tensor) -> Tensor:
            points = torch.addmm(objective.point, places.to(objective.point), across)
            return tangent(objective, points[0])[None] if is_followed(points) else objective.losses(points)

        return moved(
            method,
            rows,
            None,
            torch.tensor([-0.7 * reach, 0.6 * reach]),
            np.linspace(-reach, reach, POINTS // 3),
            generations=generations,
            seed=seed,
            what=what,
        )


def is_followed(x: Tensor) -> bool:
    """Whether a derivative is taken of what is made of it, backward or forward."""
    return x.requires_grad or forward_ad.unpack_dual(x).tangent is not None  # type: ignore[no-untyped-call]


def tangent(objective: Objective, at: Float[Tensor, " D"]) -> Float[Tensor, ""]:
    """The loss at some weights, with its gradient there as the derivative of either kind."""
    here = forward_ad.unpack_dual(at).primal.detach()  # type: ignore[no-untyped-call]
    loss, gradient = objective.gradient(here)
    found: Tensor = loss + (at - here) @ gradient.to(here)
    return found


def strongest(objective: Objective, seed: int) -> Float[Tensor, "2 D"]:
    """The Hessian's two largest eigenvectors, as long as the weights are."""
    generator = torch.Generator().manual_seed(seed)
    found = top_eigenpairs(objective.curvature(), objective.point, 2, steps=PRODUCTS, generator=generator)
    plane: Tensor = found.vectors[:2] * objective.point.norm()
    return plane


def moved(
    method: str,
    rows: Rows,
    true: Rows | None,
    start: Float[Tensor, " 2"],
    side: np.ndarray,
    *,
    generations: int,
    seed: int,
    what: str,
) -> Trace:
    """A method's way over a plane, beside that of a random search.

    Args:
        method: its name.
        rows: places to their losses, as the method gets them.
        true: the same without noise; None = they have none.
        start: where it begins.
        side: places along either side of the plane.
        generations: how many steps are taken.
        seed: of the method.
        what: what the plane is of, in words.

    Arrays:
        loss (second, first): on the plane; NaN where it is no number.
        member_first, member_second (generation, member): where the loss was asked for in each step; NaN for fewer.
        centre_first, centre_second (generation,): the method's estimate after it.
        lowest, lowest_random (generation,): the lowest loss seen so far, and by a random search of as many steps.
    """
    check_count("generations", generations, 1)
    width = float(side[-1] - side[0])
    members, losses, centres = walk(method, rows, start, width, generations, seed)
    others, others_losses, _ = walk(CONTROL, rows, start, width, generations, seed)
    grid = torch.from_numpy(np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)).float()
    loss = (true or rows)(grid).double().numpy().reshape(len(side), len(side))
    arrays = {"loss": np.where(np.isfinite(loss), loss, np.nan)}
    axes: dict[str, tuple[str, ...]] = {"loss": ("second", "first")}
    for i, way in enumerate(("first", "second")):
        arrays |= {f"member_{way}": members[..., i], f"centre_{way}": centres[:, i]}
        axes |= {f"member_{way}": ("generation", "member"), f"centre_{way}": ("generation",)}
    for name, places, found in (("lowest", members, losses), ("lowest_random", others, others_losses)):
        arrays[name], axes[name] = lowest(places, found, true), ("generation",)
    ticks = [f"{x:.4g}" for x in side]
    return Trace(
        "population",
        arrays,
        axes,
        {"first": ticks, "second": ticks, "generation": [str(i + 1) for i in range(generations)]},
        {
            "optimizer": method,
            "of": what,
            "start_first": float(start[0]),
            "start_second": float(start[1]),
            "seed": seed,
        },
        legend=population_legend(log=is_wide(np.concatenate([arrays["lowest"], arrays["lowest_random"]]))),
    )


def is_wide(losses: np.ndarray) -> bool:
    """Whether losses above 0 span so much that on a straight axis the low ones would all look like 0."""
    finite = losses[np.isfinite(losses)]
    return bool(finite.size and finite.min() > 0 and finite.max() > SPAN * finite.min())


def walk(
    method: str, rows: Rows, start: Float[Tensor, " 2"], width: float, generations: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the loss was asked for (generation, member, 2), what it was, and the estimates after (generation, 2)."""
    trial = Trial(lambda place: rows((place * width)[None])[0], start / width)
    config = OptimizerConfig(method)
    config = replace(config, sigma=SIGMA if "sigma" in settings_of(config.name) else None)
    optimizer = make_optimizer(trial, config, seed=seed)
    asked, centres = list[list[list[float]]](), list[list[float]]()
    for _ in range(generations):
        trial.seen = []
        optimizer.step(trial.evaluate)  # type: ignore[arg-type]  # torch: returns a float
        asked.append([[*(width * at).tolist(), loss] for at, loss in trial.seen])
        centres.append((width * trial.at.detach()).tolist())
    found = np.full((generations, max(map(len, asked)), 3), np.nan)
    for i, members in enumerate(asked):
        found[i, : len(members)] = members
    return found[..., :2], found[..., 2], np.array(centres)


def lowest(members: np.ndarray, losses: np.ndarray, true: Rows | None) -> np.ndarray:
    """The lowest loss up to each generation; what is no number counts for nothing."""
    known = np.isfinite(losses)
    if true is not None:
        places = torch.from_numpy(np.nan_to_num(members.reshape(-1, 2))).float()
        losses = true(places).double().numpy().reshape(losses.shape)
    found: np.ndarray = np.minimum.accumulate(np.where(known, losses, np.inf).min(1))
    return found
