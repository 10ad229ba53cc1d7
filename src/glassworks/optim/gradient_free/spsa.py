"""Simultaneous perturbation: a gradient from two losses, however many weights there are.

    g = (L(theta + c_k d) - L(theta - c_k d)) / (2 c_k) * d        theta <- theta - a_k g

d has +1 or -1 for each weight, at random. a_k falls as (k + 1 + A)^-0.602 and c_k as (k + 1)^-0.101: the slowest
falls under which it still converges, and what Spall advises for a budget that is finite. A holds the first steps back.

Source: Spall 1992 (https://doi.org/10.1109/9.119632), eq. 2.1 and 2.2; the gains are those of Spall 1998
(https://doi.org/10.1109/7.705889), section III.B.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.search import Search
from glassworks.optim.gradient_free.settings import check_pairs, check_steepest

ALPHA, GAMMA, STABILITY = 0.602, 0.101, 100


class SPSA(Search):
    """Pairs of opposite candidates, each a gradient; the mean of all is followed."""

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 0.02,
        sigma: float = 0.01,
        population: int = 16,
        steepest: float | None = 3.0,
        seed: int = 0,
    ) -> None:
        """What is moved, and how far.

        Args:
            params: as of any optimizer, in one group.
            lr: a_0, the gain of the first step. What is stable is about 2 / (the trace of the loss's Hessian) times
                the number of pairs, up to as many as there are weights.
            sigma: c_0, how far the first candidates are, in each weight.
            population: candidates of a step, in pairs; 2 is Spall's own.
            steepest: a slope beyond it counts as that one (see `slopes`). None = off.
            seed: of the directions.
        """
        check_pairs(population)
        check_steepest(steepest)
        super().__init__(params, population=population, seed=seed, lr=lr, sigma=sigma, steepest=steepest)

    @property
    def gains(self) -> tuple[float, float]:
        """a_k and c_k of this generation."""
        k = self.memory["generation"]
        fallen = ((STABILITY + 1) / (STABILITY + 1 + k)) ** ALPHA
        return self.settings["lr"] * fallen, self.settings["sigma"] * (k + 1) ** -GAMMA

    def draw(self, generator: torch.Generator) -> Float[Tensor, "P D"]:
        """Pairs around the weights: the first half, then their opposites."""
        mean, half = self.memory["mean"], self.settings["population"] // 2
        signs = torch.randint(2, (half, len(mean)), generator=generator, dtype=mean.dtype, device=mean.device)
        steps = (2 * signs - 1) * self.gains[1]
        return torch.cat([mean + steps, mean - steps])

    def update(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> None:
        """Down the mean of the gradients of those pairs that have two losses.

        ValueError for candidates that were not asked for here, and are no such pairs.
        """
        rate, _ = self.gains
        if candidates is not self.asked:
            check_opposite(candidates, self.memory["mean"])
        up, down = losses.chunk(2)
        known = up.isfinite() & down.isfinite()
        if known.any():
            steps = (candidates[: len(up)] - self.memory["mean"])[known]
            far = steps.abs().mean(1)  # of candidates that were given, whatever it is
            slopes = (up - down)[known] / (2 * far)
            if (most := self.settings["steepest"]) is not None:
                slopes = slopes.clamp(-most, most)
            signs = steps / far[:, None]
            self.memory["mean"] -= rate * (slopes @ signs) / len(slopes)


def check_opposite(candidates: Float[Tensor, "P D"], mean: Float[Tensor, " D"]) -> None:
    """Refuse candidates between which no slope through the weights can be taken."""
    half, odd = divmod(len(candidates), 2)
    middles = (candidates[:half] + candidates[len(candidates) - half :]) / 2
    if odd or not torch.allclose(
        middles, mean.expand_as(middles), rtol=1e-4, atol=1e-4 * float(candidates.abs().max())
    ):
        raise ValueError(
            f"candidates (of shape {tuple(candidates.shape)}) must be pairs about the weights, all first ones and then "
            "their opposites: spsa learns from the slope between them; of any others take snes or cma_es"
        )
