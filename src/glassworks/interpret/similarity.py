"""How alike are two representations of the same inputs? Linear CKA and SVCCA, for all pairs of points.

    CKA    HSIC(X, Y) / sqrt(HSIC(X, X) HSIC(Y, Y)) of linear kernels (Kornblith et al. 2019, eq. 3), by the unbiased
           estimate of HSIC summed over batches (Nguyen et al. 2021, eq. 2-3). Unchanged by rotations and one scale.
    SVCCA  mean canonical correlation of the directions that hold 99 % of each one's variance (Raghu et al. 2017).
           Unchanged by any invertible linear map of those directions.

Both are 1 for a representation and itself. Neither is 0 for networks that learned nothing: inputs that are alike stay
alike in random features, so the same pairs with a random network stand beside them.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.core.memory import free_memory
from glassworks.core.trace import Trace
from glassworks.interpret.control import randomised
from glassworks.interpret.stream import Batches, stream

KEPT = 0.99
"""Share of the variance that SVCCA's directions hold."""


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
        method: "cka" or "svcca".
        random_model: in the control row it takes the other's place; None makes one, `randomised(other)`.
        seed: of the random network.

    Arrays:
        similarity (row, point, other point): rows "models" and "with a random network".
    """
    if steps < 1:
        raise ValueError(f"steps (={steps}) must be at least 1 batch")
    second = model if other is None else other
    control = random_model if random_model is not None else randomised(second, seed=seed)
    compare: Callable[..., tuple[list[str], list[str], np.ndarray]] = cka if method == "cka" else svcca
    theirs = points if other_points is None else other_points
    found = [compare(model, net, batches, points, theirs, steps) for net in (second, control)]
    names, others, _ = found[0]
    return Trace(
        method=f"similarity_{method}",
        arrays={"similarity": np.stack([values for _, _, values in found]).astype(np.float32)},
        axes={"similarity": ("row", "point", "other point")},
        labels={"row": ["models", "with a random network"], "point": names, "other point": others},
        meta={"steps": steps, "seed": seed},
    )


def pairs(
    model: nn.Module,
    other: nn.Module,
    batches: Batches,
    points: str | Sequence[str],
    other_points: str | Sequence[str],
    step: int,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """One batch's rows (N, width) at the points of both, in float64 with mean 0."""
    sides = []
    for net, where in ((model, points), (other, other_points)):
        (rows,) = stream(net, batches, where, steps=1, start=step)
        sides.append({name: (x.double() - x.double().mean(0)) for name, x in rows.values.items()})
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
) -> tuple[list[str], list[str], np.ndarray]:
    """The names of the points of both, and CKA of each pair."""
    cross: Tensor | None = None
    own: Tensor | None = None
    names: tuple[list[str], list[str]] = ([], [])
    for step in range(steps):
        left, right = pairs(model, other, batches, points, other_points, step)
        rows = len(next(iter(left.values())))
        if rows < 4:
            raise ValueError(f"batches of {rows} rows are too few for the unbiased estimate: give at least 4")
        check_room(8 * rows * rows * (len(left) + len(right)), "rows to a batch")
        x, y = (torch.stack([gram(v) for v in side.values()]) for side in (left, right))
        products = hsic(x[:, None], y[None])
        alone = torch.cat([hsic(x, x), hsic(y, y)])
        cross, own = (products, alone) if cross is None or own is None else (cross + products, own + alone)
        names = (list(left), list(right))
    assert cross is not None
    assert own is not None
    first, second = own[: len(names[0])], own[len(names[0]) :]
    if not (own > 0).all():
        empty = [*names[0], *names[1]][int((own <= 0).nonzero()[0])]
        raise ValueError(f"{empty} has rows that do not differ: choose another point")
    return *names, (cross / (first[:, None] * second[None]).sqrt()).cpu().numpy()


def gram(rows: Float[Tensor, "N C"]) -> Float[Tensor, "N N"]:
    """Inner products of rows, without those of a row and itself."""
    return (rows @ rows.T).fill_diagonal_(0)


def hsic(k: Float[Tensor, "*P N N"], m: Float[Tensor, "*Q N N"]) -> Float[Tensor, "*R"]:
    """The unbiased estimate of HSIC from two Gram matrices with empty diagonals (Song et al. 2012, eq. 5)."""
    n = k.size(-1)
    trace = (k * m).sum((-2, -1))
    sums = k.sum((-2, -1)) * m.sum((-2, -1)) / ((n - 1) * (n - 2))
    between = (k.sum(-1) * m.sum(-1)).sum(-1) * 2 / (n - 2)
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
) -> tuple[list[str], list[str], np.ndarray]:
    """The names of the points of both, and the mean canonical correlation of each pair."""
    left: dict[str, list[Tensor]] = {}
    right: dict[str, list[Tensor]] = {}
    for step in range(steps):
        both = pairs(model, other, batches, points, other_points, step)
        if step == 0:
            size = sum(x.numel() for side in both for x in side.values())
            check_room(8 * size * steps, "steps")
        for kept, side in zip((left, right), both, strict=True):
            for name, x in side.items():
                kept.setdefault(name, []).append(x)
    bases = [{name: basis(torch.cat(parts), name) for name, parts in kept.items()} for kept in (left, right)]
    values = [[correlation(x, y) for y in bases[1].values()] for x in bases[0].values()]
    return list(bases[0]), list(bases[1]), np.array(values)


def basis(rows: Float[Tensor, "N C"], name: str) -> Float[Tensor, "N k"]:
    """Orthonormal columns for the directions that hold most of the variance."""
    u, s, _ = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)
    share = s.square().cumsum(0) / s.square().sum()
    if not torch.isfinite(share).all():
        raise ValueError(f"{name} has rows that do not differ: choose another point")
    size = int((share < KEPT).sum()) + 1
    if 2 * size > len(rows):
        raise ValueError(f"{name} needs {size} directions and has {len(rows)} rows: give at least twice as many rows")
    kept: Tensor = u[:, :size]
    return kept


def correlation(x: Float[Tensor, "N k"], y: Float[Tensor, "N m"]) -> float:
    """Mean canonical correlation of two orthonormal bases."""
    return float(torch.linalg.svdvals(x.T @ y).clamp(max=1).mean())


def check_room(needed: int, what: str) -> None:
    """ValueError if so many bytes are not free."""
    free = free_memory()
    if free is not None and needed > free:
        raise ValueError(f"{needed:,} bytes are needed and {free:,} are free: give fewer {what}")
