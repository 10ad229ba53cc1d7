"""Odds ratio preference optimization (Hong et al. 2024): fine-tuning and preferring in one, without a reference.

    L = -ℓ⁺ - β log σ(log odds(ℓ⁺) - log odds(ℓ⁻))         odds(ℓ) = e^ℓ / (1 - e^ℓ)      eq. 6, 7

ℓ is a completion's mean log-probability a token.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def orpo_loss(chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"], *, beta: float = 0.1) -> Float[Tensor, " B"]:
    """The loss of each pair, by mean log-probabilities a token, in nats (`sequence_logprobs(..., mean=True)`).

    >>> orpo_loss(torch.tensor([-0.6931]), torch.tensor([-0.6931]), beta=0.1)
    tensor([0.7624])
    """
    odds = (chosen - log1mexp(chosen)) - (rejected - log1mexp(rejected))
    return -chosen - beta * F.logsigmoid(odds)


def log1mexp(x: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """log(1 - e^x) of x below 0, exact near 0 and far from it (Mächler 2012); nearer to 0 than 1e-7 is as 1e-7."""
    x = x.clamp(max=-1e-7)
    near = x > -math.log(2)
    return torch.where(near, (-torch.expm1(torch.where(near, x, -1.0))).log(), torch.log1p(-x.exp()))
