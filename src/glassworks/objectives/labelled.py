"""Losses of labelled examples: cross-entropy for classes, squared error for numbers, or others of the catalogue.

A batch is (inputs (B, ...), targets (B,), others (B,), share (B,)), as `data.labelled.batches` gives it: where examples
are mixed (mixup), an input is `share` of its own example and the rest of another's, and so is what is to be said of it.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.objectives.catalogue.table import LOSSES
from glassworks.objectives.losses import LossFn, Summed, mean_of


def class_loss(
    *,
    name: str = "cross_entropy",
    smoothing: float = 0.0,
    weights: Sequence[float] | None = None,
    mixed: bool = False,
) -> LossFn:
    """Mean cross-entropy of classes, in nats an example, of a model that gives logits (B, K).

    Args:
        name: another loss of the catalogue that takes logits and classes, in place of cross-entropy.
        smoothing: the share of each target that goes to all classes alike (Szegedy et al. 2016, section 7).
        weights: what an example of each class counts in the mean; None = 1. One whose class has 0 does not count.
        mixed: whether examples are mixed, two at a time (Zhang et al. 2018, eq. 1). Otherwise `others` is not read.

    Returns: a loss as `fit` takes it. Logits are taken to float32 first, whatever precision the model ran in.
    """
    given = None if weights is None else torch.tensor(list(weights), dtype=torch.float32)
    of = partial(F.cross_entropy, label_smoothing=smoothing) if name == "cross_entropy" else LOSSES[name].function

    @mean_of
    def loss(model: nn.Module, batch: Sequence[Tensor]) -> Summed:
        logits = model(batch[0]).float()  # (B, K)
        of_class = None if given is None else given.to(logits.device)
        if not mixed:
            total = of(logits, batch[1], weight=of_class, reduction="sum")
            return Summed(total, counted(batch[1], of_class), {})  # torch 2.9 does not compile the default
        total, number = torch.zeros_like(logits[0, 0]), torch.zeros_like(logits[0, 0])
        for targets, share in ((batch[1], batch[3]), (batch[2], 1 - batch[3])):
            each = of(logits, targets, weight=of_class, reduction="none")  # (B,)
            total = total + (share * each).sum()
            number = number + (share if of_class is None else share * of_class[targets]).sum()
        return Summed(total, number, {})

    return loss


def counted(targets: Tensor, of_class: Tensor | None) -> Any:
    """What a batch counts in all."""
    return len(targets) if of_class is None else of_class[targets].sum()


def number_loss(*, name: str = "mse", std: float = 1.0, mixed: bool = False) -> LossFn:
    """Mean squared error of numbers, in units of their variance: 1 is what their mean alone comes to.

    Args:
        name: another loss of the catalogue that takes predictions and targets, both in units of `std`.
        std: their standard deviation over the training split; the model gives (B, 1) in their own unit.
        mixed: as of `class_loss`.
    """
    of = LOSSES[name].function

    @mean_of
    def loss(model: nn.Module, batch: Sequence[Tensor]) -> Summed:
        said = model(batch[0]).float().squeeze(1)  # (B,)
        targets = batch[1] if not mixed else batch[3] * batch[1] + (1 - batch[3]) * batch[2]
        return Summed(of(said / std, targets.float() / std, reduction="sum"), len(targets), {})

    return loss
