"""Log-probabilities and entropies of tokens: what every loss on a policy is made of."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def token_logprobs(
    logits: Float[Tensor, "B T V"], targets: Int[Tensor, "B T"], temperature: float = 1.0
) -> Float[Tensor, "B T"]:
    """The log-probability of each target, in nats; 0 where the target is below 0, which does not count.

    Args:
        logits: taken to float32 first, whatever precision the model ran in.
        targets: the tokens.
        temperature: what the logits are divided by, as where the tokens were drawn; a ratio of two policies is that of
            what was drawn from.

    >>> token_logprobs(torch.zeros(1, 2, 4), torch.tensor([[3, -1]]))
    tensor([[-1.3863, 0.0000]])
    """
    scaled = logits.float() if temperature == 1 else logits.float() / temperature
    flat = F.cross_entropy(scaled.flatten(0, 1), targets.clamp(min=-1).flatten(), ignore_index=-1, reduction="none")
    return 0.0 - flat.view(targets.shape)  # and not -0.0


def sequence_logprobs(
    logprobs: Float[Tensor, "B T"], targets: Int[Tensor, "B T"], *, mean: bool = False
) -> Float[Tensor, " B"]:
    """The log-probability of each row's targets together, or their mean over the row's targets; 0 of a row without."""
    counted = targets >= 0
    total = (logprobs * counted).sum(-1)
    return total / counted.sum(-1).clamp(min=1) if mean else total


@torch.no_grad()
def token_entropies(
    logits: Float[Tensor, "B T V"], targets: Int[Tensor, "B T"], temperature: float = 1.0
) -> Float[Tensor, "B T"]:
    """The entropy of what each target was drawn from, in nats, to be looked at; 0 where the target is below 0."""
    scaled = logits.float() if temperature == 1 else logits.float() / temperature
    logs = scaled.log_softmax(-1)
    return -(logs.exp() * logs.clamp(min=-1e30)).sum(-1) * (targets >= 0)
