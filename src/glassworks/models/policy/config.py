"""The shape of a policy, checked before anything is built; imports no torch."""

from dataclasses import dataclass, field
from typing import Literal

from glassworks.core.config import check_types

Says = Literal["actor-critic", "values"]
Reads = Literal["numbers", "tiles"]
MOST_TILES = 2**22
"""Weights of a tile coder for an action at the most."""


@dataclass(frozen=True)
class PolicyConfig:
    """The shape of what says what to do, given what is observed."""

    width: int = 64
    """Neurons of a hidden layer."""
    depth: int | None = None
    """Hidden layers. None = the method's own: 2, or none of tables and linear functions."""
    activation: Literal["tanh", "relu"] | None = None
    """Of hidden layers. None = the method's own: tanh, relu of dqn."""
    reads: Reads | None = None
    """numbers = what is observed as it is; tiles = which tiles of several shifted grids it lies in (Sutton & Barto,
    9.5.4), for linear functions. None = the method's own."""
    tilings: int = 8
    """Of tiles: grids."""
    tiles: int = 8
    """Of tiles: along each side of a grid."""
    says: Says = field(default="actor-critic", metadata={"default": "the method's"})
    """actor-critic = how to choose, and what the state is worth; values = what each action is worth."""
    observed: int = field(default=0, metadata={"default": "the environment's"})
    """Numbers that are observed. 0 = not known yet."""
    actions: int = field(default=0, metadata={"default": "the environment's"})
    """Actions to choose from, or numbers that an action is made of. 0 = not known yet."""
    continuous: bool = field(default=False, metadata={"default": "the environment's"})
    """Whether an action is made of numbers."""
    low: tuple[float, ...] = field(default=(), metadata={"default": "the environment's"})
    """Of tiles: where each number that is observed begins."""
    high: tuple[float, ...] = field(default=(), metadata={"default": "the environment's"})
    """Likewise where it ends."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built, naming the field, its value and the remedy."""
        check_types(self)
        for name in ("width", "tilings", "tiles"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} (={getattr(self, name)}) must be at least 1")
        if self.depth is not None and not 0 <= self.depth <= 100:
            raise ValueError(f"depth (={self.depth}) must be a number of hidden layers from 0 to 100")
        if self.continuous and self.says == "values":
            raise ValueError("continuous actions cannot be valued one by one: take ppo, actor_critic or reinforce")
        if self.reads == "tiles" and self.observed:
            self.check_tiles()

    def check_tiles(self) -> None:
        """Refuse observations that no grid of tiles can be laid over."""
        if not len(self.low) == len(self.high) == self.observed:
            raise ValueError("reads (='tiles') needs observations between two ends: take numbers, or other data")
        if self.tilings * (self.tiles + 1) ** self.observed > MOST_TILES:
            raise ValueError(
                f"reads (='tiles') lays {self.tiles} tiles along each of {self.observed} numbers, which are too many: "
                "give fewer tiles, or take numbers"
            )
