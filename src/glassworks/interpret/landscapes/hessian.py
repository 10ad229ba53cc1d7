"""The Hessian of the loss by its products with vectors: its largest eigenvalues, its trace, and how all are spread."""

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
    pairs, spectra = list[Eigenpairs](), list[Spectrum]()
    for network in networks:
        with lent(network, loss_fn, batch, seed=seed) as objective:
            generator = torch.Generator().manual_seed(seed)
            product, like = objective.curvature(), objective.point
            pairs.append(top_eigenpairs(product, like, min(top, len(like)), steps=products, generator=generator))
            spectra.append(
                spectrum(product, like, probes=probes, runs=min(runs, probes), steps=steps, generator=generator)
            )
    low, high = min(p.least for p in pairs), max(p.values[0] for p in pairs)
    width = max(WIDTH * (high - low), 1e-12)
    places = np.linspace(low - 3 * width, high + 3 * width, PLACES)
    densities = [one.density(places, width) for one in spectra]
    one = 1 / (len(like) * width)  # about what a single eigenvalue comes to
    for found in densities:
        found[found < LEAST * one] = 0.0
    traces = [one.traces for one in spectra]
    arrays = {
        "eigenvalue": np.array([p.values for p in pairs]),
        "eigenvalue_error": np.array([p.errors for p in pairs]),
        "density": np.array([found.mean(0) for found in densities]),
        "density_error": np.array([standard_error(found) for found in densities]),
        "trace": np.array([found.mean() for found in traces]),
        "trace_error": np.array([standard_error(found) for found in traces]),
        "smallest": np.array([p.least for p in pairs]),
        "smallest_error": np.array([p.least_error for p in pairs]),
    }
    of_network = dict.fromkeys(("trace", "trace_error", "smallest", "smallest_error"), ("network",))
    return Trace(
        "hessian",
        arrays,
        {
            **dict.fromkeys(("eigenvalue", "eigenvalue_error"), ("network", "rank")),
            **dict.fromkeys(("density", "density_error"), ("network", "place")),
            **of_network,
        },
        {
            "network": NETWORKS,
            "rank": [str(i + 1) for i in range(arrays["eigenvalue"].shape[1])],
            "place": [f"{x:.5g}" for x in places],
        },
        {
            "num_weights": len(like),
            "products": pairs[0].products,
            "probes": probes,
            "runs": min(runs, probes),
            "width": float(width),
            "seed": seed,
        },
        legend=HESSIAN,
    )


def standard_error(draws: np.ndarray) -> Any:
    """The standard error of the mean over the first axis; not a number of one draw."""
    if len(draws) < 2:
        return np.full(draws.shape[1:], np.nan)
    return draws.std(0, ddof=1) / len(draws) ** 0.5
