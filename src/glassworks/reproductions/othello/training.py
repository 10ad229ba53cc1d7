"""Training of Othello-GPT: a GPT that is shown random games and predicts the next move, nothing else.

It is told no rules and sees no board. Tokens are moves (data/games/othello.py), games are played as they are needed. A
step's batch is a function of seed and step, so a killed training resumes to the same weights.

The best possible loss is known. Every legal move is as likely as any other, so no predictor gets below the average of
ln(number of legal moves); the distance to that floor says more of a network than its loss does.

The paper's networks are trained on the moves that were drawn. Ours, with a thousandth of the arithmetic, are trained on
the distribution that each move is drawn from (`expected_loss`): uniform over the legal moves. The gradient is the same
on average, without the noise of the draw, and a fraction of the games suffices. It is a stronger hint than one move, as
it names all legal ones at once; it says nothing of the board that is looked for inside.

Games are not read whole from the start: at first only their first third, where few discs have been turned and the rules
show, then more and more (`Experiment.growth`). docs/decisions.md has what that was worth.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor, nn

from glassworks.core.progress import progress, say
from glassworks.core.runs import Run
from glassworks.data.games.othello import PADDING, play, replay, tokens_of, vocab_size
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import load_model, save_model
from glassworks.models.modes import evaluating
from glassworks.objectives.losses import Summed, mean_of, next_token_loss
from glassworks.optim.config import OptimizerConfig, ScheduleConfig
from glassworks.optim.schedules import make_schedule
from glassworks.reproductions.othello.games import FRESH
from glassworks.train.checkpoint import last_step
from glassworks.train.device import pick_device
from glassworks.train.plan import Plan, build, computed, plan_once
from glassworks.train.recipe import Recipe
from glassworks.train.resumable import resumable

Scale = Literal["quick", "default", "full"]

CONTEXT = {4: 16, 6: 36, 8: 64}
"""Plies that a network reads, by board size: of random games, fewer than one in 250 is longer, passes counted."""

STAGES = 3
"""Leaps in which the plies that are read grow; few, as each is another shape of batch to compile for."""

BLOCK_STEPS = 64
"""Steps whose games are played at once."""


@dataclass(frozen=True)
class Experiment:
    """A board and how a network is trained on its games."""

    scale: Scale
    size: int
    recipe: Recipe
    expected: bool = True
    """Whether the target of a ply is the distribution of its move; else the move that was drawn, as in the paper."""
    growth: float = 0.0
    """The share of steps by whose end games are read whole. Before, only their first plies are: see `plies`."""

    @property
    def games(self) -> int:
        """How many games training reads, each once."""
        return self.recipe.batch_size * self.recipe.steps

    def plies(self, step: int) -> int:
        """How many plies of a game a step reads: a third of them at first, then more in `STAGES` equal leaps.

        >>> [experiment("default", steps=10).plies(step) for step in range(10)]
        [12, 12, 20, 20, 28, 28, 36, 36, 36, 36]
        """
        whole, grown = self.recipe.model.n_ctx, STAGES
        if step < self.growth * self.recipe.steps:
            grown = int(STAGES * step / (self.growth * self.recipe.steps))
        return -(-whole * (STAGES + 2 * grown) // (3 * STAGES))


def experiment(scale: Scale, *, seed: int = 0, steps: int | None = None, size: int | None = None) -> Experiment:
    """The settings of a scale: quick and default for two CPU cores, full as the paper has it."""
    size = size or (8 if scale == "full" else 6)
    if steps is not None and steps < 1:
        raise ValueError(f"steps (={steps}) must be at least 1")
    quick = scale == "quick"
    shape: dict[str, Any] = {"vocab_size": vocab_size(size), "n_ctx": CONTEXT[size]}
    about: dict[str, Any] = {"data": f"random {size}x{size} Othello games", "tokenizer": "squares", "seed": seed}
    if scale == "full":
        recipe = Recipe(
            model=GPTConfig("gpt2", n_layer=8, n_head=8, n_embd=512, tied=False, **shape),
            optimizer=OptimizerConfig("adamw", lr=5e-4, betas=(0.9, 0.95), weight_decay=0.1),
            schedule=ScheduleConfig("cosine", warmup=500, final=0.0),
            batch_size=1024,
            steps=steps or 19_532,
            clip=1.0,
            **about,
        )
    else:
        recipe = Recipe(
            model=GPTConfig("gpt2", n_layer=4 if quick else 5, n_head=4, n_embd=128, tied=False, **shape),
            optimizer=OptimizerConfig(
                "muon", lr=0.02, embedding_lr=0.03, head_lr=0.002, betas=(0.9, 0.99), iterations=3
            ),
            schedule=ScheduleConfig("wsd", decay=0.5, final=0.0),
            batch_size=32 if quick else 64,
            steps=steps or (1_000 if quick else 28_000),
            **about,
        )
    return Experiment(scale, size, recipe, expected=scale != "full", growth=0.0 if scale == "full" else 0.6)


class GameBatches:
    """Step to (inputs, targets), and legal moves if expected: games that no other step reads, by the seed and the step.

    Inputs and targets are (B, T) tokens, legal moves (B, T, V) truth values, all false after a game's end.
    """

    def __init__(self, told: Experiment, device: torch.device) -> None:
        self.told, self.device = told, device
        self.block: tuple[int, tuple[Tensor, ...]] | None = None

    def __call__(self, step: int) -> tuple[Tensor, ...]:
        """The batch of a step."""
        number, row = divmod(step, BLOCK_STEPS)
        if self.block is None or self.block[0] != number:
            self.block = None  # before the next one is made
            self.block = (number, self.tokens(number))
        rows = slice(row * self.told.recipe.batch_size, (row + 1) * self.told.recipe.batch_size)
        return tuple(x[rows, : self.told.plies(step)] for x in self.block[1])

    def tokens(self, block: int) -> tuple[Tensor, ...]:
        """The same of `BLOCK_STEPS` steps."""
        size, recipe = self.told.size, self.told.recipe
        count = BLOCK_STEPS * recipe.batch_size
        moves = fitted(play(count, size, recipe.seed, self.device, first=block * count).moves, recipe.model.n_ctx)
        tokens = tokens_of(moves, size, recipe.model.n_ctx)
        return (*tokens, F.pad(replay(moves, size).legal, (0, 1))) if self.told.expected else tokens


def fitted(moves: UInt8[Tensor, "N plies"], length: int) -> UInt8[Tensor, "N length"]:
    """Games cut or padded to a length."""
    return F.pad(moves, (0, max(0, length - moves.size(1))), value=PADDING)[:, :length].contiguous()


@mean_of
def expected_loss(model: nn.Module, batch: Sequence[Tensor]) -> Summed:
    """Mean over plies of the cross-entropy that a move drawn from the legal ones has on average, in nats.

    `batch` is (inputs (B, T), anything, legal (B, T, V)). The mean of `next_token_loss` over all draws of the targets;
    plies without a legal move do not count.
    """
    inputs, legal = batch[0], batch[2]
    logits = model(inputs).float()  # (B, T, V)
    choices = legal.sum(-1, keepdim=True)
    chances = legal / choices.clamp(min=1)
    total = F.cross_entropy(logits.flatten(0, 1), chances.flatten(0, 1), reduction="sum")
    return Summed(total, (choices > 0).sum())


def train(run: Run, told: Experiment) -> GPT:
    """The trained network, from the run's folder if it is there, else by going on from its newest checkpoint.

    Raises: KeyboardInterrupt after ctrl-C or SIGTERM, with a checkpoint of where it stopped; RunError if it diverges.
    """
    device, recipe = pick_device(told.recipe.device), told.recipe
    if (run.path / "model" / "config.json").is_file():
        return load_model(run.path / "model", device=device)
    dtype, compiles = computed(recipe, device)
    plan = plan_once(run, Plan(recipe.steps, str(dtype).removeprefix("torch."), compiles))
    model, optimizer = build(recipe, device, getattr(torch, plan.precision))
    few, begin = held_out(told, 200), last_step(run)

    def judge(step: int, _: nn.Module) -> Mapping[str, float]:
        now = score(model, few, told.size)
        return {"illegal": now.illegal, "above_floor": now.loss - now.floor}

    compiling = ", compiling at first and when games are read further" if plan.compile else ""
    say(f"training {run.path} from step {begin:,} of {plan.steps:,}{compiling}; ctrl-C stops it cleanly")
    with progress("train", plan.steps, start=begin) as report:
        resumable(
            run,
            plan,
            model,
            GameBatches(told, device),
            expected_loss if told.expected else next_token_loss,
            optimizer,
            save=max(1, plan.steps // 60),
            every=[(max(1, plan.steps // 20), judge)],
            schedule=make_schedule(recipe.schedule),
            clip=recipe.clip,
            max_rise=2.0,
            log_every=max(1, min(50, plan.steps // 100)),
            tokens_per_step=None if told.growth else recipe.tokens_per_step,
            report=report,
        )
    save_model(model, run.path / "model")
    return model


# ----------------------------------------------------------------------------------------------------------------------
# How well it plays


def held_out(told: Experiment, count: int, *, first: int = 0) -> UInt8[Tensor, "N plies"]:
    """Games that training does not read, `first` and those after it, cut or padded to what the network reads."""
    moves = play(count, told.size, told.recipe.seed, first=FRESH + first).moves
    return fitted(moves, told.recipe.model.n_ctx)


class Play(NamedTuple):
    """How a network predicts some games, over all their plies."""

    plies: int
    passes: int
    """Of the plies, those at which the player has no move and must pass."""
    illegal: float
    """Where there is a move: the share of plies at which the likeliest one is not legal."""
    missed: float
    """Where there is none: the share at which the pass is not what is likeliest. NaN if there always is one."""
    mass: float
    """Mean probability that it gives to moves that are not legal."""
    loss: float
    """Nats a move."""
    floor: float
    """The lowest loss possible: the mean of ln(number of legal moves)."""


@torch.no_grad()
def score(model: nn.Module, moves: UInt8[Tensor, "N plies"], size: int, *, batch: int = 256) -> Play:
    """Let a network predict every ply of some games, of as many plies as it reads, at most.

    The papers' games have no passes; so what is asked where one is forced is told apart.
    """
    device = next(model.parameters()).device
    plies, sums = 0, torch.zeros(6, dtype=torch.float64)
    with evaluating(model):
        for some in torch.split(moves, batch):
            seen = replay(some, size)
            inputs, targets = (x.to(device) for x in tokens_of(some, size, some.size(1)))
            logits = model(inputs).float()
            present, legal = seen.present.to(device), F.pad(seen.legal.to(device), (0, 1))  # the first token never is
            logits, targets, legal = logits[present], targets[present], legal[present]
            wrong, passes = ~legal.gather(1, logits.argmax(1, keepdim=True))[:, 0], legal[:, size * size]
            mass = logits.softmax(1).masked_fill(legal, 0.0).sum(1)
            losses = F.cross_entropy(logits, targets, reduction="none")
            floor = legal.sum(1).double().log()
            parts = (passes, wrong & ~passes, wrong & passes, mass, losses, floor)
            sums += torch.stack([x.double().sum() for x in parts]).cpu()
            plies += len(targets)
    if plies == 0:
        raise ValueError("moves must hold at least one move")
    passed, illegal, missed, *means = sums.tolist()
    mass_of, loss, floor_of = (total / plies for total in means)
    return Play(
        plies, int(passed), illegal / (plies - passed), missed / passed if passed else math.nan, mass_of, loss, floor_of
    )


def tree_size(moves: UInt8[Tensor, "N plies"], size: int) -> float:
    """Log10 of the number of different games, estimated from random whole ones.

    The product of the numbers of choices along a random path has the number of leaves as its mean (Knuth 1975, theorem
    1); so long a product varies much, and the estimate is good to about a digit.
    """
    choices = replay(moves, size).legal.sum(-1).clamp(min=1)
    logs = choices.double().log().masked_fill(moves == PADDING, 0.0).sum(1)
    return float((logs.logsumexp(0) - torch.tensor(len(moves)).log()) / torch.tensor(10.0).log())
