"""Our own environments, compiled: what each is, and N of them stepped at once.

A step is the environment's `advance` and `observe`, and between them what all have alike: the time limit, and how an
episode begins. Beginnings are drawn from the seed, the environment's number and the episode's, by a hash: there is no
generator whose state would have to be kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from glassworks.core.machine.jit import compiled
from glassworks.data.environments import acrobot, cartpole, mountain_car, pendulum, track
from glassworks.data.environments.draws import begin
from glassworks.data.environments.spaces import Box, Discrete, Row, Space, box
from glassworks.data.environments.vector import Stepped

Autoreset = Literal["same step", "next step"]


@dataclass(frozen=True)
class Rules:
    """What an environment is."""

    what: str
    """In a line."""
    observation: Space
    actions: Discrete | Box
    low: tuple[float, ...]
    """Where a state begins at the least, coordinate by coordinate."""
    high: tuple[float, ...]
    advance: Callable[..., None]
    """(state (S, N), actions, reward (N,), terminated (N,)): one step, in place."""
    observe: Callable[..., None]
    """(state (S, N), out (N, F)): what is seen of it."""
    limit: int
    goal: float | None = None
    """The return at which its authors call it solved."""


INF = np.inf
TILT, HALF_TURN = 2 * cartpole.TILTED, np.pi
SENSORS = box([0.0] * track.RAYS, [1.0] * track.RAYS)

RULES = {
    "CartPole-v1": Rules(
        "a cart balances a pole",
        box([-4.8, -INF, -TILT, -INF], [4.8, INF, TILT, INF]),
        Discrete(2),
        (-0.05,) * 4,
        (0.05,) * 4,
        cartpole.advance,
        cartpole.observe,
        500,
        475.0,
    ),
    "Acrobot-v1": Rules(
        "two links swing themselves up",
        box([-1.0] * 4 + [-x for x in acrobot.FASTEST], [1.0] * 4 + list(acrobot.FASTEST)),
        Discrete(3),
        (-0.1,) * 4,
        (0.1,) * 4,
        acrobot.advance,
        acrobot.observe,
        500,
        -100.0,
    ),
    "MountainCar-v0": Rules(
        "a weak car gets up a hill",
        box([-1.2, -0.07], [0.6, 0.07]),
        Discrete(3),
        (-0.6, 0.0),
        (-0.4, 0.0),
        mountain_car.advance,
        mountain_car.observe,
        200,
        -110.0,
    ),
    "Pendulum-v1": Rules(
        "a weak motor holds a pendulum upright",
        box([-1.0, -1.0, -8.0], [1.0, 1.0, 8.0]),
        box([-2.0], [2.0]),
        (-HALF_TURN, -1.0),
        (HALF_TURN, 1.0),
        pendulum.advance,
        pendulum.observe,
        200,
    ),
    "Track": Rules(
        "a car feels its way by range sensors",
        SENSORS,
        Discrete(3),
        (23.0, 0.0, np.pi / 2 - 0.2),
        (25.0, 0.0, np.pi / 2 + 0.2),
        track.advance,
        track.observe,
        400,
        350.0,
    ),
    "TrackContinuous": Rules(
        "a car feels its way by range sensors, and steers as far as it likes",
        SENSORS,
        box([-1.0], [1.0]),
        (23.0, 0.0, np.pi / 2 - 0.2),
        (25.0, 0.0, np.pi / 2 + 0.2),
        track.advance_smoothly,
        track.observe,
        400,
        350.0,
    ),
}
"""Our own, by name: gymnasium's names where they are gymnasium's."""


class Compiled:
    """N environments of a kind, as `vector.Vector`.

    >>> environments = Compiled("CartPole-v1", 2)
    >>> environments.reset(0).shape, environments.step(np.array([0, 1])).reward.tolist()
    ((2, 4), [1.0, 1.0])

    Args:
        name: one of `RULES`.
        number: how many.
        limit: steps after which an episode is truncated. None = as the environment has it.
        autoreset: an episode that has ended begins anew in the same step, so that what is observed is the beginning,
            or in the next one, whose action is not used: gymnasium's two ways.
    """

    def __init__(self, name: str, number: int, *, limit: int | None = None, autoreset: Autoreset = "same step") -> None:
        self.rules = RULES[name]
        self.name, self.number, self.goal = name, number, self.rules.goal
        self.limit: int | None = limit or self.rules.limit
        self.observation, self.actions = self.rules.observation, self.rules.actions
        self.waits = autoreset == "next step"
        self.low, self.high = np.array(self.rules.low), np.array(self.rules.high)
        self.reset(0)

    def reset(self, seed: int) -> Row:
        """All begin anew; what is observed, (N, F)."""
        self.values = np.zeros((len(self.low), self.number))
        self.steps = np.zeros(self.number, dtype=np.int64)
        self.episodes = np.zeros(self.number, dtype=np.int64)
        self.ended = np.zeros(self.number, dtype=np.bool_)
        self.seed = seed
        begin(self.values, np.ones(self.number, dtype=np.bool_), self.episodes, seed, self.low, self.high)
        return self.observed()

    def observed(self) -> Row:
        """What is seen of the states, (N, F)."""
        out = np.empty((self.number, self.observation.width), dtype=np.float32)
        self.rules.observe(self.values, out)
        return out

    def step(self, actions: NDArray[Any]) -> Stepped:
        """One action in each, (N,) whole numbers or (N, A) numbers; ValueError for what is no action."""
        reward = np.empty(self.number, dtype=np.float32)
        terminated = np.empty(self.number, dtype=np.bool_)
        truncated = np.empty(self.number, dtype=np.bool_)
        counts = ~self.ended
        self.rules.advance(self.values, fitting(self.actions, actions, self.number), reward, terminated)
        assert self.limit is not None
        some = finish(self.steps, self.ended, reward, terminated, truncated, self.limit)
        if not counts.all():
            again = ~counts
            begin(self.values, again, self.episodes, self.seed, self.low, self.high)
        final = self.observed()
        self.ended = terminated | truncated
        if not some or self.waits:
            return Stepped(final, reward, terminated, truncated, final, counts)
        begin(self.values, self.ended, self.episodes, self.seed, self.low, self.high)
        self.steps[self.ended] = 0
        self.ended = np.zeros_like(self.ended)
        return Stepped(self.observed(), reward, terminated, truncated, final, counts)

    def state(self) -> dict[str, NDArray[Any]]:
        """All that is needed to go on from here."""
        whole = {"values": self.values, "steps": self.steps, "episodes": self.episodes, "ended": self.ended}
        return {name: array.copy() for name, array in whole.items()} | {"seed": np.array(self.seed)}

    def restore(self, state: dict[str, NDArray[Any]]) -> Row:
        """Go on from a state of before; what is observed there."""
        self.values, self.steps = state["values"].copy(), state["steps"].copy()
        self.episodes, self.ended = state["episodes"].copy(), state["ended"].copy()
        self.seed = int(state["seed"])
        return self.observed()

    def close(self) -> None:
        """Nothing is held."""


def fitting(space: Discrete | Box, actions: NDArray[Any], number: int) -> NDArray[Any]:
    """Actions as a kernel takes them; ValueError for what are none."""
    if isinstance(space, Discrete):
        taken = np.asarray(actions)
        if taken.shape != (number,) or taken.dtype.kind not in "iub":
            raise ValueError(f"actions of shape {taken.shape} and {taken.dtype} must be {number} whole numbers")
        if taken.min() < 0 or taken.max() >= space.n:
            wrong = taken.min() if taken.min() < 0 else taken.max()
            raise ValueError(f"an action (={wrong}) must be from 0 to {space.n - 1}")
        return taken.astype(np.int64, copy=False)
    taken = np.asarray(actions, dtype=np.float32)
    if taken.shape != (number, space.width):
        raise ValueError(f"actions of shape {taken.shape} must be ({number}, {space.width})")
    if not np.isfinite(taken).all():
        raise ValueError("an action is not finite: an action is a number")
    return taken


@compiled
def finish(
    steps: NDArray[Any],
    ended: NDArray[Any],
    reward: NDArray[Any],
    terminated: NDArray[Any],
    truncated: NDArray[Any],
    limit: int,
) -> int:
    """Count the step, end what is at its limit, and take back what began anew instead; how many have ended."""
    some = 0
    for i in range(len(steps)):
        if ended[i]:
            steps[i], reward[i], terminated[i], truncated[i] = 0, 0.0, False, False
        else:
            steps[i] += 1
            truncated[i] = steps[i] >= limit
            some += terminated[i] or truncated[i]
    return some
