"""What methods share that keep nothing but two numbers, and step along random directions by the loss's slopes.

A slope beyond `steepest` counts as that one, with its sign: the estimate's norm is clipped, as a gradient's is. Of a
network that learns few slopes are as steep. Of one whose learning rate is too high for how curved its loss has become
all are; unclipped its weights are soon no numbers, clipped they move on by steps that are bounded.

Source: Pascanu et al. 2013 (https://arxiv.org/abs/1211.5063), section 3.2, of the gradient's norm.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from glassworks.optim.gradient_free import vector
from glassworks.optim.gradient_free.search import mixed
from glassworks.optim.gradient_free.settings import check_settings, check_steepest, listed


class Slopes(torch.optim.Optimizer):
    """Directions are drawn from the seed and the generation, and forgotten."""

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        super().__init__(listed(params), defaults)
        vector.check_weights(self.weights)
        check_settings(self.param_groups)
        check_steepest(defaults["steepest"])
        self.memory.update(generation=0, forwards=0)
        self.last: dict[str, float] = {}

    @property
    def weights(self) -> list[Tensor]:
        """All that is moved, in order."""
        return [p for group in self.param_groups for p in group["params"]]

    @property
    def memory(self) -> dict[str, Any]:
        """How many steps were done, and at how many forward passes: all that it keeps."""
        found: dict[str, Any] = self.state[self.weights[0]]
        return found

    @property
    def key(self) -> int:
        """What this step's numbers are drawn by, and no other's."""
        return mixed(self.param_groups[0]["seed"], self.memory["generation"])

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; the loss of the weights as they were before."""
        if closure is None:
            raise ValueError("step() needs a closure that computes the loss: step(lambda: loss_fn(model, batch))")
        loss, passes = self.descend(closure)
        self.memory["generation"] += 1
        self.memory["forwards"] += passes
        return loss

    def bounded(self, slope: float) -> float:
        """A slope, or `steepest` with its sign where it is steeper."""
        most = self.param_groups[0]["steepest"]
        return slope if most is None else max(-most, min(most, slope))

    def descend(self, closure: Callable[[], Any]) -> tuple[Any, int]:
        """Move the weights by what slopes say; the loss before, and how many forward passes it took."""
        raise NotImplementedError

    def numbers(self) -> dict[str, float]:
        """What is logged of a step, and forward passes so far."""
        return {**self.last, "forwards": float(self.memory["forwards"])}
