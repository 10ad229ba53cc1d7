"""What rules share whose states settle: a batch in, an estimate of the gradient out, one step of the weights."""

from typing import Any

import torch
from torch import Tensor

from glassworks.optim.rules.batch import read_batch
from glassworks.optim.rules.rule import Rule
from glassworks.optim.rules.settling.energy import Cost


class Settled(Rule):
    """A rule says what it takes for the gradient (`estimate`); the weights step along that."""

    def estimate(self, inputs: Tensor, cost: Cost) -> tuple[Tensor, list[Tensor]]:
        """The cost of what the module gives, summed over the batch, and what is taken for its gradient."""
        raise NotImplementedError

    @torch.no_grad()
    def teach(self, closure: Any) -> Tensor:
        """Settle, then one step of the weights."""
        batch = read_batch(closure, self.model, self.name)
        count = len(batch.inputs)
        loss, gradients = self.estimate(batch.inputs, lambda outputs: count * batch.loss(outputs))
        for p, x in zip(self.weights, gradients, strict=True):
            p.grad = x / count
        self.descend()
        return loss / count
