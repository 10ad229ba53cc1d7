"""Direct preference optimization (Rafailov et al. 2023): the policy is the reward model.

    L = -log σ(β [(log π/ref)(y⁺) - (log π/ref)(y⁻)])                      eq. 7

What maximises E[r] - β KL(π || ref) is π = ref exp(r / β) / Z, so r is β log π/ref but for Z, which drops out of a
difference: Bradley-Terry's loss on it.
"""

from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Kind = Literal["sigmoid", "hinge", "robust"]


def dpo_loss(
    chosen: Float[Tensor, " B"],
    rejected: Float[Tensor, " B"],
    reference_chosen: Float[Tensor, " B"],
    reference_rejected: Float[Tensor, " B"],
    *,
    beta: float = 0.1,
    smoothing: float = 0.0,
    kind: Kind = "sigmoid",
) -> Float[Tensor, " B"]:
    """The loss of each pair, by the log-probabilities of whole completions, in nats.

    Args:
        chosen: of what was preferred, by the policy.
        rejected: of the other.
        reference_chosen: of the same by the reference.
        reference_rejected: likewise.
        beta: what a nat from the reference costs; smaller goes further.
        smoothing: the share of choices that are taken to be wrong. With "sigmoid" the loss is the mean over both
            (Mitchell 2023, cDPO), with "robust" one whose mean over such choices is that over right ones (Chowdhury et
            al. 2024, eq. 10).
        kind: "hinge" is max(0, 1 - β ...) (Zhao et al. 2023, SLiC).

    >>> dpo_loss(*torch.tensor([[0.0], [-10.0], [0.0], [0.0]]), beta=0.1)
    tensor([0.3133])
    """
    difference = beta * ((chosen - reference_chosen) - (rejected - reference_rejected))
    if kind == "hinge":
        return (1 - difference).relu()
    right, wrong = -F.logsigmoid(difference), -F.logsigmoid(-difference)
    if kind == "sigmoid":
        return (1 - smoothing) * right + smoothing * wrong
    if kind != "robust":
        raise ValueError(f"kind (={kind!r}) must be sigmoid, hinge or robust")
    if not 0 <= smoothing < 0.5:
        raise ValueError(f"smoothing (={smoothing}) must be from 0 to below 0.5: at half, choices say nothing")
    return ((1 - smoothing) * right - smoothing * wrong) / (1 - 2 * smoothing)


def implicit_rewards(logprobs: Float[Tensor, " B"], reference: Float[Tensor, " B"], beta: float) -> Float[Tensor, " B"]:
    """β log π/ref: the reward for which the policy would be the best one, but for a number that a prompt has."""
    return (beta * (logprobs - reference)).detach()
