"""The loss over lines and planes through a network's weights, and the path of its training on them.

Li, Xu, Taylor, Studer & Goldstein 2018 (https://arxiv.org/abs/1712.09913). Points are evaluated in whatever way is the
fastest for the network (`losses_on`); it is not copied and no graph is kept.
"""

from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.control import randomised
from glassworks.interpret.landscapes.directions import (
    WeightsPath,
    along_path,
    filter_normalised,
    random_walk_shares,
)
from glassworks.interpret.landscapes.lanczos import top_eigenpairs
from glassworks.interpret.landscapes.legends.surfaces import LOSS_LINE, surface_legend
from glassworks.interpret.landscapes.objective import Objective, lent
from glassworks.interpret.landscapes.plane import losses_on
from glassworks.objectives.losses import LossFn
from glassworks.trace.trace import Trace

Directions = Literal["random", "path", "curvature"]
Statistics = Literal["kept", "recomputed"]
MARGIN = 0.15
"""How far a plane goes on beyond the path on it, as a share of the path's extent."""
PRODUCTS = 60  # with the Hessian, for the two directions of largest curvature


@public
def loss_surface(
    model: nn.Module,
    loss_fn: LossFn,
    batch: Any,
    *,
    directions: Directions = "random",
    plane: Float[Tensor, "2 D"] | None = None,
    path: WeightsPath | None = None,
    reach: float = 1.0,
    points: int = 25,
    statistics: Statistics = "kept",
    control: nn.Module | None = None,
    seed: int = 0,
) -> Trace:
    """The loss on a plane through the weights, with the path of the training on it.

    Args:
        model: any module with weights; its loss is that of the mode it is in.
        loss_fn: the mean loss of a batch, as `fit` takes it.
        batch: what it takes.
        directions: what spans the plane. "random" = two random directions, normalised filter by filter; "path" = the
            two along which `path` strays most; "curvature" = the Hessian's two largest eigenvectors.
        plane: two directions of your own, as vectors of all weights, in their place.
        path: where the training was (`WeightsPath`), projected onto the plane.
        reach: how far the plane goes to all sides, in units of the directions: of normalised ones, 1 changes every
            filter by its own length; of curvature, 1 is as far as the weights are long. With `path` it goes as far as
            the path needs instead.
        points: along a side; odd, so that the weights themselves are one of them.
        statistics: of BatchNorm in evaluation mode: "kept" as they are, at every point; or "recomputed" from the batch.
        control: the untrained network for "random" and "curvature"; None = `randomised(model)`. For "path", whose
            control is a random walk, it is not read.
        seed: of the directions, and of the control.

    Arrays:
        loss (second, first): NaN where it is no number. At (0, 0) it is the network's own to the bit.
        loss_untrained (second, first): the same of the control, around its own weights, with directions drawn likewise.
        path_first, path_second, path_loss (step,): places of the path, and its own loss there, which the plane's is not
            where the path runs beside it. BatchNorm's statistics are the network's, not those it had then.
        shares, shares_random (component,): for "path", how much of its extent each component has, and of a random walk.

    Limits: two directions of very many; a plane can be smooth where others are not. Cost: points² forward passes.
    """
    check_side(points, reach)
    if directions == "path" and plane is None and path is None:
        raise ValueError("directions (='path') needs the path of the training: give path=WeightsPath(...)")
    told: dict[str, np.ndarray] = {}
    with lent(model, loss_fn, batch, seed=seed) as objective:
        set_statistics(objective, statistics)
        walked = None if path is None else path_of(path, objective)
        across = spanned(objective, directions, plane, walked, seed)
        if walked is not None:
            told |= placed(objective, walked, across)
            if plane is None and directions == "path":
                told |= shares_of(walked, objective.point)
        sides = [ticks_for(reach, points, told.get(f"path_{way}")) for way in ("first", "second")]
        told["loss"] = evaluated(objective, across, sides)
    if told.get("shares") is None:
        other = control if control is not None else randomised(model, seed=seed + 1)
        with lent(other, loss_fn, batch, seed=seed) as objective:
            set_statistics(objective, statistics)
            across = spanned(objective, directions, plane, None, seed)
            told["loss_untrained"] = evaluated(objective, across, sides)
    return as_trace(told, sides, path, directions if plane is None else "given", statistics, seed)


def check_side(points: int, reach: float) -> None:
    """Refuse a side without the weights themselves on it, or without a length."""
    check_count("points", points, 3)
    if points % 2 == 0:
        raise ValueError(f"points (={points}) must be odd, so that the network's own weights are one of them")
    if not reach > 0:
        raise ValueError(f"reach (={reach}) must be above 0")


def set_statistics(objective: Objective, statistics: Statistics) -> None:
    """Let BatchNorm take the batch's own statistics where they are to be recomputed; ValueError for what is neither."""
    if statistics not in ("kept", "recomputed"):
        raise ValueError(f"statistics (={statistics!r}) must be kept or recomputed")
    if statistics == "recomputed":
        for module in objective.net.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.train()
                objective.training = True


def path_of(path: WeightsPath, objective: Objective) -> Float[Tensor, "S D"]:
    """The path's points, if they are of this network."""
    sizes = {len(point) for point in path.points}
    if sizes != {len(objective.point)}:
        raise ValueError(
            f"path (of {sorted(sizes)} weights) must be of the network's own {len(objective.point)} that want gradients"
        )
    return torch.stack(path.points).to(objective.point)


def spanned(
    objective: Objective, directions: Directions, plane: Tensor | None, walked: Tensor | None, seed: int
) -> Float[Tensor, "2 D"]:
    """The two directions of the plane."""
    generator, point = torch.Generator().manual_seed(seed), objective.point
    if plane is not None:
        if plane.shape != (2, len(point)):
            raise ValueError(f"plane (of shape {tuple(plane.shape)}) must be two vectors of the {len(point)} weights")
        return plane.to(point)
    if directions == "path":
        assert walked is not None
        return along_path(walked, point)[0]
    if directions == "curvature":
        found = top_eigenpairs(objective.curvature(), point, 2, steps=PRODUCTS, generator=generator)
        curved: Tensor = found.vectors[:2] * point.norm()
        return curved
    if directions != "random":
        raise ValueError(f"directions (={directions!r}) must be random, path or curvature")
    return filter_normalised(objective.weights, 2, generator)


def placed(objective: Objective, walked: Float[Tensor, "S D"], plane: Float[Tensor, "2 D"]) -> dict[str, np.ndarray]:
    """Where on the plane the path's points lie nearest, and their own losses."""
    at = torch.linalg.lstsq(plane.double().T, (walked - objective.point).double().T).solution.cpu().numpy()
    losses = objective.losses(walked).double().cpu().numpy()
    return {"path_first": at[0], "path_second": at[1], "path_loss": losses}


def shares_of(walked: Float[Tensor, "S D"], point: Float[Tensor, " D"]) -> dict[str, np.ndarray]:
    """Shares of the first components of the path, and of a random walk."""
    both = along_path(walked, point)[1], random_walk_shares(walked, point)
    return {name: found[:8].numpy() for name, found in zip(("shares", "shares_random"), both, strict=True)}


def ticks_for(reach: float, points: int, places: np.ndarray | None) -> np.ndarray:
    """Numbers along a side, 0 among them: from -reach to reach, or as far as places on it need, with a margin."""
    if places is None:
        return np.linspace(-reach, reach, points)
    low, high = min(0.0, float(places.min())), max(0.0, float(places.max()))
    room = MARGIN * (high - low) or reach
    low, high = low - room, high + room
    step = (high - low) / (points - 1)
    return step * (np.arange(points) - round(-low / step))


def evaluated(objective: Objective, plane: Float[Tensor, "K D"], sides: list[np.ndarray]) -> np.ndarray:
    """The loss at every point that numbers along the directions give; at 0 that of the network as it is."""
    grid = np.stack(np.meshgrid(*sides), -1)
    places = torch.from_numpy(grid.reshape(-1, len(sides))).to(plane)
    found = losses_on(objective, plane, places).double().cpu().numpy().reshape(grid.shape[:-1])
    found[centre_of(sides)] = objective.loss(objective.point)  # not in another way
    found[~np.isfinite(found)] = np.nan
    return found


def centre_of(sides: list[np.ndarray]) -> tuple[int, ...]:
    """Where the network's own weights are."""
    return tuple(int(np.abs(side).argmin()) for side in reversed(sides))


def as_trace(
    told: dict[str, np.ndarray],
    sides: list[np.ndarray],
    path: WeightsPath | None,
    directions: str,
    statistics: Statistics,
    seed: int,
) -> Trace:
    """What was found, by name."""
    axes: dict[str, tuple[str, ...]] = {"loss": ("second", "first"), "loss_untrained": ("second", "first")}
    axes |= dict.fromkeys(("path_first", "path_second", "path_loss"), ("step",))
    axes |= dict.fromkeys(("shares", "shares_random"), ("component",))
    labels = {name: [f"{x:.4g}" for x in side] for name, side in zip(("first", "second"), sides, strict=True)}
    if path is not None:
        labels["step"] = [str(step) for step in path.steps]
    if "shares" in told:
        labels["component"] = [str(i + 1) for i in range(len(told["shares"]))]
    return Trace(
        "loss_surface",
        told,
        {name: axes[name] for name in told},
        labels,
        {
            "loss_here": float(told["loss"][centre_of(sides)]),
            "failed": int(sum(np.isnan(told[name]).sum() for name in ("loss", "loss_untrained") if name in told)),
            "directions": directions,
            "statistics": statistics,
            "seed": seed,
        },
        legend=surface_legend(directions, path is not None, len(told.get("shares", ()))),
    )


# ----------------------------------------------------------------------------------------------------------------------


@public
def loss_line(
    model: nn.Module,
    loss_fn: LossFn,
    batch: Any,
    *,
    draws: int = 5,
    reach: float = 1.0,
    points: int = 41,
    statistics: Statistics = "kept",
    control: nn.Module | None = None,
    seed: int = 0,
) -> Trace:
    """The loss along lines through the weights, in random directions normalised filter by filter.

    Args are those of `loss_surface`; `draws` = lines.

    Arrays:
        loss (network, draw, place): NaN where it is no number; at 0 the network's own to the bit. Networks are this one
            and the control, an untrained one.
    """
    check_side(points, reach)
    check_count("draws", draws, 1)
    places = np.linspace(-reach, reach, points)
    found = []
    for network in (model, control if control is not None else randomised(model, seed=seed + 1)):
        with lent(network, loss_fn, batch, seed=seed) as objective:
            set_statistics(objective, statistics)
            lines = filter_normalised(objective.weights, draws, torch.Generator().manual_seed(seed))
            found.append([evaluated(objective, line[None], [places]) for line in lines])
    loss = np.array(found)
    return Trace(
        "loss_line",
        {"loss": loss},
        {"loss": ("network", "draw", "place")},
        {
            "network": ["this network", "untrained"],
            "draw": [str(i) for i in range(draws)],
            "place": [f"{x:.4g}" for x in places],
        },
        {"loss_here": float(loss[0, 0, points // 2]), "failed": int(np.isnan(loss).sum()), "seed": seed},
        legend=LOSS_LINE,
    )
