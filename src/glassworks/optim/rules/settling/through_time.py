"""Equilibrium propagation's gradient beside that of backpropagation through time, step by step of the settling.

A network at rest that goes on for T free steps stays where it is, and backpropagation through these steps gives, t
steps back from the end, a part of the gradient for each step. A nudge that goes forward for t steps gives the same sum,
as beta becomes small: whether it does is the check by gradient-descending updates.

    >>> found = compare(model, (x, y), class_loss(), steps=30, beta=1e-3)
    >>> found.differences[-1]    # of the whole gradient, as a share of its norm
    2.1e-06

Source: Ernoult et al. 2019 (https://arxiv.org/abs/1905.13633), theorem 1; its symmetric form is Laborieux et al.'s 2021
(https://arxiv.org/abs/2006.03824). Limits: where the network has not come to rest, the two need not agree.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.optim.rules.batch import Said
from glassworks.optim.rules.settling.energy import Cost, Energetic, pull_of, weight_gradients
from glassworks.optim.rules.settling.equilibrium_propagation import energetic


@dataclass(frozen=True)
class Comparison:
    """Both gradients of the mean loss by each weight, after 1, 2, ... steps."""

    names: tuple[str, ...]
    """The weights'."""
    estimated: list[list[Tensor]]
    """[step][weight], by equilibrium propagation."""
    through_time: list[list[Tensor]]
    """[step][weight], by backpropagation through so many steps back."""

    @property
    def differences(self) -> list[float]:
        """After each step, the norm of the difference of all weights' gradients, as a share of that through time."""
        return [
            float(length([a - b for a, b in zip(ours, its, strict=True)]) / length(its))
            for ours, its in zip(self.estimated, self.through_time, strict=True)
        ]


def compare(
    model: nn.Module,
    batch: Sequence[Tensor],
    loss_fn: Callable[[nn.Module, Any], Any],
    *,
    steps: int = 20,
    beta: float = 1e-3,
    rate: float = 0.2,
) -> Comparison:
    """Settle, nudge both ways, and go back in time, on one batch of (inputs, targets, ...).

    Args:
        model: what `EquilibriumPropagation` takes. In float32 rounding hides the limit of a small beta: give float64.
        batch: as `loss_fn` reads it.
        loss_fn: the mean loss, as `fit` takes it, but no `Summed`.
        steps: after rest, each way, and back.
        beta: of the nudges.
        rate: of a chain's steps.
    """
    if steps < 1 or not beta > 0:
        raise ValueError(f"steps (={steps}) must be 1 or more, and beta (={beta}) above 0")
    network, count = energetic(model, rate), len(batch[0])
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}

    def cost(outputs: Tensor) -> Tensor:
        summed: Tensor = count * loss_fn(Said(outputs), batch)
        return summed

    both = (
        nudged(network, batch[0], cost, list(named.values()), steps=steps, beta=beta),
        backward(network, batch[0], cost, list(named.values()), steps=steps),
    )
    estimated, through_time = ([[x / count for x in found] for found in side] for side in both)
    return Comparison(tuple(named), estimated, through_time)


@torch.no_grad()
def nudged(
    network: Energetic, inputs: Tensor, cost: Cost, weights: Sequence[Tensor], *, steps: int, beta: float
) -> list[list[Tensor]]:
    """The symmetric estimate after each step of the nudges."""
    drive = network.drive(inputs)
    rest = network.rest(drive)
    states, found = dict.fromkeys((beta, -beta), rest), []
    for _ in range(steps):
        slopes = []
        for side, at in states.items():
            states[side] = network.advance(drive, at, pull_of(network, drive, at, cost, side))
            slopes.append(weight_gradients(network, inputs, states[side], cost, weights, beta=side))
        found.append([(up - down) / (2 * beta) for up, down in zip(*slopes, strict=True)])
    return found


def backward(
    network: Energetic, inputs: Tensor, cost: Cost, weights: Sequence[Tensor], *, steps: int
) -> list[list[Tensor]]:
    """The gradient of the cost after `steps` free steps from rest, through the last 1, 2, ... of them."""
    with torch.no_grad():
        drive = network.drive(inputs)
        states = [network.rest(drive)]
        for _ in range(steps):
            states.append(network.advance(drive, states[-1], [torch.zeros_like(x) for x in states[-1]]))
    last = [state.detach().requires_grad_() for state in states[-1]]
    slopes, sums = parted(cost(network.output(network.drive(inputs), last)), last, weights, None)
    found = []
    for before in states[-2::-1]:
        read = [state.detach().requires_grad_() for state in before]
        after = network.advance(network.drive(inputs), read, [torch.zeros_like(x) for x in read])
        slopes, part = parted(after, read, weights, slopes)
        sums = [a + b for a, b in zip(sums, part, strict=True)]
        found.append(sums)
    return found


def parted(
    values: Tensor | list[Tensor], states: Sequence[Tensor], weights: Sequence[Tensor], slopes: Sequence[Tensor] | None
) -> tuple[list[Tensor], list[Tensor]]:
    """The gradients of what one step gives, weighted by `slopes`: by the states that it read, and by the weights."""
    wanted = [*states, *weights]
    found = torch.autograd.grad(values, wanted, slopes, allow_unused=True)
    full = [torch.zeros_like(p) if x is None else x for p, x in zip(wanted, found, strict=True)]
    return full[: len(states)], full[len(states) :]


def length(tensors: Sequence[Tensor]) -> Tensor:
    """The norm of all of them as one vector."""
    found: Tensor = torch.linalg.vector_norm(torch.cat([x.flatten() for x in tensors]))
    return found
