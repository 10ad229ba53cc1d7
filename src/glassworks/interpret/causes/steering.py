"""Steering: change what passes a point along a direction, and see what changes; beside what any other edit changes.

    add        x ← x + scale · direction
    reflect    x ← x - (1 + scale) (x · d) d,  d the unit vector: a probe's edit; 0 erases what it reads, 1 mirrors it

A network moves under any edit, so the effect of a direction says something only beside the same edit along random
directions, and along the same direction at another place.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public, tensors
from glassworks.interpret.access.axes import Axes, axes_at, known_axes
from glassworks.interpret.access.finite import run_model
from glassworks.interpret.access.hooks import Edit, patch
from glassworks.interpret.access.maps import finding_maps
from glassworks.interpret.access.points import Point, watching
from glassworks.interpret.access.stream import Batches, spread, stream
from glassworks.interpret.causes.contrast import rounding
from glassworks.interpret.causes.legends.places import STEERING
from glassworks.interpret.causes.legends.wording import named_place, steered
from glassworks.interpret.causes.metrics import Metric, facts_of
from glassworks.trace.trace import Trace
from glassworks.train.batch import move


@public
@torch.no_grad()
def steer(
    model: nn.Module,
    inputs: Any,
    direction: Float[Tensor, " C"],
    point: str,
    metric: Metric,
    *,
    scales: Sequence[float | int],
    how: Literal["add", "reflect"] = "add",
    positions: Sequence[int] | None = None,
    wrong_point: str | None = None,
    wrong_positions: Sequence[int] | None = None,
    goal: float | None = None,
    draws: int = 8,
    seed: int = 0,
) -> Trace:
    """The metric under edits of some sizes along a direction, and along others.

    Args:
        model: any module.
        inputs: what it takes: a tensor, or a dict of keyword arguments.
        direction: along which; its length counts where it is added. A probe's is `Probes.direction`.
        point: where; a place there, or the last axis, has the direction's width. See `axes.describe` for values that
            are no sequence, matrix or convolution's map.
        metric: from the output (logits) to a number a row, as those of `metrics`.
        scales: of the edit; of "add" negative ones push the other way, of "reflect" 0 erases and 1 mirrors.
        how: "add" or "reflect"; see the formulas at the module's head.
        positions: of the first axis of places that are edited, axis 1 of a sequence; None = all.
        wrong_point: another point of the same width, for the row "wrong place"; None = `farthest`.
        wrong_positions: of the wrong place; None = `positions`. With these alone it is the same point elsewhere.
        goal: a metric to be reached, as that of inputs that the direction leads to; it is drawn as a line.
        draws: random directions of the same length.
        seed: draws them.

    Arrays:
        metric (row, scale): the mean over the inputs. Rows: "direction"; "random directions", their mean; "wrong
            place", NaN where the model has no other point of that shape; "null", the plain run, the same for every
            scale.
        deviation (row, scale): the standard deviation over random directions; NaN in the other rows.
        metric_of_pair (scale, pair): the metric of each input, pushed along the direction.

    Meta: `wrong_point`, "" if there is none; `beyond_random`, how many deviations of random directions (or, if that is
    more, of what rounding does to the metric) the effect of the largest scale, `longest`, is from their mean; of two as
    large the positive one counts.
    """
    check_edits(direction, scales, how, draws)
    inputs = move(tensors(inputs, "inputs"), next((p.device for p in model.parameters()), direction.device))
    others = torch.randn(draws, len(direction), generator=torch.Generator().manual_seed(seed)).to(direction)
    others *= direction.norm() / others.norm(dim=1, keepdim=True)

    def judged(where: str, along: Tensor, positions: Sequence[int] | None = positions) -> Tensor:  # (scales, B)
        metrics = []
        for scale in scales:
            edit = at_places(EDITS[how](along, scale), axes[where], len(along))
            with patch(model, {where: edit}, positions=positions, axis=axis_of_positions(axes[where], where)):
                metrics.append(metric(run_model(model, inputs)).float().cpu())
        return torch.stack(metrics)

    with ExitStack() as stack:
        stack.enter_context(spread(model, inputs))
        wrong = wrong_point if wrong_point is not None else point if wrong_positions else farthest(model, inputs, point)
        axes = {where: axes_at(model, inputs, where) for where in (point, wrong) if where}
        output = run_model(model, inputs)
        plain, off = float(metric(output).float().mean()), rounding(metric, output)
        along = judged(point, direction)
        random = torch.stack([judged(point, other).mean(1) for other in others])
        elsewhere = torch.full((len(scales),), torch.nan)
        if wrong:
            elsewhere = judged(wrong, direction, positions if wrong_positions is None else wrong_positions).mean(1)
    rows = {"direction": along.mean(1), "random directions": random.mean(0), "wrong place": elsewhere}
    rows["null"] = torch.full((len(scales),), plain)
    deviation = torch.full((len(rows), len(scales)), torch.nan)
    deviation[1] = random.std(0)
    largest = max(range(len(scales)), key=lambda i: (abs(scales[i]), scales[i]))
    unit = deviation[1, largest].clamp(min=max(off, 1e-12))  # what is no more than rounding is beyond nothing
    beyond = float((rows["direction"] - rows["random directions"])[largest] / unit)
    return Trace(
        method="steering",
        legend=steered(STEERING, facts_of(metric), plain, goal, beyond),
        arrays={
            "metric": torch.stack(list(rows.values())).numpy(),
            "deviation": deviation.numpy(),
            "metric_of_pair": along.numpy(),
        },
        axes={"metric": ("row", "scale"), "deviation": ("row", "scale"), "metric_of_pair": ("scale", "pair")},
        labels={"row": list(rows), "scale": [f"{scale:g}" for scale in scales]},
        meta={
            "point": point, "place": named_place(point, positions), "wrong_point": wrong,
            "wrong_place": named_place(wrong, positions if wrong_positions is None else wrong_positions), "how": how,
            "plain": plain, "beyond_random": beyond, "longest": scales[largest], "draws": draws,
            "seed": seed, **({} if goal is None else {"goal": goal}), **facts_of(metric),
        },
    )  # fmt: skip


def check_edits(direction: Tensor, scales: Sequence[float | int], how: str, draws: int) -> None:
    """Refuse edits that are none."""
    if not len(scales):
        raise ValueError("scales (=()) must have at least one factor")
    if how not in EDITS:
        raise ValueError(f"how (={how!r}) must be one of {', '.join(EDITS)}")
    if draws < 2:
        raise ValueError(f"draws (={draws}) must be at least 2, to have a deviation")
    if not direction.norm() > 0 or not torch.isfinite(direction).all():
        raise ValueError(f"direction must be finite and longer than 0; its length is {float(direction.norm())}")


def farthest(model: nn.Module, inputs: Any, point: str) -> str:
    """The place most modules away, in a forward pass, whose value is as the point's; "" if there is none.

    Its shape is, and so are its axes, as far as they are known.
    Of our models' taps, which are `nn.Identity` modules, if one has that shape; else of any module's output.
    """
    order: list[tuple[str, bool, torch.Size]] = []

    def note(at: Point, call: int, value: Tensor) -> None:
        if call == 0 or at.exact:
            order.append((at.name, at.exact, value.shape))

    with finding_maps(model, ["?*", point]) as maps, watching(model, ["?*", point], note):
        model(inputs)
    own = [i for i, (_, exact, _) in enumerate(order) if exact]
    if not own:
        return ""  # the edit itself will say that the model never comes by
    shape, own_name = order[own[0]][2], order[own[0]][0]
    modules = dict(model.named_modules(remove_duplicate=False))
    axes = known_axes(model, point, len(shape), maps)
    alike = [
        (name, abs(i - own[0]))
        for i, (name, _, s) in enumerate(order)
        if s == shape and name != own_name and known_axes(model, name, len(s), maps) == axes
    ]
    taps = [place for place in alike if isinstance(modules.get(place[0]), nn.Identity)]
    return max(taps or alike, key=lambda place: place[1], default=("", 0))[0]


def at_places(edit: Callable[[Tensor], Tensor], axes: Mapping[int, Axes], width: int) -> Edit:
    """An edit of a value's last axis, made one of the numbers of each place; `axes` are by how many they are."""

    def change(x: Tensor) -> Tensor:
        places = axes[x.ndim].lay(x)
        if places.size(-1) != width:
            places = axes[x.ndim].rows(x)
        new = edit(places)
        return x if new is places else axes[x.ndim].unlay(new, x)

    return change


def axis_of_positions(axes: Mapping[int, Axes], point: str) -> int:
    """The first axis of places, of all values of a point."""
    numbers = {each.order[1] for each in axes.values() if len(each.order) > 1} or {1}
    if len(numbers) > 1:
        raise ValueError(f"point (={point!r}) has positions along several axes: choose one of its places")
    return numbers.pop()


def push(direction: Float[Tensor, " C"], scale: float | int) -> Callable[[Tensor], Tensor]:
    """An edit, as `patch` takes it, that adds a direction to the last axis."""

    def edit(x: Tensor) -> Tensor:
        if x.size(-1) != len(direction):
            raise ValueError(f"direction ({len(direction)},) does not fit values {tuple(x.shape)}: it must be as wide")
        return x + scale * direction.to(x)

    return edit if scale else lambda x: x  # nothing is added, not even -0.0


def reflect(direction: Float[Tensor, " C"], amount: float | int = 1.0) -> Callable[[Tensor], Tensor]:
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


EDITS: dict[str, Callable[[Tensor, float | int], Callable[[Tensor], Tensor]]] = {"add": push, "reflect": reflect}


@public
def mean_difference(
    model: nn.Module, positive: Batches, negative: Batches, point: str, *, steps: int = 1
) -> Float[Tensor, " C"]:
    """The mean of activations on some inputs less that on others: the simplest direction to steer by.

    `positive` and `negative` are batches as `stream` takes them: a mask chooses the positions that count.
    """
    means = []
    for name, batches in (("positive", positive), ("negative", negative)):
        total, count = torch.zeros(()), 0
        for rows in stream(model, batches, point, steps=steps, mask_only=True):
            if len(rows.values) != 1:
                raise ValueError(f"point (={point!r}) must be one point, not {len(rows.values)}")
            (values,) = rows.values.values()
            total, count = total + values.double().sum(0).cpu(), count + len(values)
        if not count:
            raise ValueError(f"{name} keeps no place at {point}: its masks must be true somewhere")
        means.append(total / count)
    return (means[0] - means[1]).float()
