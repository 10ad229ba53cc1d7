"""What is known of losses of classes, and of yes and no."""

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import brier_score_loss, hinge_loss, log_loss
from tests.objectives.criteria.case import Case, f64
from torch import Generator, Tensor, nn

ODDS = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)


def classes(draw: Generator) -> tuple[Tensor, Tensor]:
    return torch.randn(7, 3, generator=draw, dtype=torch.float64), torch.tensor([0, 1, 2, 1, 0, 2, 2])


def pixels(draw: Generator) -> tuple[Tensor, Tensor]:
    logits = torch.randn(4, 3, 2, 2, generator=draw, dtype=torch.float64)
    return logits, torch.randint(3, (4, 2, 2), generator=draw)


def sure(draw: Generator) -> tuple[Tensor, Tensor]:
    targets = torch.randint(3, (5,), generator=draw)
    return 60 * F.one_hot(targets, 3).double(), targets


def yes_no(draw: Generator) -> tuple[Tensor, Tensor]:
    return 1.5 * torch.randn(8, generator=draw, dtype=torch.float64), f64(0, 1, 1, 0, 1, 0, 0, 1)


def sure_yes_no(draw: Generator) -> tuple[Tensor, Tensor]:
    targets = torch.randint(2, (5,), generator=draw)
    return 120 * targets.double() - 60, targets


def shifted(logits: Tensor, targets: Any, *others: Any) -> tuple[Any, ...]:
    return logits + 5, targets, *others


def renamed(logits: Tensor, targets: Tensor, *others: Any) -> tuple[Any, ...]:
    """Classes in another order: 0, 1, 2 become 2, 0, 1."""
    return logits[:, [1, 2, 0]], (targets - 1) % 3, *others


def turned(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    return -logits, 1 - targets


def logs(draw: Generator) -> tuple[Tensor, Tensor]:
    logits, targets = classes(draw)
    return logits.log_softmax(1), targets


def sure_logs(draw: Generator) -> tuple[Tensor, Tensor]:
    logits, targets = sure(draw)
    return logits.log_softmax(1), targets


def probabilities(logits: Tensor) -> np.ndarray:
    return logits.detach().softmax(1).numpy()


def by_hand_focal(logits: Tensor, targets: Tensor) -> Tensor:
    p = logits.softmax(1)[torch.arange(len(targets)), targets]
    return (-((1 - p) ** 3) * p.log()).mean()


def balanced(draw: Generator) -> tuple[Tensor, Tensor, Tensor]:
    return *classes(draw), torch.tensor([20, 50, 30])


def taught(draw: Generator) -> tuple[Tensor, Tensor]:
    return classes(draw)[0], torch.randn(7, 3, generator=draw, dtype=torch.float64)


def learned_all(draw: Generator) -> tuple[Tensor, Tensor]:
    teacher = taught(draw)[1]
    return teacher + 1, teacher


def lifetimes(draw: Generator) -> tuple[Tensor, Tensor, Tensor]:
    hazards = torch.randn(6, generator=draw, dtype=torch.float64)
    return hazards, f64(3, 1, 4, 1, 5, 9), torch.tensor([True, True, False, True, True, False])


def partial_likelihood(hazards: Tensor, times: Tensor, events: Tensor) -> float:
    """By going over who was there."""
    seen = [
        math.log(sum(math.exp(hazards[j]) for j in range(len(times)) if times[j] >= times[i])) - hazards[i].item()
        for i in range(len(times))
        if events[i]
    ]
    return sum(seen) / len(seen)


def later(hazards: Tensor, times: Tensor, events: Tensor) -> tuple[Tensor, ...]:
    return hazards, times.exp(), events


SAME: dict[str, Any] = {"what is added to all logits": shifted, "the order of classes": renamed}
HALF = math.log(2)
EVEN = (torch.zeros(2, 4, dtype=torch.float64), torch.tensor([0, 3]))

CASES = {
    "cross_entropy": Case(
        classes,
        [(EVEN, {}, math.log(4)), ((f64([0, math.log(3)]), torch.tensor([1])), {}, math.log(4 / 3))],
        sure,
        peers=[
            ({}, nn.CrossEntropyLoss()),
            ({"weight": ODDS}, nn.CrossEntropyLoss(ODDS)),
            ({}, lambda x, y: log_loss(y, probabilities(x))),
            ({}, lambda x, y: F.cross_entropy(x, F.one_hot(y, 3).double())),
        ],
        same=SAME,
        weighs="classes",
        ignores=True,
    ),
    "weighted_cross_entropy": Case(
        balanced,
        [((*EVEN, torch.tensor([1, 2, 3, 4])), {}, math.log(4))],
        lambda draw: (*sure(draw), torch.tensor([1, 2, 3])),
        peers=[({}, lambda x, y, n: F.cross_entropy(x, y, 1 / n.double()))],
        same={"what is added to all logits": shifted, "the size of the data": lambda x, y, n: (x, y, 10 * n)},
        evenly=False,
        empty=False,
    ),
    "smoothed_cross_entropy": Case(
        classes,
        [(EVEN, {"smoothing": 0.3}, math.log(4))],
        peers=[({"smoothing": 0.2}, nn.CrossEntropyLoss(label_smoothing=0.2))],
        same=SAME,
        ignores=True,
    ),
    "nll": Case(
        logs,
        [((f64([math.log(0.25), math.log(0.75)]), torch.tensor([0])), {}, math.log(4))],
        sure_logs,
        peers=[({}, nn.NLLLoss()), ({"weight": ODDS}, nn.NLLLoss(ODDS))],
        same={"the order of classes": renamed},
        weighs="classes",
        ignores=True,
    ),
    "focal": Case(
        classes,
        [
            ((f64([0, 0]), torch.tensor([1])), {}, HALF / 4),
            ((f64([0, 0]), torch.tensor([1])), {"gamma": 1.0}, HALF / 2),
        ],
        sure,
        peers=[
            ({"gamma": 0.0}, nn.CrossEntropyLoss()),
            ({"gamma": 0.0, "weight": ODDS}, nn.CrossEntropyLoss(ODDS)),
            ({"gamma": 3.0}, by_hand_focal),
        ],
        same=SAME,
        weighs="classes",
        ignores=True,
    ),
    "poly1": Case(
        classes,
        [((f64([0, 0]), torch.tensor([1])), {}, HALF + 0.5)],
        sure,
        peers=[({"epsilon": 0.0}, nn.CrossEntropyLoss())],
        same=SAME,
        weighs="classes",
        ignores=True,
    ),
    "generalized_cross_entropy": Case(
        classes,
        [
            ((f64([0, 0]), torch.tensor([1])), {"q": 1.0}, 0.5),
            ((f64([0, 0]), torch.tensor([1])), {"q": 0.5}, 2 - 2**0.5),
        ],
        sure,
        peers=[
            ({"q": 1e-9}, nn.CrossEntropyLoss()),
            ({"q": 1.0}, lambda x, y: 1 + nn.NLLLoss()(x.softmax(1), y)),
        ],
        same=SAME,
        weighs="classes",
        ignores=True,
    ),
    "brier": Case(
        classes,
        [((f64([0, 0]), torch.tensor([1])), {}, 0.5), ((f64([-60, 60]), torch.tensor([0])), {}, 2.0)],
        sure,
        peers=[({}, lambda x, y: brier_score_loss(y, probabilities(x), scale_by_half=False))],
        same=SAME,
        weighs="classes",
        ignores=True,
    ),
    "multiclass_hinge": Case(
        classes,
        [((f64([0, 0, 5]), torch.tensor([0])), {}, 7 / 3)],
        sure,
        peers=[({}, nn.MultiMarginLoss()), ({"margin": 2.0}, nn.MultiMarginLoss(margin=2.0))],
        same=SAME,
        weighs="classes",
        ignores=True,
    ),
    "bce": Case(
        yes_no,
        [((f64(0, 0), f64(1, 0)), {}, HALF), ((f64(math.log(3)), f64(0.5)), {}, HALF * 2 - math.log(3) / 2)],
        sure_yes_no,
        peers=[
            ({}, nn.BCEWithLogitsLoss()),
            ({}, lambda x, y: nn.BCELoss()(x.sigmoid(), y)),
            ({}, lambda x, y: log_loss(y, x.sigmoid())),
        ],
        same={"which is yes": turned},
        weighs="elements",
    ),
    "weighted_bce": Case(
        yes_no,
        [((f64(0, 0), f64(1, 0)), {"positive": 3.0}, 2 * HALF)],
        sure_yes_no,
        peers=[({"positive": 3.0}, nn.BCEWithLogitsLoss(pos_weight=f64(3))), ({}, nn.BCEWithLogitsLoss())],
        same={"which is yes": turned},
        weighs="elements",
    ),
    "binary_focal": Case(
        yes_no,
        [((f64(0, 0), f64(1, 0)), {}, HALF / 4), ((f64(0), f64(1)), {"alpha": 0.25, "gamma": 1.0}, HALF / 8)],
        sure_yes_no,
        peers=[
            ({"gamma": 0.0}, nn.BCEWithLogitsLoss()),
            ({"gamma": 0.0, "alpha": 0.5}, lambda x, y: nn.BCEWithLogitsLoss()(x, y) / 2),
        ],
        same={"which is yes": turned},
        weighs="elements",
    ),
    "hinge": Case(
        yes_no,
        [((f64(0.5, 2, -3), f64(1, 1, 1)), {}, 4.5 / 3)],
        sure_yes_no,
        peers=[({}, lambda x, y: hinge_loss(y, x))],
        same={"which is yes": turned},
        weighs="elements",
    ),
    "squared_hinge": Case(
        yes_no,
        [((f64(0.5, 2, -3), f64(1, 1, 1)), {}, 16.25 / 3)],
        sure_yes_no,
        peers=[({}, lambda x, y: (1 - x * (2 * y - 1)).clamp(min=0).square().mean())],
        same={"which is yes": turned},
        weighs="elements",
    ),
    "distillation": Case(
        taught,
        [((f64([0, 0]), f64([0, math.log(3)])), {"temperature": 1.0}, 0.25 * math.log(0.5) + 0.75 * math.log(1.5))],
        learned_all,
        peers=[
            (
                {"temperature": 3.0},
                lambda x, t: 9 * nn.KLDivLoss(reduction="batchmean")((x / 3).log_softmax(1), (t / 3).softmax(1)),
            )
        ],
        same={"what is added to all logits": shifted},
    ),
    "cox": Case(
        lifetimes,
        [((f64(0, 0, 0), f64(1, 2, 3), torch.tensor([True, True, True])), {}, math.log(6) / 3)],
        lambda draw: (f64(100, 0, -100), f64(1, 2, 3), torch.tensor([True, True, False])),
        peers=[({}, partial_likelihood)],
        same={"the unit of time": later, "what is added to all hazards": lambda h, *rest: (h + 2, *rest)},
        made_of="",
        evenly=False,
    ),
}
PIXELS = [name for name, case in CASES.items() if case.draw is classes]
