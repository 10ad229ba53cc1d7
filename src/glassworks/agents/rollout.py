"""Steps of many environments, as a policy takes them: what was seen, done and paid, and how good that was."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from glassworks.agents.acting import DRAWN, as_taken, chosen, generator, noise_for, scorer
from glassworks.agents.memory import Acting, Tally
from glassworks.data.environments.vector import Stepped
from glassworks.models.policy.network import Policy, logprobs_of
from glassworks.objectives.policy.advantages import gae


class Collected(NamedTuple):
    """N × T steps, one behind the other, those of a step of time together."""

    observed: Tensor
    """(T·N, F)"""
    actions: Tensor
    """(T·N,) of whole numbers, or (T·N, A)."""
    logprobs: Tensor
    """(T·N,): of the actions, when they were chosen."""
    values: Tensor
    """(T·N,): of the states, likewise."""
    advantages: Tensor
    """(T·N,)"""
    returns: Tensor
    """(T·N,): what values are taught."""
    counts: Tensor
    """(T·N,): False where no action was used."""


@torch.no_grad()
def collect(policy: Policy, acting: Acting, steps: int, number: int, seed: int, gamma: float, lam: float) -> Collected:
    """Take T steps in each environment, and say how good each was.

    Args:
        policy: an actor-critic, which draws actions.
        acting: the environments, wherever they stand; afterwards, they stand T steps further.
        steps: T.
        number: of the collection: with the seed it decides what is drawn.
        seed: of the run.
        gamma: what a reward is worth a step later.
        lam: of advantages.
    """
    environments, tally = acting.environments, Tally(acting.agent)
    rng = generator(seed, DRAWN, number)
    noise = noise_for(rng, policy, steps, environments.number)  # (T, N) or (T, N, A)
    observed, taken, stepped, say = acting.go_on(), list[np.ndarray](), list[Stepped](), scorer(policy)
    seen = [observed]
    for t in range(steps):
        actions = chosen(policy, say(observed), noise[t])
        one = environments.step(as_taken(environments.actions, actions))
        tally.count(one)
        observed = one.observation
        seen.append(observed)
        taken.append(actions)
        stepped.append(one)
    acting.keep(observed)
    tally.keep()
    return judged(policy, seen, np.stack(taken), stepped, gamma, lam)


def judged(
    policy: Policy,
    seen: list[np.ndarray],
    taken: np.ndarray,
    stepped: list[Stepped],
    gamma: float,
    lam: float,
) -> Collected:
    """Advantages and returns of steps that were taken, (T, N, ...); what is said of all states is computed at once.

    Where an episode was cut off, what would still have come is what the last state is worth.
    """
    rewards = torch.from_numpy(np.stack([one.reward for one in stepped]))  # (T, N)
    done = torch.from_numpy(np.stack([one.done for one in stepped]))
    counts = torch.from_numpy(np.stack([one.counts for one in stepped]))
    cut = torch.from_numpy(np.stack([one.truncated & ~one.terminated for one in stepped]))
    observed = torch.from_numpy(np.stack(seen))  # (T + 1, N, F)
    said = policy(observed.flatten(0, 1))
    values = said.value.view(observed.shape[:2])
    if cut.any():
        finals = torch.from_numpy(np.stack([one.final for one in stepped]))[cut]
        rewards[cut] += gamma * policy(finals).value
    ends = done | ~counts  # a step whose action was not used leads nowhere
    advantages, returns = gae(rewards.T, values[:-1].T, ends.T, values[-1], gamma=gamma, lam=lam)
    actions = torch.from_numpy(taken).flatten(0, 1)
    logprobs, _ = logprobs_of(policy, said.scores[: len(actions)], actions)
    return Collected(
        observed[:-1].flatten(0, 1),
        actions,
        logprobs,
        values[:-1].flatten(),
        advantages.T.flatten(),
        returns.T.flatten(),
        counts.flatten(),
    )
