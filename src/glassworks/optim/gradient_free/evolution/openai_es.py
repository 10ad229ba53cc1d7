"""Evolution strategies as OpenAI's: a gradient of the loss smoothed by noise, from pairs of opposite candidates.

    g = 1 / (n sigma) sum of u_i e_i,    x_i = mean + sigma e_i

e_i are normal, each with its opposite (antithetic), u_i the centred ranks of the losses, from -1/2 to 1/2. The mean
moves down g as `inner` says. n candidates need not lie in memory: they are drawn again from their seed.

Source: Salimans et al. 2017 (https://arxiv.org/abs/1703.03864), algorithms 1 and 2, section 2.1; Adam as in its code.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.evolution.gaussian import centred_ranks, drawn, moments
from glassworks.optim.gradient_free.evolution.inner import Inner, check_inner, move
from glassworks.optim.gradient_free.search import Candidates, Search
from glassworks.optim.gradient_free.settings import check_pairs


class OpenAIES(Search):
    """Antithetic pairs, centred ranks, and one sigma.

    Args:
        params: weights, in one group.
        lr: of the inner step.
        sigma: deviation of candidates, in the units of the weights.
        population: candidates a generation; an even number.
        seed: of their noise.
        inner: how the mean moves down the gradient: adam, momentum or plain.
        weight_decay: decoupled, times lr.
        sigma_decay: what sigma is multiplied by after each generation.
    """

    in_parts = True

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 0.01,
        sigma: float = 0.05,
        population: int = 64,
        seed: int = 0,
        inner: Inner = "adam",
        weight_decay: float = 0.0,
        sigma_decay: float = 1.0,
    ) -> None:
        own = {"lr": lr, "sigma": sigma, "inner": inner, "weight_decay": weight_decay, "sigma_decay": sigma_decay}
        super().__init__(params, population=population, seed=seed, **own)
        check_pairs(population)
        check_inner(own)
        if not 0 < sigma_decay <= 1:
            raise ValueError(f"sigma_decay (={sigma_decay}) must be above 0, and at most 1, which is none")

    @property
    def sigma(self) -> float:
        """This generation's."""
        return float(self.settings["sigma"] * self.settings["sigma_decay"] ** self.memory["generation"])

    def part(self, rows: range) -> Float[Tensor, "rows D"]:
        """Pairs around the mean: the first half, then their opposites."""
        mean = self.memory["mean"]
        return drawn(self.key, rows, mean, torch.full_like(mean, self.sigma), half=self.settings["population"] // 2)

    def update(self, candidates: Candidates, losses: Float[Tensor, " P"]) -> None:
        """Down the gradient that the ranks estimate; of candidates that were not drawn here, too."""
        total, _ = moments(candidates, self.memory["mean"], centred_ranks(losses))
        move(self.memory, total / (len(losses) * self.sigma**2), self.settings)
        self.last["sigma"] = self.sigma
