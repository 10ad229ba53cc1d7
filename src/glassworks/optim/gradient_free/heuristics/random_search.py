"""Random search: places drawn without regard to what was seen, of which the best is kept.

    x = x_0 + lr sigma scale N(0, I)     about the module's own initialisation
    x uniform in [low, high]             in a box, where one is given

It is what every other method must beat. The best is measured again with each generation, on the batch at hand.

Source: Bergstra & Bengio 2012, "Random Search for Hyper-Parameter Optimization"
(https://jmlr.org/papers/v13/bergstra12a.html).
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.evolution.gaussian import normal
from glassworks.optim.gradient_free.heuristics.kept import Elitist
from glassworks.optim.gradient_free.heuristics.scale import own_scale


class RandomSearch(Elitist):
    """The best of all places drawn; holds the weights, and those that they began with.

    Args:
        params: weights, in one group.
        lr: what distances from the start are multiplied by.
        sigma: their deviation, in that of the module's own weights.
        population: places a generation.
        box: the lowest and highest value of every weight, for uniform places; None = normal about the start.
        seed: of places.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 1.0,
        sigma: float = 1.0,
        population: int = 64,
        box: tuple[float, float] | None = None,
        seed: int = 0,
    ) -> None:
        if box is not None and not box[0] < box[1]:
            raise ValueError(f"box (={box}) must be the lowest value, then a higher one")
        super().__init__(params, population=population, seed=seed, lr=lr, sigma=sigma, box=box)
        self.memory["scale"] = own_scale(self.weights)
        self.memory["start"] = self.memory["mean"].clone()

    def draw(self, generator: torch.Generator) -> Float[Tensor, "P D"]:
        """The best so far, then other places."""
        mean, start, settings = self.memory["mean"], self.memory["start"], self.settings
        population = settings["population"]
        if settings["box"] is None:
            spread = settings["lr"] * settings["sigma"] * self.memory["scale"]
            places = normal(self.key, range(population), mean).mul_(spread).add_(start)
        else:
            low, high = settings["box"]
            shares = torch.rand(population, len(mean), generator=generator, dtype=mean.dtype, device=mean.device)
            places = shares.mul_(high - low).add_(low)
        return torch.cat([mean[None], places])

    def choose(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> int:
        """The best of these and of all before."""
        return int(losses.argmin())
