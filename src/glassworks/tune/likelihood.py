"""Log-probabilities of what is learned, and of nothing else: no logits are made where no target is."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.models.gpt.model import GPT
from glassworks.objectives.losses import Summed, mean_of


def learned_logits(
    model: nn.Module,
    inputs: Int[Tensor, "B T"],
    targets: Int[Tensor, "B T"],
    segments: Int[Tensor, "B T"] | None = None,
) -> Float[Tensor, "N V"]:
    """The logits at the N places whose target counts, in float32.

    Of a prompt's tokens most have none, and with a large vocabulary the head is much of a small model's work.
    """
    if isinstance(model, GPT):
        return model.unembed(model.stream(inputs, None, segments)[targets >= 0]).float()
    logits: Tensor = model(inputs) if segments is None else model(inputs, segments=segments)  # wrapped, under torchrun
    return logits[targets >= 0].float()


@mean_of
def learned_loss(model: nn.Module, batch: Sequence[Tensor]) -> Summed:
    """Mean cross-entropy of the targets that count, in nats per token: `next_token_loss`, also of packed rows."""
    inputs, targets, *segments = batch
    logits = learned_logits(model, inputs, targets, *segments[:1])
    counted = targets[targets >= 0]
    return Summed(F.cross_entropy(logits, counted, reduction="sum"), len(counted), {})


def row_sums(
    model: nn.Module, inputs: Int[Tensor, "B T"], targets: Int[Tensor, "B T"]
) -> tuple[Float[Tensor, " B"], Int[Tensor, " B"]]:
    """The log-probability of each row's targets together, in nats, and their number."""
    logits, is_counted = learned_logits(model, inputs, targets), targets >= 0
    nats = F.cross_entropy(logits, targets[is_counted], reduction="none")
    rows = is_counted.nonzero()[:, 0]
    return -torch.zeros(len(inputs), device=nats.device).index_add(0, rows, nats), is_counted.sum(-1)
