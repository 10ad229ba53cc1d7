"""Each loss along one number, and what one outlier, or labels that are wrong, do to it. Loads torch."""

import torch
from torch import Tensor

from glassworks.objectives.catalogue.fitting import fitting
from glassworks.objectives.catalogue.table import LOSSES
from glassworks.objectives.catalogue.ways import AHEAD, WAYS, YES

POINTS = 241


def along(name: str) -> tuple[list[float], list[float], list[float]]:
    """Places along a loss's way, the loss there, and its slope as training sees it."""
    way, function = WAYS[name], LOSSES[name].function
    places, losses, slopes = torch.linspace(way.low, way.high, POINTS, dtype=torch.float64).tolist(), [], []
    for place in places:
        x = torch.tensor(place, dtype=torch.float64, requires_grad=True)
        loss = function(*way.at(x), **way.settings).mean()
        losses.append(loss.item())
        slopes.append(torch.autograd.grad(loss, x)[0].item())
    return places, losses, slopes


OUTLIERS = ["smooth_l1", "balanced_l1", "wing"]


def with_outlier(name: str, values: int = 20, furthest: float = 20.0) -> tuple[list[float], list[float]] | None:
    """The one number that is best for normal targets and one more, as that one goes off; None where it is not of such.

    Targets are the quantiles of a standard normal. It is looked for among numbers a hundredth apart.
    """
    if name not in fitting("number") + OUTLIERS:
        return None
    grid = torch.arange(-300, 301, dtype=torch.float64) / 100
    targets = torch.special.ndtri((torch.arange(values, dtype=torch.float64) + 0.5) / values)
    places = torch.linspace(0, furthest, 81, dtype=torch.float64)
    function, settings = LOSSES[name].function, WAYS[name].settings
    inside = function(*both(grid, targets), reduction="none", **settings).sum(1)
    outside = function(*both(grid, places), reduction="none", **settings)  # (grid, places)
    return places.tolist(), grid[(inside[:, None] + outside).argmin(0)].tolist()


def both(guesses: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Every guess beside every target."""
    shape = len(guesses), len(targets)
    return guesses[:, None].expand(shape), targets[None].expand(shape)


def with_wrong_labels(name: str) -> tuple[list[float], list[float]] | None:
    """The probability that is best where a share is yes; None where the loss is not of one answer."""
    way = WAYS[name]
    if way.at not in (AHEAD.at, YES.at) or "hinge" in name:
        return None
    logit = torch.linspace(-8, 8, 1601, dtype=torch.float64)
    function = LOSSES[name].function
    if way.at is AHEAD.at:
        said = torch.stack([0 * logit, logit], 1)
        yes, no = (function(said, torch.full((len(logit),), y), reduction="none") for y in (1, 0))
    else:
        yes, no = (function(logit, torch.full_like(logit, y), reduction="none", **way.settings) for y in (1, 0))
    shares = torch.linspace(0.02, 0.98, 49, dtype=torch.float64)
    best = (shares[None] * yes[:, None] + (1 - shares[None]) * no[:, None]).argmin(0)
    return shares.tolist(), logit[best].sigmoid().tolist()
