"""REINFORCE (Williams 1992), and REINFORCE++, which is it with PPO's clip and one baseline for the whole batch.

Its loss, -A log π(a), is no progress: only its gradient means something, that of the expected reward where actions are
drawn from π as it is.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glassworks.objectives.policy.advantages import in_groups, whiten


def policy_gradient_loss(logprobs: Float[Tensor, "*S"], advantages: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """-A log π(a) of each action (Williams 1992, theorem 1).

    >>> policy_gradient_loss(torch.tensor([-2.0]), torch.tensor([0.5]))
    tensor([1.])
    """
    return -advantages.detach() * logprobs


@torch.no_grad()
def reinforce_pp_advantages(
    rewards: Float[Tensor, "B T"], counts: Bool[Tensor, "B T"], *, group: int | None = None, gamma: float = 1.0
) -> Float[Tensor, "B T"]:
    """What comes from each token on, whitened over all tokens of the batch (Hu et al. 2025, REINFORCE++, eq. 3-5).

    No group decides what is normal: one completion a prompt is enough, and an easy prompt counts no more than others.

    Args:
        rewards: of each token: `ppo.token_rewards` gives them, with the distance from the reference in them.
        counts: which tokens count.
        group: with it, what comes from a row's first token is taken less the mean of its group first
            (REINFORCE++-baseline, for rewards such as right and wrong).
        gamma: what a reward is worth a token later.
    """
    returns, after = torch.zeros_like(rewards), rewards.new_zeros(len(rewards))
    for t in range(rewards.size(1) - 1, -1, -1):
        after = rewards[:, t] * counts[:, t] + gamma * after
        returns[:, t] = after
    if group is not None:
        first = torch.where(counts.any(1), after, torch.nan)
        returns = returns - in_groups(first, group).nanmean(1).repeat_interleave(group)[:, None]
    return whiten(returns * counts, counts)
