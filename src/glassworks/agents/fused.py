"""PPO's loss of a small network with its gradient written by hand: two thirds of the time that autograd takes.

A batch of some hundred rows through layers of 32 is computed sooner than its operations are recorded, so what is done
here is the same arithmetic in fewer calls. What it must equal is `gradient.gradient_loss`, which takes all else:
continuous actions, tiles, networks with hooks, other devices.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from glassworks.agents.rollout import Collected
from glassworks.models.policy.network import Policy


class Weighing(NamedTuple):
    """How the parts of the loss count."""

    clip: float
    value: float
    entropy: float


Passed = list[Tensor]
"""What went into each linear layer."""


def is_plain(policy: Policy) -> bool:
    """Whether it is two perceptrons on the CPU that choose one of several actions, and nobody looks into them."""
    modules = list(policy.modules())
    parts = nn.Linear | nn.Tanh | nn.ReLU | nn.Identity | nn.Sequential | Policy
    return (
        not policy.config.continuous
        and policy.config.says == "actor-critic"
        and policy.config.depth != 0
        and all(isinstance(module, parts) and not module._forward_hooks for module in modules)
        and all(p.device.type == "cpu" and p.dtype == torch.float32 and p.requires_grad for p in policy.parameters())
        and not torch.is_autocast_enabled("cpu")
    )


class PPO(torch.autograd.Function):
    """The sum of the loss over a batch, and the sums that are logged: value_loss, entropy, kl, clipped."""

    @staticmethod
    def forward(ctx: Any, batch: Collected, weighing: Weighing, tanh: bool, *weights: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and gradient at once; weights are those of the actor, then of the critic."""
        half = len(weights) // 2
        scores, acted = through(weights[:half], batch.observed, tanh)
        values, judged = through(weights[half:], batch.observed, tanh)
        counts = batch.counts.to(scores.dtype)
        logs = scores.log_softmax(-1)
        shares = logs.exp()
        moved = logs.gather(1, batch.actions[:, None])[:, 0] - batch.logprobs
        ratio = moved.exp()
        gain = batch.advantages * ratio
        held = batch.advantages * ratio.clamp(1 - weighing.clip, 1 + weighing.clip)
        beyond = held < gain
        entropy = -(shares * logs).sum(-1)
        off = values[:, 0] - batch.returns
        errors = off.square() / 2
        losses = 2 * weighing.value * errors - torch.minimum(gain, held) - weighing.entropy * entropy

        push = torch.where(beyond, 0.0, gain) * counts  # what a nat more of log-probability lowers the loss by
        slope = shares * push[:, None]
        slope.scatter_add_(1, batch.actions[:, None], -push[:, None])
        if weighing.entropy:
            slope += shares * (logs + entropy[:, None]) * (weighing.entropy * counts)[:, None]
        ctx.gradients = [
            *back(weights[:half], acted, slope, tanh),
            *back(weights[half:], judged, (2 * weighing.value * off * counts)[:, None], tanh),
        ]
        told = torch.stack([errors, entropy, ratio - 1 - moved, beyond.to(ratio.dtype)]) @ counts
        ctx.mark_non_differentiable(told)
        return losses @ counts, told

    @staticmethod
    def backward(ctx: Any, *slopes: Any) -> Any:
        """The gradient that was computed, times what follows."""
        return (None, None, None, *torch._foreach_mul(ctx.gradients, slopes[0]))


def through(weights: tuple[Tensor, ...], rows: Tensor, tanh: bool) -> tuple[Tensor, Passed]:
    """What a perceptron says of rows, and what went into each of its layers."""
    passed = [rows]
    for i in range(0, len(weights), 2):
        rows = torch.addmm(weights[i + 1], rows, weights[i].T)
        if i + 2 < len(weights):
            rows = rows.tanh_() if tanh else rows.relu_()
            passed.append(rows)
    return rows, passed


def back(weights: tuple[Tensor, ...], passed: Passed, slope: Tensor, tanh: bool) -> list[Tensor]:
    """The gradient of a perceptron's weights, given that of what it said."""
    found: list[Tensor] = []
    for i in range(len(passed) - 1, -1, -1):
        found = [slope.T @ passed[i], slope.sum(0), *found]
        if i:
            slope = slope @ weights[2 * i]
            if tanh:
                slope = torch.ops.aten.tanh_backward(slope, passed[i])
            else:
                slope = torch.ops.aten.threshold_backward(slope, passed[i], 0)
    return found


def fused(policy: Policy, batch: Collected, weighing: Weighing) -> tuple[Tensor, dict[str, Tensor]]:
    """The summed loss of a plain policy, with its gradient, and what is logged."""
    weights = [*policy.actor.parameters(), *policy.critic.parameters()]
    total, told = PPO.apply(batch, weighing, policy.config.activation != "relu", *weights)  # type: ignore[no-untyped-call]
    return total, dict(zip(("value_loss", "entropy", "kl", "clipped"), told, strict=True))
