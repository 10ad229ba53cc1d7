"""How large the signal is in each layer, forward and back, and how it grows with the width of a network."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.core.errors import RunError
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.access.finite import is_finite
from glassworks.interpret.control import randomised
from glassworks.interpret.landscapes.layers import layers_of
from glassworks.interpret.landscapes.legends.signals import coordinate_legend, signal_legend
from glassworks.interpret.landscapes.objective import lent
from glassworks.objectives.losses import LossFn
from glassworks.trace.trace import Trace
from glassworks.train.batch import tensors
from glassworks.train.fit import fit


@public
def signal(
    model: nn.Module,
    loss_fn: LossFn,
    batch: Any,
    *,
    name: str = "this network",
    beside: Mapping[str, nn.Module] | None = None,
    seed: int = 0,
) -> Trace:
    """The variance of what each layer gives, and of the loss's gradient by it, beside an untrained network's.

    A signal that grows or shrinks by the same factor a layer is what schemes of initialisation are made to avoid
    (Glorot & Bengio 2010, figures 6 and 7; He et al. 2015, section 2.2).

    Args:
        model: any module; its layers are the modules with weights of their own, in the order in which they run.
        loss_fn: the mean loss of a batch, as `fit` takes it.
        batch: what it takes; the network is given examples along axis 0.
        name: what the network is called.
        beside: others of the same layers, by name; None = one drawn anew by torch's defaults (`randomised`).
        seed: of that one, and of dropout.

    Arrays:
        forward (network, layer): variance of all numbers that a layer gives for the batch, around their mean.
        backward (network, layer): variance of the loss's gradient by these, times the square of the number of
            examples: of an example's own loss where the loss is a mean. Both are 0 where nothing passes.
    """
    others = {"untrained": randomised(model, seed=seed + 1)} if beside is None else dict(beside)
    rows, names = {}, dict[str, list[str]]()
    for called, network in {name: model, **others}.items():
        rows[called] = variances(network, loss_fn, batch, seed)
        names[called] = list(rows[called])
    if len({tuple(found) for found in names.values()}) > 1:
        raise ValueError(
            "beside must hold networks whose layers have the same names, in the same order, as the model's"
        )
    arrays = {
        way: np.array([[numbers[i] for numbers in row.values()] for row in rows.values()])
        for i, way in enumerate(("forward", "backward"))
    }
    return Trace(
        "signal",
        arrays,
        dict.fromkeys(arrays, ("network", "layer")),
        {"network": list(rows), "layer": names[name]},
        {"seed": seed},
        legend=signal_legend(tuple(others)),
    )


def variances(model: nn.Module, loss_fn: LossFn, batch: Any, seed: int) -> dict[str, tuple[float, float]]:
    """By layer: the variance of its output and of the gradient by it, means over its calls."""
    forward, backward = dict[str, list[float]](), dict[str, list[float]]()
    examples = list[int]()

    def back(name: str, slope: Tensor) -> None:
        backward.setdefault(name, []).append(variance(slope))

    def look(name: str, output: Tensor) -> None:
        forward.setdefault(name, []).append(variance(output))
        if output.requires_grad:  # a hook sees the gradient by the value as it is now, be it changed in place later
            output.register_hook(partial(back, name))  # type: ignore[no-untyped-call]

    def count(_: nn.Module, args: Any, kwargs: Any) -> None:
        examples.extend(len(x) for x in tensors([args, kwargs]) if x.ndim)

    with lent(model, loss_fn, batch, seed=seed) as objective, torch.enable_grad():
        counting = objective.net.register_forward_pre_hook(count, with_kwargs=True)
        try:
            layers, loss = layers_of(objective.net, objective, look)
        finally:
            counting.remove()
        torch.autograd.grad(loss, [w for layer in layers for w in layer.weights], allow_unused=True)
    number = examples[0] if examples else 1  # of what the network is given, whatever rows a layer makes of it
    return {
        layer.name: (
            float(np.mean(forward.get(layer.name, [0.0]))),
            float(np.mean(backward.get(layer.name, [0.0]))) * number**2,
        )
        for layer in layers
    }


def variance(values: Tensor) -> float:
    """Of all numbers of a tensor, around their mean."""
    numbers = values.detach().double()
    return float((numbers - numbers.mean()).square().mean()) if numbers.numel() else 0.0


# ----------------------------------------------------------------------------------------------------------------------
# Over widths


@public
def coordinate_check(
    build: Callable[[int], tuple[nn.Module, torch.optim.Optimizer]],
    widths: Sequence[int],
    loss_fn: LossFn,
    batches: Callable[[int], Any],
    *,
    steps: int = 4,
) -> Trace:
    """How the size of what each layer gives depends on the width, at the start and after some steps of training.

    In a network whose initialisation and learning rates are right for every width (maximal update parametrisation), the
    mean size of each layer's numbers does not depend on the width, at any step; in the usual one some grow until wide
    networks diverge (Yang et al. 2021, "Tensor Programs V", appendix D.1, the coordinate check).

    Args:
        build: a width to a fresh model and its optimizer; layers are named alike at all widths. Draws are its own.
        widths: at least two.
        loss_fn: the mean loss of a batch, as `fit` takes it.
        batches: the batch of a step; sizes are taken on that of step 0.
        steps: of training.

    Arrays:
        size (layer, step, width): mean |x| of a layer's output; NaN from where training diverged.
        change (layer, step, width): mean |x - x at step 0|; 0 at step 0.
        slope (layer, after): of log size by log width, by least squares: 0 = no growth, 0.5 = as the root; NaN where a
            size is 0 or there is none.
    """
    check_count("steps", steps, 1)
    if len(set(widths)) < 2 or min(widths) < 1:
        raise ValueError(f"widths (={list(widths)}) must be at least two different ones, from 1 on")
    seen = [outputs_in_training(*build(width), loss_fn, batches, steps) for width in widths]
    names = list(seen[0][0])
    if any(list(outputs[0]) != names for outputs in seen):
        raise ValueError("build must give models whose layers have the same names at every width")
    size = [[[mean_size(x[t][name]) for x in seen] for t in range(steps + 1)] for name in names]
    change = [[[mean_size(x[t][name] - x[0][name]) for x in seen] for t in range(steps + 1)] for name in names]
    arrays = {"size": np.array(size), "change": np.array(change)}
    return Trace(
        "coordinate_check",
        arrays | {"slope": slopes(arrays["size"], np.array(widths, dtype=float))},
        {"size": ("layer", "step", "width"), "change": ("layer", "step", "width"), "slope": ("layer", "after")},
        {
            "layer": names,
            "step": (taken := [str(t) for t in range(steps + 1)]),
            "after": taken,
            "width": [str(width) for width in widths],
        },
        {"steps": steps},
        legend=coordinate_legend(names, steps),
    )


def outputs_in_training(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss_fn: LossFn,
    batches: Callable[[int], Any],
    steps: int,
) -> list[dict[str, Tensor]]:
    """What each layer gives for the batch of step 0, before training and after each step; NaN once it has diverged."""
    outputs = [outputs_of(model.train(), loss_fn, batches(0))]

    def look(step: int, net: nn.Module) -> dict[str, float]:
        if not all(is_finite(p) for p in net.parameters()):
            raise RunError(f"weights are not finite after step {step}")
        outputs.append(outputs_of(net, loss_fn, batches(0)))
        return {}

    with suppress(RunError):  # which is what the check is to find out
        fit(model, batches, loss_fn, optimizer, steps=steps, every=[(1, look)])
    gone = {name: torch.full_like(x, torch.nan) for name, x in outputs[0].items()}
    return outputs + [gone] * (steps + 1 - len(outputs))


def slopes(size: Float[np.ndarray, "L T W"], widths: Float[np.ndarray, " W"]) -> Float[np.ndarray, "L T"]:
    """The slope of log size by log width; NaN where a size is no number above 0."""
    centred = np.log(widths) - np.log(widths).mean()
    heights = np.log(np.where(size > 0, size, np.nan))
    found: np.ndarray = (heights * centred).sum(-1) / (centred**2).sum()
    return found


def mean_size(values: Tensor) -> float:
    """Mean |x|."""
    return float(values.abs().double().mean())


def outputs_of(model: nn.Module, loss_fn: LossFn, batch: Any) -> dict[str, Tensor]:
    """What each layer gives, by name, in the order in which they run; the last time of those that run several times."""
    found: dict[str, Tensor] = {}
    with lent(model, loss_fn, batch) as objective, torch.no_grad():
        layers_of(objective.net, objective, lambda name, output: found.update({name: output.detach().clone()}))
    return found
