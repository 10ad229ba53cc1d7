"""The loss around a network's weights in its two strongest directions, and where a training and its candidates lie."""

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.interpret.landscapes.objective import lent
from glassworks.interpret.landscapes.population import strongest
from glassworks.studio.playground.experiment import Experiment

POINTS = 31
MOST_MEMBERS, MOST_NUMBERS = 64, 2**15
"""Candidates whose weights a page is given, and how many numbers these may be in all."""


class Plane(NamedTuple):
    """Two directions through some weights."""

    origin: Float[Tensor, " D"]
    across: Float[Tensor, "2 D"]
    """As long as the weights are; orthogonal."""
    step: int


def surface(experiment: Experiment, reach: float | None = None) -> dict[str, Any]:
    """The loss of all training points on the plane of the Hessian's two largest eigenvectors through the weights.

    Args:
        experiment: whose weights; it keeps the plane, on which `placed` then lays its way.
        reach: how far the plane goes to all sides, in lengths of the weights; None = 1, or where a search's candidates
            lie closer, as far as shows them.

    Raises: ValueError for weights that are no numbers, and for a reach that is none.
    """
    if reach is not None and not 0 < reach <= 100:
        raise ValueError(f"reach (={reach}) must be above 0, and at most 100")
    cut = experiment.points.train
    batch = (experiment.inputs[:cut], experiment.targets[:cut])
    with lent(experiment.model, experiment.objective, batch, seed=experiment.settings.seed) as objective:
        across = strongest(objective, experiment.settings.seed)
        experiment.plane = Plane(objective.point.clone(), across, experiment.step)
        side = np.linspace(-1, 1, POINTS) * (reach or shows_all(experiment))
        places = torch.from_numpy(np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)).to(objective.point)
        loss = objective.losses(torch.addmm(objective.point, places, across))
    return {
        "loss": loss.reshape(POINTS, POINTS),
        "ticks": side,
        "step": experiment.step,
        **placed(experiment),
    }


def shows_all(experiment: Experiment) -> float:
    """A reach on which candidates can be told apart."""
    found = placed(experiment).get("members")
    return 1.0 if found is None else min(1.0, max(0.01, 2.5 * float(found.abs().max())))


def placed(experiment: Experiment) -> dict[str, Any]:
    """Where on the plane the training was, is, and looked in its last step; nothing where there is no plane yet.

    Points beside the plane are projected: `within` is the share of the candidates' squared distance from the estimate
    that lies in the plane.
    """
    if experiment.plane is None:
        return {}
    plane: Plane = experiment.plane
    lengths = plane.across.square().sum(1).clamp_min(1e-30)

    def on(points: Tensor) -> Tensor:
        return (points - plane.origin) @ plane.across.T / lengths

    found: dict[str, Any] = {
        "way": on(experiment.path()),
        "way_step": np.array([*(one[0] for one in experiment.kept), experiment.step], np.int32),
    }
    if len(experiment.asked) > 1:
        centre, members = experiment.asked[0][0], torch.stack([at for at, _ in experiment.asked[1:]])
        away = members - centre
        inside = (away @ plane.across.T / lengths.sqrt()).square().sum()
        found["members"] = on(members[:MOST_MEMBERS])
        found["within"] = float(inside / away.square().sum().clamp_min(1e-30))
    return found


def candidates(experiment: Experiment) -> dict[str, Any] | None:
    """The weights that a search tried in its last step, and their losses; None where it tried none."""
    if len(experiment.asked) < 2:
        return None
    most = max(1, min(MOST_MEMBERS, MOST_NUMBERS // len(experiment.asked[0][0])))
    tried = experiment.asked[1 : 1 + most]
    return {
        "weights": torch.stack([at for at, _ in tried]).float(),
        "losses": np.array([loss for _, loss in tried], np.float32),
        "of": len(experiment.asked) - 1,
    }
