"""Losses of sequences, and of what is found for a question."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glassworks.objectives.criteria.reduction import reduced, wide

Each = Float[Tensor, " N"]
Rows = Float[Tensor, "N D"]


def cosine(one: Rows, two: Rows, alike: Bool[Tensor, " N"], *, margin: float = 0.0, reduction: str = "mean") -> Tensor:
    """1 - cos of what is alike, max(0, cos - margin) of what is not: torch's."""
    signs = torch.where(alike, 1.0, -1.0)
    losses = F.cosine_embedding_loss(wide(one), wide(two), signs.to(one.device), margin=margin, reduction="none")
    return reduced(losses, None, reduction)


def ranking(better: Each, worse: Each, *, margin: float = 0.1, reduction: str = "mean") -> Tensor:
    """Max(0, margin - better + worse), of scores: torch's."""
    better, worse = wide(better), wide(worse)
    losses = F.margin_ranking_loss(better, worse, torch.ones_like(better), margin=margin, reduction="none")
    return reduced(losses, None, reduction)


def ctc(
    log_probabilities: Float[Tensor, "T N C"],
    targets: Int[Tensor, "N L"],
    input_lengths: Int[Tensor, " N"],
    target_lengths: Int[Tensor, " N"],
    *,
    blank: int = 0,
    reduction: str = "mean",
) -> Tensor:
    """-ln of the sum over all ways to say the targets, with blanks and repetitions: torch's.

    Graves et al. 2006, eq. 3. In nats a sequence; the mean is over sequences, where torch's takes each by its length.
    Infinite where the input is too short to say it. Its gradient is right where probabilities are a softmax's:
    torch computes it through that.
    """
    losses = F.ctc_loss(wide(log_probabilities), targets, input_lengths, target_lengths, blank=blank, reduction="none")
    return reduced(losses, None, reduction)


def minimum_risk(
    log_probabilities: Float[Tensor, "N S"],
    costs: Float[Tensor, "N S"],
    *,
    sharpness: float = 5e-3,
    reduction: str = "mean",
) -> Tensor:
    """Σ Q Δ over S candidates of each of N inputs, Q in proportion to p^α.

    Minimum risk training (Och 2003; Shen et al. 2016, eq. 9).

    Args:
        log_probabilities: of whole candidates, by the model.
        costs: of each, such as 1 - BLEU; no gradient is needed.
        sharpness: the α.
        reduction: as anywhere.
    """
    q = (sharpness * wide(log_probabilities)).softmax(1)
    return reduced((q * wide(costs)).sum(1), None, reduction)
