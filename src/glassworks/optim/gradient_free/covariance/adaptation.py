"""What CMA-ES is, whatever shape its covariance has: candidates from a normal, and what ranks teach it.

    x_i = m + sigma A z_i,  z_i ~ N(0, I)                              the candidates; C = A A'
    m     <- m + lr sigma A s,   s = sum over the best of w_i z_i      the mean
    p     <- (1 - c_sigma) p + sqrt(c_sigma (2 - c_sigma) mu_eff) s    the step size's path
    sigma <- sigma exp(c_sigma / d_sigma (|p| / chi - 1))
    q     <- (1 - c_c) q + h sqrt(c_c (2 - c_c) mu_eff) s              its path, A q; h = 0 while |p| is long
    C     <- A (keep I + c_1 q q' + c_mu sum of w_i z_i z_i') A'       of all; keep = 1 - c_1 - c_mu sum of w_i

Everything is learned in the coordinates z, where the distribution is standard: no matrix is inverted, and A is
multiplied by the root of what stands in brackets. Negative w_i (active update) are divided by |z_i|^2 / dimension, so
that C stays positive definite.

Source: Hansen 2016 (https://arxiv.org/abs/1604.00772), section B.2; that z can be used throughout, with a path that
turns with A, is Beyer & Sendhoff 2017 (https://doi.org/10.1109/TEVC.2017.2680320), whose root is of first order.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.covariance.constants import constants, shares
from glassworks.optim.gradient_free.evolution.gaussian import normal
from glassworks.optim.gradient_free.search import Search


class Adaptation(Search):
    """The step size, both paths and the mean. A method says what A is, and how it is multiplied."""

    separable = False
    """Whether its covariance is a diagonal, which can be learned faster."""

    def __init__(self, params: Iterable[Any], *, lr: float, sigma: float, population: int | None, seed: int) -> None:
        super().__init__(params, population=population, seed=seed, lr=lr, sigma=sigma)
        mean = self.memory["mean"]
        constants(len(mean), self.settings["population"])  # refuses one candidate
        self.memory["sigma"] = float(sigma)
        self.memory["path"] = torch.zeros_like(mean)
        self.memory["learned"] = torch.zeros_like(mean)

    # ------------------------------------------------------------------------------------------------------------------
    # What a method says

    def coloured(self, z: Float[Tensor, "*P D"]) -> Float[Tensor, "*P D"]:
        """A z, of each row."""
        raise NotImplementedError

    def whitened(self, y: Float[Tensor, "P D"]) -> Float[Tensor, "P D"]:
        """The inverse: A^-1 y, of each row."""
        raise NotImplementedError

    def adapt(
        self, keep: float, z: Float[Tensor, "K D"], weights: Float[Tensor, " K"], path: Float[Tensor, " D"]
    ) -> Float[Tensor, " D"]:
        """A <- A (keep I + sum of weights z z')^(1/2); `path`, held in the coordinates of A, in those of the new A."""
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------------------------------
    # A generation

    def draw(self, generator: torch.Generator) -> Float[Tensor, "P D"]:
        """The mean and normal steps about it."""
        return torch.add(self.memory["mean"], self.coloured(self.noise()), alpha=self.memory["sigma"])

    def noise(self) -> Float[Tensor, "P D"]:
        """This generation's z."""
        return normal(self.key, range(self.settings["population"]), self.memory["mean"])

    def update(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> None:
        """Towards the better ones; then the step size, and the covariance."""
        memory, known = self.memory, constants(candidates.size(1), len(losses), separable=self.separable)
        mine = candidates is self.asked
        z = self.noise() if mine else self.whitened((candidates - memory["mean"]) / memory["sigma"])
        weights = shares(losses, known)
        step = weights.clamp(min=0) @ z
        memory["mean"].add_(self.coloured(step), alpha=self.settings["lr"] * memory["sigma"])

        c = known.c_sigma
        path = memory["path"].mul_(1 - c).add_(step, alpha=math.sqrt(c * (2 - c) * known.mu_eff))
        length = float(path.norm()) / known.chi
        started = math.sqrt(1 - (1 - c) ** (2 * (memory["generation"] + 1)))
        calm = length < started * (1.4 + 2 / (len(path) + 1))  # h: else sigma grows first
        c = known.c_c
        learned = memory["learned"].mul_(1 - c)
        if calm:
            learned.add_(step, alpha=math.sqrt(c * (2 - c) * known.mu_eff))

        each = weights * known.c_mu
        each = torch.where(each < 0, each * z.size(1) / z.square().sum(1).clamp(min=1e-30), each)
        missing = 0.0 if calm else known.c_1 * c * (2 - c)
        keep = 1 + missing - known.c_1 - known.c_mu * float(weights.sum())
        vectors, all_weights = torch.cat([z, learned[None]]), torch.cat([each, each.new_full((1,), known.c_1)])
        memory["learned"] = self.adapt(keep, vectors, all_weights, learned)
        memory["sigma"] *= math.exp(min(1.0, known.c_sigma / known.d_sigma * (length - 1)))
        size = float(memory["factor"].norm()) / math.sqrt(len(path))
        if not 1e-6 < size < 1e6:  # sigma and A may drift against each other for ever
            memory["factor"] /= size
            memory["sigma"] *= size

    def numbers(self) -> dict[str, float]:
        """Of any search, and the step size."""
        return {**super().numbers(), "sigma": self.memory["sigma"]}
