"""What all searches share: a generation that is asked and told, seeds, and losses that are no numbers.

A search holds its best estimate of the weights, and what it knows besides, in `state_dict`. A generation is candidates
(P, D), rows of weights as one vector, and their losses (P,). Which candidates are drawn is a function of the seed, the
generation and the state alone: a training that was killed within a generation draws it again, to the same bits.

    optimizer.step(closure)          # ask, evaluate, tell: what `fit` does
    candidates = optimizer.ask()     # or by hand, where losses come from elsewhere
    optimizer.tell(losses)
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free import vector
from glassworks.optim.gradient_free.evaluate import losses_of


class Search(torch.optim.Optimizer):
    """Moves weights by the losses of candidates. A method says how these are drawn, and what is learned of them.

    A method's `__init__` adds what it knows to `memory`; `draw` and `update` are all else that it must have.
    """

    first_is_mean = False
    """Whether the first candidate is always the weights as they are: a step does not measure it twice."""

    def __init__(self, params: Iterable[Any], *, population: int, seed: int = 0, **defaults: Any) -> None:
        super().__init__(params, {"population": population, "seed": seed, **defaults})
        vector.check_weights(self.weights)
        if population < 1:
            raise ValueError(f"population (={population}) must be at least 1")
        self.memory["mean"] = vector.read(self.weights)
        self.memory["generation"] = 0
        self.memory["forwards"] = 0
        self.asked: Tensor | None = None
        self.last: dict[str, float] = {}

    # ------------------------------------------------------------------------------------------------------------------
    # What a method says

    def draw(self, generator: torch.Generator) -> Float[Tensor, "P D"]:
        """The candidates of this generation: a function of the memory and the generator alone."""
        raise NotImplementedError

    def update(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> None:
        """Learn from them. `losses` are finite, or +inf for those that were no numbers; some are finite."""
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------------------------------
    # A generation

    @property
    def weights(self) -> list[Tensor]:
        """All that is moved, in order."""
        return [p for group in self.param_groups for p in group["params"]]

    @property
    def settings(self) -> dict[str, Any]:
        """lr, sigma, population, seed and what else the method has; of the only group, where a schedule changes lr."""
        found: dict[str, Any] = self.param_groups[0]
        return found

    @property
    def memory(self) -> dict[str, Any]:
        """What it knows, tensors and numbers: part of `state_dict`."""
        found: dict[str, Any] = self.state[self.weights[0]]
        return found

    def ask(self) -> Float[Tensor, "P D"]:
        """This generation's candidates; the same ones until they are told of."""
        if self.asked is None:
            generator = torch.Generator(self.memory["mean"].device)
            generator.manual_seed(mixed(self.settings["seed"], self.memory["generation"]))
            self.asked = self.draw(generator)
        return self.asked

    @torch.no_grad()
    def tell(self, losses: Float[Tensor, " P"], candidates: Float[Tensor, "P D"] | None = None) -> None:
        """Learn the losses of the candidates that were asked for, or of given ones, in their order.

        Losses that are no numbers, or infinite, rank last; where all are, nothing is learned of them.
        """
        candidates = self.ask() if candidates is None else candidates
        if losses.shape != candidates.shape[:1]:
            raise ValueError(
                f"losses (of shape {tuple(losses.shape)}) must be one for each of {len(candidates)} candidates"
            )
        losses = losses.to(self.memory["mean"])
        finite = losses.isfinite()
        self.last = {"failed": float((~finite).sum())}
        if finite.any():
            self.last |= {"best": float(losses[finite].min())}
            self.update(candidates, losses.masked_fill(~finite, math.inf))
        self.memory["generation"] += 1
        self.asked = None
        vector.write(self.memory["mean"], self.weights)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One generation; the loss of the weights as they were before it."""
        if closure is None:
            raise ValueError("step() needs a closure that computes the loss: step(lambda: loss_fn(model, batch))")
        loss = closure()
        losses = losses_of(closure, self.weights, self.ask()[int(self.first_is_mean) :])
        self.memory["forwards"] += 1 + len(losses)
        if self.first_is_mean:
            losses = torch.cat([torch.as_tensor(loss).detach().reshape(1).to(losses), losses])
        self.tell(losses)
        return loss

    def numbers(self) -> dict[str, float]:
        """What is logged of a generation: its best loss, how many candidates failed, forward passes so far."""
        return {**self.last, "forwards": float(self.memory["forwards"])}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As torch's, but tensors keep their precision, which torch brings to the weights'."""
        super().load_state_dict(state_dict)
        device = self.weights[0].device
        for name, value in state_dict["state"].get(0, {}).items():
            self.memory[name] = value.to(device, copy=True) if isinstance(value, Tensor) else value
        self.asked = None


def mixed(seed: int, generation: int) -> int:
    """A seed of a generation of its own: neighbours' streams of numbers have nothing in common (SplitMix64)."""
    x = (seed * 0x9E3779B97F4A7C15 + generation + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


MASK = 2**64 - 1
