"""Separable natural evolution strategies: a normal distribution, with a sigma a weight, along its natural gradient.

    mean   <- mean + lr * sigma * sum of u_i s_i
    sigma  <- sigma * exp(sigma_lr / 2 * sum of u_i (s_i^2 - 1))

s_i = (x_i - mean) / sigma are normal, u_i the utilities of the losses' ranks, which sum to 0.

Source: Wierstra et al. 2014 (https://jmlr.org/papers/v15/wierstra14a.html), algorithm 6 and table 1. (Schaul et al.
2011 have it first.)
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.evolution.gaussian import drawn, least_sigma, moments, utilities
from glassworks.optim.gradient_free.search import Candidates, Search


class SNES(Search):
    """Independent candidates, utilities by rank, and a sigma of each weight, which follows what was better.

    Args:
        params: weights, in one group.
        lr: what the mean's step is multiplied by.
        sigma: deviation of candidates to begin with, in the units of the weights.
        population: candidates a generation. None = the paper's 4 + 3 log D.
        seed: of their noise.
        sigma_lr: of sigma's steps; 0 keeps it. None = the paper's (3 + log D) / (5 sqrt D).
    """

    in_parts = True

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 1.0,
        sigma: float = 0.05,
        population: int | None = None,
        seed: int = 0,
        sigma_lr: float | None = None,
    ) -> None:
        super().__init__(params, population=population, seed=seed, lr=lr, sigma=sigma, sigma_lr=sigma_lr)
        D = len(self.memory["mean"])
        if sigma_lr is None:
            self.settings["sigma_lr"] = (3 + math.log(D)) / (5 * math.sqrt(D))
        elif not sigma_lr >= 0:
            raise ValueError(f"sigma_lr (={sigma_lr}) must be 0, to keep sigma as it is, or more")
        self.memory["sigma"] = torch.full_like(self.memory["mean"], sigma)

    def part(self, rows: range) -> Float[Tensor, "rows D"]:
        """Around the mean."""
        return drawn(self.key, rows, self.memory["mean"], self.memory["sigma"])

    def update(self, candidates: Candidates, losses: Float[Tensor, " P"]) -> None:
        """Both along the natural gradient."""
        sigma = self.memory["sigma"]
        first, second = moments(candidates, self.memory["mean"], utilities(losses))
        self.memory["mean"] += self.settings["lr"] * first
        sigma *= torch.exp(0.5 * self.settings["sigma_lr"] * second / sigma**2)
        sigma.clamp_(min=least_sigma(sigma))
        self.last["sigma"] = float(sigma.mean())
