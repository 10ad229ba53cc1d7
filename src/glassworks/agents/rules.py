"""What to do by a rule that a person can say, for our own environments: what a policy is to beat, beside chance."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.agents.play import Choose
from glassworks.data.environments.grids import best_values
from glassworks.data.environments.spaces import Discrete, Row
from glassworks.data.environments.tables import Walkers
from glassworks.data.environments.vector import Vector

Rule = Callable[[Row], NDArray[Any]]


def column(numbers: NDArray[Any]) -> NDArray[np.float32]:
    """Numbers as actions of one number each."""
    return np.asarray(numbers, dtype=np.float32).reshape(-1, 1)


def push_where_it_falls(seen: Row) -> NDArray[Any]:
    """The pole's angle plus its speed, both by their sign."""
    return (seen[:, 2] + seen[:, 3] > 0).astype(np.int64)


def push_as_it_swings(seen: Row) -> NDArray[Any]:
    """A torque in the direction in which the joint between the links turns."""
    return 1 - np.sign(seen[:, 4]).astype(np.int64)


def push_as_it_rolls(seen: Row) -> NDArray[Any]:
    """Forward while the car rolls forward, else back."""
    return np.where(seen[:, 1] >= 0, 2, 0).astype(np.int64)


def swing_and_hold(seen: Row) -> NDArray[Any]:
    """As it turns while it hangs, and back to upright near the top."""
    upright = seen[:, 0] > 0.9
    hold = -8 * np.arcsin(np.clip(seen[:, 1], -1, 1)) - 1.5 * seen[:, 2]
    return column(np.clip(np.where(upright, hold, 2 * np.sign(seen[:, 2] + 1e-6)), -2, 2))


def away_from_walls(seen: Row) -> NDArray[Any]:
    """To the side with more room, as Braitenberg's vehicles do (1984): (N,) from -1 to 1."""
    half = seen.shape[1] // 2
    turn: NDArray[Any] = np.clip(4 * (seen[:, half:].mean(1) - seen[:, :half].mean(1)), -1, 1)
    return turn


RULES: dict[str, tuple[str, Rule]] = {
    "CartPole-v1": ("push to where the pole falls", push_where_it_falls),
    "Acrobot-v1": ("push against the first link's turn", push_as_it_swings),
    "MountainCar-v0": ("push as the car rolls", push_as_it_rolls),
    "Pendulum-v1": ("push as it turns, hold it at the top", swing_and_hold),
    "Track": ("steer to where there is room", lambda seen: np.rint(1 + away_from_walls(seen)).astype(np.int64)),
    "TrackContinuous": (
        "steer to where there is room",
        lambda seen: column(away_from_walls(seen)),
    ),
}
"""By the environment: what it is called, and what it does."""


def rule_for(environments: Vector) -> tuple[str, Choose] | None:
    """The rule of an environment; of a table the best policy, which is computed; None where there is none."""
    name = environments.name
    if isinstance(environments, Walkers):
        gamma = 1.0 if environments.process.ends.any() else 0.9
        best = best_values(environments.process, gamma).argmax(1)
        return "the best policy, computed from the table", lambda seen, step: best[seen.argmax(1)]
    if name not in RULES:
        return None
    told, rule = RULES[name]
    return told, lambda seen, step: rule(seen)


def constant(space: Any, action: int) -> Choose:
    """One action, always."""
    assert isinstance(space, Discrete)
    return lambda seen, step: np.full(len(seen), action)
