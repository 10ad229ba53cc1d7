"""What searches of few weights share, which try one candidate after another, each by the losses of all before it.

They take losses for exact: give them the same batch in every step. A step is a fixed number of candidates, wherever
the method is in what it does, and its weights are the best that were found.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free import vector
from glassworks.optim.gradient_free.evaluate import losses_of
from glassworks.optim.gradient_free.search import Search


class Sequential(Search):
    """One candidate at a time, in double precision; a step tries `population` of them."""

    def __init__(self, params: Iterable[Any], *, most: int, **defaults: Any) -> None:
        """As of any search; `most` is how many weights it is for."""
        super().__init__(params, lr=1.0, **defaults)
        number = len(self.memory["mean"])
        if number > most:
            raise ValueError(
                f"the model has {number:,} weights to move, and {type(self).__name__} is for {most:,} at most: take "
                "sep_cma_es or openai_es, or freeze what need not move"
            )
        self.memory["mean"] = self.memory["mean"].double()
        self.memory["lowest"] = math.inf

    @torch.no_grad()
    def tell(self, losses: Float[Tensor, " P"], candidates: Float[Tensor, "P D"] | None = None) -> None:
        """Learn the loss of the candidate that was asked for; one that is no number, or infinite, is the worst."""
        if candidates is not None or losses.shape != (1,):
            raise ValueError("this search tries one candidate after the other: tell the loss of the one it asked for")
        self.learn(self.ask(), float(losses))
        self.asked = None
        vector.write(self.memory["mean"], self.weights)

    def learn(self, candidates: Float[Tensor, "1 D"], loss: float) -> None:
        """What a loss changes."""
        is_known = math.isfinite(loss)
        self.last["failed"] = self.last.get("failed", 0.0) + (not is_known)
        if is_known and loss < self.memory["lowest"]:
            self.memory["mean"], self.memory["lowest"] = candidates[0].clone(), loss
            self.last["best"] = loss
        self.update(candidates, candidates.new_tensor([loss if is_known else math.inf]))
        self.memory["generation"] += 1

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """As many candidates as the population; the loss of the weights as they were before it."""
        if closure is None:
            raise ValueError("step() needs a closure that computes the loss: step(lambda: loss_fn(model, batch))")
        loss = closure()
        self.last = {"failed": 0.0, "best": self.memory["lowest"]}
        self.search(closure)
        self.memory["forwards"] += 1 + self.settings["population"]
        return loss

    def search(self, closure: Callable[[], Any]) -> None:
        """Try as many candidates as the population."""
        for _ in range(self.settings["population"]):
            self.tell(losses_of(closure, self.weights, self.ask()))
