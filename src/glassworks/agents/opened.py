"""A policy that was opened, with what it acts in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from glassworks.data.environments.vector import Vector
from glassworks.models.policy.network import Policy
from glassworks.train.opening import Opened


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class OpenedPolicy(Opened):
    """A policy; `environment` is what run.json says of what it acts in."""

    model: Policy
    environment: dict[str, Any]
    make: Callable[[int], Vector]
    """So many of its environments."""
