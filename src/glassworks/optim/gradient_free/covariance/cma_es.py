"""CMA-ES with a full covariance matrix: steps take the shape of the valley, however it lies.

The factor A of C = A A' is multiplied by the root of a matrix that differs from the identity by as few directions as
there are candidates. With Q a basis of these (D, K), and V diag(d) V' what the sum of weights z z' is in it,

    (keep I + sum of weights z z')^(1/2) = sqrt(keep) I + Q V diag(sqrt(keep + d) - sqrt(keep)) V' Q'

which costs D^2 K, as drawing the candidates does, where the tutorial decomposes C, D^3, after every
1 / (10 D (c_1 + c_mu)) generations: with 256 candidates in 1,000 dimensions, that is after each. Rounding cannot make C
indefinite, and A's condition is the root of C's, so that single precision is enough where the weights have it.

The same mean and covariance follow from the same candidates as in the tutorial. Its path of the step size is turned
back into fixed axes, which takes the symmetric root of C; ours turns with A, so sigma differs a little from the third
generation on, and no more evaluations are needed (tests/peers/test_pycma.py).

Source: Hansen 2016 (https://arxiv.org/abs/1604.00772), active update; see `adaptation`.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.covariance.adaptation import Adaptation
from glassworks.optim.gradient_free.room import at_once, free_on


class CMAES(Adaptation):
    """Learns the full covariance: D^2 numbers, and D^2 times the population operations a generation.

    Args:
        params: weights, in one group.
        lr: what the mean's step is multiplied by (c_m).
        sigma: first step size, in the weights' units.
        population: candidates a generation; None = 4 + 3 ln D.
        seed: of the candidates.

    Raises: ValueError for a covariance that does not fit in memory.
    """

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
        mean = self.memory["mean"]
        check_covariance(mean)
        self.memory["factor"] = torch.eye(len(mean), dtype=mean.dtype, device=mean.device)

    def coloured(self, z: Float[Tensor, "*P D"]) -> Float[Tensor, "*P D"]:
        """A z, of each row."""
        coloured: Tensor = z @ self.memory["factor"].T
        return coloured

    def whitened(self, y: Float[Tensor, "P D"]) -> Float[Tensor, "P D"]:
        """A^-1 y, of each row."""
        whitened: Tensor = torch.linalg.solve(self.memory["factor"], y.T).T
        return whitened

    def adapt(
        self, keep: float, z: Float[Tensor, "K D"], weights: Float[Tensor, " K"], path: Float[Tensor, " D"]
    ) -> Float[Tensor, " D"]:
        """Multiply A by the root, and the path by its inverse."""
        directions, values = spectrum(z, weights)
        root, plain = (keep + values).clamp(min=1e-30).sqrt(), max(keep, 1e-30) ** 0.5
        factor: Tensor = self.memory["factor"]
        grown = (factor @ directions) * (root - plain)
        factor.addmm_(grown, directions.T, beta=plain)
        turned: Tensor = path / plain + directions @ ((directions.T @ path) * (1 / root - 1 / plain))
        return turned

    @property
    def covariance(self) -> Float[Tensor, "D D"]:
        """C, without the step size."""
        factor: Tensor = self.memory["factor"]
        return factor @ factor.T


def spectrum(z: Float[Tensor, "K D"], weights: Float[Tensor, " K"]) -> tuple[Float[Tensor, "D R"], Float[Tensor, " R"]]:
    """Eigenvectors, as columns, and eigenvalues of the sum of weights z z'; what is not among them has 0."""
    if len(z) >= z.size(1):
        values, axes = torch.linalg.eigh((z.T * weights) @ z)
        return axes, values
    basis, corner = torch.linalg.qr(z.T)
    values, axes = torch.linalg.eigh((corner * weights) @ corner.T)
    return basis @ axes, values


def check_covariance(mean: Float[Tensor, " D"]) -> None:
    """Refuse a covariance that does not fit: the factor, and a checkpoint's copy of it."""
    D, free = len(mean), free_on(mean.device)
    if at_once(D, mean) < D:
        raise ValueError(
            f"params (={D:,} weights) make a covariance of {D:,} x {D:,}, which takes "
            f"{2 * D * D * mean.element_size() / 1e9:.1f} GB with its copy, and {(free or 0) / 1e9:.1f} GB are free: "
            "take sep_cma_es or lm_cma_es, or a smaller network (--model.width and --model.depth of images and tables, "
            "--model.n-embd of text)"
        )
