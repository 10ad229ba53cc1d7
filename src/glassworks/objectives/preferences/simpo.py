"""Simple preference optimization (Meng et al. 2024): what generation ranks by is what is learned, without a reference.

    L = -log σ(β ℓ⁺ - β ℓ⁻ - γ)                                            eq. 6

ℓ is a completion's mean log-probability a token, so that a long one is not worse for its length; γ is a margin.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def simpo_loss(
    chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"], *, beta: float = 2.0, gamma: float = 1.0
) -> Float[Tensor, " B"]:
    """The loss of each pair, by mean log-probabilities a token, in nats (`sequence_logprobs(..., mean=True)`).

    >>> simpo_loss(torch.tensor([-1.0]), torch.tensor([-1.5]), beta=2.0, gamma=1.0)
    tensor([0.6931])
    """
    return -F.logsigmoid(beta * (chosen - rejected) - gamma)
