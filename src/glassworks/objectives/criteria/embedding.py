"""Losses of embeddings with classes: where a thing lies among others, by angles, distances or pairs.

Features are (N, D), one a thing; `directions` or `centers` are (C, D), one a class, and learned with them.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glassworks.objectives.criteria.reduction import IGNORED, known, reduced, wide

Features = Float[Tensor, "N D"]
Classes = Int[Tensor, " N"]
Directions = Float[Tensor, "C D"]


def cosines(features: Features, directions: Directions) -> Float[Tensor, "N C"]:
    """The cosines of the angles between things and classes.

    >>> cosines(torch.tensor([[3.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
    tensor([[1., 0.]])
    """
    return F.normalize(wide(features), dim=1) @ F.normalize(wide(directions), dim=1).T


def with_target(logits: Tensor, target_logits: Tensor, targets: Tensor, ignore_index: int, reduction: str) -> Tensor:
    """Cross-entropy of logits (N, C) in which those of what each is are replaced by others, (N,)."""
    safe = known(targets, ignore_index)[0].unsqueeze(1)
    replaced = logits.scatter(1, safe, target_logits.unsqueeze(1))
    return F.cross_entropy(replaced, targets, ignore_index=ignore_index, reduction=reduction)


def of_target(values: Tensor, targets: Tensor, ignore_index: int) -> Tensor:
    """The values (N, C) of what each is, (N,)."""
    return values.gather(1, known(targets, ignore_index)[0].unsqueeze(1)).squeeze(1)


def cosface(
    features: Features,
    targets: Classes,
    directions: Directions,
    *,
    margin: float = 0.35,
    scale: float = 64.0,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of s cos θ, the target's s (cos θ - m) (Wang et al. 2018, CosFace, eq. 4)."""
    cos = cosines(features, directions)
    own = scale * (of_target(cos, targets, ignore_index) - margin)
    return with_target(scale * cos, own, targets, ignore_index, reduction)


def arcface(
    features: Features,
    targets: Classes,
    directions: Directions,
    *,
    margin: float = 0.5,
    scale: float = 64.0,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of s cos θ, the target's s cos(θ + m) (Deng et al. 2019, ArcFace, eq. 3).

    Beyond θ + m = π, where the cosine would rise again, it is s (-2 - cos(θ + m)): it falls on, without a jump.
    """
    cos = cosines(features, directions)
    own = of_target(cos, targets, ignore_index)
    sine = (1 - own.square()).clamp(min=1e-12).sqrt()
    further = own * math.cos(margin) - sine * math.sin(margin)
    further = torch.where(own < -math.cos(margin), -2 - further, further)
    return with_target(scale * cos, scale * further, targets, ignore_index, reduction)


def a_softmax(
    features: Features,
    targets: Classes,
    directions: Directions,
    *,
    margin: int = 4,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of |x| cos θ, the target's |x| ψ(θ) (Liu et al. 2017, SphereFace, eq. 7).

    ψ = (-1)^k cos(m θ) - 2k for θ from kπ/m to (k + 1)π/m, of a whole number m: cos(m θ), but falling all the way.
    """
    length = wide(features).norm(dim=1)
    cos = cosines(features, directions)
    angle = torch.acos(of_target(cos, targets, ignore_index).clamp(-1 + 1e-7, 1 - 1e-7))
    k = (margin * angle / math.pi).floor().detach()
    psi = torch.where(k % 2 == 0, 1.0, -1.0) * torch.cos(margin * angle) - 2 * k
    return with_target(length.unsqueeze(1) * cos, length * psi, targets, ignore_index, reduction)


def center(
    features: Features,
    targets: Classes,
    centers: Directions,
    *,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """Half the squared distance from the centre of one's class (Wen et al. 2016, eq. 2); beside a softmax loss."""
    safe, counts = known(targets, ignore_index)
    distances = (wide(features) - wide(centers)[safe]).square().sum(1)
    return reduced(distances / 2, None, reduction, counts)


@torch.no_grad()
def moved_centers(centers: Directions, features: Features, targets: Classes, rate: float = 0.5) -> Directions:
    """Centres after a batch: each by `rate` Σ (x - c) / (1 + n) over the n of its class (Wen et al. 2016, eq. 4)."""
    members = F.one_hot(targets, len(centers)).to(features)  # (N, C)
    number = members.sum(0).unsqueeze(1)
    return centers + rate * (members.T @ features - number * centers) / (1 + number)


def triplet(
    anchors: Features,
    positives: Features,
    negatives: Features,
    *,
    margin: float = 0.2,
    reduction: str = "mean",
) -> Tensor:
    """Max(0, d²(a, p) - d²(a, n) + margin) (Schroff et al. 2015, FaceNet, eq. 2)."""
    near, far = ((wide(anchors) - wide(other)).square().sum(1) for other in (positives, negatives))
    return reduced((near - far + margin).relu(), None, reduction)


def contrastive(
    one: Features, two: Features, alike: Bool[Tensor, " N"], *, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """D² of pairs that are alike, max(0, margin - d)² of others (Hadsell et al. 2006, eq. 4, twice that)."""
    distance = (wide(one) - wide(two)).norm(dim=1)
    return reduced(torch.where(alike, distance, (margin - distance).relu()).square(), None, reduction)


def circle(
    features: Features, targets: Classes, *, margin: float = 0.25, gamma: float = 64.0, reduction: str = "mean"
) -> Tensor:
    """Ln(1 + Σ exp(γ αₙ (sₙ - m)) Σ exp(-γ αₚ (sₚ - 1 + m))) (Sun et al. 2020, eq. 6), of each thing.

    sₚ and sₙ are its cosines with others of its class and with the rest; αₚ = max(0, 1 + m - sₚ) and
    αₙ = max(0, sₙ + m) are how far each is from where it should be, taken for numbers. A thing without others of its
    class, or without others of another, does not count.
    """
    cos = cosines(features, features)
    same = targets[:, None] == targets[None, :]
    others = ~torch.eye(len(targets), dtype=torch.bool, device=same.device)
    positive = -gamma * (1 + margin - cos).relu().detach() * (cos - 1 + margin)
    negative = gamma * (cos + margin).relu().detach() * (cos - margin)
    has = (same & others).any(1) & (~same).any(1)
    sums = [
        torch.where(mask & has[:, None], each, -torch.inf).masked_fill(~has[:, None], 0.0).logsumexp(1)
        for each, mask in ((positive, same & others), (negative, ~same))
    ]
    return reduced(F.softplus(sums[0] + sums[1], threshold=40), None, reduction, has)


def supcon(features: Features, targets: Classes, *, temperature: float = 0.1, reduction: str = "mean") -> Tensor:
    """-ln of the softmax of cosines / T among all others, the mean over those of its class (Khosla et al. 2020, eq. 2).

    With classes that are two views each of one thing it is SimCLR's NT-Xent. What is alone in its class does not count.
    """
    others = ~torch.eye(len(targets), dtype=torch.bool, device=targets.device)
    logits = (cosines(features, features) / temperature).masked_fill(~others, -torch.inf)
    alike = (targets[:, None] == targets[None, :]) & others
    logs = (logits - logits.logsumexp(1, keepdim=True)).masked_fill(~alike, 0.0)
    number = alike.sum(1)
    return reduced(-logs.sum(1) / number.clamp(min=1), None, reduction, number > 0)
