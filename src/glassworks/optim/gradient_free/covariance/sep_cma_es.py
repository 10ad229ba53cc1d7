"""CMA-ES with a diagonal covariance: a step size for each weight, learned from ranks; linear in time and memory.

A is the root of a diagonal, so that everything of `adaptation` is by coordinates:

    C_j <- C_j (keep + c_1 q_j^2 + c_mu sum over the best of w_i z_ij^2)

Learning rates are (D + 2) / 3 times those of the full matrix, which has D / 2 as many numbers to learn. What it cannot
learn is that weights belong together: a narrow valley across the axes keeps its steps short.

Source: Ros & Hansen 2008, "A Simple Modification in CMA-ES Achieving Linear Time and Space Complexity"
(https://hal.inria.fr/inria-00287367), with the constants of Hansen 2016 for what they are multiples of.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.covariance.adaptation import Adaptation


class SepCMAES(Adaptation):
    """Learns a variance for each weight. The arguments are those of `cma_es.CMAES`."""

    separable = True

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 1.0,
        sigma: float = 0.05,
        population: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(params, lr=lr, sigma=sigma, population=population, seed=seed)
        self.memory["factor"] = torch.ones_like(self.memory["mean"])

    def coloured(self, z: Float[Tensor, "*P D"]) -> Float[Tensor, "*P D"]:
        """A z, of each row."""
        coloured: Tensor = z * self.memory["factor"]
        return coloured

    def whitened(self, y: Float[Tensor, "P D"]) -> Float[Tensor, "P D"]:
        """A^-1 y, of each row."""
        whitened: Tensor = y / self.memory["factor"]
        return whitened

    def adapt(
        self, keep: float, z: Float[Tensor, "K D"], weights: Float[Tensor, " K"], path: Float[Tensor, " D"]
    ) -> Float[Tensor, " D"]:
        """Multiply each deviation by its own root, and the path by the inverse."""
        root = (weights @ z.square()).add_(keep).clamp_min_(1e-30).sqrt_()
        self.memory["factor"] *= root
        return path / root

    @property
    def covariance(self) -> Float[Tensor, " D"]:
        """The diagonal of C, without the step size."""
        factor: Tensor = self.memory["factor"]
        return factor.square()
