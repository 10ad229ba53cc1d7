"""What was measured of deep networks as traces, beside what theory says of them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from glassworks.reproductions.initialisation.deep import (
    ACTIVATIONS,
    CHAINS,
    FUNCTIONS,
    LEVEL,
    LOOKED_AT,
    RATES,
    WIDTH,
    deepest,
    theory_of,
)
from glassworks.reproductions.initialisation.legends import DEPTHS, SHORTCUTS, SIGNALS, VARIANCES
from glassworks.reproductions.initialisation.mean_field import Draw, limit_of, mean, slope, variances_of_layers
from glassworks.reproductions.initialisation.shortcuts import BIASES, NETWORKS
from glassworks.trace.trace import Trace

Results = Mapping[str, Any]


def all_traces(
    results: Results, depths: Sequence[int], blocks: Sequence[int], variances: Sequence[float], steps: int
) -> dict[str, Trace]:
    """The four traces of a finished reproduction."""
    return {
        "signals": signals_trace(results),
        "depths": depths_trace(results, depths, steps),
        "variances": variances_trace(results, depths, variances),
        "shortcuts": shortcuts_trace(results, blocks, steps),
    }


def signals_trace(results: Results) -> Trace:
    """Signals of each scheme, and what is foretold."""
    every = [[results[f"signals_{a}_{s}"] for s in CHAINS] for a in ACTIVATIONS]
    forward, backward = (np.array([[one[way] for one in row] for row in every]) for way in ("forward", "backward"))
    theory = [[foretold(a, s, forward.shape[-1]) for s in CHAINS] for a in ACTIVATIONS]
    arrays = {
        "forward": forward,
        "backward": backward,
        "forward_theory": np.array([[one[0] for one in row] for row in theory]),
        "backward_theory": np.array([[one[1] for one in row] for row in theory]) * backward[..., -1:],
    }
    return Trace(
        "signals",
        arrays,
        dict.fromkeys(arrays, ("activation", "scheme", "layer")),
        {
            "activation": list(ACTIVATIONS),
            "scheme": list(CHAINS),
            "layer": [str(n + 1) for n in range(forward.shape[-1])],
        },
        {"layers": forward.shape[-1], "width": WIDTH, "examples": LOOKED_AT},
        legend=SIGNALS,
    )


def foretold(activation: Any, scheme: Any, layers: int) -> tuple[list[float], list[float]]:
    """Variances of each layer's numbers, and of the gradient by them as a multiple of the last layer's."""
    draw, function = theory_of(scheme, activation), FUNCTIONS[activation]

    def squared_slope(z: Tensor) -> Tensor:
        return slope(function, z).square()

    forward = variances_of_layers(function, draw, layers, first=1.0 if scheme == "lsuv" else None)
    backward = [1.0]
    for q in forward[-2::-1]:
        backward.append(backward[-1] * draw.weights * mean(squared_slope, q))
    return forward, backward[::-1]


def depths_trace(results: Results, depths: Sequence[int], steps: int) -> Trace:
    """How deep networks of each scheme may be."""
    seeds = sum(name.startswith(f"depths_tanh_{CHAINS[0]}_") for name in results)
    runs = {(a, s): [results[f"depths_{a}_{s}_{i}"] for i in range(seeds)] for a in ACTIVATIONS for s in CHAINS}
    arrays = {
        "loss": np.array([[mean_losses(runs[a, s], depths) for s in CHAINS] for a in ACTIVATIONS]),
        "deepest": np.array([[[deepest(one) for one in runs[a, s]] for s in CHAINS] for a in ACTIVATIONS], dtype=float),
        "foretold": np.array([[limit_of(FUNCTIONS[a], theory_of(s, a)).deepest for s in CHAINS] for a in ACTIVATIONS]),
    }
    return Trace(
        "depths",
        arrays,
        {
            "loss": ("activation", "scheme", "depth"),
            "deepest": ("activation", "scheme", "seed"),
            "foretold": ("activation", "scheme"),
        },
        {
            "activation": list(ACTIVATIONS),
            "scheme": list(CHAINS),
            "depth": [str(depth) for depth in depths],
            "seed": [str(i) for i in range(seeds)],
        },
        {"width": WIDTH, "rates": len(RATES), "level": LEVEL, "steps": steps, "seeds": seeds},
        legend=DEPTHS,
    )


def mean_losses(runs: Sequence[Sequence[Mapping[str, Any]]], depths: Sequence[int]) -> list[float]:
    """The mean over seeds at each depth; NaN where one was not tried, or stayed finite with no learning rate."""
    by_depth = [{one["depth"]: one["loss"] for one in run} for run in runs]
    found = [[run.get(depth) for run in by_depth] for depth in depths]
    return [math.nan if None in row else sum(row) / len(row) for row in found]  # type: ignore[arg-type]


def variances_trace(results: Results, depths: Sequence[int], variances: Sequence[float]) -> Trace:
    """How deep networks with tanh may be, over the variance of weights."""
    runs = [results[f"variance_{i}"] for i in range(len(variances))]
    limits = [limit_of(FUNCTIONS["tanh"], Draw(variance, BIASES)) for variance in variances]
    return Trace(
        "variances",
        {
            "loss": np.array([mean_losses([run], depths) for run in runs]),
            "deepest": np.array([deepest(run) for run in runs], dtype=float),
            "foretold": np.array([limit.deepest for limit in limits]),
        },
        {"loss": ("variance", "depth"), "deepest": ("variance",), "foretold": ("variance",)},
        {"variance": [f"{variance:g}" for variance in variances], "depth": [str(depth) for depth in depths]},
        {"biases": BIASES},
        legend=VARIANCES,
    )


def shortcuts_trace(results: Results, blocks: Sequence[int], steps: int) -> Trace:
    """The losses of residual networks."""
    every = [[results[f"shortcuts_{name}_{number}"] for number in blocks] for name in NETWORKS]
    return Trace(
        "shortcuts",
        {"loss": np.array([[math.nan if one["loss"] is None else one["loss"] for one in row] for row in every])},
        {"loss": ("network", "blocks")},
        {"network": [label for _, _, label in NETWORKS.values()], "blocks": [str(number) for number in blocks]},
        {"steps": steps, "width": WIDTH, "seeds": len(every[0][0]["losses"])},
        legend=SHORTCUTS,
    )
