"""Evolution strategies as OpenAI's: a gradient of the loss smoothed by noise, from pairs of opposite candidates.

    theta <- theta - lr / (n sigma) * sum over i of u_i e_i

e_i are normal, each with its opposite (antithetic), u_i the centred ranks of the losses, from -1/2 to 1/2.

Source: Salimans et al. 2017 (https://arxiv.org/abs/1703.03864), algorithm 1 and section 2.1.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.search import Search


class OpenAIES(Search):
    """Antithetic pairs, centred ranks, plain steps."""

    def __init__(
        self, params: Iterable[Any], *, lr: float = 0.01, sigma: float = 0.05, population: int = 64, seed: int = 0
    ) -> None:
        if population % 2:
            raise ValueError(f"population (={population}) must be even: candidates come in pairs")
        super().__init__(params, population=population, seed=seed, lr=lr, sigma=sigma)

    def draw(self, generator: torch.Generator) -> Float[Tensor, "P D"]:
        """Pairs around the mean: the first half, then their opposites."""
        mean, half = self.memory["mean"], self.settings["population"] // 2
        noise = torch.randn(half, len(mean), generator=generator, dtype=mean.dtype, device=mean.device)
        noise *= self.settings["sigma"]
        return torch.cat([mean + noise, mean - noise])

    def update(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> None:
        """Down the gradient that the pairs' ranks estimate."""
        shares = centred_ranks(losses)
        gradient = shares @ (candidates - self.memory["mean"]) / (len(losses) * self.settings["sigma"] ** 2)
        self.memory["mean"] -= self.settings["lr"] * gradient


def centred_ranks(losses: Float[Tensor, " P"]) -> Float[Tensor, " P"]:
    """Ranks from -1/2, the smallest loss, to 1/2, the largest."""
    ranks = torch.empty_like(losses)
    ranks[losses.argsort(stable=True)] = torch.arange(len(losses), dtype=losses.dtype, device=losses.device)
    return ranks / (len(losses) - 1) - 0.5
