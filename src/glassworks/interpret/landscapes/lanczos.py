"""Eigenvalues and spectral density of a symmetric matrix that is known by its products with vectors alone.

Lanczos with full reorthogonalisation: without it, rounding brings eigenvalues that were found back as copies of
themselves. See Golub & Van Loan, Matrix Computations, section 10.1 to 10.3.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.interpret.access.checks import check_room

Product = Callable[[Float[Tensor, " D"]], Float[Tensor, " D"]]
TOLERANCE = 1e-3
"""Of a residual, as a share of the largest eigenvalue."""


@dataclass
class Tridiagonal:
    """A matrix as it is on the vectors that Lanczos has come by."""

    basis: Float[Tensor, "M D"]
    diagonal: np.ndarray
    beside: np.ndarray
    """M numbers: what couples each vector to the next; the last one, to the one that would have come."""

    @property
    def ritz(self) -> tuple[np.ndarray, np.ndarray]:
        """Its eigenvalues, the largest first, and its eigenvectors as columns."""
        inner = self.beside[:-1]
        values, vectors = np.linalg.eigh(np.diag(self.diagonal) + np.diag(inner, 1) + np.diag(inner, -1))
        return values[::-1], vectors[:, ::-1]

    @property
    def residuals(self) -> np.ndarray:
        """||A x - value x|| of each: there is an eigenvalue of the matrix no farther away than that."""
        return abs(self.beside[-1] * self.ritz[1][-1])


def lanczos(
    product: Product,
    start: Float[Tensor, " D"],
    *,
    steps: int,
    generator: torch.Generator,
    done: Callable[[Tridiagonal], bool] = lambda _: False,
    often: int = 4,
) -> Tridiagonal:
    """Up to `steps` products, from a vector; `done` is asked after every `often` whether it is enough.

    Where the vectors span all that the start can come by, as for a multiple of the identity at once, the next one is
    drawn at random beside them: so eigenvalues of more than one direction are found as often as they are there.
    """
    size = len(start)
    steps = min(steps, size)
    check_room(steps * size * start.element_size(), start.device, f"ask for fewer than {steps} products")
    basis = start.new_empty(steps, size)
    diagonal, beside = np.zeros(steps), np.zeros(steps)
    vector = start / start.norm()
    for i in range(steps):
        basis[i] = vector
        moved = product(vector)
        diagonal[i] = float(vector @ moved)
        moved = apart(moved, basis[: i + 1])
        length = float(moved.norm())
        scale = max(abs(diagonal[: i + 1]).max(), beside[: i + 1].max())
        if length > 10 * torch.finfo(moved.dtype).eps * scale * size**0.5:
            beside[i] = length
            vector = moved / length
        elif i + 1 < steps:
            fresh = torch.randn(size, generator=generator, dtype=start.dtype).to(start.device)
            fresh = apart(fresh, basis[: i + 1])
            vector = fresh / fresh.norm()
        if i + 1 == steps or (i + 1) % often == 0:
            found = Tridiagonal(basis[: i + 1], diagonal[: i + 1], beside[: i + 1])
            if done(found):
                return found
    return found


def apart(vector: Float[Tensor, " D"], basis: Float[Tensor, "M D"]) -> Float[Tensor, " D"]:
    """What of a vector is orthogonal to others; twice is enough."""
    for _ in range(2):
        vector = vector - (basis @ vector) @ basis
    return vector


@dataclass
class Eigenpairs:
    """Some eigenvalues, the largest first, with how far off each may be."""

    values: np.ndarray
    errors: np.ndarray
    """Residuals: an eigenvalue of the matrix lies within this of each."""
    vectors: Float[Tensor, "K D"]
    least: float
    """The smallest eigenvalue."""
    least_error: float
    products: int
    """Products with the matrix that it took."""


def top_eigenpairs(
    product: Product, like: Float[Tensor, " D"], top: int, *, steps: int, generator: torch.Generator
) -> Eigenpairs:
    """The largest eigenvalues with their vectors, and the smallest eigenvalue.

    Args:
        product: of the matrix with a vector.
        like: any vector: size, precision and device.
        top: how many.
        steps: products at most; fewer, once the residuals of all are below a thousandth of the largest eigenvalue.
        generator: of the vector that it starts from.
    """
    start = torch.randn(len(like), generator=generator, dtype=like.dtype).to(like.device)

    def enough(found: Tridiagonal) -> bool:
        wanted = [*range(min(top, len(found.diagonal))), -1]
        return len(found.diagonal) > top and bool(
            (found.residuals[wanted] <= TOLERANCE * abs(found.ritz[0]).max()).all()
        )

    found = lanczos(product, start, steps=max(steps, top + 1), generator=generator, done=enough)
    values, vectors = found.ritz
    chosen = torch.from_numpy(vectors[:, :top].T.copy()).to(like)
    residuals = found.residuals
    return Eigenpairs(
        values[:top], residuals[:top], chosen @ found.basis, float(values[-1]), float(residuals[-1]), len(values)
    )


# ----------------------------------------------------------------------------------------------------------------------
# Trace and density


@dataclass
class Spectrum:
    """What random vectors say of all eigenvalues together."""

    traces: np.ndarray
    """v A v of each: their mean is the trace, their spread its error."""
    nodes: np.ndarray
    """(runs, steps): places where a run puts the eigenvalues,"""
    shares: np.ndarray
    """and the share of all that it puts there."""

    def density(self, places: np.ndarray, width: float) -> np.ndarray:
        """(runs, places): the density, each eigenvalue spread as a normal one of this width."""
        apart = (places[None, :, None] - self.nodes[:, None, :]) / width
        bells = np.exp(-(apart**2) / 2) / (width * np.sqrt(2 * np.pi))
        return np.asarray((bells * self.shares[:, None, :]).sum(-1))


def spectrum(
    product: Product, like: Float[Tensor, " D"], *, probes: int, runs: int, steps: int, generator: torch.Generator
) -> Spectrum:
    """The trace by Hutchinson's estimate and the density by stochastic Lanczos quadrature, of the same random signs.

    E[v A v] is the trace for v of random signs (Hutchinson 1990), and the Gaussian quadrature of Lanczos from v, in the
    mean over v, the density (Ubaru, Chen & Saad 2017; of networks, Ghorbani et al. 2019, algorithm 1).

    Args:
        product: of the matrix with a vector.
        like: any vector: size, precision and device.
        probes: vectors for the trace, a product each.
        runs: how many of these go on as a run of Lanczos, for the density; no more than `probes`.
        steps: products of a run.
        generator: of the signs.
    """
    size, traces, nodes, shares = len(like), [], [], []
    for i in range(probes):
        signs = torch.randint(2, (size,), generator=generator).to(like) * 2 - 1
        if i < runs:
            found = lanczos(product, signs, steps=steps, generator=generator)
            values, vectors = found.ritz
            traces.append(size * float(found.diagonal[0]))
            nodes.append(values)
            shares.append(vectors[0] ** 2)
        else:
            traces.append(float(signs @ product(signs)))
    return Spectrum(np.array(traces), np.array(nodes), np.array(shares))
