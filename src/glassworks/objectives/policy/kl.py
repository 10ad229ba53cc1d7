"""How far a policy is from a reference: estimates from the tokens that were drawn, and the divergence itself.

With d = log π(y) - log ref(y) of a token y drawn from π, in nats (Schulman 2020, "Approximating KL divergence"):

    k1 = d                    unbiased; may be below 0; as a reward its gradient is the divergence's
    k2 = d² / 2               biased by little; as a loss its gradient is the divergence's
    k3 = exp(-d) - 1 + d      unbiased, never below 0; as a loss its gradient is that of KL(ref || π), which keeps what
                              the reference does, not of KL(π || ref), which leaves what it does not (Tang & Munos 2025)
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def k1(logprobs: Float[Tensor, "*S"], reference: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """Log π - log ref.

    >>> k1(torch.tensor([-1.0]), torch.tensor([-2.0]))
    tensor([1.])
    """
    return logprobs - reference


def k2(logprobs: Float[Tensor, "*S"], reference: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """(log π - log ref)² / 2."""
    return (logprobs - reference).square() / 2


def k3(logprobs: Float[Tensor, "*S"], reference: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """Ref / π - 1 - log(ref / π)."""
    d = reference - logprobs
    return d.exp() - 1 - d


ESTIMATES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"k1": k1, "k2": k2, "k3": k3}


def exact_kl(logits: Float[Tensor, "*S V"], reference: Float[Tensor, "*S V"]) -> Float[Tensor, "*S"]:
    """KL(π || ref) of whole distributions, in nats, by their logits."""
    logs, others = logits.float().log_softmax(-1), reference.float().log_softmax(-1)
    return torch.where(logs.isneginf(), 0.0, logs.exp() * (logs - others)).sum(-1)
