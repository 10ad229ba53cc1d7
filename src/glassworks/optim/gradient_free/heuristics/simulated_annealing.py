"""Simulated annealing: better neighbours are taken, worse ones too while it is hot.

    x <- y = x + lr sigma scale N(0, I)  with probability  min(1, exp(-(loss(y) - loss(x)) / temperature))
    temperature <- cooling temperature

Where no temperature is given it is the first generation's mean difference of losses, which then takes one worse
neighbour in e. Both losses are of the batch at hand. With a population above 1 neighbours are tried in their order,
and the first one taken ends the step: the same chain, whose refusals are measured at once.

Source: Kirkpatrick, Gelatt & Vecchi 1983, "Optimization by Simulated Annealing"
(https://doi.org/10.1126/science.220.4598.671); the rule is Metropolis et al. 1953.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.heuristics.scale import own_scale
from glassworks.optim.gradient_free.search import Search, mixed


class SimulatedAnnealing(Search):
    """One chain of weights that cools; what the module holds is where it stands.

    Args:
        params: weights, or groups of them.
        lr: what steps are multiplied by.
        sigma: their deviation, in that of the module's own weights.
        population: neighbours tried a step.
        temperature: the first, in units of the loss; None = from the first generation.
        cooling: what it is multiplied by after each step.
        seed: of neighbours and of what is taken.
    """

    first_is_mean = True

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 1.0,
        sigma: float = 0.05,
        population: int = 1,
        temperature: float | None = None,
        cooling: float = 0.99,
        seed: int = 0,
    ) -> None:
        if temperature is not None and not temperature >= 0:
            raise ValueError(f"temperature (={temperature}) must be 0 or more")
        if not 0 < cooling <= 1:
            raise ValueError(f"cooling (={cooling}) must be above 0 and at most 1")
        super().__init__(params, population=population, seed=seed, lr=lr, sigma=sigma, cooling=cooling)
        self.memory["scale"] = own_scale(self.weights)
        self.memory["temperature"] = temperature

    def draw(self, generator: torch.Generator) -> Float[Tensor, "P D"]:
        """Where the chain stands, then neighbours."""
        mean, settings = self.memory["mean"], self.settings
        spread = settings["lr"] * settings["sigma"] * self.memory["scale"]
        noise = torch.randn(
            settings["population"], len(mean), generator=generator, dtype=mean.dtype, device=mean.device
        )
        return torch.cat([mean[None], noise.mul_(spread).add_(mean)])

    def update(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> None:
        """The first neighbour that is taken, if any is; then a little colder."""
        memory = self.memory
        here, *there = losses.tolist()
        if memory["temperature"] is None:
            rises = [abs(loss - here) for loss in there if math.isfinite(loss - here)]
            memory["temperature"] = sum(rises) / len(rises) if rises else None
        heat = memory["temperature"] or 0.0
        coins = torch.Generator()
        coins.manual_seed(mixed(mixed(self.settings["seed"], memory["generation"]), 1))
        luck = torch.rand(len(there), generator=coins).tolist()
        taken = [i for i, loss in enumerate(there) if taken_by(loss - here, heat, luck[i])]
        if taken:
            memory["mean"] = candidates[1 + taken[0]].clone()
        if memory["temperature"] is not None:
            memory["temperature"] *= self.settings["cooling"]

    def numbers(self) -> dict[str, float]:
        """Of any search, and the temperature."""
        return {**super().numbers(), "temperature": self.memory["temperature"] or 0.0}


def taken_by(rise: float, temperature: float, luck: float) -> bool:
    """Whether a neighbour is taken whose loss is so much higher; `luck` is uniform in [0, 1)."""
    if math.isnan(rise):  # both infinite
        return False
    return rise <= 0 or (temperature > 0 and luck < math.exp(-rise / temperature))
