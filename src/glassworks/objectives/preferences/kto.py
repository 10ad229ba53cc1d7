"""Kahneman-Tversky optimization (Ethayarajh et al. 2024): from single completions that are good or bad, without pairs.

    v = σ(β (log π/ref - z)) of a good one,  σ(β (z - log π/ref)) of a bad one          eq. 8
    L = λ (1 - v)                z = max(0, E[log π/ref of a completion that belongs to another prompt])

z, the reference point, is how far the policy is from the reference altogether: better is what rose more than that.
"""

from jaxtyping import Bool, Float
from torch import Tensor


def kto_loss(
    logprobs: Float[Tensor, " B"],
    reference: Float[Tensor, " B"],
    good: Bool[Tensor, " B"],
    mismatched: Float[Tensor, " M"] | None = None,
    *,
    beta: float = 0.1,
    good_weight: float = 1.0,
    bad_weight: float = 1.0,
) -> Float[Tensor, " B"]:
    """The loss of each completion.

    Args:
        logprobs: of whole completions by the policy, in nats.
        reference: by the reference.
        good: which of them are good.
        mismatched: log π/ref of completions behind prompts to which they do not belong; None takes z as 0.
        beta: how soon a gain is gain enough.
        good_weight: what a good one counts; with the other, keep good to bad between 1 and 4 thirds in all (eq. 9).
        bad_weight: what a bad one counts.

    >>> kto_loss(torch.zeros(2), torch.zeros(2), torch.tensor([True, False]))
    tensor([0.5000, 0.5000])
    """
    ratio = logprobs - reference
    z = 0.0 if mismatched is None or not len(mismatched) else mismatched.detach().mean().clamp(min=0)
    sign = good.to(ratio.dtype) * 2 - 1
    weight = good * good_weight + ~good * bad_weight
    return weight * (1 - (beta * sign * (ratio - z)).sigmoid())
