"""What is known of losses of embeddings."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from tests.objectives.criteria.case import Case, f64
from torch import Generator, Tensor, nn

CLASSES = torch.tensor([0, 1, 2, 1, 0, 2, 0])
ROOT = math.sqrt(0.5)


def normals(draw: Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=draw, dtype=torch.float64)


def faces(draw: Generator) -> tuple[Tensor, Tensor, Tensor]:
    return normals(draw, 7, 4), CLASSES, normals(draw, 3, 4)


def near_directions(draw: Generator) -> tuple[Tensor, Tensor, Tensor]:
    directions = torch.eye(3, 4, dtype=torch.float64)
    return 60 * directions[CLASSES], CLASSES, directions


def at_centers(draw: Generator) -> tuple[Tensor, Tensor, Tensor]:
    centers = normals(draw, 3, 4)
    return centers[CLASSES], CLASSES, centers


def triples(draw: Generator) -> tuple[Tensor, Tensor, Tensor]:
    return normals(draw, 6, 3), normals(draw, 6, 3), normals(draw, 6, 3)


def good_triples(draw: Generator) -> tuple[Tensor, Tensor, Tensor]:
    anchors = normals(draw, 6, 3)
    return anchors, anchors, anchors + 5


def pairs(draw: Generator) -> tuple[Tensor, Tensor, Tensor]:
    return normals(draw, 6, 3), normals(draw, 6, 3), torch.tensor([True, False, True, False, False, True])


def good_pairs(draw: Generator) -> tuple[Tensor, Tensor, Tensor]:
    one, _, alike = pairs(draw)
    return one, torch.where(alike[:, None], one, one + 4), alike


def batch(draw: Generator) -> tuple[Tensor, Tensor]:
    return normals(draw, 7, 4), CLASSES


def two(draw: Generator) -> tuple[Tensor, Tensor]:
    return normals(draw, 6, 3), normals(draw, 6, 3)


def views(draw: Generator) -> tuple[Tensor, ...]:
    return normals(draw, 5, 3), normals(draw, 5, 3), normals(draw, 5, 3), normals(draw, 5, 3)


def same_views(draw: Generator) -> tuple[Tensor, ...]:
    one, other = normals(draw, 5, 3), normals(draw, 5, 3)
    return 2 * other, 3 * one, one, other


def turn(values: Tensor) -> Tensor:
    """The first two features by 40 degrees."""
    c, s = math.cos(0.7), math.sin(0.7)
    x, y = values[:, 0], values[:, 1]
    return torch.cat([torch.stack([c * x - s * y, s * x + c * y], 1), values[:, 2:]], 1)


def turned(*given: Any) -> tuple[Any, ...]:
    return tuple(turn(each) if each.is_floating_point() else each for each in given)


def scaled(*given: Any) -> tuple[Any, ...]:
    return tuple(3 * each if each.is_floating_point() else each for each in given)


def moved(*given: Any) -> tuple[Any, ...]:
    return tuple(each + 2 if each.is_floating_point() else each for each in given)


def swapped(one: Tensor, other: Tensor, *rest: Any) -> tuple[Any, ...]:
    return other, one, *rest


def supcon_by_hand(features: Tensor, targets: Tensor) -> float:
    z = F.normalize(features, dim=1)
    found = []
    for i in range(len(z)):
        others = [j for j in range(len(z)) if j != i]
        alike = [j for j in others if targets[j] == targets[i]]
        total = sum(math.exp(z[i] @ z[j] / 0.1) for j in others)
        found.append(-sum(math.log(math.exp(z[i] @ z[j] / 0.1) / total) for j in alike) / len(alike))
    return sum(found) / len(found)


def circle_by_hand(features: Tensor, targets: Tensor) -> float:
    z, m, gamma = F.normalize(features, dim=1), 0.25, 64.0
    found = []
    for i in range(len(z)):
        cos = [(z[i] @ z[j]).item() for j in range(len(z))]
        p = [c for j, c in enumerate(cos) if targets[j] == targets[i] and j != i]
        n = [c for j, c in enumerate(cos) if targets[j] != targets[i]]
        up = sum(math.exp(gamma * max(0, c + m) * (c - m)) for c in n)
        down = sum(math.exp(-gamma * max(0, 1 + m - c) * (c - 1 + m)) for c in p)
        found.append(math.log1p(up * down))
    return sum(found) / len(found)


def barlow_by_hand(one: Tensor, other: Tensor) -> float:
    found = 0.0
    for i in range(3):
        for j in range(3):
            c = torch.corrcoef(torch.stack([one[:, i], other[:, j]]))[0, 1].item()
            found += (1 - c) ** 2 if i == j else 5e-3 * c**2
    return found


ANGLES: dict[str, Any] = {"where it is looked from": turned, "how long features are": scaled}
PLACES: dict[str, Any] = {"where it is looked from": turned, "where all are": moved}
ONE = (f64([1, 0]), torch.tensor([0]), f64([1, 0], [0, 1]))


def margin_loss(own: float, other: float) -> float:
    return math.log1p(math.exp(other - own))


CASES = {
    "cosface": Case(
        faces,
        [(ONE, {"margin": 0.25, "scale": 4.0}, margin_loss(3, 0))],
        near_directions,
        peers=[({"margin": 0.0, "scale": 1.0}, lambda x, y, w: F.cross_entropy(F.normalize(x) @ F.normalize(w).T, y))],
        same=ANGLES,
        ignores=True,
    ),
    "arcface": Case(
        faces,
        [
            (
                (f64([2, 2]), torch.tensor([0]), f64([1, 0], [0, 1])),
                {"margin": math.pi / 4, "scale": 2.0},
                margin_loss(0, 2 * ROOT),
            )
        ],
        near_directions,
        peers=[({"margin": 0.0, "scale": 1.0}, lambda x, y, w: F.cross_entropy(F.normalize(x) @ F.normalize(w).T, y))],
        same=ANGLES,
        ignores=True,
    ),
    "a_softmax": Case(
        faces,
        [((f64([1, 1]), torch.tensor([0]), f64([1, 0], [0, 1])), {"margin": 2}, margin_loss(0, 1))],
        near_directions,
        peers=[({"margin": 1}, lambda x, y, w: F.cross_entropy(x @ F.normalize(w).T, y))],
        same={"where it is looked from": turned},
        ignores=True,
    ),
    "center": Case(
        faces,
        [((f64([1, 2]), torch.tensor([1]), f64([0, 0], [1, 0])), {}, 2.0)],
        at_centers,
        same=PLACES,
        ignores=True,
    ),
    "triplet": Case(
        triples,
        [((f64([0, 0]), f64([1, 0]), f64([0, 2])), {"margin": 4.0}, 1.0), ((f64([0]), f64([1]), f64([2])), {}, 0.0)],
        good_triples,
        learned=3,
        peers=[
            (
                {},
                lambda a, p, n: nn.TripletMarginWithDistanceLoss(
                    distance_function=lambda x, y: (x - y).square().sum(1), margin=0.2
                )(a, p, n),
            )
        ],
        same=PLACES,
    ),
    "contrastive": Case(
        pairs,
        [((f64([0], [0]), f64([3], [0.5]), torch.tensor([True, False])), {}, (9 + 0.25) / 2)],
        good_pairs,
        learned=2,
        same={**PLACES, "exchange": swapped},
    ),
    "circle": Case(
        batch,
        [
            (
                (f64([1, 0], [1, 0], [0, 1]), torch.tensor([0, 0, 1])),
                {"gamma": 1.0},
                2 * math.log1p(math.exp(-0.125)) / 2,
            )
        ],
        peers=[({}, circle_by_hand)],
        same=ANGLES,
        made_of="",
        evenly=False,
        stops=True,
    ),
    "supcon": Case(
        batch,
        [((f64([1, 0], [1, 0], [0, 1]), torch.tensor([0, 0, 1])), {"temperature": 1.0}, margin_loss(1, 0))],
        peers=[({}, supcon_by_hand)],
        same=ANGLES,
        made_of="",
        evenly=False,
    ),
    "info_nce": Case(
        two,
        [((f64([1, 0], [0, 1]), f64([2, 0], [0, 3])), {"temperature": 0.5}, margin_loss(2, 0))],
        learned=2,
        peers=[
            (
                {"temperature": 1.0},
                lambda q, k: -(F.normalize(q) @ F.normalize(k).T).log_softmax(1).diagonal().mean(),
            )
        ],
        same=ANGLES,
        made_of="",
    ),
    "barlow_twins": Case(
        two,
        [((f64([1], [-1]), f64([-3], [3])), {}, 4.0)],
        lambda draw: (HADAMARD, 2 * HADAMARD + 1),
        learned=2,
        peers=[({}, barlow_by_hand)],
        same={"where all are": moved, "how long features are": scaled, "exchange": swapped},
        made_of="",
    ),
    "simsiam": Case(
        views,
        [((f64([1, 0]), f64([0, 2]), f64([0, 1]), f64([1, 1])), {}, -(ROOT + 1) / 2)],
        same_views,
        learned=2,
        same=ANGLES,
    ),
}
HADAMARD = f64([1, 1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1])
