"""The Hessian of the loss by its products with vectors: its largest eigenvalues, its trace, and how all are spread."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.control import randomised
from glassworks.interpret.landscapes.lanczos import Eigenpairs, Spectrum, spectrum, top_eigenpairs
from glassworks.interpret.landscapes.legends.hessian import HESSIAN
from glassworks.interpret.landscapes.objective import lent
from glassworks.objectives.losses import LossFn
from glassworks.trace.trace import Trace

PLACES = 129
"""Places of the density."""
WIDTH = 1 / 64
"""How far a density spreads each eigenvalue, as a share of their range."""
LEAST = 1e-3
"""What of a density is 0, as a share of what a single eigenvalue comes to: tails of others."""
NETWORKS = ["this network", "untrained"]


@public
def hessian(
    model: nn.Module,
    loss_fn: LossFn,
    batch: Any,
    *,
    top: int = 10,
    products: int = 100,
    probes: int = 20,
    runs: int = 4,
    steps: int = 40,
    control: nn.Module | None = None,
    seed: int = 0,
) -> Trace:
    """How the loss of a batch curves: eigenvalues of the Hessian of all weights, beside an untrained network's.

    A product of the Hessian with a vector costs two backward passes (Pearlmutter 1994). Eigenvalues are by Lanczos with
    full reorthogonalisation, the trace is Hutchinson's estimate, the density stochastic Lanczos quadrature.

    Args:
        model: any module with weights; its loss is that of the mode it is in.
        loss_fn: the mean loss of a batch, as `fit` takes it.
        batch: what it takes.
        top: eigenvalues, the largest first.
        products: at most so many for them; fewer, once residuals are below a thousandth of the largest.
        probes: random vectors for the trace.
        runs: how many of these also go into the density.
        steps: products for each run of the density.
        control: the untrained network; None = `randomised(model)`.
        seed: of all that is drawn.

    Arrays:
        eigenvalue (network, rank), eigenvalue_error: the largest, and the residual: an eigenvalue lies within it. One
            that the matrix has several times may be counted once.
        density (network, place), density_error: share of eigenvalues per unit, each spread over a 64th of their range;
            error over the runs.
        trace, trace_error, smallest, smallest_error (network,): the sum of all eigenvalues and its standard error over
            probes; the smallest eigenvalue with its residual.

    Limits: where weights meet a kink (ReLU, max-pooling) the Hessian is that of the piece they lie in. In float32
    eigenvalues below about 1e-6 of the largest are rounding. Memory for `products` vectors of all weights is needed.
    """
    for name, value in {"top": top, "products": products, "probes": probes, "runs": runs, "steps": steps}.items():
        check_count(name, value, 1)
    networks = [model, control if control is not None else randomised(model, seed=seed + 1)]
    runs, pairs, spectra = min(runs, probes), list[Eigenpairs](), list[Spectrum]()
    for network in networks:
        with lent(network, loss_fn, batch, seed=seed) as objective:
            generator = torch.Generator().manual_seed(seed)
            product, like = objective.curvature(), objective.point
            pairs.append(top_eigenpairs(product, like, min(top, len(like)), steps=products, generator=generator))
            spectra.append(spectrum(product, like, probes=probes, runs=runs, steps=steps, generator=generator))
    places, width = places_for(pairs)
    arrays = eigenvalues(pairs) | densities(spectra, places, width, len(like)) | traces(pairs, spectra)
    second = {"eigenvalue": "rank", "eigenvalue_error": "rank", "density": "place", "density_error": "place"}
    return Trace(
        "hessian",
        arrays,
        {name: ("network", second[name]) if name in second else ("network",) for name in arrays},
        {
            "network": NETWORKS,
            "rank": [str(i + 1) for i in range(arrays["eigenvalue"].shape[1])],
            "place": [f"{x:.5g}" for x in places],
        },
        {
            "num_weights": len(like),
            "products": pairs[0].products,
            "probes": probes,
            "runs": runs,
            "width": width,
            "seed": seed,
        },
        legend=HESSIAN,
    )


def eigenvalues(pairs: Sequence[Eigenpairs]) -> dict[str, np.ndarray]:
    """The networks' largest, with their residuals."""
    return {
        "eigenvalue": np.array([p.values for p in pairs]),
        "eigenvalue_error": np.array([p.errors for p in pairs]),
    }


def traces(pairs: Sequence[Eigenpairs], spectra: Sequence[Spectrum]) -> dict[str, np.ndarray]:
    """The networks' traces and smallest eigenvalues, with their errors."""
    return {
        "trace": np.array([one.traces.mean() for one in spectra]),
        "trace_error": np.array([standard_error(one.traces) for one in spectra]),
        "smallest": np.array([p.least for p in pairs]),
        "smallest_error": np.array([p.least_error for p in pairs]),
    }


def places_for(pairs: Sequence[Eigenpairs]) -> tuple[np.ndarray, float]:
    """Where the density is asked for, from the smallest eigenvalue of all networks to the largest; and its width."""
    low, high = min(p.least for p in pairs), max(p.values[0] for p in pairs)
    width = max(WIDTH * float(high - low), 1e-12)
    return np.linspace(low - 3 * width, high + 3 * width, PLACES), width


def densities(spectra: Sequence[Spectrum], places: np.ndarray, width: float, size: int) -> dict[str, np.ndarray]:
    """The networks' densities, means over runs, with their errors; tails of others are 0."""
    found = [one.density(places, width) for one in spectra]
    for density in found:
        density[density < LEAST / (size * width)] = 0.0  # 1 / (size · width) is about what a single eigenvalue comes to
    return {
        "density": np.array([density.mean(0) for density in found]),
        "density_error": np.array([standard_error(density) for density in found]),
    }


def standard_error(draws: np.ndarray) -> Any:
    """The standard error of the mean over the first axis; not a number of one draw."""
    if len(draws) < 2:
        return np.full(draws.shape[1:], np.nan)
    return draws.std(0, ddof=1) / len(draws) ** 0.5
