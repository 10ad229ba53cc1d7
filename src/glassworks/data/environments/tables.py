"""N walkers in a Markov decision process, stepped at once: a gridworld as `vector.Vector`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.core.machine.jit import compiled
from glassworks.data.environments.compiled import fitting
from glassworks.data.environments.draws import WORD, uniform
from glassworks.data.environments.grids import Process
from glassworks.data.environments.spaces import Discrete, Row, one_hot
from glassworks.data.environments.vector import Stepped


class Walkers:
    """N walkers in a process; one that has come to an end begins anew in the same step.

    >>> walkers = Walkers("Cliff", GRIDS["Cliff"], 1)
    >>> _ = walkers.reset(0)
    >>> walkers.step(np.array([1])).reward.tolist()
    [-100.0]
    """

    def __init__(self, name: str, process: Process, number: int, *, limit: int | None = None) -> None:
        self.name, self.process, self.number, self.goal = name, process, number, process.goal
        self.limit: int | None = limit or process.limit
        self.observation, self.actions = Discrete(process.states), Discrete(len(process.actions))
        self.sums, self.begins = process.chances.cumsum(axis=2), np.array(process.begins)
        self.reset(0)

    def reset(self, seed: int) -> Row:
        """All begin anew; where they are, (N, S)."""
        self.at = np.zeros(self.number, dtype=np.int64)
        self.steps, self.episodes = np.zeros_like(self.at), np.zeros_like(self.at)
        self.seed = seed
        place(self.at, np.ones(self.number, dtype=np.bool_), self.steps, self.episodes, seed, self.begins)
        return one_hot(self.at, self.process.states)

    def step(self, actions: NDArray[Any]) -> Stepped:
        """One action in each, (N,) whole numbers."""
        taken = fitting(self.actions, actions, self.number)
        reward = np.empty(self.number, dtype=np.float32)
        terminated, truncated = np.empty(self.number, dtype=np.bool_), np.empty(self.number, dtype=np.bool_)
        walk(
            self.at,
            taken,
            self.steps,
            self.episodes,
            self.seed,
            self.sums,
            self.process.reward,
            self.process.ends,
            self.limit,
            reward,
            terminated,
            truncated,
        )
        final = one_hot(self.at, self.process.states)
        done = terminated | truncated
        seen = final
        if done.any():
            place(self.at, done, self.steps, self.episodes, self.seed, self.begins)
            seen = one_hot(self.at, self.process.states)
        return Stepped(seen, reward, terminated, truncated, final, np.ones(self.number, dtype=np.bool_))

    def state(self) -> dict[str, NDArray[Any]]:
        """All that is needed to go on from here."""
        whole = {"at": self.at, "steps": self.steps, "episodes": self.episodes}
        return {name: array.copy() for name, array in whole.items()} | {"seed": np.array(self.seed)}

    def restore(self, state: dict[str, NDArray[Any]]) -> Row:
        """Go on from a state of before; where they are."""
        self.at, self.steps, self.episodes = (state[name].copy() for name in ("at", "steps", "episodes"))
        self.seed = int(state["seed"])
        return one_hot(self.at, self.process.states)

    def close(self) -> None:
        """Nothing is held."""


@compiled
def place(at: Any, which: Any, steps: Any, episodes: Any, seed: int, begins: Any) -> None:
    """Draw where the next episodes of some walkers begin."""
    for i in range(len(at)):
        if which[i]:
            episodes[i] += 1
            steps[i] = 0
            share = uniform(WORD(seed), WORD(i), WORD(episodes[i]), WORD(0))
            at[i] = begins[int(share * len(begins))]


@compiled
def walk(
    at: Any,
    actions: Any,
    steps: Any,
    episodes: Any,
    seed: int,
    sums: Any,
    rewards: Any,
    ends: Any,
    limit: int,
    reward: Any,
    terminated: Any,
    truncated: Any,
) -> None:
    """A step of all walkers in place: where they get to is drawn by the chances' running sums, (S, A, S)."""
    for i in range(len(at)):
        steps[i] += 1
        share = uniform(WORD(seed), WORD(i), WORD(episodes[i]), WORD(steps[i]))
        here, to = at[i], 0
        while sums[here, actions[i], to] <= share:
            to += 1
        reward[i], at[i] = rewards[here, actions[i], to], to
        terminated[i], truncated[i] = ends[to], steps[i] >= limit
