"""Deep Q-learning (Mnih et al. 2015): what actions are worth, learned from steps that are remembered.

Targets are r + gamma times what the best next action is worth, by a copy of the network that follows now and then, and
chosen by the network itself (double Q-learning; van Hasselt et al. 2016).
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from glassworks.agents.acting import EXPLORED, SHUFFLED, as_taken, generator, scorer
from glassworks.agents.memory import Acting, Agent, Tally
from glassworks.agents.recipe import PolicyRecipe
from glassworks.models.policy.network import Policy
from glassworks.objectives.losses import LossFn, Summed


class Remembered(NamedTuple):
    """Steps, (B,) of each."""

    observed: Tensor
    actions: Tensor
    rewards: Tensor
    after: Tensor
    """What was observed then."""
    ends: Tensor
    """Whether nothing came after it."""


def begin_memory(recipe: PolicyRecipe, agent: Agent) -> None:
    """Room for what will be remembered, and the first copy of the network."""
    room, width = recipe.own("memory"), agent.policy.config.observed
    for name, value in (
        ("observed_then", torch.zeros(room, width)),
        ("after", torch.zeros(room, width)),
        ("actions", torch.zeros(room, dtype=torch.int64)),
        ("rewards", torch.zeros(room)),
        ("ends", torch.zeros(room)),
        ("filled", torch.zeros(1, dtype=torch.int64)),
    ):
        agent.collected.keep(name, value)
    follow(agent)


def follow(agent: Agent) -> None:
    """Let the copy be what the network is."""
    for i, value in enumerate(agent.policy.parameters()):
        agent.collected.keep(f"target_{i}", value.detach().clone())


def target(agent: Agent, observed: Tensor) -> Tensor:
    """What the copy says that actions are worth, (B, A)."""
    names = [name for name, _ in agent.policy.named_parameters()]
    weights = {name: agent.collected.get(f"target_{i}") for i, name in enumerate(names)}
    scores: Tensor = functional_call(agent.policy, weights, (observed,)).scores
    return scores


@torch.no_grad()
def dqn_batch(recipe: PolicyRecipe, acting: Acting, step: int) -> Remembered:
    """Act for some steps, remember them, and recall others; before the first, as many at random as are asked for."""
    agent = acting.agent
    if step % recipe.own("target_every") == 0:
        follow(agent)
    rng, tally = generator(recipe.seed, EXPLORED, step), Tally(agent)
    least = max(recipe.own("warm"), recipe.batch_size)
    share = exploring(recipe, step)
    observed = acting.go_on()
    steps = recipe.own("n_steps")
    while steps > 0 or int(agent.collected.get("filled")) < least:
        warming = int(agent.collected.get("filled")) < least
        observed = act(agent.policy, acting, observed, 1.0 if warming else share, rng, tally)
        steps -= 0 if warming else 1
    acting.keep(observed)
    tally.keep()
    known = min(int(agent.collected.get("filled")), recipe.own("memory"))
    rows = torch.from_numpy(generator(recipe.seed, SHUFFLED, step).integers(0, known, recipe.batch_size))
    names = ("observed_then", "actions", "rewards", "after", "ends")
    return Remembered(*(agent.collected.get(name)[rows] for name in names))


def act(
    policy: Policy, acting: Acting, observed: np.ndarray, share: float, rng: np.random.Generator, tally: Tally
) -> np.ndarray:
    """One step in each environment, a share of them at random, which is remembered; what is observed then."""
    environments, memory = acting.environments, acting.agent.collected
    best = scorer(policy)(observed).argmax(-1)
    anything = rng.integers(0, policy.config.actions, environments.number)
    actions = np.where(rng.random(environments.number) < share, anything, best)
    stepped = environments.step(as_taken(environments.actions, actions))
    tally.count(stepped)
    used = torch.from_numpy(stepped.counts)
    filled = memory.get("filled")
    rows = (int(filled) + torch.arange(int(used.sum()))) % len(memory.get("rewards"))
    memory.get("observed_then")[rows] = torch.from_numpy(observed)[used]
    memory.get("after")[rows] = torch.from_numpy(stepped.final)[used]
    memory.get("actions")[rows] = torch.from_numpy(actions)[used]
    memory.get("rewards")[rows] = torch.from_numpy(stepped.reward)[used]
    memory.get("ends")[rows] = torch.from_numpy(stepped.terminated)[used].float()
    filled += len(rows)
    return stepped.observation


def exploring(recipe: PolicyRecipe, step: int) -> float:
    """The share of actions at random: it falls from 1 in a line, and stays."""
    last, over = recipe.own("explore"), max(1.0, recipe.own("explore_for") * recipe.steps)
    return float(1 - (1 - last) * min(1.0, step / over))


def dqn_loss(recipe: PolicyRecipe) -> LossFn:
    """Huber's loss of what actions were said to be worth, beside what came of them."""
    gamma = recipe.own("gamma")

    def loss(agent: nn.Module, batch: Remembered) -> Summed:
        assert isinstance(agent, Agent)
        worth = agent(batch.observed).scores.gather(1, batch.actions[:, None])[:, 0]
        with torch.no_grad():
            best = agent(batch.after).scores.argmax(1, keepdim=True)
            after = target(agent, batch.after).gather(1, best)[:, 0]
            wanted = batch.rewards + gamma * (1 - batch.ends) * after
        losses = nn.functional.smooth_l1_loss(worth, wanted, reduction="none")
        return Summed(losses.sum(), len(losses), {"value": worth.detach().sum()})

    return loss
