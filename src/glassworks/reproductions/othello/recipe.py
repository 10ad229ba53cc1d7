"""How a network is trained on games of Othello: the board, which games it reads, and what every training has.

Games are not read whole from the start: at first only their first third, where few discs have been turned and the rules
show, then more and more (`Games.growth`). docs/decisions.md has what that was worth.
"""

from dataclasses import dataclass
from typing import Any, Literal

from glassworks.models.gpt.config import GPTConfig
from glassworks.optim.config import OptimizerConfig, ScheduleConfig
from glassworks.pretraining.recipe import GPTTraining

Scale = Literal["quick", "default", "full"]

CONTEXT = {4: 16, 6: 36, 8: 64}
"""Plies that a network reads, by board size: of random games, fewer than one in 250 is longer, passes counted."""

STAGES = 3
"""Leaps in which the plies that are read grow; few, as each is another shape of batch to compile for."""


@dataclass(frozen=True)
class Games:
    """Which games are read, and how."""

    scale: Scale = "default"
    """What the recipe was made as."""
    size: int = 6
    """Squares of the board's side."""
    expected: bool = True
    """Whether the target of a ply is the distribution of its move; else the move that was drawn, as in the paper."""
    growth: float = 0.0
    """The share of steps by whose end games are read whole. Before, only their first plies are: see `plies`."""


@dataclass(frozen=True)
class GameRecipe(GPTTraining, Games):
    """A board and how a network is trained on its games."""

    def __post_init__(self) -> None:
        """Refuse a board or a growth that is none."""
        super().__post_init__()
        if self.size not in CONTEXT:
            raise ValueError(f"size (={self.size}) must be one of {', '.join(map(str, CONTEXT))}")
        if not 0 <= self.growth <= 1:
            raise ValueError(f"growth (={self.growth}) is a share of the steps: give a number from 0 to 1")

    @property
    def games(self) -> int:
        """How many games training reads, each once."""
        return self.batch_size * self.steps

    def plies(self, step: int) -> int:
        """How many plies of a game a step reads: a third of them at first, then more in `STAGES` equal leaps.

        >>> [experiment("default", steps=10).plies(step) for step in range(10)]
        [12, 12, 20, 20, 28, 28, 36, 36, 36, 36]
        """
        length, grown = self.model.n_ctx, STAGES
        if step < self.growth * self.steps:
            grown = int(STAGES * step / (self.growth * self.steps))
        return -(-length * (STAGES + 2 * grown) // (3 * STAGES))


def experiment(scale: Scale, *, seed: int = 0, steps: int | None = None, size: int | None = None) -> GameRecipe:
    """The recipe of a scale: quick and default for two CPU cores, full as the paper has it."""
    from glassworks.data.games.othello import vocab_size

    size = size or (8 if scale == "full" else 6)
    if steps is not None and steps < 1:
        raise ValueError(f"steps (={steps}) must be at least 1")
    quick = scale == "quick"
    shape: dict[str, Any] = {"vocab_size": vocab_size(size), "n_ctx": CONTEXT[size]}
    common: dict[str, Any] = {"scale": scale, "size": size, "seed": seed}
    if scale == "full":
        return GameRecipe(
            expected=False,
            model=GPTConfig("gpt2", n_layer=8, n_head=8, n_embd=512, tied=False, **shape),
            optimizer=OptimizerConfig("adamw", lr=5e-4, betas=(0.9, 0.95), weight_decay=0.1),
            schedule=ScheduleConfig("cosine", warmup=500, final=0.0),
            batch_size=1024,
            steps=steps or 19_532,
            clip=1.0,
            **common,
        )
    return GameRecipe(
        growth=0.6,
        model=GPTConfig("gpt2", n_layer=4 if quick else 5, n_head=4, n_embd=128, tied=False, **shape),
        optimizer=OptimizerConfig("muon", lr=0.02, embedding_lr=0.03, head_lr=0.002, betas=(0.9, 0.99), iterations=3),
        schedule=ScheduleConfig("wsd", decay=0.5, final=0.0),
        batch_size=32 if quick else 64,
        steps=steps or (1_000 if quick else 28_000),
        **common,
    )
