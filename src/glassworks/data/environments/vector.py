"""What agents ask of environments: N of them are stepped at once, and one that has ended begins anew by itself.

    reset      all begin anew, from a seed                    -> observations (N, F)
    step       one action in each                             -> Stepped

An episode ends in one of two ways, as in gymnasium 1.x: *terminated*, where nothing comes after it (the pole has
fallen), or *truncated*, where it would have gone on (the time limit). What is still to come after a truncation must be
estimated; after a termination it is 0.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from glassworks.data.environments.spaces import Box, Discrete, Row, Space

Bools = NDArray[np.bool_]


class Stepped(NamedTuple):
    """What came of a step in each of N environments."""

    observation: Row
    """(N, F): by which the next action is chosen; where an episode has ended, the first of the next one."""
    reward: NDArray[np.float32]
    """(N,)"""
    terminated: Bools
    """(N,)"""
    truncated: Bools
    """(N,)"""
    final: Row
    """(N, F): what the step itself led to. Where no episode has ended it is `observation`."""
    counts: Bools
    """(N,): False where the step only began an episode and the action was not used, as gymnasium's environments do it
    that begin anew in the step after the last."""

    @property
    def done(self) -> Bools:
        """Where an episode has ended."""
        return self.terminated | self.truncated


@runtime_checkable
class Vector(Protocol):
    """N environments of a kind. State that a run needs to go on with is in `state`."""

    name: str
    number: int
    limit: int | None
    """Steps after which an episode is truncated; None = not known."""
    goal: float | None
    """The return at which its authors call it solved; None = they name none."""

    @property
    def observation(self) -> Space:
        """What one of them shows."""
        ...

    @property
    def actions(self) -> Discrete | Box:
        """What can be done in one of them."""
        ...

    def reset(self, seed: int) -> Row:
        """All begin anew; the same seed gives the same beginnings."""
        ...

    def step(self, actions: NDArray[Any]) -> Stepped:
        """One action in each: (N,) of int64 for `Discrete`, (N, A) of float32 for `Box`."""
        ...

    def state(self) -> dict[str, NDArray[Any]]:
        """All that is needed to go on from here to the same bits, as arrays."""
        ...

    def restore(self, state: dict[str, NDArray[Any]]) -> Row:
        """The reverse of `state`; returns what is observed there."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...
