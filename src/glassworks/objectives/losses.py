"""Training losses: plain functions of a model and a batch.

A loss is the mean over a batch, or `Summed`: the sum and what it is over. `fit` takes the second as it is computed in
parts and on ranks, which may have different numbers of targets: the mean over all is not the mean of their means.
A function made by `mean_of` is both.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Summed(NamedTuple):
    """A loss as a sum over a number of things, targets perhaps. Its mean is `total / number`."""

    total: Tensor
    number: Tensor | int | float
    logs: Mapping[str, Tensor | float] = MappingProxyType({})
    """Other sums over the same things, by name, the same ones for every batch: their means are logged with the loss."""


LossFn = Callable[[nn.Module, Any], Tensor | Summed]
"""A model and a batch to the mean over the batch, or to a sum and its count."""


def mean_of(summed: Callable[[nn.Module, Any], Summed]) -> Callable[[nn.Module, Any], Tensor]:
    """The mean of what a function sums, nan where it sums nothing; the function itself is its attribute `summed`."""

    @functools.wraps(summed)
    def mean(model: nn.Module, batch: Any) -> Tensor:
        found = summed(model, batch)
        return found.total / found.number

    mean.summed = summed  # type: ignore[attr-defined]
    return mean


def parted(loss_fn: LossFn, model: nn.Module, batch: Any) -> Summed:
    """The loss of a part of a batch, to be added to that of others; one mean counts as much as another."""
    found = getattr(loss_fn, "summed", loss_fn)(model, batch)
    return found if isinstance(found, Summed) else Summed(found, 1)


@mean_of
def next_token_loss(model: nn.Module, batch: Sequence[Tensor]) -> Summed:
    """Mean cross-entropy of the next token, in nats per token, of a batch (inputs (B, T), targets (B, T), ...).

    Targets below 0 do not count. Logits are taken to float32 first, whatever precision the model ran in. A batch
    without any target gives nan.
    """
    inputs, targets = batch[0], batch[1]
    logits = model(inputs).float()  # (B, T, V)
    indices = targets.clamp(min=-1).flatten()
    total = F.cross_entropy(logits.flatten(0, 1), indices, ignore_index=-1, reduction="sum")
    return Summed(total, (indices >= 0).sum(), {})  # torch 2.9 does not compile the default


def pair_loss(smoothing: float = 0.0) -> LossFn:
    """The same of a target given a source, by a model (source, inputs) -> logits and a batch (source, inputs, targets).

    `smoothing` is the share of a target that is given to all tokens alike (Szegedy et al. 2015, section 7): the loss is
    the cross-entropy against that.
    """

    @mean_of
    def loss(model: nn.Module, batch: Sequence[Tensor]) -> Summed:
        source, inputs, targets = batch[0], batch[1], batch[2]
        logits = model(source, inputs).float()  # (B, T, V)
        indices = targets.clamp(min=-1).flatten()
        total = F.cross_entropy(
            logits.flatten(0, 1), indices, ignore_index=-1, reduction="sum", label_smoothing=smoothing
        )
        return Summed(total, (indices >= 0).sum(), {})

    return loss


def token_losses(model: nn.Module, batch: Sequence[Tensor]) -> Float[Tensor, "B T"]:
    """The same for each token by itself, in nats; 0 where the target is below 0."""
    inputs, targets = batch[0], batch[1]
    logits = model(inputs).float()  # (B, T, V)
    losses = F.cross_entropy(logits.flatten(0, 1), targets.clamp(min=-1).flatten(), ignore_index=-1, reduction="none")
    return losses.view(targets.shape)
