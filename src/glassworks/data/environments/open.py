"""From a name to environments: our own, compiled or as tables, or gymnasium's."""

from typing import Any

from glassworks.data.environments.compiled import RULES, Compiled
from glassworks.data.environments.foreign import Foreign
from glassworks.data.environments.grids import GRIDS
from glassworks.data.environments.signs import name_of
from glassworks.data.environments.tables import Walkers
from glassworks.data.environments.vector import Vector


def open_environments(data: str, number: int, *, limit: int | None = None) -> Vector:
    """N environments of a name.

    Args:
        data: env:CartPole-v1, env:Cliff and the like; env:gymnasium/CartPole-v1 is gymnasium's own where both have one.
        number: N.
        limit: steps after which an episode of ours is truncated. None = as it has it.

    Raises: ValueError, in a line, for a name that is none.
    """
    if number < 1:
        raise ValueError(f"n_envs (={number}) must be at least 1")
    name = name_of(data)
    if name in RULES:
        return Compiled(name, number, limit=limit)
    if name in GRIDS:
        return Walkers(name, GRIDS[name], number, limit=limit)
    return Foreign(name.removeprefix("gymnasium/"), number)


def what_is(environments: Any) -> str:
    """What environments are, in a line."""
    if isinstance(environments, Compiled):
        return f"{environments.name}: {environments.rules.what}"
    if isinstance(environments, Walkers):
        return f"{environments.name}: {environments.process.what}"
    return f"{environments.name}, by gymnasium"
