"""Clips of an agent: some steps in a row, to be compared by a person or by a rule that stands for one.

A clip goes to the store of choices as drawings (`as_comparison`), and what was chosen comes back as preferences.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.agents.frames import frames
from glassworks.agents.opened import OpenedPolicy
from glassworks.agents.play import Choose, by_policy
from glassworks.data.choices.comparison import Choice, Comparison, Option
from glassworks.data.environments.compiled import Compiled
from glassworks.data.environments.spaces import Box, Discrete, one_hot
from glassworks.data.environments.tables import Walkers
from glassworks.data.environments.vector import Vector

QUESTION = "Which clip shows what you want?"


@dataclass(frozen=True, eq=False)
class Clip:
    """Up to T steps in a row; fewer where an episode ended."""

    observed: NDArray[np.float32]
    """(T, F): before each step."""
    actions: NDArray[np.float32]
    """(T, A): numbers, or 1 at the action that was chosen."""
    rewards: NDArray[np.float32]
    """(T,): the environment's own, which who learns from preferences does not see."""
    states: NDArray[np.float64] | None = None
    """(T, S), of an environment of ours."""

    def __len__(self) -> int:
        """Steps."""
        return len(self.rewards)

    @property
    def inputs(self) -> NDArray[np.float32]:
        """(T, F + A): what a learned reward reads."""
        return np.concatenate([self.observed, self.actions], axis=1)


@dataclass(frozen=True, eq=False)
class Preference:
    """Two clips, and how sure it is that the first is better: 1, 0, or 0.5 for a tie."""

    first: Clip
    second: Clip
    share: float


Ask = Callable[[Sequence[tuple[Clip, Clip]]], list[float | None]]
"""Pairs of clips to how sure it is that the first is better; None = not answered."""


def as_rows(space: Discrete | Box, actions: NDArray[Any]) -> NDArray[np.float32]:
    """Actions as rows of numbers, (N, A)."""
    if isinstance(space, Discrete):
        return one_hot(np.asarray(actions, dtype=np.int64), space.n)
    return np.asarray(actions, dtype=np.float32).reshape(len(actions), -1)


def record(choose: Choose, environments: Vector, length: int, seed: int) -> list[Clip]:
    """A clip of each environment, begun somewhere in an episode: after a share of `length` steps, by its number."""
    observed = environments.reset(seed)
    number = environments.number
    waits = np.random.default_rng(seed).integers(0, 2 * length, number)
    rows: list[list[Any]] = [[] for _ in range(number)]
    on = np.ones(number, dtype=np.bool_)
    for step in range(int(waits.max()) + length):
        actions = choose(observed, step)
        states = states_of(environments)
        stepped = environments.step(actions)
        taken = as_rows(environments.actions, actions)
        for i in np.flatnonzero(on & (step >= waits) & stepped.counts):
            state = None if states is None else states[i]
            rows[i].append((observed[i], taken[i], stepped.reward[i], state))
        full = np.array([len(found) >= length for found in rows])
        ended = stepped.done & np.array([len(found) > 0 for found in rows])
        on &= ~(full | ended)
        observed = stepped.observation
        if not on.any():
            break
    return [clip_of(found) for found in rows if found]


def clip_of(rows: list[Any]) -> Clip:
    """Steps as a clip."""
    observed, actions, rewards, states = zip(*rows, strict=True)
    known = None if states[0] is None else np.stack(states)
    return Clip(np.stack(observed), np.stack(actions), np.array(rewards, dtype=np.float32), known)


def states_of(environments: Vector) -> NDArray[np.float64] | None:
    """Where the environments stand, (N, S); None where that cannot be read."""
    if isinstance(environments, Compiled):
        return environments.values.T.copy()
    return environments.at[:, None].astype(np.float64) if isinstance(environments, Walkers) else None


def simulated_human(
    errors: float = 0.1, *, worth: Callable[[Clip], float] | None = None, level: float = 1e-9, seed: int = 0
) -> Ask:
    """Who stands for a person: prefers the clip of more reward, and errs in a share of cases.

    Args:
        errors: the share of answers that are the wrong way round.
        worth: what a clip is worth; None = the sum of its rewards.
        level: two clips whose worths differ by less are a tie.
        seed: of the errors.
    """
    rng, value = np.random.default_rng(seed), worth or (lambda clip: float(clip.rewards.sum()))

    def ask(pairs: Sequence[tuple[Clip, Clip]]) -> list[float | None]:
        answers: list[float | None] = []
        for first, second in pairs:
            apart = value(first) - value(second)
            wrong = rng.random() < errors
            answers.append(0.5 if abs(apart) < level else float((apart > 0) != wrong))
        return answers

    return ask


# ----------------------------------------------------------------------------------------------------------------------
# To the store of choices, and back


def as_comparison(name: str, first: Clip, second: Clip, fps: float = 25.0, most: int = 60) -> Comparison:
    """Two clips as a comparison, for the page where people choose: drawings, which loop there.

    What a reward learns from stands in its origin, in the order of its options.

    Raises: ValueError for an environment that has no drawings.
    """
    options = []
    for clip in (first, second):
        drawn = [] if clip.states is None else frames(name, clip.states, most)
        if not drawn:
            raise ValueError(f"{name} has no drawings: compare clips of an environment of ours")
        options.append(Option({"frames": [str(frame) for frame in drawn], "fps": fps}))
    comparison, places = Comparison.of(QUESTION, options, environment=name)
    clips: list[Any] = [None, None]
    for place, clip in zip(places, (first, second), strict=True):
        clips[place] = {field: getattr(clip, field).tolist() for field in ("observed", "actions", "rewards")}
    return Comparison(comparison.prompt, comparison.options, {"environment": name, "clips": clips})


def filmed(agents: Sequence[OpenedPolicy], count: int, seed: int, length: int = 50) -> list[Comparison]:
    """Comparisons of clips: of one agent, or of the first beside another each time, all acting as in training.

    Raises: ValueError for agents of different environments, and for one that has no drawings.
    """
    names = [str(agent.environment.get("name", "")) for agent in agents]
    if len(set(names)) > 1:
        raise ValueError(f"agents act in {' and '.join(dict.fromkeys(names))}: compare those of one environment")
    clips = []
    for i, agent in enumerate(agents):
        environments = agent.make(2 * count if len(agents) == 1 else count)
        clips.append(
            record(by_policy(agent.model, environments.actions, seed=seed + i), environments, length, seed + i)
        )
    others = [clip for some in zip(*clips[1:], strict=False) for clip in some]  # of each in turn
    both = zip(clips[0][::2], clips[0][1::2], strict=False) if len(agents) == 1 else zip(clips[0], others, strict=False)
    return [as_comparison(names[0], first, second) for first, second in both][:count]


def preferences_in(comparisons: Iterable[Comparison], choices: Iterable[Choice]) -> list[Preference]:
    """What people said of clips, as preferences; a skip and two bad ones say nothing of which is better."""
    known = {one.number: one for one in comparisons if "clips" in one.origin}
    found = []
    for choice in choices:
        comparison = known.get(choice.comparison)
        if comparison is None or choice.verdict not in ("ranked", "tie"):
            continue
        first, second = (
            Clip(numbers(clip["observed"]), numbers(clip["actions"]), numbers(clip["rewards"]))
            for clip in comparison.origin["clips"]
        )
        found.append(Preference(first, second, 0.5 if choice.verdict == "tie" else float(choice.best == 0)))
    return found


def numbers(values: Any) -> NDArray[np.float32]:
    """What JSON holds, as an array."""
    return np.array(values, dtype=np.float32)
