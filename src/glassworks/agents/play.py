"""Episodes as a policy plays them: what they return, and one of them step by step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.agents.acting import PLAYED, as_taken, chosen, generator, greedy, noise_for, scorer
from glassworks.core.errors import RunError
from glassworks.data.environments.compiled import Compiled
from glassworks.data.environments.spaces import Discrete, Row
from glassworks.data.environments.tables import Walkers
from glassworks.data.environments.vector import Vector
from glassworks.models.policy.network import Policy

MOST = 20_000
"""Steps after which an episode without a limit is taken for one that never ends."""
Choose = Callable[[Row, int], NDArray[Any]]
"""What is observed in N environments (N, F), and the number of the step, to actions as environments take them."""


@dataclass(frozen=True)
class Played:
    """Whole episodes, one in each environment."""

    returns: NDArray[np.float64]
    """(N,): the sum of rewards, none of them discounted."""
    lengths: NDArray[np.int64]
    """(N,): steps."""
    truncated: NDArray[np.bool_]
    """(N,): cut off by the limit of time."""


@dataclass(frozen=True)
class Episode:
    """One episode, step by step."""

    observed: list[NDArray[np.float32]] = field(default_factory=list, repr=False)
    """T + 1 rows (F,)."""
    states: list[NDArray[np.float64]] = field(default_factory=list, repr=False)
    """T + 1 states, of an environment of ours; none of another."""
    actions: list[NDArray[Any]] = field(default_factory=list, repr=False)
    """T"""
    rewards: list[float] = field(default_factory=list, repr=False)
    """T"""

    def __len__(self) -> int:
        """Steps."""
        return len(self.rewards)

    @property
    def total(self) -> float:
        """The sum of rewards."""
        return float(sum(self.rewards))


def by_policy(policy: Policy, space: Any, *, seed: int | None = None) -> Choose:
    """What a policy chooses, as it is now: the likeliest or best action; with a seed, drawn as in training."""
    rng, say = None if seed is None else generator(seed, PLAYED), scorer(policy)

    def choose(observed: Row, step: int) -> NDArray[Any]:
        scores = say(observed)
        if rng is None:
            return as_taken(space, greedy(policy, scores))
        return as_taken(space, chosen(policy, scores, noise_for(rng, policy, len(observed))))

    return choose


def at_random(space: Any, seed: int) -> Choose:
    """Any action, one as likely as another."""
    rng = generator(seed, PLAYED, 1)

    def choose(observed: Row, step: int) -> NDArray[Any]:
        if isinstance(space, Discrete):
            return rng.integers(0, space.n, len(observed))
        return as_taken(space, rng.uniform(-1, 1, (len(observed), space.width)).astype(np.float32))

    return choose


def play(choose: Choose, environments: Vector, seed: int) -> Played:
    """One whole episode in each environment, from beginnings that the seed decides.

    Raises: RunError where an episode does not end.
    """
    observed = environments.reset(seed)
    number = environments.number
    returns, lengths = np.zeros(number), np.zeros(number, dtype=np.int64)
    on, truncated = np.ones(number, dtype=np.bool_), np.zeros(number, dtype=np.bool_)
    step = 0
    while on.any():
        if step == MOST:
            raise RunError(
                f"{environments.name}: an episode has not ended after {MOST:,} steps: register it with "
                "max_episode_steps, or give it a limit"
            )
        stepped = environments.step(choose(observed, step))
        observed, step = stepped.observation, step + 1
        returns += np.where(on, stepped.reward, 0)
        lengths += on & stepped.counts
        truncated |= on & stepped.truncated & ~stepped.terminated
        on &= ~stepped.done
    return Played(returns, lengths, truncated)


def follow(choose: Choose, environments: Vector, seed: int, most: int | None = None) -> Episode:
    """The first environment's episode, step by step, to its end or as far as `most` steps."""
    observed, episode = environments.reset(seed), Episode()
    while len(episode) < (most or MOST):
        actions = choose(observed, len(episode))
        keep(episode, environments, observed)
        stepped = environments.step(actions)
        episode.actions.append(np.asarray(actions[0]))
        episode.rewards.append(float(stepped.reward[0]))
        observed = stepped.observation
        if stepped.done[0]:
            episode.observed.append(stepped.final[0])
            break
    else:
        keep(episode, environments, observed)
    return episode


def keep(episode: Episode, environments: Vector, observed: Row) -> None:
    """Where the first environment stands."""
    episode.observed.append(observed[0].copy())
    if isinstance(environments, Compiled):
        episode.states.append(environments.values[:, 0].copy())
    elif isinstance(environments, Walkers):
        episode.states.append(environments.at[:1].astype(np.float64))
