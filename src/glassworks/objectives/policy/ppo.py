"""Proximal policy optimization (Schulman et al. 2017), of text and of anything else that takes one step after another.

    ρ = π(a) / π_old(a)        policy   max(-A ρ, -A clip(ρ, 1 - ε, 1 + ε))              eq. 7
                               value    ½ max((V - R)², (clip(V, V_old ± ε_v) - R)²)

Once ρ has left the range in the direction that A asks for, there is no gradient: a batch is learned from several times
without going far from the policy that drew it.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def clipped_policy_loss(
    logprobs: Float[Tensor, "*S"],
    old: Float[Tensor, "*S"],
    advantages: Float[Tensor, "*S"],
    *,
    low: float = 0.2,
    high: float | None = None,
) -> tuple[Float[Tensor, "*S"], Bool[Tensor, "*S"]]:
    """The loss of each action, and whether its ratio was beyond the range so that it has no gradient.

    Args:
        logprobs: of the actions taken, by the policy as it is.
        old: by the policy that took them.
        advantages: of the same actions.
        low: how far below 1 a ratio may go.
        high: how far above; None = as far as below.

    >>> clipped_policy_loss(torch.tensor([0.5]), torch.tensor([0.0]), torch.tensor([1.0]))
    (tensor([-1.2000]), tensor([True]))
    """
    ratio, upper = (logprobs - old).exp(), low if high is None else high
    losses = torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1 - low, 1 + upper))
    beyond = ((ratio < 1 - low) & (advantages < 0)) | ((ratio > 1 + upper) & (advantages > 0))
    return losses, beyond


def clipped_value_loss(
    values: Float[Tensor, "*S"],
    old: Float[Tensor, "*S"],
    returns: Float[Tensor, "*S"],
    *,
    clip: float | None = 0.2,
) -> tuple[Float[Tensor, "*S"], Bool[Tensor, "*S"]]:
    """Half the squared error of each value, and whether being held near the old value made it larger.

    >>> clipped_value_loss(torch.tensor([1.0]), torch.tensor([0.0]), torch.tensor([1.0]))
    (tensor([0.3200]), tensor([True]))
    """
    plain = (values - returns).square()
    if clip is None:
        return plain / 2, torch.zeros_like(plain, dtype=torch.bool)
    held = (old + (values - old).clamp(-clip, clip) - returns).square()
    return torch.maximum(plain, held) / 2, held > plain


def token_rewards(
    scores: Float[Tensor, " B"],
    logprobs: Float[Tensor, "B T"],
    reference: Float[Tensor, "B T"],
    counts: Bool[Tensor, "B T"],
    beta: float,
) -> tuple[Float[Tensor, "B T"], Bool[Tensor, "B T"]]:
    """A completion's score at its last token, less β (log π - log ref) at each (Ziegler et al. 2019, eq. 2).

    Args:
        scores: of completions; nan counts as 0, but the row should have no `counts`.
        logprobs: of their tokens by the policy that drew them.
        reference: by the reference.
        counts: which tokens are the completion's.
        beta: what a nat from the reference costs.

    Returns: rewards (B, T), and which token is a row's last.

    >>> token_rewards(torch.tensor([1.0]), torch.zeros(1, 2), torch.tensor([[0.0, 1.0]]), torch.ones(1, 2).bool(), 0.1)
    (tensor([[0.0000, 1.1000]]), tensor([[False, True]]))
    """
    places = torch.arange(counts.size(1), device=counts.device).expand_as(counts)
    last = torch.where(counts, places, -1).amax(1, keepdim=True)
    is_last = counts & (places == last)
    rewards = -beta * (logprobs - reference) * counts + is_last * scores.nan_to_num(0.0)[:, None]
    return rewards.detach(), is_last
