"""Exponential natural evolution strategies: a normal distribution of any covariance, along its natural gradient.

    mean   <- mean + lr * sigma * B sum of u_i s_i
    sigma  <- sigma * exp(sigma_lr / 2 * tr(G) / D)
    B      <- B expm(sigma_lr / 2 * (G - tr(G) / D I)),    G = sum of u_i (s_i s_i' - I)

x_i = mean + sigma B s_i with s_i normal; u_i are the utilities of the losses' ranks. B keeps the determinant 1, and is
symmetric only at first. It does not matter to xNES which axes the loss is written in.

Source: Glasmachers et al. 2010 (https://doi.org/10.1145/1830483.1830557); Wierstra et al. 2014
(https://jmlr.org/papers/v15/wierstra14a.html), algorithm 5 and table 1. The matrix's exponential is what makes it xNES:
that of each number by itself, which evosax 0.3.2 takes, leaves B diagonal for ever.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.evolution.gaussian import normal, utilities
from glassworks.optim.gradient_free.room import at_once
from glassworks.optim.gradient_free.search import Search


class XNES(Search):
    """Independent candidates, utilities by rank, and a covariance of all weights, which follows what was better.

    It holds D x D numbers, and a generation of P candidates takes some 10 P D^2 operations, not D^3: G has P directions
    alone. ValueError where so many numbers do not fit into memory.

    Args:
        params: weights, in one group.
        lr: what the mean's step is multiplied by.
        sigma: deviation of candidates to begin with, in the units of the weights.
        population: candidates a generation. None = the paper's 4 + 3 log D.
        seed: of their noise.
        sigma_lr: of the covariance's steps; 0 keeps it. None = the paper's (9 + 3 log D) / (5 D sqrt D).
    """

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
        mean = self.memory["mean"]
        D = len(mean)
        if at_once(D, mean) < D:
            size = 2 * D * D * mean.element_size() / 1e9
            raise ValueError(
                f"xnes of {D:,} weights holds {D:,} x {D:,} numbers, with room to work {size:.1f} GB, "
                "which are not free: take snes, which holds a number a weight"
            )
        if sigma_lr is None:
            self.settings["sigma_lr"] = (9 + 3 * math.log(D)) / (5 * D * math.sqrt(D))
        elif not sigma_lr >= 0:
            raise ValueError(f"sigma_lr (={sigma_lr}) must be 0, to keep the covariance as it is, or more")
        self.memory["sigma"] = sigma
        self.memory["B"] = torch.eye(D, dtype=mean.dtype, device=mean.device)

    def draw(self, generator: torch.Generator) -> Float[Tensor, "P D"]:
        """Around the mean."""
        mean = self.memory["mean"]
        return torch.addmm(mean, self.noise(), self.memory["B"].T, alpha=self.memory["sigma"])

    def noise(self) -> Float[Tensor, "P D"]:
        """This generation's s."""
        return normal(self.key, range(self.settings["population"]), self.memory["mean"])

    def update(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> None:
        """Along the natural gradient. Candidates that were not drawn here take D^3 operations, to find their s."""
        mean, sigma, B = self.memory["mean"], self.memory["sigma"], self.memory["B"]
        s = self.noise() if candidates is self.asked else torch.linalg.solve(B, (candidates - mean).T / sigma).T
        u, rate = utilities(losses), self.settings["sigma_lr"] / 2
        mean += self.settings["lr"] * sigma * (B @ (u @ s))
        # G = s' diag(u) s = Q C Q' with C small: of its exponential, all but the identity lies within Q
        Q, R = torch.linalg.qr(s.T)
        exponential = torch.linalg.matrix_exp(rate * (R * u) @ R.T)
        trace = float(u @ s.square().sum(1)) / len(mean)
        exponential.diagonal().sub_(1)
        B.addmm_(B @ Q @ exponential, Q.T).mul_(math.exp(-rate * trace))
        self.memory["sigma"] = sigma * math.exp(rate * trace)
        self.last["sigma"] = self.memory["sigma"]
