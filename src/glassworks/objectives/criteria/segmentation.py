"""Losses of a class a pixel by overlap: logits (N, C, *) and classes (N, *).

Each image and each class that is in it has a loss, (N, C): the mean is over those, by `weight` (C,). A class that is
not in an image is not asked for there, since the overlap with nothing is 0 however little is predicted. Pixels of the
class `ignore_index` do not count.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.objectives.criteria.classification import margins, power
from glassworks.objectives.criteria.reduction import IGNORED, known, reduced, wide

Logits = Float[Tensor, "N C *S"]
Classes = Int[Tensor, "N *S"]
Scores = Float[Tensor, "N *S"]
YesNo = Float[Tensor, "N *S"] | Int[Tensor, "N *S"]
OfClasses = Float[Tensor, " C"] | None


def areas(logits: Tensor, targets: Tensor, ignore_index: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of each image and class, (N, C): what is both said and there, said, and there, softly, in pixels."""
    said, there = maps(logits, targets, ignore_index)
    return (said * there).sum(2), said.sum(2), there.sum(2)


def maps(logits: Tensor, targets: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """Probabilities and what is there, (N, C, pixels); 0 in both where a pixel does not count."""
    targets, counts = known(targets, ignore_index)
    pixels = counts.reshape(len(counts), 1, counts.shape[1:].numel())
    p = wide(logits).softmax(1)
    there = F.one_hot(targets, logits.shape[1]).movedim(-1, 1).to(p)
    shape = (*p.shape[:2], pixels.shape[2])
    return p.reshape(shape) * pixels, there.reshape(shape) * pixels


def tversky(
    logits: Logits,
    targets: Classes,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    weight: OfClasses = None,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """1 - TP / (TP + α FP + β FN), softly (Salehi et al. 2017, eq. 4): β above α to miss less."""
    both, said, there = areas(logits, targets, ignore_index)
    index = both / (both + alpha * (said - both) + beta * (there - both)).clamp(min=1e-12)
    return reduced(1 - index, weight, reduction, there > 0)


def dice(
    logits: Logits,
    targets: Classes,
    *,
    weight: OfClasses = None,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """1 - 2 |A ∩ B| / (|A| + |B|), softly (Milletari et al. 2016, without their squares)."""
    return tversky(logits, targets, weight=weight, ignore_index=ignore_index, reduction=reduction)


def jaccard(
    logits: Logits,
    targets: Classes,
    *,
    weight: OfClasses = None,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """1 - |A ∩ B| / |A ∪ B|, softly, of whole images: intersection over union (Rahman & Wang 2016, eq. 3-5)."""
    return tversky(logits, targets, alpha=1.0, beta=1.0, weight=weight, ignore_index=ignore_index, reduction=reduction)


def focal_tversky(
    logits: Logits,
    targets: Classes,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 4 / 3,
    weight: OfClasses = None,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """(1 - Tversky index)^(1 / γ): what is nearly right pulls more, at γ above 1.

    Abraham & Khan 2019, eq. 4.
    """
    each = tversky(logits, targets, alpha=alpha, beta=beta, ignore_index=ignore_index, reduction="none")
    present = areas(logits, targets, ignore_index)[2] > 0
    return reduced(power(each, 1 / gamma), weight, reduction, present)


def lovasz_softmax(
    logits: Logits,
    targets: Classes,
    *,
    weight: OfClasses = None,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """The Lovász extension of 1 - IoU, over errors of probabilities (Berman et al. 2018, eq. 11).

    It is 1 - IoU itself where probabilities are 0 and 1, and between them the tightest convex function that is.
    """
    said, there = maps(logits, targets, ignore_index)
    counted = known(targets, ignore_index)[1].reshape(len(targets), 1, said.shape[2])
    errors = torch.where(counted, (there - said).abs(), 0.0)
    return reduced(extended(errors, there), weight, reduction, there.sum(2) > 0)


def lovasz_hinge(scores: Scores, targets: YesNo, *, reduction: str = "mean") -> Tensor:
    """The Lovász extension of 1 - IoU, over hinges of yes (1) and no (0), an image (Berman et al. 2018, eq. 8)."""
    errors = (1 - margins(scores, targets)).relu().flatten(1)
    return reduced(extended(errors, targets.to(errors).flatten(1)), None, reduction)


def extended(errors: Float[Tensor, "*N P"], there: Float[Tensor, "*N P"]) -> Float[Tensor, "*N"]:
    """Errors, largest first, by how much 1 - IoU grows as each is made in turn (Berman et al. 2018, algorithm 1)."""
    errors, order = errors.sort(-1, descending=True)
    there = there.gather(-1, order)
    total = there.sum(-1, keepdim=True)
    shared, union = total - there.cumsum(-1), total + (1 - there).cumsum(-1)
    jaccard = 1 - shared / union
    grown = torch.cat([jaccard[..., :1], jaccard.diff(dim=-1)], -1)
    return (errors * grown).sum(-1)
