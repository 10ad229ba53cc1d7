"""Policy gradients with parameter-based exploration: a mean and a sigma of each weight, both moved down the gradient.

    mean   <- mean - lr * g,             g = 1 / n sum of u_i d_i                         as `inner` says
    sigma  <- sigma - sigma_lr * h,      h = 1 / n sum of (u_i - b) (d_i^2 - sigma^2) / sigma

d_i = x_i - mean are normal with deviation sigma, each with its opposite (symmetric sampling), u_i the centred ranks of
the losses and b their mean, 0. A sigma changes by a fifth of itself at most in a generation, so that it stays above 0.

Source: Sehnke et al. 2010 (https://doi.org/10.1016/j.neunet.2009.12.004), section 2.3 and algorithm 2, which has losses
where we have their ranks, and no limit to the change of sigma; both are as in evosax.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.evolution.gaussian import centred_ranks, drawn, least_sigma, moments
from glassworks.optim.gradient_free.evolution.inner import Inner, check_inner, move
from glassworks.optim.gradient_free.search import Candidates, Search
from glassworks.optim.gradient_free.settings import check_pairs

LARGEST_CHANGE = 0.2


class PGPE(Search):
    """Antithetic pairs, centred ranks, and a sigma of each weight, which is learned, too.

    Args:
        params: weights, in one group.
        lr: of the inner step of the mean.
        sigma: deviation of candidates to begin with, in the units of the weights.
        population: candidates a generation; an even number.
        seed: of their noise.
        inner: how the mean moves down the gradient: adam, momentum or plain.
        weight_decay: decoupled, times lr.
        sigma_lr: of sigma's steps; 0 keeps it.
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
        sigma_lr: float = 0.1,
    ) -> None:
        own = {"lr": lr, "sigma": sigma, "inner": inner, "weight_decay": weight_decay, "sigma_lr": sigma_lr}
        super().__init__(params, population=population, seed=seed, **own)
        check_pairs(population)
        check_inner(own)
        if not sigma_lr >= 0:
            raise ValueError(f"sigma_lr (={sigma_lr}) must be 0, to keep sigma as it is, or more")
        self.memory["sigma"] = torch.full_like(self.memory["mean"], sigma)

    def part(self, rows: range) -> Float[Tensor, "rows D"]:
        """Pairs around the mean: the first half, then their opposites."""
        return drawn(self.key, rows, self.memory["mean"], self.memory["sigma"], half=self.settings["population"] // 2)

    def update(self, candidates: Candidates, losses: Float[Tensor, " P"]) -> None:
        """Down both gradients, which the ranks estimate."""
        sigma = self.memory["sigma"]
        first, second = moments(candidates, self.memory["mean"], centred_ranks(losses))
        move(self.memory, first / len(losses), self.settings)
        wanted = sigma - self.settings["sigma_lr"] / len(losses) * second / sigma  # the sum of u_i - b is 0
        low, high = sigma * (1 - LARGEST_CHANGE), sigma * (1 + LARGEST_CHANGE)
        self.memory["sigma"] = torch.clamp(wanted, low, high).clamp_(min=least_sigma(sigma))
        self.last["sigma"] = float(self.memory["sigma"].mean())
