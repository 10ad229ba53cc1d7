"""A genetic algorithm as simple as it can be: the best survive, their children are they and noise.

    child = parent + lr sigma scale N(0, I),   the parent one of the T best, each as likely

`scale` is that of each of the module's own tensors. With `crossover` above 0, a child takes each weight from either of
two parents first (uniform crossover), that often. The best of all is kept as it is (the elite), and measured again with
its children, on the batch at hand: what was lucky on one batch does not stay for ever.

Source: Such et al. 2017, "Deep Neuroevolution" (https://arxiv.org/abs/1712.06567), algorithm 1: truncation, one elite,
mutation alone; there sigma is 0.002 to 0.005 in the weights' units, T 20 of 1,000. Crossover: Syswerda 1989.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.evolution.gaussian import normal
from glassworks.optim.gradient_free.heuristics.kept import Elitist
from glassworks.optim.gradient_free.heuristics.scale import own_scale
from glassworks.optim.gradient_free.settings import check_share


class Genetic(Elitist):
    """Truncation, elite, mutation; holds `parents` copies of the weights.

    Args:
        params: weights, in one group.
        lr: what mutations are multiplied by.
        sigma: their deviation, in that of the module's own weights.
        population: children a generation.
        parents: how many of the best have children (T).
        crossover: the share of children that have two parents.
        seed: of parents and mutations.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 1.0,
        sigma: float = 0.3,
        population: int = 64,
        parents: int = 8,
        crossover: float = 0.0,
        seed: int = 0,
    ) -> None:
        settings = {"lr": lr, "sigma": sigma, "parents": parents, "crossover": crossover}
        super().__init__(params, population=population, seed=seed, **settings)
        if parents < 1:
            raise ValueError(f"parents (={parents}) must be at least 1")
        check_share("crossover", crossover)
        self.memory["scale"] = own_scale(self.weights)
        self.memory["parents"] = self.memory["mean"][None].clone()

    def draw(self, generator: torch.Generator) -> Float[Tensor, "P D"]:
        """The elite, then children."""
        parents, settings = self.memory["parents"], self.settings
        like: dict[str, Any] = {"generator": generator, "device": parents.device}
        chosen = torch.randint(len(parents), (2, settings["population"]), **like)
        children = parents[chosen[0]]
        if settings["crossover"] > 0:
            mixed = torch.rand(len(children), 1, **like) < settings["crossover"]
            other = torch.rand(children.shape, **like) < 0.5
            children = torch.where(mixed & other, parents[chosen[1]], children)
        noise = normal(self.key, range(len(children)), self.memory["mean"])
        children += noise.mul_(settings["lr"] * settings["sigma"] * self.memory["scale"])
        return torch.cat([self.memory["mean"][None], children])

    def choose(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> int:
        """The best are the next parents, the first of them the elite."""
        best = losses.argsort(stable=True)[: min(self.settings["parents"], int(losses.isfinite().sum()))]
        self.memory["parents"] = candidates[best]
        return int(best[0])
