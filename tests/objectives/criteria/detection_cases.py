"""What is known of losses of boxes."""

import math

import torch
from tests.objectives.criteria.case import Case, f64
from tests.objectives.criteria.regression_cases import EVEN, equal, pair
from torch import Generator, Tensor, nn


def boxes(draw: Generator) -> tuple[Tensor, Tensor]:
    """Pairs that meet, miss, or lie in each other."""
    corners = torch.rand(2, 6, 2, generator=draw, dtype=torch.float64) * 3
    sides = 0.5 + 3 * torch.rand(2, 6, 2, generator=draw, dtype=torch.float64)
    one, two = torch.cat([corners, corners + sides], 2)
    return one, two


def same_boxes(draw: Generator) -> tuple[Tensor, Tensor]:
    one = boxes(draw)[0]
    return one, one


def bigger(one: Tensor, two: Tensor) -> tuple[Tensor, Tensor]:
    return 7 * one, 7 * two


def moved(one: Tensor, two: Tensor) -> tuple[Tensor, Tensor]:
    return one - 4, two - 4


def exchanged(one: Tensor, two: Tensor) -> tuple[Tensor, Tensor]:
    return two, one


def cells_of(box: Tensor, size: int) -> Tensor:
    """The cells of a grid that a box of whole numbers fills."""
    x1, y1, x2, y2 = box.int().tolist()
    filled = torch.zeros(size, size, dtype=torch.bool)
    filled[y1:y2, x1:x2] = True
    return filled


def counted_iou(one: Tensor, two: Tensor) -> Tensor:
    found = []
    for a, b in zip((20 * one).round(), (20 * two).round(), strict=True):
        left, right = cells_of(a, 160), cells_of(b, 160)
        found.append(1 - (left & right).sum() / (left | right).sum())
    return torch.stack(found).mean()


def rounded(draw: Generator) -> tuple[Tensor, Tensor]:
    """Boxes on a grid of twentieths, no side of one on a side of the other."""
    one, two = boxes(draw)
    return one.round(decimals=1), two.round(decimals=1) + 0.05


def found_things(draw: Generator) -> tuple[Tensor, Tensor]:
    said = torch.rand(6, 8, generator=draw, dtype=torch.float64)
    true = torch.rand(6, 8, generator=draw, dtype=torch.float64)
    true[:, 4] = f64(1, 0, 1, 0, 0, 1)
    return said, true


def all_found(draw: Generator) -> tuple[Tensor, Tensor]:
    true = found_things(draw)[1]
    return true, true


UNIT, FAR = f64([0, 0, 1, 1]), f64([2, 0, 3, 1])
HALF = f64([0, 0, 1, 2])
SAME = {"the unit": bigger, "where both are": moved, "exchange": exchanged}

CASES = {
    "smooth_l1": Case(
        pair,
        [((f64(0, 0), f64(0.5, 3)), {}, (0.125 + 2.5) / 2), ((f64(0), f64(0.25)), {"beta": 0.5}, 0.0625)],
        equal,
        peers=[
            ({"beta": 0.7}, nn.SmoothL1Loss(beta=0.7)),
            ({"beta": 0.7}, lambda p, t: nn.HuberLoss(delta=0.7)(p, t) / 0.7),
        ],
        same=EVEN,
        weighs="elements",
    ),
    "balanced_l1": Case(
        pair,
        [
            ((f64(0), f64(2)), {}, 3 + 1.5 / math.expm1(3) - 0.5),
            ((f64(0), f64(4)), {"beta": 2.0}, 6 + 3 / math.expm1(3) - 1),
        ],
        equal,
        same=EVEN,
        weighs="elements",
    ),
    "wing": Case(
        pair,
        [((f64(0), f64(2)), {}, 10 * math.log(2)), ((f64(0), f64(10)), {}, 10 * math.log(6))],
        equal,
        same=EVEN,
        weighs="elements",
    ),
    "iou_loss": Case(
        rounded,
        [((UNIT, FAR), {}, 1.0), ((UNIT, HALF), {}, 0.5)],
        same_boxes,
        peers=[({}, counted_iou)],
        same=SAME,
        weighs="elements",
    ),
    "giou_loss": Case(
        boxes, [((UNIT, FAR), {}, 4 / 3), ((UNIT, HALF), {}, 0.5)], same_boxes, same=SAME, weighs="elements"
    ),
    "diou_loss": Case(
        boxes, [((UNIT, FAR), {}, 1.4), ((UNIT, HALF), {}, 0.55)], same_boxes, same=SAME, weighs="elements"
    ),
    "ciou_loss": Case(
        boxes,
        [((UNIT, FAR), {}, 1.4), ((UNIT, UNIT), {}, 0.0)],
        same_boxes,
        same=SAME,
        weighs="elements",
        stops=True,
    ),
    "yolo": Case(
        found_things,
        [
            ((f64([0, 0, 4, 1, 0.5, 1]), f64([1, 0, 1, 1, 1, 0])), {}, 5 * 2 + 0.25 + 1),
            ((f64([0, 0, 4, 1, 0.5, 1]), f64([1, 0, 1, 1, 0, 0])), {}, 0.125),
        ],
        all_found,
        weighs="elements",
    ),
}
