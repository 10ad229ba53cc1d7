"""SARSA(lambda) and Q-learning: values of actions in a table or as a linear function, learned from each step at once.

What is observed lies in some features that are on (a state of a table, the tiles of a coder), and an action is worth
the sum of their weights. With the error of a step

    sarsa        delta = r + gamma Q(s', a') - Q(s, a)             a' is what is done next    (Rummery & Niranjan 1994)
    q_learning   delta = r + gamma max Q(s', .) - Q(s, a)                                     (Watkins 1989)

all weights move by alpha / features times delta times their trace, which is 1 where they were on last, and otherwise
fades by gamma lambda (replacing traces; Sutton & Barto 2018, 12.7). Watkins' Q(lambda) cuts traces where an action was
not the best one.

A step of a run is some episodes. Its loss is half the squared distance to where they took the weights, which one step
of gradient descent at a rate of 1 goes to: so these go through `fit` as everything does.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from glassworks.agents.acting import EXPLORED, generator
from glassworks.agents.memory import Acting, Agent, Tally
from glassworks.agents.recipe import PolicyRecipe
from glassworks.core.errors import RunError
from glassworks.core.machine.jit import compiled
from glassworks.data.environments.vector import Vector
from glassworks.models.policy.network import Policy, Tiles
from glassworks.objectives.losses import Summed

MOST = 100_000
"""Steps of an episode."""
NUMBERS = 4096
"""Random numbers that are drawn at once."""

FADED = 1e-4
"""Of a trace that is forgotten."""
Rules = tuple[float, float, float, bool, bool]
"""Alpha of a feature, gamma, lambda, whether the best next action counts, and whether traces go on."""
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


def features_of(policy: Policy, observed: np.ndarray) -> Indices:
    """The indices of the features that are on, for one environment."""
    if isinstance(policy.features, Tiles):
        return policy.features.active(torch.from_numpy(observed))[0].numpy()
    return np.flatnonzero(observed[0])


@compiled
def worth(weights: Floats, on: Indices, action: int) -> float:
    """What an action is worth where some features are on."""
    total = 0.0
    for f in on:
        total += weights[action, f]
    return total


@compiled
def choose(weights: Floats, on: Indices, explore: float, first: float, second: float) -> tuple[int, bool]:
    """An action, at random in a share of cases; and whether it is a best one. Ties are broken by the second number."""
    actions = weights.shape[0]
    best, number = -np.inf, 0
    worths = np.zeros(actions)
    for a in range(actions):
        worths[a] = worth(weights, on, a)
        if worths[a] > best:
            best, number = worths[a], 1
        elif worths[a] == best:
            number += 1
    if first < explore:
        action = min(int(second * actions), actions - 1)
        return action, worths[action] == best
    left = min(int(second * number), number - 1)
    for a in range(actions):
        if worths[a] == best:
            if left == 0:
                return a, True
            left -= 1
    return 0, True


@compiled
def error(
    weights: Floats, on: Indices, action: int, reward: float, then: Indices, next_action: int, rules: Rules
) -> float:
    """What a step brought and promises, less what it was said to be worth; `next_action` is -1 at an end."""
    delta: float = reward - worth(weights, on, action)
    if next_action >= 0:
        after = worth(weights, then, next_action)
        if rules[3]:
            for a in range(weights.shape[0]):
                after = max(after, worth(weights, then, a))
        delta += rules[1] * after
    return delta


@compiled
def learn(weights: Floats, traces: Floats, on: Indices, action: int, delta: float, rules: Rules) -> None:
    """Move the weights by one step's error, as far as each was on lately."""
    alpha, gamma, lam, _, goes_on = rules
    if lam == 0.0:
        for f in on:
            weights[action, f] += alpha * delta
        return
    for f in on:
        traces[:, f] = 0.0
        traces[action, f] = 1.0
    fade = gamma * lam if goes_on else 0.0
    for a in range(weights.shape[0]):
        for f in range(weights.shape[1]):
            if traces[a, f] > 0.0:
                weights[a, f] += alpha * delta * traces[a, f]
                traces[a, f] = traces[a, f] * fade if traces[a, f] * fade > FADED else 0.0


def episode(
    policy: Policy,
    environments: Vector,
    weights: Floats,
    traces: Floats,
    recipe: PolicyRecipe,
    rng: np.random.Generator,
    tally: Tally,
) -> tuple[float, int]:
    """One episode, learned from as it goes; the sum of its squared errors, and its steps.

    Raises: RunError for one that does not end.
    """
    traces[:] = 0
    greedy, explore, gamma, lam = (recipe.method == "q_learning", *map(recipe.own, ("explore", "gamma", "lam")))
    observed = environments.reset(int(rng.integers(2**31)))
    on = features_of(policy, observed)
    alpha = recipe.own("alpha") / max(1, len(on))
    numbers = rng.random((NUMBERS, 2))
    action, _ = choose(weights, on, explore, *numbers[0])
    squares = 0.0
    for step in range(1, MOST):
        if step % NUMBERS == 0:
            numbers = rng.random((NUMBERS, 2))
        stepped = environments.step(np.array([action]))
        tally.count(stepped)
        then = features_of(policy, stepped.final)
        next_action, is_best = choose(weights, then, explore, *numbers[step % NUMBERS])
        follows = -1 if stepped.terminated[0] else next_action
        rules = (alpha, gamma, lam, greedy, is_best or not greedy)
        delta = error(weights, on, action, float(stepped.reward[0]), then, follows, rules)
        learn(weights, traces, on, action, delta, rules)
        squares += delta**2
        if stepped.done[0]:
            return squares, step
        on, action = then, next_action
    raise RunError(f"{environments.name}: an episode has not ended after {MOST:,} steps: give it a --limit")


def stepwise_batch(recipe: PolicyRecipe, acting: Acting, step: int) -> tuple[Tensor, Tensor]:
    """Some episodes from the weights as they are: where these are afterwards (A, F), and the mean squared error."""
    policy = acting.agent.policy
    (matrix,) = policy.actor.parameters()
    weights = matrix.detach().double().numpy().copy()
    rng, tally = generator(recipe.seed, EXPLORED, step), Tally(acting.agent)
    traces = np.zeros_like(weights)
    squares, steps = 0.0, 0
    for _ in range(recipe.own("episodes")):
        more, number = episode(policy, acting.environments, weights, traces, recipe, rng, tally)
        squares, steps = squares + more, steps + number
    tally.keep()
    return torch.from_numpy(weights).to(matrix.dtype), torch.tensor(squares / steps)


def stepwise_loss(agent: nn.Module, batch: tuple[Tensor, Tensor]) -> Summed:
    """Half the squared distance to where the episodes took the weights; the mean squared error is logged."""
    assert isinstance(agent, Agent)
    (matrix,) = agent.policy.actor.parameters()
    return Summed((matrix - batch[0]).square().sum() / 2, 1, {"td_error": batch[1]})
