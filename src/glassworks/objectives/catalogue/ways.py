"""One number for each loss to be drawn along: a residual, a margin, an angle. Loads torch."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Way:
    """One number that a loss is drawn along."""

    axis: str
    """What it is, with its unit."""
    low: float | int
    high: float | int
    at: Callable[[Tensor], tuple[Any, ...]]
    """The number, a scalar, to the loss's arguments."""
    settings: dict[str, Any] = field(default_factory=dict)


def t(*values: Any) -> Tensor:
    """Numbers in float64."""
    return torch.tensor(values, dtype=torch.float64)


def row(*values: Tensor | float) -> Tensor:
    """Numbers, some of them with a gradient, as a vector."""
    return torch.stack([torch.as_tensor(value, dtype=torch.float64) for value in values])


def logits(x: Tensor) -> Tensor:
    """Of two classes, the second ahead by x."""
    return row(0.0, x)[None]


def turned(x: Tensor) -> Tensor:
    """A direction at an angle to the first axis."""
    return torch.stack([x.cos(), x.sin()])


SECOND, FIRST = torch.tensor([1]), torch.tensor([0])
PIXELS = torch.tensor([[0, 0, 1, 1]])
AXES = torch.eye(2, dtype=torch.float64)
UNIT = t([0, 0, 1, 1])
KINDS = torch.tensor([0, 0, 1])
FLAT = torch.linspace(0.3, 0.7, 9, dtype=torch.float64).view(1, 1, 3, 3)
SEEN = torch.tensor([True, True])
VIEWS = t([1, 1], [-1, 1], [1, -1], [-1, -1])

OFF = Way("prediction - target", -4, 4, lambda x: (row(x), t(0)))
AHEAD = Way("logit of the class - the other's", -6, 6, lambda x: (logits(x), SECOND))
YES = Way("logit of yes, which it is", -6, 6, lambda x: (row(x), t(1)))
MOVED = Way("how far the box is moved, in its widths", -2.5, 2.5, lambda x: (row(x, 0.0, x + 1, 1.0)[None], UNIT))
COVERED = Way(
    "logit of each pixel's class - the other's",
    -6,
    6,
    lambda x: (torch.stack([(1 - 2.0 * PIXELS) * x / 2, (2.0 * PIXELS - 1) * x / 2], 1), PIXELS),
)
ANGLE = Way("angle to its class, radians", 0.01, math.pi - 0.01, lambda x: (turned(x)[None], FIRST, AXES))
APART = Way(
    "angle to the one of its class, radians",
    0.01,
    math.pi - 0.01,
    lambda x: (torch.stack([t(1, 0), turned(x), t(-1, 0)]), KINDS),
)
BRIGHT = Way("what is added to each pixel", -0.3, 0.3, lambda x: (FLAT + x, FLAT))
AHEAD_OF = Way("log-ratio of what was preferred - the other's, nats", -40, 40, lambda x: (row(x), t(0), t(0), t(0)))


def bump(x: Tensor) -> Tensor:
    """A map of 3 x 3 whose middle is off by x."""
    return torch.cat([t(1, 2, 3, 2), (3 + x)[None], t(4, 3, 4, 5)]).view(1, 3, 3)


LEVEL = bump(torch.zeros((), dtype=torch.float64))

WAYS: dict[str, Way] = {
    **dict.fromkeys(("mse", "mae", "huber", "log_cosh", "smooth_l1", "balanced_l1"), OFF),
    "quantile": Way("prediction - target", -4, 4, OFF.at, {"q": 0.8}),
    "wing": Way("prediction - target", -20, 20, OFF.at),
    "poisson": Way("ln of the rate, of a count of 3", -2, 3, lambda x: (row(x), t(3))),
    "gaussian_nll": Way("mean - target, at a variance of 1", -4, 4, lambda x: (row(x), t(0), t(1))),
    "gaussian_crps": Way("mean - target, at a deviation of 1", -4, 4, lambda x: (row(x), t(0), t(1))),
    **dict.fromkeys(
        ("cross_entropy", "smoothed_cross_entropy", "focal", "poly1", "generalized_cross_entropy", "brier"), AHEAD
    ),
    "multiclass_hinge": AHEAD,
    "weighted_cross_entropy": Way(
        "logit of a class with a quarter of the examples - the other's",
        -6,
        6,
        lambda x: (logits(x), SECOND, t(3, 1)),
        {"reduction": "sum"},
    ),
    "nll": Way(AHEAD.axis, -6, 6, lambda x: (logits(x).log_softmax(1), SECOND)),
    **dict.fromkeys(("bce", "binary_focal", "hinge", "squared_hinge"), YES),
    "weighted_bce": Way("logit of yes, which it is, at α₁ = 3", -6, 6, YES.at, {"positive": 3.0}),
    "distillation": Way("logit - the other's, where the teacher has 2", -6, 8, lambda x: (logits(x), t([0, 2]))),
    "cox": Way("ln hazard of who was first - the other's", -6, 6, lambda x: (row(x, 0.0), t(1, 2), SEEN)),
    **dict.fromkeys(("iou_loss", "giou_loss", "diou_loss"), MOVED),
    "ciou_loss": Way(
        "width of a box of height 1 around the same centre",
        0.1,
        3,
        lambda x: (row(0.5 - x / 2, 0.0, 0.5 + x / 2, 1.0)[None], UNIT),
    ),
    "yolo": Way(
        "confidence where there is a thing",
        -0.5,
        1.5,
        lambda x: (row(0.0, 0.0, 1.0, 1.0, x, 1.0)[None], t([0, 0, 1, 1, 1, 1])),
    ),
    **dict.fromkeys(("dice", "jaccard", "tversky", "focal_tversky", "lovasz_softmax"), COVERED),
    "lovasz_hinge": Way("margin of each pixel", -3, 3, lambda x: ((2.0 * PIXELS - 1) * x, PIXELS)),
    **dict.fromkeys(("cosface", "arcface"), Way(ANGLE.axis, ANGLE.low, ANGLE.high, ANGLE.at, {"scale": 8.0})),
    "a_softmax": Way(ANGLE.axis, 0.01, math.pi - 0.01, lambda x: (8 * turned(x)[None], FIRST, AXES)),
    "center": Way("distance from its centre", 0, 3, lambda x: (row(x)[None], FIRST, t([0]))),
    "triplet": Way("distance to what is alike; to the other, 1", 0, 2, lambda x: (t([0]), row(x)[None], t([1]))),
    "contrastive": Way(
        "distance of a pair that is not alike", 0.01, 2, lambda x: (t([0]), row(x)[None], torch.tensor([False]))
    ),
    **dict.fromkeys(("circle", "supcon"), APART),
    "info_nce": Way(
        "angle of a query to its key, radians",
        0.01,
        math.pi - 0.01,
        lambda x: (torch.stack([turned(x), t(0, 1)]), AXES),
    ),
    "barlow_twins": Way(
        "angle between a feature and the same of the other view, radians",
        0,
        math.pi,
        lambda x: ((VIEWS @ turned(x))[:, None], VIEWS[:, :1]),
    ),
    "simsiam": Way(
        "angle between what is predicted and what is, radians",
        0,
        math.pi,
        lambda x: (turned(x)[None], t([1, 0]), t([1, 0]), t([1, 0])),
    ),
    "scale_invariant": Way("ln of each depth's ratio", -2, 2, lambda x: (LEVEL * x.exp(), LEVEL)),
    "berhu": Way(
        "depth - the true one, beside a pixel that is off by 5",
        -4,
        4,
        lambda x: (row(x, 5.0).view(1, 1, 2), torch.zeros(1, 1, 2, dtype=torch.float64)),
    ),
    **dict.fromkeys(
        ("edge", "scale_shift_invariant"), Way("one pixel's depth - the true one", -4, 4, lambda x: (bump(x), LEVEL))
    ),
    "smoothness": Way(
        "a step of disparity where the image is even",
        -2,
        2,
        lambda x: (torch.stack([0 * x, x]).expand(2, 2)[None], torch.zeros(1, 1, 2, 2, dtype=torch.float64)),
    ),
    **dict.fromkeys(("ssim_loss", "photometric"), BRIGHT),
    "minimum_reprojection": Way(
        "what is added to each pixel of one view; another is off by 0.2",
        -0.3,
        0.3,
        lambda x: (torch.stack([FLAT + x, FLAT + 0.2]), FLAT),
    ),
    "left_right": Way(
        "disparity of the left view; that of the right is 1", 0, 3, lambda x: (x.expand(1, 2, 8), t([[1] * 8] * 2))
    ),
    "kl_divergence": Way(
        "logit - the other's, of p = 3/4", -4, 6, lambda x: (logits(x).log_softmax(1), t([0.25, 0.75]))
    ),
    "gaussian_kl": Way("mean, at a variance of 1", -3, 3, lambda x: (row(x)[None], t([0]))),
    **dict.fromkeys(
        ("perceptual", "style"), Way("feature, where it should be 1", -1.5, 2, lambda x: (row(x)[None], t([1])))
    ),
    "discriminator": Way("score of what is true, and less that of what is made", -6, 6, lambda x: (row(x), row(-x))),
    "generator": Way("score of what is made", -6, 6, lambda x: (row(x),)),
    "wasserstein_critic": Way("value of what is true - of what is made", -3, 3, lambda x: (row(x), t(0))),
    "wasserstein_generator": Way("value of what is made", -3, 3, lambda x: (row(x),)),
    "gradient_penalty": Way("slope of the critic", 0.01, 3, lambda x: (row(x, 0.0)[None],)),
    "flow_nll": Way("where it is mapped to, of a standard normal", -3, 3, lambda x: (row(-x.square() / 2), t(0))),
    "contrastive_divergence": Way("energy of data - of samples", -3, 3, lambda x: (row(x), t(0))),
    "cosine": Way(
        "angle of a pair that is alike, radians",
        0.01,
        math.pi - 0.01,
        lambda x: (turned(x)[None], t([1, 0]), torch.tensor([True])),
    ),
    "ranking": Way("score of the better - of the worse", -2, 2, lambda x: (row(x), t(0)), {"margin": 1.0}),
    "ctc": Way(
        "logit of the letter - of a blank, over two steps",
        -6,
        6,
        lambda x: (logits(x).log_softmax(1).expand(2, 2)[:, None], SECOND[None], torch.tensor([2]), torch.tensor([1])),
    ),
    "minimum_risk": Way(
        "log-probability of what costs nothing - of what costs 1",
        -6,
        6,
        lambda x: (row(x, 0.0)[None], t([0, 1])),
        {"sharpness": 1.0},
    ),
    "reinforce": Way("log-probability of what was done, at an advantage of 1", -5, 0, lambda x: (row(x), t(1))),
    "bradley_terry": Way("reward of what was preferred - of the other", -6, 6, lambda x: (row(x), t(0))),
    **dict.fromkeys(("dpo", "ipo"), AHEAD_OF),
    "kto": Way(
        "log-ratio of a good completion, nats", -40, 40, lambda x: (row(x), t(0), torch.tensor([True]), t(0, 0))
    ),
    "orpo": Way(
        "log-probability of what was preferred; the other's is -1", -5, -0.02, lambda x: (row(x), t(-1)), {"beta": 1.0}
    ),
    "simpo": Way("mean log-probability of what was preferred - the other's", -3, 3, lambda x: (row(x), t(0))),
}
