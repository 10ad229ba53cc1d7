"""Losses of classes: logits (N, C, *) and classes (N, *), or one logit and yes or no of any shape.

Classes are whole numbers; `weight` (C,) says what an example of each counts in the mean, and what has the class
`ignore_index` does not count, as in `torch.nn.functional.cross_entropy`. Of yes and no, targets are 1 and 0 or a
probability, and `weight` is one of examples.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.objectives.criteria.reduction import IGNORED, known, reduced, wide

Logits = Float[Tensor, "N C *S"]
Classes = Int[Tensor, "N *S"]
OfClasses = Float[Tensor, " C"] | None
Logit = Float[Tensor, "*S"]
YesNo = Float[Tensor, "*S"] | Int[Tensor, "*S"]
OfExamples = Float[Tensor, "*W"] | None


def by_class(losses: Tensor, targets: Tensor, weight: Tensor | None, ignore_index: int, reduction: str) -> Tensor:
    """The losses (N, *) of targets (N, *) as one, by what their classes weigh."""
    targets, counts = known(targets, ignore_index)
    return reduced(losses, None if weight is None else weight.to(losses)[targets], reduction, counts)


def target_log_probabilities(logits: Tensor, targets: Tensor, ignore_index: int) -> Tensor:
    """Ln p of what each example is, (N, *)."""
    logs = wide(logits).log_softmax(1)
    return logs.gather(1, known(targets, ignore_index)[0].unsqueeze(1)).squeeze(1)


def cross_entropy(
    logits: Logits,
    targets: Classes | Logits,
    *,
    weight: OfClasses = None,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """-ln p of the class, of p = softmax(logits), in nats: torch's; targets may be probabilities of classes, too.

    >>> cross_entropy(torch.zeros(1, 4), torch.tensor([2]))
    tensor(1.3863)
    """
    soft = targets.is_floating_point()
    targets = wide(targets) if soft else targets
    weight = None if weight is None else weight.to(wide(logits))
    ignored = IGNORED if soft else ignore_index
    return F.cross_entropy(wide(logits), targets, weight, ignore_index=ignored, reduction=reduction)


def weighted_cross_entropy(
    logits: Logits,
    targets: Classes,
    class_counts: Float[Tensor, " C"] | Int[Tensor, " C"],
    *,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy in which every class counts as much as another, however often it is in the data.

    `class_counts` is how often each is there; weights are in inverse proportion, and their sum is C. A class that is
    never there has weight 0.
    """
    inverse = torch.where(class_counts > 0, 1 / class_counts.clamp(min=1e-12).to(wide(logits)), 0.0)
    return cross_entropy(
        logits, targets, weight=len(inverse) * inverse / inverse.sum(), ignore_index=ignore_index, reduction=reduction
    )


def smoothed_cross_entropy(
    logits: Logits,
    targets: Classes,
    *,
    smoothing: float = 0.1,
    weight: OfClasses = None,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy against targets of which the share `smoothing` goes to all classes alike: torch's."""
    weight = None if weight is None else weight.to(wide(logits))
    return F.cross_entropy(
        wide(logits), targets, weight, ignore_index=ignore_index, label_smoothing=smoothing, reduction=reduction
    )


def nll(
    log_probabilities: Logits,
    targets: Classes,
    *,
    weight: OfClasses = None,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """-ln p of the class, of what is ln p already: torch's."""
    logs = wide(log_probabilities)
    weight = None if weight is None else weight.to(logs)
    return F.nll_loss(logs, targets, weight, ignore_index=ignore_index, reduction=reduction)


def focal(
    logits: Logits,
    targets: Classes,
    *,
    gamma: float = 2.0,
    weight: OfClasses = None,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """-(1 - p)^γ ln p of the class (Lin et al. 2017, eq. 5); at γ = 0 the cross-entropy, weighted or not.

    `weight` is the α of classes, and the mean is over it. 1 - p is computed by expm1, so that it keeps its digits.
    """
    logs = target_log_probabilities(logits, targets, ignore_index)
    return by_class(-power(-torch.expm1(logs), gamma) * logs, targets, weight, ignore_index, reduction)


def power(base: Tensor, exponent: float) -> Tensor:
    """A power of what is 0 or more, with a gradient that is finite at 0."""
    return torch.ones_like(base) if exponent == 0 else base.clamp(min=torch.finfo(base.dtype).tiny) ** exponent


def poly1(
    logits: Logits,
    targets: Classes,
    *,
    epsilon: float = 1.0,
    weight: OfClasses = None,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """-ln p + ε (1 - p) of the class: the first term of the logarithm's series, leaned on (Leng et al. 2022, eq. 2)."""
    logs = target_log_probabilities(logits, targets, ignore_index)
    return by_class(-logs - epsilon * torch.expm1(logs), targets, weight, ignore_index, reduction)


def generalized_cross_entropy(
    logits: Logits,
    targets: Classes,
    *,
    q: float = 0.7,
    weight: OfClasses = None,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """(1 - p^q) / q of the class: cross-entropy as q goes to 0, 1 - p at 1 (Zhang & Sabuncu 2018, eq. 6)."""
    if not 0 < q <= 1:
        raise ValueError(f"q (={q}) must be above 0 and at most 1: towards 0 it is cross_entropy")
    logs = target_log_probabilities(logits, targets, ignore_index)
    return by_class(-torch.expm1(q * logs) / q, targets, weight, ignore_index, reduction)


def brier(
    logits: Logits,
    targets: Classes,
    *,
    weight: OfClasses = None,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """The squared distance of the probabilities from certainty of the class, summed over classes (Brier 1950)."""
    p = wide(logits).softmax(1)
    right = p.gather(1, known(targets, ignore_index)[0].unsqueeze(1)).squeeze(1)
    return by_class(p.square().sum(1) - 2 * right + 1, targets, weight, ignore_index, reduction)


def multiclass_hinge(
    logits: Logits,
    targets: Classes,
    *,
    margin: float = 1.0,
    weight: OfClasses = None,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> Tensor:
    """Σ max(0, margin - f_y + f_j) / C over the other classes j (Weston & Watkins 1999, over C as torch has it)."""
    logits = wide(logits)
    safe = known(targets, ignore_index)[0].unsqueeze(1)
    short = (margin - logits.gather(1, safe) + logits).relu().scatter(1, safe, 0.0)  # (N, C, *)
    return by_class(short.mean(1), targets, weight, ignore_index, reduction)


def bce(logits: Logit, targets: YesNo, *, weight: OfExamples = None, reduction: str = "mean") -> Tensor:
    """-[y ln p + (1 - y) ln (1 - p)] of p = σ(logit): torch's, which takes logits so that no logarithm is of 0.

    >>> bce(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    logits = wide(logits)
    losses = F.binary_cross_entropy_with_logits(logits, targets.to(logits), reduction="none")
    return reduced(losses, weight, reduction)


def weighted_bce(
    logits: Logit,
    targets: YesNo,
    *,
    positive: float = 1.0,
    negative: float = 1.0,
    weight: OfExamples = None,
    reduction: str = "mean",
) -> Tensor:
    """-[α₁ y ln p + α₀ (1 - y) ln (1 - p)]: the odds that it ends at are α₁ / α₀ times the true ones."""
    logits = wide(logits)
    y = targets.to(logits)
    losses = -positive * y * F.logsigmoid(logits) - negative * (1 - y) * F.logsigmoid(-logits)
    return reduced(losses, weight, reduction)


def binary_focal(
    logits: Logit,
    targets: YesNo,
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
    weight: OfExamples = None,
    reduction: str = "mean",
) -> Tensor:
    """-α (1 - p)^γ y ln p - (1 - α) p^γ (1 - y) ln (1 - p) of p = σ(logit) (Lin et al. 2017, eq. 5); no α = 1 and 1."""
    logits = wide(logits)
    y = targets.to(logits)
    yes, no = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    losses = -yes * y * power(torch.sigmoid(-logits), gamma) * F.logsigmoid(logits)
    losses = losses - no * (1 - y) * power(torch.sigmoid(logits), gamma) * F.logsigmoid(-logits)
    return reduced(losses, weight, reduction)


def hinge(scores: Logit, targets: YesNo, *, weight: OfExamples = None, reduction: str = "mean") -> Tensor:
    """Max(0, 1 - m) of the margin m = f where the answer is yes (1), -f where it is no (0) (Cortes & Vapnik 1995)."""
    return reduced((1 - margins(scores, targets)).relu(), weight, reduction)


def squared_hinge(scores: Logit, targets: YesNo, *, weight: OfExamples = None, reduction: str = "mean") -> Tensor:
    """Max(0, 1 - m)², of `hinge`'s margin."""
    return reduced((1 - margins(scores, targets)).relu().square(), weight, reduction)


def margins(scores: Tensor, targets: Tensor) -> Tensor:
    """How far each score is on its target's side."""
    scores = wide(scores)
    return scores * (2 * targets.to(scores) - 1)


def distillation(
    logits: Logits, teacher: Logits, *, temperature: float = 2.0, weight: OfExamples = None, reduction: str = "mean"
) -> Tensor:
    """T² KL(teacher || student) of softmax(logits / T), an example (Hinton, Vinyals & Dean 2015, section 2).

    `weight` is one of examples, (N, *). T² keeps the gradient's size as T grows; the teacher has no gradient.
    """
    ours, theirs = ((wide(each) / temperature).log_softmax(1) for each in (logits, teacher.detach()))
    losses = temperature**2 * F.kl_div(ours, theirs, reduction="none", log_target=True).sum(1)
    return reduced(losses, weight, reduction)
