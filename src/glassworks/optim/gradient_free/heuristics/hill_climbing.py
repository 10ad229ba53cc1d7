"""Hill climbing, the (1+1) evolution strategy: a neighbour that is better is taken, and steps learn their length.

    y = x + lr sigma scale N(0, I),   x <- y where loss(y) <= loss(x)
    sigma <- sigma 1.5^((5 s - 1) / 4),   s = the share of neighbours that were no worse

so that one in five succeeds: where more do, steps are too short. One neighbour a step makes that 1.5 after a success,
1.5^(-1/4) after none. Both losses are of the batch at hand.

Source: Rechenberg 1973; the rule with these factors is Auger 2009, "Benchmarking the (1+1) Evolution Strategy with
One-Fifth Success Rule" (https://doi.org/10.1145/1570256.1570342).
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.heuristics.kept import Elitist
from glassworks.optim.gradient_free.heuristics.scale import around, own_scale

MOST = 1e30
"""Sigma does not grow beyond: where all places are equally good it would until the weights are no numbers."""


class HillClimbing(Elitist):
    """(1+1)-ES, or with a population above 1 the best of so many neighbours; holds no more than the weights.

    Args:
        params: weights, in one group.
        lr: what steps are multiplied by, beside sigma.
        sigma: their first deviation, in that of the module's own weights.
        population: neighbours a step.
        seed: of neighbours.
    """

    def __init__(
        self, params: Iterable[Any], *, lr: float = 1.0, sigma: float = 0.1, population: int = 1, seed: int = 0
    ) -> None:
        super().__init__(params, population=population, seed=seed, lr=lr, sigma=sigma)
        self.memory["scale"] = own_scale(self.weights)
        self.memory["sigma"] = float(sigma)

    def draw(self, generator: torch.Generator) -> Float[Tensor, "P D"]:
        """The weights as they are, then neighbours."""
        return around(self, self.settings["lr"] * self.memory["sigma"] * self.memory["scale"])

    def choose(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> int:
        """The best neighbour, if it is no worse; and the steps' length."""
        won = (losses[1:] <= losses[0]) & losses[1:].isfinite()
        longer = 1.5 ** ((5 * float(won.double().mean()) - 1) / 4)
        self.memory["sigma"] = min(MOST, self.memory["sigma"] * longer)
        best = int(losses[1:].argmin())
        return best + 1 if won[best] else 0

    def numbers(self) -> dict[str, float]:
        """Of any search, and the step size."""
        return {**super().numbers(), "sigma": self.memory["sigma"]}
