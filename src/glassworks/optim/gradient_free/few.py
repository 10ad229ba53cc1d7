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
from glassworks.optim.gradient_free.evaluation.left import left_as_it_was, same_numbers, written
from glassworks.optim.gradient_free.search import Candidates, Search


class Sequential(Search):
    """One candidate at a time, in double precision; a step tries `population` of them."""

    def __init__(self, params: Iterable[Any], *, most: int, **defaults: Any) -> None:
        """As of any search; `most` is how many weights it is for."""
        super().__init__(params, lr=1.0, **defaults)
        number = len(self.memory["mean"])
        if number > most:
            raise ValueError(
                f"the model has {number:,} weights to move, and {type(self).__name__} is for {most:,} at most: take "
                "sep_cma_es or openai_es, freeze what need not move, or a smaller network (--model.width and "
                "--model.depth of images and tables, --model.n-embd of text)"
            )
        self.memory["mean"] = self.memory["mean"].double()
        self.memory["lowest"] = math.inf

    def learn(self, candidates: Candidates, losses: Float[Tensor, " P"]) -> None:
        """What a loss changes; one that is no number, or infinite, is the worst."""
        if candidates is not self.asked or self.asked is None:
            raise ValueError("candidates (given) cannot be learned of: tell the loss of the one that was asked for")
        loss = float(losses[0])
        is_known = math.isfinite(loss)
        self.last["failed"] = self.last.get("failed", 0.0) + (not is_known)
        if is_known and loss < self.memory["lowest"]:
            self.memory["mean"], self.memory["lowest"] = self.asked[0].clone(), loss
            self.last["best"] = loss
        self.update(self.asked, losses)
        self.memory["generation"] += 1
        self.memory.pop("told", None)
        self.asked = None
        vector.write(self.memory["mean"], self.weights)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """As many candidates as the population; the loss of the weights as they were before it."""
        if closure is None:
            raise ValueError("step() needs a closure that computes the loss: step(lambda: loss_fn(model, batch))")
        with same_numbers(self.settings["seed"], self.weights):
            loss = closure()
        self.last = {"failed": 0.0}
        self.search(closure)
        self.memory["forwards"] += 1 + self.settings["population"]
        return loss

    def search(self, closure: Callable[[], Any]) -> None:
        """Try as many candidates as the population."""
        for _ in range(self.settings["population"]):
            self.tell(self.losses(closure))

    def losses(self, closure: Callable[[], Any]) -> Float[Tensor, "1"]:
        """Of the candidate that is asked for: with the same random numbers as all others', what dropout drops say."""
        with left_as_it_was(self.weights):
            written(self.ask()[0], self.weights, self.settings["seed"])
            return torch.as_tensor(closure()).detach().reshape(1)
