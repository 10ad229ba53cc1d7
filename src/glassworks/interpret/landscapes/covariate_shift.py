"""Internal covariate shift as its gradient sees it: a layer's gradient before and after those below have stepped."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.landscapes.layers import Layer, layers_of
from glassworks.interpret.landscapes.legends.steps import COVARIATE_SHIFT
from glassworks.interpret.landscapes.objective import Objective, check_loss, flat, lent
from glassworks.objectives.losses import LossFn
from glassworks.trace.trace import Trace


@public
def covariate_shift(
    model: nn.Module,
    loss_fn: LossFn,
    batch: Any,
    *,
    lr: float | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    seed: int = 0,
) -> Trace:
    """How far each layer's gradient changes because the layers below have taken their step.

    G is the gradient of layer i's weights at W_1 ... W_k; G' the same at W'_1 ... W'_{i-1}, W_i ... W_k, by the same
    batch. Internal covariate shift is ||G - G'||_2 (Santurkar, Tsipras, Ilyas & Madry 2018, definition 2.1,
    https://arxiv.org/abs/1805.11604).

    Args:
        model: any module, in the mode in which it trains.
        loss_fn: the mean loss of a batch, as `fit` takes it.
        batch: what it takes: the one that the step is taken by.
        lr: the step is plain gradient descent with this learning rate; or give
        optimizer: the training's own, whose next step it is; its state is left as it was.
        seed: of the control, and of dropout.

    Arrays:
        distance, change, cosine (below, layer): ||G - G'||, the same by ||G||, and the cosine between them, after the
            layers below have stepped, and after each has moved as far in a random direction. NaN where a gradient is 0.
        gradient_norm, step_length (layer,): ||G||, and how far the layer itself steps.

    Layers are modules with weights of their own, in the order in which they run. Cost: two passes for each.
    """
    if (lr is None) == (optimizer is None):
        raise ValueError("give either lr, for a step of gradient descent, or optimizer, for its own next step")
    if lr is not None and not lr > 0:
        raise ValueError(f"lr (={lr}) must be above 0")
    generator = torch.Generator().manual_seed(seed)
    with lent(model, loss_fn, batch, seed=seed) as objective, torch.enable_grad():
        layers, loss = layers_of(objective.net, objective)
        check_loss(loss)
        weights = [w for layer in layers for w in layer.weights]
        gradients = torch.autograd.grad(loss, weights, materialize_grads=True, allow_unused=True)
        before = by_layer(layers, gradients)
        steps = by_layer(layers, next_step(optimizer or torch.optim.SGD(weights, lr or 0.0), weights, gradients))
        after = {}
        after["step"], loss_after = gradients_below(objective, layers, steps)
        after["random"], _ = gradients_below(objective, layers, [scrambled(step, generator) for step in steps])
    rows = [[compared(g, other) for g, other in zip(before, after[name], strict=True)] for name in after]
    arrays = dict(zip(("distance", "change", "cosine"), np.array(rows).transpose(2, 0, 1), strict=True))
    arrays["gradient_norm"] = np.array([float(g.norm()) for g in before])
    arrays["step_length"] = np.array([float(step.norm()) for step in steps])
    return Trace(
        "covariate_shift",
        arrays,
        {name: ("layer",) if array.ndim == 1 else ("below", "layer") for name, array in arrays.items()},
        {"below": list(after), "layer": [layer.name for layer in layers]},
        {
            "loss": float(loss.detach()),
            "loss_after": loss_after,
            "step": f"gradient descent, learning rate {lr:g}" if lr is not None else type(optimizer).__name__,
            "seed": seed,
        },
        legend=COVARIATE_SHIFT,
    )


def by_layer(layers: Sequence[Layer], parts: Sequence[Tensor]) -> list[Float[Tensor, " D"]]:
    """Tensors, one for each weight of all layers, as one vector a layer."""
    left = iter(parts)
    return [flat([next(left).detach() for _ in layer.weights]) for layer in layers]


def gradients_below(
    objective: Objective, layers: Sequence[Layer], steps: Sequence[Float[Tensor, " D"]]
) -> tuple[list[Float[Tensor, " D"]], float]:
    """Each layer's gradient once those below have moved, and the loss once all have; weights come back."""
    found = []
    for layer, step in zip(layers, steps, strict=True):
        loss = objective()
        found.append(flat(torch.autograd.grad(loss, layer.weights, materialize_grads=True, allow_unused=True)))
        moved = torch.split(step, [w.numel() for w in layer.weights])
        with torch.no_grad():
            for weight, part in zip(layer.weights, moved, strict=True):
                weight += part.view_as(weight).to(weight.dtype)
    loss_after = objective.loss()
    objective.move(objective.point)
    return found, loss_after


@torch.no_grad()
def next_step(optimizer: torch.optim.Optimizer, weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor]:
    """How far an optimizer would move each weight by these gradients; weights, `.grad` and its state stay as they were.

    Raises: ValueError for one that steps by more than gradients, or that has none of the weights.
    """
    own = [p for group in optimizer.param_groups for p in group["params"]]
    of = {id(w): i for i, w in enumerate(weights)}
    if not any(id(p) in of for p in own):
        raise ValueError(f"optimizer (={type(optimizer).__name__}) has none of the network's weights: give its own")
    before, grads = [w.clone() for w in weights], [p.grad for p in own]
    try:
        with left_alone(optimizer):
            for p in own:
                p.grad = gradients[of[id(p)]].detach().clone() if id(p) in of else None
            optimizer.step()
            return [w - was for w, was in zip(weights, before, strict=True)]
    except (TypeError, ValueError) as error:
        raise ValueError(f"optimizer (={type(optimizer).__name__}) steps by more than gradients: give lr") from error
    finally:
        for p, grad in zip(own, grads, strict=True):
            p.grad = grad


@contextmanager
def left_alone(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """After the block an optimizer's weights, state and settings are what they were, in the precision that they had."""
    own = [p for group in optimizer.param_groups for p in group["params"]]
    places, state = [p.clone() for p in own], {p: copy.deepcopy(kept) for p, kept in optimizer.state.items()}
    settings = [
        {name: copy.deepcopy(value) for name, value in group.items() if name != "params"}
        for group in optimizer.param_groups
    ]
    try:
        yield
    finally:
        for p, place in zip(own, places, strict=True):
            p.copy_(place)
        optimizer.state.clear()
        optimizer.state.update(state)
        for group, kept in zip(optimizer.param_groups, settings, strict=True):
            params = group["params"]
            group.clear()
            group.update(params=params, **kept)


def scrambled(step: Float[Tensor, " D"], generator: torch.Generator) -> Float[Tensor, " D"]:
    """A random direction as long as a step."""
    other = torch.randn(len(step), generator=generator, dtype=step.dtype).to(step.device)
    found: Tensor = other * (step.norm() / other.norm())
    return found


def compared(before: Float[Tensor, " D"], after: Float[Tensor, " D"]) -> tuple[float, float, float]:
    """Distance, the same by the length of the first, and cosine; the last two NaN where a gradient is 0."""
    distance, size, other = (float(x.norm()) for x in (before - after, before, after))
    change = distance / size if size else float("nan")
    return distance, change, float(before @ after) / (size * other) if size * other else float("nan")
