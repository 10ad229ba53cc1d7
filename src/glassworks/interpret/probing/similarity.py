"""How alike are two representations of the same inputs? Linear CKA and SVCCA, for all pairs of points.

    CKA    HSIC(X, Y) / sqrt(HSIC(X, X) HSIC(Y, Y)) of linear kernels (Kornblith et al. 2019, eq. 3), by the unbiased
           estimate of HSIC summed over batches (Nguyen et al. 2021, eq. 2-3). Unchanged by rotations and one scale.
    SVCCA  mean canonical correlation of the directions that hold 99 % of each one's variance (Raghu et al. 2017).
           Unchanged by any invertible linear map of those directions.

Both are 1 for a representation and itself. Neither is 0 for networks that learned nothing: inputs that are alike stay
alike in random features, so the same pairs with a random network stand beside them. And few rows of many numbers can
be turned to look alike: so do the same pairs with the rows of one side in random order, which is what chance gives.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_room
from glassworks.interpret.access.stream import Batches, stream
from glassworks.interpret.control import randomised
from glassworks.interpret.probing.legends import SIMILARITY, SVCCA
from glassworks.trace.legend import points as points_axis
from glassworks.trace.trace import Trace

KEPT = 0.99
"""Share of the variance that SVCCA's directions hold."""
ROUNDING = 1e-12
"""The share of rows' squares that their variance may be by rounding alone."""


@public
def similarity(
    model: nn.Module,
    batches: Batches,
    points: str | Sequence[str],
    *,
    steps: int,
    other: nn.Module | None = None,
    other_points: str | Sequence[str] | None = None,
    method: Literal["cka", "svcca"] = "cka",
    random_model: nn.Module | None = None,
    seed: int = 0,
) -> Trace:
    """Similarity of every point of a model with every point of another, or of itself, beside a random network's.

    Args:
        model: any module.
        batches: what both are run on, as `stream` takes it. CKA's estimate needs batches of at least 4 rows.
        points: of the model.
        steps: number of batches.
        other: the model to compare with; None = the model itself.
        other_points: of the other; None = the same names.
        method: "cka" or "svcca"; svcca keeps all rows of both in memory.
        random_model: in the control row it takes the other's place; None makes one, `randomised(other)`.
        seed: of the random network, and of the order of rows.

    Arrays:
        similarity (row, point, other point): 1 where two points hold the same but for a map that the measure does not
            see. Row "models" is of what was asked for; in "with a random network" one that learned nothing takes the
            other's place; "rows in random order" is chance.
        directions (point,): with svcca, how many hold 99 % of the variance. Where they are few, some numbers are far
            larger than all others, and similarity is of these alone.
        other_directions (other point,): those of the other model, if there is one.
    """
    if steps < 1:
        raise ValueError(f"steps (={steps}) must be at least 1 batch")
    if method not in ("cka", "svcca"):
        raise ValueError(f"method (={method!r}) must be cka or svcca")
    second = model if other is None else other
    control = random_model if random_model is not None else randomised(second, seed=seed + 1)
    compare: Callable[..., Compared] = cka if method == "cka" else svcca
    theirs = points if other_points is None else other_points
    compared, beside = (compare(model, net, batches, points, theirs, steps, seed) for net in (second, control))
    counts = {
        "directions": compared.directions,
        "other_directions": compared.other_directions if other is not None else (),
    }
    sizes = {name: np.array(count) for name, count in counts.items() if count}
    legend = SVCCA if method == "svcca" else SIMILARITY
    if other is not None:
        legend = replace(legend, entries={**legend.entries, "models": "this network with the other"})
    return Trace(
        method=f"similarity_{method}",
        legend=legend.with_axes(**{"point": points_axis(compared.points), "other point": points_axis(compared.others)}),
        arrays={"similarity": np.stack([compared.values, beside.values, compared.floor]).astype(np.float32)} | sizes,
        axes={"similarity": ("row", "point", "other point")}
        | {name: ("point",) if name == "directions" else ("other point",) for name in sizes},
        labels={
            "row": ["models", "with a random network", "rows in random order"],
            "point": compared.points,
            "other point": compared.others,
        },
        meta={"steps": steps, "seed": seed},
    )


class Compared(NamedTuple):
    """What a comparison gives: the points of both, their similarities (P, Q), and those with rows in random order."""

    points: list[str]
    others: list[str]
    values: np.ndarray
    floor: np.ndarray
    directions: Sequence[int] = ()
    other_directions: Sequence[int] = ()


def pairs(
    model: nn.Module,
    other: nn.Module,
    batches: Batches,
    points: str | Sequence[str],
    other_points: str | Sequence[str],
    step: int,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """One batch's rows (N, width) at the points of both, in float64."""
    sides = []
    for net, where in ((model, points), (other, other_points)):
        (rows,) = stream(net, batches, where, steps=1, start=step, mask_only=True)
        sides.append({name: x.double() for name, x in rows.values.items()})
    sizes = {len(x) for side in sides for x in side.values()}
    if len(sizes) != 1:
        raise ValueError(f"points must have one row for each place of the inputs: found {sorted(sizes)} rows")
    return sides[0], sides[1]


# ----------------------------------------------------------------------------------------------------------------------
# CKA


def cka(
    model: nn.Module,
    other: nn.Module,
    batches: Batches,
    points: str | Sequence[str],
    other_points: str | Sequence[str],
    steps: int,
    seed: int,
) -> Compared:
    """CKA of each pair."""
    sums: list[Tensor] = []
    names: tuple[list[str], list[str]] = ([], [])
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        left, right = pairs(model, other, batches, points, other_points, step)
        first = next(iter(left.values()))
        N, names = len(first), (list(left), list(right))
        if N < 4:
            raise ValueError(f"batches of {N} rows are too few for the unbiased estimate: give at least 4")
        grams = len(left) + 2 * len(right) + max(len(left), len(right))  # both sides', a reordered one's, and work
        check_room(8 * N * N * grams, first.device, f"give batches of fewer than {N} rows, or fewer points")
        x, y = (torch.stack([gram(v) for v in side.values()]) for side in (left, right))
        order = torch.randperm(N, generator=generator).to(first.device)
        new = [hsic(x, y), hsic(x, y[:, order][:, :, order]), hsic(x, x).diagonal(), hsic(y, y).diagonal()]
        sums = [old + more for old, more in zip(sums, new, strict=True)] if sums else new
    cross, floor, own, others = sums
    alone = torch.cat([own, others])
    if not (alone > 0).all():
        empty = [*names[0], *names[1]][int((alone <= 0).nonzero()[0])]
        raise ValueError(f"{empty} has rows that do not differ: choose another point")
    scale = (own[:, None] * others[None]).sqrt()
    return Compared(*names, (cross / scale).cpu().numpy(), (floor / scale).cpu().numpy())


def centred(rows: Float[Tensor, "N C"]) -> Float[Tensor, "N C"]:
    """Rows less their mean; zeros where they differ by no more than float32's rounding."""
    found = rows - rows.mean(0)
    return found if found.square().sum() > ROUNDING * rows.square().sum() else torch.zeros_like(found)


def gram(rows: Float[Tensor, "N C"]) -> Float[Tensor, "N N"]:
    """Inner products of rows less their mean, without those of a row and itself."""
    rows = centred(rows)
    return (rows @ rows.T).fill_diagonal_(0)


def hsic(k: Float[Tensor, "P N N"], m: Float[Tensor, "Q N N"]) -> Float[Tensor, "P Q"]:
    """The unbiased estimate of HSIC of all pairs of Gram matrices with empty diagonals (Song et al. 2012, eq. 5)."""
    n = k.size(-1)
    trace = k.flatten(1) @ m.flatten(1).T
    sums = torch.outer(k.sum((-2, -1)), m.sum((-2, -1))) / ((n - 1) * (n - 2))
    between = k.sum(-1) @ m.sum(-1).T * 2 / (n - 2)
    return (trace + sums - between) / (n * (n - 3))


# ----------------------------------------------------------------------------------------------------------------------
# SVCCA


def svcca(
    model: nn.Module,
    other: nn.Module,
    batches: Batches,
    points: str | Sequence[str],
    other_points: str | Sequence[str],
    steps: int,
    seed: int,
) -> Compared:
    """The mean canonical correlation of each pair."""
    left: dict[str, list[Tensor]] = {}
    right: dict[str, list[Tensor]] = {}
    for step in range(steps):
        both = pairs(model, other, batches, points, other_points, step)
        if step == 0:
            sizes = [x.numel() for side in both for x in side.values()]
            work = 8 * steps * (2 * sum(sizes) + 2 * max(sizes))  # rows, their bases, and one point's decomposition
            check_room(work, next(iter(both[0].values())).device, "give fewer steps or points")
        for kept, side in zip((left, right), both, strict=True):
            for name, x in side.items():
                kept.setdefault(name, []).append(x)
    bases = [{name: basis(torch.cat(parts), name) for name, parts in kept.items()} for kept in (left, right)]
    rows = len(next(iter(bases[0].values())))
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    values, floor = (
        np.array([[correlation(x, y[to.to(y.device)]) for y in bases[1].values()] for x in bases[0].values()])
        for to in (torch.arange(rows), order)
    )
    directions = [[x.size(1) for x in side.values()] for side in bases]
    return Compared(list(bases[0]), list(bases[1]), values, floor, *directions)


def basis(rows: Float[Tensor, "N C"], name: str) -> Float[Tensor, "N k"]:
    """Orthonormal columns for the directions that hold most of the variance."""
    x = centred(rows)
    wide = x.size(1) > x.size(0)  # the smaller side's products: what is kept is far above their rounding
    squares, vectors = (found.flip(-1) for found in torch.linalg.eigh(x @ x.T if wide else x.T @ x))
    share = squares.clamp(min=0).cumsum(0) / squares.clamp(min=0).sum()
    if not torch.isfinite(share).all():
        raise ValueError(f"{name} has rows that do not differ: choose another point")
    size = int((share < KEPT).sum()) + 1
    if 2 * size > len(rows):
        raise ValueError(f"{name} needs {size} directions and has {len(rows)} rows: give at least twice as many rows")
    kept: Tensor = vectors[:, :size]
    return kept if wide else x @ kept / squares[:size].sqrt()


def correlation(x: Float[Tensor, "N k"], y: Float[Tensor, "N m"]) -> float:
    """Mean canonical correlation of two orthonormal bases."""
    return float(torch.linalg.svdvals(x.T @ y).clamp(max=1).mean())
