"""gymnasium's environments, and whatever is registered with it, as `vector.Vector`; needs the extra `rl`.

Their state cannot be read, so what is kept for a run to go on is how they got there: the seed of the last beginning and
all actions since. After `KEPT` steps all begin anew, which is a truncation, so that repeating them never takes long.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.core.errors import RunError
from glassworks.data.environments.spaces import Box, Discrete, Row, Several, Space, box, flat
from glassworks.data.environments.vector import Stepped

KEPT = 2**12
"""Steps of all environments that are kept as actions."""


class Foreign:
    """gymnasium's own vector environment of a name, or one that is given; stepped as ours are.

    It may begin anew in the step after the last or in the same one: what gymnasium calls its autoreset mode.
    """

    def __init__(self, name: str, number: int, *, environments: Any = None) -> None:
        self.name, self.number = name, number
        self.inner = made(name, number) if environments is None else environments
        self.observation = space_of(self.inner.single_observation_space, f"{name}: what is observed")
        actions = space_of(self.inner.single_action_space, f"{name}: an action")
        if isinstance(actions, Several):
            raise ValueError(f"data (=env:{name}) takes several actions at once: agents here choose one, or numbers")
        self.actions = actions
        mode = (getattr(self.inner, "metadata", None) or {}).get("autoreset_mode")
        self.mode = str(getattr(mode, "value", mode) or "NextStep")
        if "disabled" in self.mode.lower():
            raise ValueError(f"data (=env:{name}) does not begin anew by itself: make it with an autoreset mode")
        spec = getattr(self.inner, "spec", None)
        self.limit: int | None = getattr(spec, "max_episode_steps", None)
        self.goal: float | None = getattr(spec, "reward_threshold", None)
        self.reset(0)

    def reset(self, seed: int) -> Row:
        """All begin anew; what is observed, (N, F)."""
        self.seed, self.begun = seed, 0
        return self.begin()

    def begin(self) -> Row:
        """All begin anew, from a seed that is made of the given one and of how often that was."""
        self.begun += 1
        self.ended = np.zeros(self.number, dtype=np.bool_)
        self.past: list[NDArray[Any]] = []
        drawn = np.random.SeedSequence([self.seed, self.begun]).generate_state(1)[0]
        with named(self.name, "begin"):
            seen, _ = self.inner.reset(seed=int(drawn) % 2**31)
        return flat(self.observation, seen, self.number)

    def step(self, actions: NDArray[Any]) -> Stepped:
        """One action in each."""
        self.past.append(np.array(actions))
        stepped = self.go(actions)
        if len(self.past) < KEPT:
            return stepped
        over = stepped.counts & ~stepped.done
        return stepped._replace(observation=self.begin(), truncated=stepped.truncated | over)

    def go(self, actions: NDArray[Any]) -> Stepped:
        """One step, whatever was before."""
        given = actions + self.actions.start if isinstance(self.actions, Discrete) else self.bounded(actions)
        with named(self.name, "take a step"):
            seen, reward, terminated, truncated, info = self.inner.step(given)
        observation = flat(self.observation, seen, self.number)
        terminated, truncated = np.asarray(terminated, dtype=np.bool_), np.asarray(truncated, dtype=np.bool_)
        done = terminated | truncated
        counts, final = np.ones(self.number, dtype=np.bool_), observation
        if "same" in self.mode.lower():
            final = self.last_seen(observation, done, info)
        else:
            counts, self.ended = ~self.ended, done
        if not np.isfinite(observation).all() or not np.isfinite(np.asarray(reward)).all():
            raise RunError(f"{self.name} gave a reward or an observation that is not finite: mend it")
        return Stepped(observation, np.asarray(reward, dtype=np.float32), terminated, truncated, final, counts)

    def bounded(self, actions: NDArray[Any]) -> NDArray[Any]:
        """Numbers as the environment takes them: within its ends, in its shape."""
        assert isinstance(self.actions, Box)
        inside = np.clip(actions, np.array(self.actions.low), np.array(self.actions.high))
        shaped: NDArray[Any] = inside.reshape(self.number, *self.actions.shape).astype(np.float32)
        return shaped

    def last_seen(self, seen: Row, done: NDArray[np.bool_], info: Mapping[str, Any]) -> Row:
        """What a step led to where an episode ended in it, which gymnasium tells beside what is observed."""
        if not done.any():
            return seen
        final = seen.copy()
        told = info.get("final_obs", info.get("final_observation"))
        for i in np.flatnonzero(done):
            one = {key: value[i] for key, value in told.items()} if isinstance(told, Mapping) else told[i]
            final[i] = flat(self.observation, alone(one), 1)[0]
        return final

    def state(self) -> dict[str, NDArray[Any]]:
        """How it got here: the seed, how often all began, and all actions since."""
        is_choice = isinstance(self.actions, Discrete)
        shape = (KEPT, self.number) if is_choice else (KEPT, self.number, self.actions.width)
        padded = np.zeros(shape, dtype=np.int64 if is_choice else np.float32)
        if self.past:
            padded[: len(self.past)] = np.stack(self.past)
        counted = {"seed": self.seed, "begun": self.begun, "steps": len(self.past)}
        return {name: np.array(value) for name, value in counted.items()} | {"past": padded}

    def restore(self, state: dict[str, NDArray[Any]]) -> Row:
        """Begin anew and do the same again; what is observed at the end."""
        self.seed, self.begun = int(state["seed"]), int(state["begun"]) - 1
        seen = self.begin()
        for actions in state["past"][: int(state["steps"])]:
            self.past.append(np.array(actions))
            seen = self.go(actions).observation
        return seen

    def close(self) -> None:
        """Let go of windows and processes."""
        self.inner.close()


class named:
    """What a stranger's environment raises becomes one line that names it."""

    def __init__(self, name: str, doing: str) -> None:
        self.name, self.doing = name, doing

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Turn the error into a line."""
        if isinstance(error, Exception):
            said = " ".join(str(error).split())[:200]
            raise RunError(
                f"environment {self.name} could not {self.doing} ({type(error).__name__}: {said}): mend it, or take "
                "another"
            ) from error


def alone(seen: Any) -> Any:
    """One environment's observation as some environments' are: arrays with one along axis 0."""
    if isinstance(seen, Mapping):
        return {name: alone(part) for name, part in seen.items()}
    return tuple(map(alone, seen)) if isinstance(seen, tuple) else np.asarray(seen)[None]


def made(name: str, number: int) -> Any:
    """The vector environment that gymnasium makes of a name: one of its own, or as many single ones, in turn."""
    try:
        import gymnasium
    except ImportError:
        raise ValueError(
            f"data (=env:{name}) is none of Glassworks' own environments, and gymnasium is not installed: "
            "pip install 'glassworks[rl]'"
        ) from None
    known = sorted(gymnasium.registry)
    if ":" not in name and name not in known:
        near = get_close_matches(name, known, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "gymnasium.pprint_registry() lists its own"
        raise ValueError(f"data (=env:{name}) is no environment: {hint}")
    with named(name, "be made"):
        return gymnasium.make_vec(name, num_envs=number)


def space_of(space: Any, what: str) -> Space:
    """A space of gymnasium's as ours; ValueError for one that no row of numbers stands for."""
    from gymnasium import spaces

    if isinstance(space, spaces.Discrete):
        return Discrete(int(space.n), int(space.start))
    if isinstance(space, spaces.Box):
        return box(space.low, space.high)
    if isinstance(space, spaces.MultiBinary):
        return box(np.zeros(space.shape), np.ones(space.shape))
    if isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1:
        return Several(tuple((str(i), Discrete(int(n))) for i, n in enumerate(space.nvec)), is_tuple=True)
    if isinstance(space, spaces.Dict):
        return Several(tuple((name, space_of(part, what)) for name, part in space.spaces.items()))
    if isinstance(space, spaces.Tuple):
        return Several(tuple((str(i), space_of(part, what)) for i, part in enumerate(space.spaces)), is_tuple=True)
    raise ValueError(f"{what} is a {type(space).__name__} of gymnasium's, which no row of numbers stands for")
