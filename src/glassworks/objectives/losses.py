"""Training losses: plain functions of a model and a batch."""

from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def next_token_loss(model: nn.Module, batch: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Mean cross-entropy of the next token, in nats per token, of a batch (inputs (B, T), targets (B, T), ...).

    Targets below 0 do not count. Logits are taken to float32 first, whatever precision the model ran in. A batch
    without any target gives nan.
    """
    inputs, targets = batch[0], batch[1]
    logits = model(inputs).float()  # (B, T, V)
    return F.cross_entropy(logits.flatten(0, 1), targets.clamp(min=-1).flatten(), ignore_index=-1)


def token_losses(model: nn.Module, batch: Sequence[Tensor]) -> Float[Tensor, "B T"]:
    """The same for each token by itself, in nats; 0 where the target is below 0."""
    inputs, targets = batch[0], batch[1]
    logits = model(inputs).float()  # (B, T, V)
    losses = F.cross_entropy(logits.flatten(0, 1), targets.clamp(min=-1).flatten(), ignore_index=-1, reduction="none")
    return losses.view(targets.shape)
