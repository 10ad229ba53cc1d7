"""Losses of two views of the same things, (N, D) each: no labels."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from glassworks.objectives.criteria.embedding import cosines
from glassworks.objectives.criteria.reduction import reduced, wide

Features = Float[Tensor, "N D"]


def info_nce(queries: Features, keys: Features, *, temperature: float = 0.1, reduction: str = "mean") -> Tensor:
    """-ln of the softmax of cosines / T of a query with all keys, at its own (van den Oord et al. 2018, eq. 4)."""
    logits = cosines(queries, keys) / temperature
    return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device), reduction=reduction)


def barlow_twins(one: Features, two: Features, *, off_diagonal: float = 5e-3) -> Tensor:
    """Σ (1 - C_ii)² + λ Σ C_ij², of the correlations C between the features of both (Zbontar et al. 2021, eq. 1).

    Of one batch: at least two things, and a feature that does not vary in it has correlation 0.
    """
    if len(one) < 2:
        raise ValueError(f"one has {len(one)} rows: a correlation is over at least 2")
    whitened = []
    for each in (wide(one), wide(two)):
        centred = each - each.mean(0)
        whitened.append(centred / centred.square().mean(0).clamp(min=1e-12).sqrt())
    correlations = whitened[0].T @ whitened[1] / len(one)
    own = correlations.diagonal()
    rest = correlations.square().sum() - own.square().sum()
    return (1 - own).square().sum() + off_diagonal * rest


def simsiam(
    predicted_one: Features,
    predicted_two: Features,
    features_one: Features,
    features_two: Features,
    *,
    reduction: str = "mean",
) -> Tensor:
    """-(cos(p₁, z₂) + cos(p₂, z₁)) / 2, of what is predicted of the other view; z has no gradient.

    Chen & He 2021, eq. 2-4: where z had one, all things would come to lie in one place.
    """
    pairs = ((predicted_one, features_two), (predicted_two, features_one))
    cosine = [F.cosine_similarity(wide(p), wide(z).detach(), dim=1) for p, z in pairs]
    return reduced(-(cosine[0] + cosine[1]) / 2, None, reduction)
