"""Reward models: scores whose differences say how likely a person prefers one of two, or orders several.

P(a before b) = σ(r_a - r_b)                                           Bradley & Terry 1952
P(order)      = Π_k exp(r_k) / Σ_{j ≥ k} exp(r_j)                      Plackett 1975, Luce 1959
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def bradley_terry_loss(
    chosen: Float[Tensor, " B"],
    rejected: Float[Tensor, " B"],
    *,
    margin: Float[Tensor, " B"] | None = None,
    share: Float[Tensor, " B"] | None = None,
    centre: float = 0.0,
) -> Float[Tensor, " B"]:
    """-log σ(r⁺ - r⁻ - m) of each pair (Ouyang et al. 2022, eq. 1; the margin is Touvron et al. 2023, eq. 2).

    Args:
        chosen: scores of what was preferred.
        rejected: of the other.
        margin: by how much more it is to be: more where a person was surer. None = 0.
        share: how sure it is that `chosen` was preferred: 1, or 0.5 for a tie (Christiano et al. 2017); None = 1.
        centre: weight of (r⁺ + r⁻)², which keeps scores near 0: only differences matter otherwise (Eisenstein et al.
            2023).

    >>> bradley_terry_loss(torch.tensor([0.0]), torch.tensor([0.0]))
    tensor([0.6931])
    """
    difference = chosen - rejected
    ahead = difference if margin is None else difference - margin
    losses = -F.logsigmoid(ahead)
    if share is not None:
        behind = -difference if margin is None else -difference - margin
        losses = share * losses - (1 - share) * F.logsigmoid(behind)
    return losses + centre * (chosen + rejected).square() if centre else losses


def plackett_luce_loss(
    scores: Float[Tensor, "B K"], ranks: Int[Tensor, "B K"], *, pairs: bool = False
) -> Float[Tensor, " B"]:
    """-log P(order) of each row's options.

    Args:
        scores: of K options a row.
        ranks: their places, 1 the best; options of equal place are not compared, and one below 1 is not there.
        pairs: the mean of Bradley-Terry over all pairs of unequal place instead (Ouyang et al. 2022, which has 4 to 9).

    With two options both are Bradley-Terry's loss. Where places are equal, the option is compared with all behind its
    place, as in Cox's regression (Breslow 1974): a row whose places are all equal has a loss of 0.

    >>> plackett_luce_loss(torch.zeros(1, 3), torch.tensor([[2, 1, 3]]))
    tensor([1.7918])
    """
    there = ranks > 0
    worse = (ranks[:, None, :] > ranks[:, :, None]) & there[:, None, :] & there[:, :, None]  # (B, K, K): j behind k
    if pairs:
        losses = -F.logsigmoid(scores[:, :, None] - scores[:, None, :]) * worse
        return losses.sum((1, 2)) / worse.sum((1, 2)).clamp(min=1)
    itself = torch.eye(scores.size(1), dtype=torch.bool, device=scores.device)
    left = torch.where(worse | itself, scores[:, None, :], -torch.inf)
    return ((left.logsumexp(-1) - scores) * worse.any(-1)).sum(-1)
