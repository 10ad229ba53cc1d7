"""The methods that learn from completions: what each makes of their rewards, once, and its loss, at every step on them.

A batch is a dictionary of tensors with completions along axis 0: `inputs` (B, T) and `targets` (B, T), below 0 where
nothing counts; `advantages` (B, T); and where a method wants them, `old` and `reference`, log-probabilities of the
targets by the policy that drew them and by the model before, `values` and `returns`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from glassworks.objectives.losses import LossFn, Summed, mean_of
from glassworks.objectives.policy.advantages import flat_groups, gae, group_advantages, whiten
from glassworks.objectives.policy.grpo import VARIANTS, Variant, grpo_loss
from glassworks.objectives.policy.kl import k3
from glassworks.objectives.policy.logprobs import token_entropies, token_logprobs
from glassworks.objectives.policy.ppo import clipped_policy_loss, clipped_value_loss, token_rewards
from glassworks.objectives.policy.reinforce import reinforce_pp_advantages
from glassworks.objectives.policy.rloo import rloo_advantages, rloo_loss
from glassworks.tune.policy.values import Valued

Batch = dict[str, Tensor]


class Drawn(NamedTuple):
    """Completions, what they are worth, and what the policies say of them."""

    rewards: Float[Tensor, " B"]
    """nan where there is none: such a row does not count."""
    counts: Bool[Tensor, "B T"]
    cut: Bool[Tensor, " B"]
    """Whether a completion was cut at the limit."""
    old: Float[Tensor, "B T"]
    """Zeros where the method does not want them."""
    reference: Float[Tensor, "B T"]
    values: Float[Tensor, "B T"]
    group: int
    beta: float


class Judged(NamedTuple):
    """What a method makes of them."""

    advantages: Float[Tensor, "B T"]
    counts: Bool[Tensor, "B T"]
    returns: Float[Tensor, "B T"] | None = None


@dataclass(frozen=True)
class Algorithm:
    """A method: its defaults, and its two functions."""

    judge: Callable[[Drawn], Judged]
    loss: Callable[..., Summed]
    """(logprobs, old, batch, counts, beta, longest, values) to the sum and what it is over."""
    group: int = 8
    epochs: int = 1
    beta: float = 0.0
    needs_old: bool = False
    """Whether rewards hold a price on the distance from the model before, so that it is known before any step."""
    has_values: bool = False


# ----------------------------------------------------------------------------------------------------------------------
# GRPO and its variants


def by_group(variant: Variant, drawn: Drawn) -> Judged:
    """A completion beside the others of its prompt, the same for all of its tokens."""
    counts = drawn.counts
    if variant.drops_flat:
        counts = counts & ~flat_groups(drawn.rewards, drawn.group).repeat_interleave(drawn.group)[:, None]
    if variant.overlong:
        counts = counts & ~drawn.cut[:, None]
    advantages = group_advantages(drawn.rewards, drawn.group, variant.scale)
    return Judged(advantages[:, None].expand_as(drawn.old), counts)


def group_loss(variant: Variant, logprobs: Tensor, old: Tensor, batch: Batch, counts: Tensor, **how: Any) -> Summed:
    """The variant's loss; the distance is weighed by the ratio, so that it pulls as PPO's does."""
    return grpo_loss(
        logprobs,
        old,
        batch["advantages"][:, 0],
        counts,
        variant=variant,
        reference=batch["reference"],
        beta=how["beta"],
        corrected=True,
        longest=int(how["longest"]),
    )


# ----------------------------------------------------------------------------------------------------------------------
# RLOO, REINFORCE++, PPO


def leaving_one_out(drawn: Drawn) -> Judged:
    """A completion's reward less the price of its distance, less the mean of the others' of its prompt."""
    found = rloo_advantages(drawn.rewards, drawn.old, drawn.reference, drawn.counts, group=drawn.group, beta=drawn.beta)
    return Judged(found[:, None].expand_as(drawn.old), drawn.counts)


def whole_loss(logprobs: Tensor, old: Tensor, batch: Batch, counts: Tensor, **how: Any) -> Summed:
    """RLOO's loss of whole completions."""
    losses, beyond = rloo_loss(logprobs, old, batch["advantages"][:, 0], counts)
    there = counts.any(-1)
    return Summed((losses * there).sum(), there.sum().clamp(min=1), {"clip_share": (beyond & there).sum()})


def over_the_batch(drawn: Drawn) -> Judged:
    """What comes from each token on, whitened over the batch."""
    rewards, _ = token_rewards(drawn.rewards, drawn.old, drawn.reference, drawn.counts, drawn.beta)
    group = drawn.group if drawn.group > 1 else None
    return Judged(reinforce_pp_advantages(rewards, drawn.counts, group=group), drawn.counts)


def token_loss(logprobs: Tensor, old: Tensor, batch: Batch, counts: Tensor, **how: Any) -> Summed:
    """PPO's loss of tokens."""
    losses, beyond = clipped_policy_loss(logprobs, old, batch["advantages"])
    return Summed((losses * counts).sum(), counts.sum().clamp(min=1), {"clip_share": (beyond & counts).sum()})


def by_values(drawn: Drawn) -> Judged:
    """What comes beside what the policy's values said, whitened."""
    rewards, ends = token_rewards(drawn.rewards, drawn.old, drawn.reference, drawn.counts, drawn.beta)
    advantages, returns = gae(rewards, drawn.values * drawn.counts, ends, lam=0.95)
    return Judged(whiten(advantages, drawn.counts), drawn.counts, returns)


VALUE_WEIGHT = 0.1
"""Of the loss of values, which share the policy's weights (TRL's)."""


def valued_loss(logprobs: Tensor, old: Tensor, batch: Batch, counts: Tensor, *, values: Tensor, **how: Any) -> Summed:
    """PPO's loss of tokens and of the values before them."""
    policy = token_loss(logprobs, old, batch, counts)
    losses, _ = clipped_value_loss(values, batch["values"], batch["returns"])
    value = (losses * counts).sum()
    logs = {**policy.logs, "value_loss": value.detach()}
    return Summed(policy.total + VALUE_WEIGHT * value, policy.number, logs)


ALGORITHMS: Mapping[str, Algorithm] = {
    **{name: Algorithm(partial(by_group, variant), partial(group_loss, variant)) for name, variant in VARIANTS.items()},
    "rloo": Algorithm(leaving_one_out, whole_loss, group=4, beta=0.05, needs_old=True),
    "reinforce_pp": Algorithm(over_the_batch, token_loss, group=1, beta=0.01, needs_old=True),
    "ppo": Algorithm(by_values, valued_loss, group=1, epochs=4, beta=0.05, needs_old=True, has_values=True),
}


def loss_of(algorithm: Algorithm, *, beta: float, longest: int, temperature: float) -> LossFn:
    """The loss of a method as `fit` takes it; entropy, clip share and the distance are logged with it."""

    @mean_of
    def loss(model: nn.Module, batch: Batch) -> Summed:
        targets, since = batch["targets"], batch["inputs"].size(1) - batch["targets"].size(1)
        found = model(batch["inputs"], since=since)
        logits = found.logits if isinstance(found, Valued) else found
        values = {"values": found.values} if isinstance(found, Valued) else {}
        logprobs, counts = token_logprobs(logits, targets, temperature), targets >= 0
        old = batch["old"] if "old" in batch else logprobs.detach()
        summed = algorithm.loss(logprobs, old, batch, counts, beta=beta, longest=longest, **values)
        entropy = token_entropies(logits.detach(), targets, temperature).sum() / counts.sum().clamp(min=1)
        distance = (k3(logprobs.detach(), batch["reference"]) * counts).sum() / counts.any(-1).sum().clamp(min=1)
        logs = {"entropy": entropy * summed.number, "kl": distance * summed.number}  # nats a token, and a completion
        return Summed(summed.total, summed.number, {**summed.logs, **logs})

    return loss


@torch.no_grad()
def said_of(model: nn.Module, inputs: Tensor, targets: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probabilities of targets, and values, (B, T) each; targets are the last T of those of the inputs."""
    found = model(inputs, since=inputs.size(1) - targets.size(1))
    if isinstance(found, Valued):
        return token_logprobs(found.logits, targets, temperature), found.values * (targets >= 0)
    return token_logprobs(found, targets, temperature), torch.zeros_like(targets, dtype=torch.float32)
