"""REINFORCE leave-one-out (Kool et al. 2019; Ahmadian et al. 2024): a completion is one action, beside its group's.

    A_i = r_i - mean of the other r_j           r = score - β Σ_t (log π - log ref)
    L_i = max(-A_i ρ_i, -A_i clip(ρ_i, 1 - ε, 1 + ε))           ρ_i = Π_t π / π_old, of the whole completion

Where the policy is the one that drew them, the gradient is REINFORCE's; the ratio lets a batch be learned from twice.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glassworks.objectives.policy.advantages import leave_one_out
from glassworks.objectives.policy.ppo import clipped_policy_loss


@torch.no_grad()
def rloo_advantages(
    scores: Float[Tensor, " B"],
    logprobs: Float[Tensor, "B T"],
    reference: Float[Tensor, "B T"],
    counts: Bool[Tensor, "B T"],
    *,
    group: int,
    beta: float,
) -> Float[Tensor, " B"]:
    """Scores less what their completions cost in nats from the reference, less the mean of the others' (eq. 8, 3)."""
    rewards = scores - beta * ((logprobs - reference) * counts).sum(-1)
    return leave_one_out(rewards, group)


def rloo_loss(
    logprobs: Float[Tensor, "B T"],
    old: Float[Tensor, "B T"],
    advantages: Float[Tensor, " B"],
    counts: Bool[Tensor, "B T"],
    *,
    low: float = 0.2,
    high: float | None = None,
) -> tuple[Float[Tensor, " B"], Bool[Tensor, " B"]]:
    """The loss of each completion, and whether its ratio was beyond the range."""
    return clipped_policy_loss((logprobs * counts).sum(-1), (old * counts).sum(-1), advantages, low=low, high=high)
