"""The loss along a step of training: how much it and its gradient change, beside random directions as long.

Santurkar, Tsipras, Ilyas & Madry 2018 (https://arxiv.org/abs/1805.11604), section 3.1 and figure 4: how far the loss
varies along the gradient, how far the gradient there is from the one the step was taken by ("predictiveness"), and how
fast it changes at most ("effective" beta-smoothness).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.landscapes.directions import random_directions
from glassworks.interpret.landscapes.legends.steps import ALONG_STEP, OVER_TRAINING
from glassworks.interpret.landscapes.objective import Objective, check_loss, lent
from glassworks.objectives.losses import LossFn
from glassworks.trace.trace import Trace
from glassworks.train.batch import tensors

SIZES = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
"""Lengths of steps, in learning rates."""
MEASURES = "loss_lowest", "loss_highest", "change_lowest", "change_highest", "beta"


@dataclass(frozen=True)
class Along:
    """One direction: at each length the loss, the distance of the gradient, and the length in weights."""

    losses: np.ndarray
    changes: np.ndarray
    distances: np.ndarray

    @property
    def numbers(self) -> dict[str, float]:
        """The ends of the loss and of the gradient's change over all lengths, and the most it changes by distance."""
        with np.errstate(divide="ignore", invalid="ignore"):
            beta = (self.changes / self.distances).max()
        ends = (self.losses.min(), self.losses.max(), self.changes.min(), self.changes.max(), beta)
        return dict(zip(MEASURES, map(float, ends), strict=True))


@public
def along_step(
    model: nn.Module,
    loss_fn: LossFn,
    batch: Any,
    *,
    lr: float,
    sizes: Sequence[float] = SIZES,
    draws: int = 5,
    seed: int = 0,
    lr_from: str = "as given",
    batch_of: str | None = None,
) -> Trace:
    """The loss and its gradient at points along the step of gradient descent, and along random directions as long.

    At x - s lr g, for the gradient g at the weights x and each s of `sizes`: the loss, the distance of the gradient
    there from g in the Euclidean norm, and that distance by the distance in weights. The ranges of the first two and
    the largest of the third are the paper's three measures.

    Args:
        model: any module with weights, in the mode in which it trains: `model.train()` for BatchNorm to take the
            statistics of the batch, as in a step of training.
        loss_fn: the mean loss of a batch, as `fit` takes it.
        batch: what it takes: the one that the step is taken by.
        lr: the learning rate.
        sizes: how long steps are, in learning rates.
        draws: random directions.
        seed: of these, and of dropout, which leaves out the same units at every point.
        lr_from: where the learning rate comes from, in words.
        batch_of: what the batch is of, in words; None = how many examples it has.

    Arrays:
        loss (direction, size), loss_error: the loss; along random directions the mean over draws, and its standard
            error.
        change (direction, size), change_error: how far the gradient is from that of the weights (Euclidean distance).
        loss_lowest, loss_highest, change_lowest, change_highest, beta (direction,): the three measures; of random
            directions means over draws.

    Raises: ValueError for a learning rate or sizes that are not above 0, and for a loss that is not finite. Where it is
        not a step ahead, the numbers there are NaN.
    """
    check_sizes(lr, sizes)
    check_count("draws", draws, 1)
    with lent(model, loss_fn, batch, seed=seed) as objective:
        loss, gradient, ways = ways_from(objective, lr, sizes, draws, seed)
        check_loss(loss)
    arrays: dict[str, np.ndarray] = {}
    for name, part in {"loss": "losses", "change": "changes"}.items():
        own, others = getattr(ways[0], part), np.stack([getattr(way, part) for way in ways[1:]])
        arrays[name] = np.stack([own, others.mean(0)])
        arrays[f"{name}_error"] = np.stack([np.full_like(own, np.nan), error_of(others)])
    rows = [ways[0].numbers, mean_of([way.numbers for way in ways[1:]])]
    arrays |= {name: np.array([row[name] for row in rows]) for name in MEASURES}
    two = dict.fromkeys(("loss", "loss_error", "change", "change_error"), ("direction", "size"))
    return Trace(
        "along_step",
        arrays,
        {**two, **dict.fromkeys(MEASURES, ("direction",))},
        {"direction": ["gradient", "random"], "size": [f"{s:g}" for s in sizes]},
        {"loss_here": loss, "gradient_norm": float(gradient.norm()), "lr": lr, "draws": draws, "seed": seed}
        | {"lr_from": lr_from, "batch_of": batch_of or f"{size_of(batch)} examples, as given"},
        legend=ALONG_STEP,
    )


def ways_from(
    objective: Objective, lr: float, sizes: Sequence[float], draws: int, seed: int
) -> tuple[float, Float[Tensor, " D"], list[Along]]:
    """The loss and its gradient at the weights; then what lies along the step, and along each random direction."""
    loss, gradient = objective.gradient()
    generator = torch.Generator().manual_seed(seed)
    random = random_directions(len(gradient), draws, generator, gradient) * gradient.norm()
    ways = []
    for direction in (-gradient, *random):
        losses, changes = [], []
        for s in sizes:
            there, slope = objective.gradient(objective.point + s * lr * direction)
            losses.append(there)
            changes.append(float((slope - gradient).norm()))
        distances = np.array(sizes) * lr * float(direction.norm())
        ways.append(Along(np.array(losses), np.array(changes), distances))
    return loss, gradient, ways


def check_sizes(lr: float, sizes: Sequence[float]) -> None:
    """Refuse steps that are none."""
    if not lr > 0:
        raise ValueError(f"lr (={lr}) must be above 0: the learning rate whose step is looked along")
    if not len(sizes) or not min(sizes) > 0:
        raise ValueError(f"sizes (={list(sizes)}) must be numbers above 0, in learning rates")


def size_of(batch: Any) -> int:
    """How many examples a batch has: along axis 0 of its first tensor that has axes."""
    return next((len(x) for x in tensors(batch) if x.ndim), 1)


def error_of(draws: Float[np.ndarray, "N S"]) -> Float[np.ndarray, " S"]:
    """The standard error of the mean over draws; not a number of one."""
    return draws.std(0, ddof=1) / len(draws) ** 0.5 if len(draws) > 1 else np.full(draws.shape[1], np.nan)


def mean_of(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each number."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


# ----------------------------------------------------------------------------------------------------------------------
# Over a training


def watching(
    loss_fn: LossFn,
    batches: Callable[[int], Any],
    *,
    lr: float,
    sizes: Sequence[float] = SIZES,
    draws: int = 1,
    seed: int = 0,
) -> Callable[[int, nn.Module], dict[str, float]]:
    """The measures of `along_step` over a training, as a function for the `every` of `fit`: (10, what this returns).

    Each time it looks along the step that comes next, by the batch that it will be taken by. It costs a forward and a
    backward pass for each of `sizes`, along the gradient and along each of `draws` random directions: 17 of both as it
    is. The numbers are "step/loss_lowest" and so on, and "step/random/loss_lowest"; `over_training` draws them.
    """
    check_sizes(lr, sizes)
    check_count("draws", draws, 1)

    def watch(step: int, model: nn.Module) -> dict[str, float]:
        with lent(model, loss_fn, batches(step), seed=seed + step) as objective:
            _, _, ways = ways_from(objective, lr, sizes, draws, seed + step)
        random = mean_of([way.numbers for way in ways[1:]])
        own = {f"step/{name}": value for name, value in ways[0].numbers.items()}
        return own | {f"step/random/{name}": value for name, value in random.items()}

    return watch


@public
def over_training(histories: Mapping[str, Sequence[Mapping[str, int | float]]]) -> Trace:
    """What `watching` saw in trainings of one or several networks, by name, as a trace over the steps.

    Args:
        histories: rows of `fit`, which have "step" and the numbers of `watching`; others are passed over. The networks'
            rows must be of the same steps.

    Arrays (network, direction, step): loss_range = highest less lowest loss; change_range, the range of the gradient's
        change ("predictiveness"); change_highest; beta.
    """
    rows = {
        name: [row for row in history if "step/beta" in row and "step/random/beta" in row]
        for name, history in histories.items()
    }
    steps = {tuple(int(row["step"]) for row in found) for found in rows.values()}
    if len(steps) != 1 or not next(iter(steps)):
        raise ValueError("histories must have rows of `watching`, of the same steps for every network")

    def of(measure: str) -> np.ndarray:
        return np.array(
            [
                [[row[f"{way}{measure}"] for row in found] for way in ("step/", "step/random/")]
                for found in rows.values()
            ]
        )

    arrays = {
        "loss_range": of("loss_highest") - of("loss_lowest"),
        "change_range": of("change_highest") - of("change_lowest"),
        "change_highest": of("change_highest"),
        "beta": of("beta"),
    }
    return Trace(
        "over_training",
        arrays,
        dict.fromkeys(arrays, ("network", "direction", "step")),
        {"network": list(rows), "direction": ["gradient", "random"], "step": [str(s) for s in next(iter(steps))]},
        legend=OVER_TRAINING,
    )
