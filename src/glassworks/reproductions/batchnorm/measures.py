"""What is measured on the way: the loss, how far activations move in a step, covariate shift, the loss along a step."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.core.errors import RunError
from glassworks.interpret.landscapes.along_step import watching
from glassworks.interpret.landscapes.covariate_shift import covariate_shift
from glassworks.interpret.landscapes.objective import Objective, lent
from glassworks.reproductions.batchnorm.networks import ALONE, ORDERS, Task

Look = Callable[[int, nn.Module], dict[str, Any]]
Moments = list[Float[Tensor, "2 C"]]


def looks(task: Task, network: str, seed: int) -> list[Look]:
    """What is looked at in a network, each a function of the step and the network; what costs little first."""
    batches, lr, loss_fn = task.batches(seed), task.lr, task.loss_fn
    found: list[Look] = [moving(task, seed)]
    if network not in (ALONE, *ORDERS):
        found.append(watching(loss_fn, batches, lr=lr, seed=seed))
        found.append(lambda step, model: shifts(model, task, batches(step), seed + step))
    return found


def shifts(model: nn.Module, task: Task, batch: Any, seed: int) -> dict[str, Any]:
    """Covariate shift of the layers that every network has, but for the first, which has none below: means over them.

    The noise of noisy batch norm is the same before and after.
    """
    trace = covariate_shift(model, task.loss_fn, batch, lr=task.lr, seed=seed)
    names = trace.labels["layer"]
    kept = [i for i, name in enumerate(names) if "norm" not in name][1:]
    step, random = ({name: trace.arrays[name][i, kept] for name in ("distance", "change", "cosine")} for i in (0, 1))
    return {
        **{name: float(np.nanmean(values)) for name, values in step.items()},
        "random_cosine": float(np.nanmean(random["cosine"])),
        "cosines": step["cosine"].tolist(),
        "layers": [names[i] for i in kept],
    }


def moving(task: Task, seed: int) -> Look:
    """The loss, and how far the distributions of layers' inputs move in the step that comes next.

    Each channel of an input is taken as a normal distribution by its mean and standard deviation over the batch. How
    far it moves is their 2-Wasserstein distance, whose square is the sum of both squared differences; the root mean
    square over channels is divided by that of the standard deviations, and layers are averaged. The batch is the same
    before and after, noise is drawn anew, as it is from step to step. RunError where the batch has no finite loss.
    """
    batches, probe = task.batches(seed), task.probe(seed)

    def look(step: int, model: nn.Module) -> dict[str, Any]:
        with lent(model, task.loss_fn, probe, seed=seed + step) as objective:
            loss = objective.loss()
        with lent(model, task.loss_fn, batches(step), seed=seed + step) as objective:
            before = moments(objective)
            own, gradient = objective.gradient()
            if not math.isfinite(own):
                raise RunError(f"the loss became {own} by step {step}")
            objective.move(objective.point - task.lr * gradient)
            objective.seed += 1
            after = moments(objective)
        moved = [
            float(((b - a).square().sum(0).mean() / a[1].square().mean()).sqrt())
            for a, b in zip(before, after, strict=True)
        ]
        return {"loss": loss, "moved": float(np.mean(moved))}

    return look


def moments(objective: Objective) -> Moments:
    """Mean and standard deviation of each channel of the inputs of every matrix but the first."""
    found: Moments = []
    with reading(objective.net, found):
        objective.loss()
    return found[1:]


@contextmanager
def reading(model: nn.Module, found: Moments) -> Iterator[None]:
    """In the block, forward passes append the moments of what convolutions and matrices get."""

    def hook(module: nn.Module, inputs: Sequence[Tensor]) -> None:
        rows = inputs[0].detach().transpose(0, 1).flatten(1)  # (C, m)
        found.append(torch.stack([rows.mean(1), rows.std(1, correction=0)]))

    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_pre_hook(hook) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
