"""Steering: add a direction to what passes a point, and see what changes; beside what any other push would change.

    x ← x + scale · direction

A network moves under any push, so the effect of a direction says something only beside the same push along random
directions, and along the same direction at another place.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.core.trace import Trace
from glassworks.interpret.finite import run_model
from glassworks.interpret.hooks import Edit, patch
from glassworks.interpret.metrics import Metric
from glassworks.interpret.stream import Batches, stream


@torch.no_grad()
def steer(
    model: nn.Module,
    inputs: Any,
    direction: Float[Tensor, " C"],
    point: str,
    metric: Metric,
    *,
    scales: Sequence[float | int],
    positions: Sequence[int] | None = None,
    wrong_point: str | None = None,
    draws: int = 8,
    seed: int = 0,
) -> Trace:
    """The metric under pushes of some sizes along a direction, and along others.

    Args:
        model: any module.
        inputs: what it takes.
        direction: what is added, times each scale; its length counts.
        point: where; its last axis has the direction's width.
        metric: from the output (logits) to a number a row, as those of `metrics`.
        scales: factors of the direction; negative ones push the other way.
        positions: of axis 1 that are pushed; None = all.
        wrong_point: another point of the same width, for the row "wrong place"; None leaves the row out.
        draws: random directions of the same length.
        seed: draws them.

    Arrays:
        metric (row, scale): the mean over the inputs. Rows: "direction"; "random directions", their mean; "wrong
            place" if there is one; "null", the plain run, the same for every scale.
        deviation (row, scale): the standard deviation over random directions; NaN in the other rows.
        metric_of_pair (scale, pair): along the direction, for each input.

    Meta: `beyond_random`, how many deviations of random directions the effect of the largest scale is from their mean.
    """
    if not len(scales):
        raise ValueError("scales (=()) must have at least one factor")
    if draws < 2:
        raise ValueError(f"draws (={draws}) must be at least 2, to have a deviation")
    if not direction.norm() > 0 or not torch.isfinite(direction).all():
        raise ValueError(f"direction must be finite and longer than 0; its length is {float(direction.norm())}")
    generator = torch.Generator().manual_seed(seed)
    others = torch.randn(draws, len(direction), generator=generator).to(direction)
    others *= direction.norm() / others.norm(dim=1, keepdim=True)

    def judged(where: str, along: Tensor, scale: float | int) -> Tensor:
        with patch(model, {where: push(along, scale)}, positions=positions):
            return metric(run_model(model, inputs)).float().cpu()

    plain = float(metric(run_model(model, inputs)).float().mean())
    along = torch.stack([judged(point, direction, scale) for scale in scales])  # (scales, B)
    random = torch.stack([torch.stack([judged(point, d, scale).mean() for scale in scales]) for d in others])
    rows = {"direction": along.mean(1), "random directions": random.mean(0)}
    if wrong_point is not None:
        rows["wrong place"] = torch.stack([judged(wrong_point, direction, scale).mean() for scale in scales])
    rows["null"] = torch.full((len(scales),), plain)
    deviation = torch.full((len(rows), len(scales)), torch.nan)
    deviation[1] = random.std(0)
    largest = int(np.abs(np.asarray(scales)).argmax())
    beyond = float((rows["direction"] - rows["random directions"])[largest] / deviation[1, largest].clamp(min=1e-12))
    return Trace(
        method="steering",
        arrays={
            "metric": torch.stack(list(rows.values())).numpy(),
            "deviation": deviation.numpy(),
            "metric_of_pair": along.numpy(),
        },
        axes={"metric": ("row", "scale"), "deviation": ("row", "scale"), "metric_of_pair": ("scale", "pair")},
        labels={"row": list(rows), "scale": [f"{scale:g}" for scale in scales]},
        meta={"point": point, "plain": plain, "beyond_random": beyond, "draws": draws, "seed": seed},
    )


def push(direction: Float[Tensor, " C"], scale: float | int) -> Edit:
    """An edit, as `patch` takes it, that adds a direction to the last axis."""

    def edit(x: Tensor) -> Tensor:
        if x.size(-1) != len(direction):
            raise ValueError(f"direction ({len(direction)},) does not fit values {tuple(x.shape)}: it must be as wide")
        return x + scale * direction.to(x)

    return edit if scale else lambda x: x  # nothing is added, not even -0.0


def reflect(direction: Float[Tensor, " C"], amount: float | int = 1.0) -> Edit:
    """An edit that turns the part along a direction around: x - (1 + amount) (x · d) d with d of length 1.

    amount 0 erases that part, 1 mirrors it.
    """
    length = direction.norm()
    if not length > 0:
        raise ValueError(f"direction must be longer than 0; its length is {float(length)}")
    unit = direction / length

    def edit(x: Tensor) -> Tensor:
        if x.size(-1) != len(unit):
            raise ValueError(f"direction ({len(unit)},) does not fit values {tuple(x.shape)}: it must be as wide")
        d = unit.to(x)
        turned: Tensor = x - (1 + amount) * (x @ d).unsqueeze(-1) * d
        return turned

    return edit


def mean_difference(
    model: nn.Module, positive: Batches, negative: Batches, point: str, *, steps: int = 1
) -> Float[Tensor, " C"]:
    """The mean of activations on some inputs less that on others: the simplest direction to steer by.

    `positive` and `negative` are batches as `stream` takes them: a mask chooses the positions that count.
    """
    means = []
    for batches in (positive, negative):
        total, count = torch.zeros(()), 0
        for rows in stream(model, batches, point, steps=steps):
            if len(rows.values) != 1:
                raise ValueError(f"point (={point!r}) must be one point, not {len(rows.values)}")
            (values,) = rows.values.values()
            total, count = total + values.double().sum(0).cpu(), count + len(values)
        means.append(total / count)
    return (means[0] - means[1]).float()
