"""Each method reaches the optimum of what it maximises, on a bandit small enough to know it.

A completion is two tokens of three, so there are nine; each is worth something, and is drawn by the reference with some
probability. What is worth most at a price of β a nat is

    max E_π[r] - β KL(π || ref)      π = ref exp(r / β) / Z                      KL in the reward, and as a loss k2
    max E_π[r] - β KL(ref || π)      π = β ref / (c - r), with c so that it adds up to 1      k3 as a loss (GRPO's)

Nothing is drawn: every completion, or group of two, counts by its probability.
"""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor

from glassworks.objectives.policy.advantages import gae, group_advantages
from glassworks.objectives.policy.grpo import VARIANTS, grpo_loss
from glassworks.objectives.policy.kl import k1, k2
from glassworks.objectives.policy.ppo import clipped_policy_loss, token_rewards
from glassworks.objectives.policy.reinforce import policy_gradient_loss, reinforce_pp_advantages
from glassworks.objectives.policy.rloo import rloo_advantages, rloo_loss

BETA = 0.5
DRAW = torch.Generator().manual_seed(0)
SCORES = torch.rand(9, generator=DRAW, dtype=torch.float64)
PRIOR = torch.randn(4, 3, generator=DRAW, dtype=torch.float64)  # logits of the first token, and of the second behind it
COUNTS = torch.ones(9, 2, dtype=torch.bool)
PAIRS = torch.tensor(list(product(range(9), repeat=2)))  # (81, 2)


def logprobs(logits: Tensor) -> Tensor:
    """Of the tokens of all completions: (9, 2)."""
    logs = logits.log_softmax(-1)
    return torch.stack([logs[0].repeat_interleave(3), logs[1:].flatten()], 1)


REFERENCE = logprobs(PRIOR)


def best() -> Tensor:
    """ref exp(r / β) / Z."""
    return (REFERENCE.sum(1) + SCORES / BETA).softmax(0)


def maximise(loss: Callable[[Tensor], Tensor], *, rate: float = 1.0, steps: int = 800) -> Tensor:
    """What the policy comes to, by gradients: the probabilities of all completions."""
    logits = PRIOR.clone().requires_grad_()
    for step in range(steps):
        (slope,) = torch.autograd.grad(loss(logits), logits)
        logits = (logits - rate * (1 - step / steps) * slope).detach().requires_grad_()
    return logprobs(logits).sum(1).exp().detach()


def test_reinforce() -> None:
    def loss(logits: Tensor) -> Tensor:
        logs = logprobs(logits)
        drawn = logs.detach().sum(1)
        rewards = SCORES - BETA * k1(drawn, REFERENCE.sum(1))
        return (drawn.exp() * policy_gradient_loss(logs.sum(1), rewards)).sum()

    torch.testing.assert_close(maximise(loss, rate=2.0), best(), atol=1e-4, rtol=0)


def test_k2_as_a_loss() -> None:
    def loss(logits: Tensor) -> Tensor:
        logs = logprobs(logits).sum(1)
        losses = policy_gradient_loss(logs, SCORES) + BETA * k2(logs, REFERENCE.sum(1))
        return (logs.detach().exp() * losses).sum()

    torch.testing.assert_close(maximise(loss, rate=2.0), best(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("lam", [1.0, 0.5])
def test_ppo(lam: float) -> None:
    """With values that are right, whatever λ is: four steps on what one policy drew, by ratios to it."""
    steps, drawn = iter(range(10**6)), [torch.empty(0)] * 2

    def loss(logits: Tensor) -> Tensor:
        logs = logprobs(logits)
        if next(steps) % 4 == 0:
            drawn[0] = logs.detach()
            rewards, ends = token_rewards(SCORES, drawn[0], REFERENCE, COUNTS, BETA)
            weights = drawn[0][:, 1].exp().view(3, 3)
            second = (weights * rewards[:, 1].view(3, 3)).sum(1).repeat_interleave(3)
            first = (drawn[0][:, 0].exp().view(3, 3)[:, 0] * (rewards[:, 0] + second).view(3, 3)[:, 0]).sum()
            values = torch.stack([first.expand(9), second], 1)
            drawn[1] = gae(rewards, values, ends, lam=lam)[0]
        losses, _ = clipped_policy_loss(logs, drawn[0], drawn[1])
        return (drawn[0].sum(1).exp()[:, None] * losses).sum()

    torch.testing.assert_close(maximise(loss, steps=1600), best(), atol=1e-3, rtol=0)


def test_reinforce_pp() -> None:
    """Whitened advantages are of any size near the optimum, and 0 in it: the rate has to fall."""

    def loss(logits: Tensor) -> Tensor:
        logs = logprobs(logits)
        rewards, _ = token_rewards(SCORES, logs.detach(), REFERENCE, COUNTS, BETA)
        losses, _ = clipped_policy_loss(logs, logs.detach(), reinforce_pp_advantages(rewards, COUNTS))
        return (logs.detach().sum(1).exp()[:, None] * losses).sum()

    torch.testing.assert_close(maximise(loss, rate=0.3, steps=2000), best(), atol=2e-3, rtol=0)


def test_rloo() -> None:
    def loss(logits: Tensor) -> Tensor:
        logs = logprobs(logits)
        rows, counts = PAIRS.flatten(), COUNTS.repeat(18, 1)
        drawn, reference = logs.detach()[rows], REFERENCE[rows]
        advantages = rloo_advantages(SCORES[rows], drawn, reference, counts, group=2, beta=BETA)
        losses, _ = rloo_loss(logs[rows], drawn, advantages, counts)
        weights = drawn.sum(1).exp().view(81, 2).prod(1)
        return (weights * losses.view(81, 2).mean(1)).sum()

    torch.testing.assert_close(maximise(loss, rate=2.0), best(), atol=1e-4, rtol=0)


# ----------------------------------------------------------------------------------------------------------------------
# Groups of two of four completions of a token each, so that the distance of tokens is that of completions

SINGLE = torch.randn(4, generator=DRAW, dtype=torch.float64).log_softmax(0)
WORTH = torch.tensor([1.0, 0.0, 2.5, 0.5], dtype=torch.float64)
GROUPS = torch.combinations(torch.arange(4), 2, with_replacement=True)  # (10, 2)
WAYS = 2 - (GROUPS[:, 0] == GROUPS[:, 1]).to(torch.float64)  # in which each can be drawn


def stationary(versus: Tensor, corrected: bool) -> Tensor:
    """Where the gradients of gains and of a distance add up to 0, by damped iteration.

    That is π = ref exp(gains) / Z for KL(π || ref), and π = ref / (c - gains) for KL(ref || π).

    What a completion gains depends on the policy, as that draws what it is compared with: `versus` (4, 4) each other.
    """
    policy = SINGLE.exp()
    for _ in range(200):
        gains = versus @ policy
        if corrected:
            policy = 0.8 * policy + 0.2 * (SINGLE + gains).softmax(0)
            continue
        low, high = float(gains.max()) + 1e-9, float(gains.max()) + 10.0
        for _ in range(50):
            c = (low + high) / 2
            low, high = (c, high) if float((SINGLE.exp() / (c - gains)).sum()) > 1 else (low, c)
        policy = 0.8 * policy + 0.2 * SINGLE.exp() / (low - gains)
    return policy


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("corrected", [False, True])
def test_grpo_and_its_variants(name: str, corrected: bool) -> None:
    """Centred rewards of two are half their difference; over a deviation, the better's is 1 / √2, by however much."""
    variant = VARIANTS[name]
    rows = GROUPS.flatten()
    advantages = group_advantages(WORTH[rows], 2, variant.scale)
    logits = SINGLE.clone().requires_grad_()
    for _ in range(80):
        logs = logits.log_softmax(0)
        drawn, loss = logs.detach(), logs.new_zeros(())
        for number, group in enumerate(GROUPS):
            at = slice(2 * number, 2 * number + 2)
            counts, reference = torch.ones(2, 1, dtype=torch.bool), SINGLE[group, None]
            found = grpo_loss(
                logs[group, None],
                drawn[group, None],
                advantages[at],
                counts,
                variant=variant,
                reference=reference,
                beta=1.0,
                corrected=corrected,
            )
            loss = loss + WAYS[number] * drawn[group].sum().exp() * found.total / found.number
        logits = (logits - 3 * torch.autograd.grad(loss, logits)[0]).detach().requires_grad_()
    pairs = torch.cartesian_prod(torch.arange(4), torch.arange(4)).flatten()
    versus = group_advantages(WORTH[pairs], 2, variant.scale).view(4, 4, 2)[..., 0]
    torch.testing.assert_close(logits.softmax(0).detach(), stationary(versus, corrected), atol=1e-3, rtol=0)
    assert float((stationary(versus, True) - stationary(versus, False)).abs().max()) > 0.01  # each has its own
