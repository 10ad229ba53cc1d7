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

from glassworks.optim.gradient_free.heuristics.kept import Elitist
from glassworks.optim.gradient_free.heuristics.scale import around, own_scale
from glassworks.optim.gradient_free.search import mixed


class SimulatedAnnealing(Elitist):
    """One chain of weights that cools; what the module holds is where it stands.

    Args:
        params: weights, in one group.
        lr: what steps are multiplied by.
        sigma: their deviation, in that of the module's own weights.
        population: neighbours tried a step.
        temperature: the first, in units of the loss; None = from the first generation.
        cooling: what it is multiplied by after each step.
        seed: of neighbours and of what is taken.
    """

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
        return around(self, self.settings["lr"] * self.settings["sigma"] * self.memory["scale"])

    def choose(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> int:
        """The first neighbour that is taken, if any is; then it is a little colder."""
        memory = self.memory
        here, *there = losses.tolist()
        if memory["temperature"] is None:
            rises = [abs(loss - here) for loss in there if math.isfinite(loss - here)]
            memory["temperature"] = sum(rises) / len(rises) if rises else None
        heat = memory["temperature"] or 0.0
        coins = torch.rand(len(there), generator=torch.Generator().manual_seed(mixed(self.key, 2))).tolist()
        taken = (i for i, loss in enumerate(there, 1) if is_taken(loss - here, heat, coins[i - 1]))
        if memory["temperature"] is not None:
            memory["temperature"] *= self.settings["cooling"]
        return next(taken, 0)

    def numbers(self) -> dict[str, float]:
        """Of any search, and the temperature."""
        return {**super().numbers(), "temperature": self.memory["temperature"] or 0.0}


def is_taken(rise: float, temperature: float, coin: float) -> bool:
    """Whether a neighbour is taken whose loss is so much higher; `coin` is uniform in [0, 1)."""
    if math.isnan(rise):  # both infinite
        return False
    return rise <= 0 or (temperature > 0 and coin < math.exp(-rise / temperature))
