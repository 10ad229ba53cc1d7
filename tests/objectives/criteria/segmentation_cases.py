"""What is known of losses by overlap."""

from typing import Any

import torch
import torch.nn.functional as F
from tests.objectives.criteria.case import Case, f64
from torch import Generator, Tensor


def maps(draw: Generator) -> tuple[Tensor, Tensor]:
    """Two images of 3 x 4 pixels, each with all of three classes."""
    targets = torch.stack([torch.randperm(12, generator=draw) % 3 for _ in range(2)]).view(2, 3, 4)
    return torch.randn(2, 3, 3, 4, generator=draw, dtype=torch.float64), targets


def sure(draw: Generator) -> tuple[Tensor, Tensor]:
    targets = maps(draw)[1]
    return 80 * F.one_hot(targets, 3).movedim(-1, 1).double(), targets


def guessed(draw: Generator) -> tuple[Tensor, Tensor]:
    """Sure, and not always right."""
    return sure(draw)[0], maps(draw)[1]


def scores(draw: Generator) -> tuple[Tensor, Tensor]:
    return torch.randn(2, 3, 4, generator=draw, dtype=torch.float64), (maps(draw)[1] > 0).long()


def sure_scores(draw: Generator) -> tuple[Tensor, Tensor]:
    targets = (maps(draw)[1] > 0).long()
    return 8.0 * (2 * targets.double() - 1), targets


def reordered(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    return logits.flatten(2)[:, :, [3, 1, 2, 0, *range(4, 12)]], targets.flatten(1)[:, [3, 1, 2, 0, *range(4, 12)]]


def reordered_scores(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    return logits.flatten(1).flip(1), targets.flatten(1).flip(1)


def shifted(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    return logits + 3, targets


SAME: dict[str, Any] = {"the order of pixels": reordered, "what is added to all logits": shifted}
HALF = (f64([[0, 0], [0, 0]]).view(1, 2, 2), torch.tensor([[0, 1]]))
"""Two pixels of two classes, of which nothing is known: of each class half a pixel is right, half a pixel too much."""


def dice_by_hand(logits: Tensor, targets: Tensor) -> float:
    p = logits.softmax(1)
    found = []
    for image in range(2):
        for each in range(3):
            mask = (targets[image] == each).double()
            q = p[image, each]
            found.append(1 - 2 * (q * mask).sum().item() / (q.sum() + mask.sum()).item())
    return sum(found) / len(found)


def lovasz_by_sets(logits: Tensor, targets: Tensor) -> float:
    """The extension as an integral over thresholds of 1 - IoU of what errs by more."""
    p, found = logits.softmax(1), []
    for image in range(2):
        for each in range(3):
            mask = targets[image].flatten() == each
            errors = (mask.double() - p[image, each].flatten()).abs()
            steps = torch.cat([errors.sort().values, f64(1.0)])
            total, low = 0.0, 0.0
            for high in steps.tolist():
                wrong = errors >= high - 1e-15 if high < 1 else torch.zeros_like(mask)
                kept = mask ^ wrong
                union = (mask | kept).sum().item()
                total += (high - low) * (1 - (mask & kept).sum().item() / union)
                low = high
            found.append(total)
    return sum(found) / len(found)


CASES = {
    "dice": Case(maps, [(HALF, {}, 0.5)], sure, peers=[({}, dice_by_hand)], same=SAME, made_of=""),
    "jaccard": Case(maps, [(HALF, {}, 2 / 3)], sure, same=SAME, made_of=""),
    "tversky": Case(
        maps,
        [(HALF, {"alpha": 1.0, "beta": 1.0}, 2 / 3), (HALF, {"alpha": 1.0, "beta": 0.0}, 0.5)],
        sure,
        peers=[({}, dice_by_hand)],
        same=SAME,
        made_of="",
    ),
    "focal_tversky": Case(
        maps,
        [(HALF, {"alpha": 0.5, "beta": 0.5, "gamma": 2.0}, 0.5**0.5)],
        sure,
        peers=[({"alpha": 0.5, "beta": 0.5, "gamma": 1.0}, dice_by_hand)],
        same=SAME,
        made_of="",
    ),
    "lovasz_softmax": Case(maps, [(HALF, {}, 0.5)], sure, peers=[({}, lovasz_by_sets)], same=SAME, made_of=""),
    "lovasz_hinge": Case(
        scores,
        [((f64([2.0, 2.0]), torch.tensor([[1, 0]])), {}, 1.5), ((f64([0.0]), torch.tensor([[1]])), {}, 1.0)],
        sure_scores,
        same={"the order of pixels": reordered_scores},
        made_of="",
    ),
}
