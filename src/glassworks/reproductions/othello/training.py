"""Training of Othello-GPT: a GPT that is shown random games and predicts the next move, nothing else.

It is told no rules and sees no board. Tokens are moves (data/games/othello.py), games are played as they are needed. A
step's batch is a function of seed and step, so a killed training resumes to the same weights.

The best possible loss is known. Every legal move is as likely as any other, so no predictor gets below the average of
ln(number of legal moves); the distance to that floor says more of a network than its loss does.

The paper's networks are trained on the moves that were drawn. Ours, with a thousandth of the arithmetic, are trained on
the distribution that each move is drawn from (`expected_loss`): uniform over the legal moves. The gradient is the same
on average, without the noise of the draw, and a fraction of the games suffices. It is a stronger hint than one move, as
it names all legal ones at once; it says nothing of the board that is looked for inside.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor, nn

from glassworks.core.progress import progress, say
from glassworks.core.runs import Run
from glassworks.data.games.othello import PADDING, play, replay, tokens_of
from glassworks.models.gpt.model import GPT
from glassworks.models.io import save_model
from glassworks.models.modes import evaluating
from glassworks.objectives.losses import Summed, mean_of, next_token_loss
from glassworks.pretraining.network import gpt_of, gpt_work
from glassworks.reproductions.othello.games import FRESH
from glassworks.reproductions.othello.recipe import GameRecipe
from glassworks.train.checkpoint import last_step
from glassworks.train.device import pick_device
from glassworks.train.distributed import Ranks
from glassworks.train.opening import Opened
from glassworks.train.plan import make_plan, plan_once
from glassworks.train.run import train_run
from glassworks.train.training import recipe_from

BLOCK_STEPS = 64
"""Steps whose games are played at once."""


class GameBatches:
    """Step to (inputs, targets), and legal moves if expected: games that no other step reads, by the seed and the step.

    Inputs and targets are (B, T) tokens, legal moves (B, T, V) truth values, all false after a game's end.
    """

    def __init__(self, recipe: GameRecipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.block: tuple[int, tuple[Tensor, ...]] | None = None

    def __call__(self, step: int) -> tuple[Tensor, ...]:
        """The batch of a step."""
        number, row = divmod(step, BLOCK_STEPS)
        if self.block is None or self.block[0] != number:
            self.block = None  # before the next one is made
            self.block = (number, self.tokens(number))
        rows = slice(row * self.recipe.batch_size, (row + 1) * self.recipe.batch_size)
        return tuple(x[rows, : self.recipe.plies(step)] for x in self.block[1])

    def tokens(self, block: int) -> tuple[Tensor, ...]:
        """The same of `BLOCK_STEPS` steps."""
        recipe, size, length = self.recipe, self.recipe.size, self.recipe.model.n_ctx
        count = BLOCK_STEPS * recipe.batch_size
        moves = fitted(play(count, size, recipe.seed, self.device, first=block * count).moves, length)
        tokens = tokens_of(moves, size, length)
        return (*tokens, F.pad(replay(moves, size).legal, (0, 1))) if recipe.expected else tokens


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


def train(run: Run, recipe: GameRecipe) -> GPT:
    """The trained network, from the run's folder if it is there, else by going on from its newest checkpoint.

    The caller holds the run's lock.

    Raises: KeyboardInterrupt after ctrl-C or SIGTERM, with a checkpoint of where it stopped; RunError if it diverges.
    """
    device = pick_device(recipe.device)
    if not (run.path / "model" / "config.json").is_file():
        few, begin = held_out(recipe, 200), last_step(run)

        def judge(step: int, model: nn.Module) -> Mapping[str, float]:
            now = score(model, few, recipe.size)
            return {"illegal": now.illegal, "above_floor": now.loss - now.floor}

        work = gpt_work(
            recipe,
            GameBatches(recipe, device),
            expected_loss if recipe.expected else next_token_loss,
            watch=lambda judged, often: [(often, lambda step, _: judge(step, judged))],
            keep=lambda model: save_model(model, run.path / "model"),
            tokens_per_step=None if recipe.growth else recipe.tokens_per_step,
            checkpoints=60,
            log_every=max(1, min(50, recipe.steps // 100)),
        )
        plan = plan_once(run, lambda: make_plan(recipe, work, device, Ranks()))
        compiling = ", compiling at first and when games are read further" if plan.compile else ""
        say(f"training {run.path} from step {begin:,} of {plan.steps:,}{compiling}; ctrl-C stops it cleanly")
        with progress("train", plan.steps, start=begin) as report:
            train_run(run, recipe, work, report=report, is_ours=True)
    return opened(run, device).model


# ----------------------------------------------------------------------------------------------------------------------
# Opening one


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class OpenedGames(Opened):
    """A network that plays; `data` is games that it was not trained on (N, plies)."""

    model: GPT
    recipe: GameRecipe


def opened(run: Run, device: torch.device) -> OpenedGames:
    """A run of games: what `open_run` calls."""
    recipe = recipe_of(run)
    return OpenedGames(
        model=gpt_of(run, lambda: recipe, device),
        path=run.path / "model",
        run=run,
        load=lambda: held_out(recipe, 2_000),
        recipe=recipe,
    )


def recipe_of(run: Run) -> GameRecipe:
    """The recipe of a run of games; older versions wrote a recipe of text, and what games add beside it."""
    record = run.record
    names = {field.name for field in dataclasses.fields(GameRecipe)}
    known = {**record.get("reproduction", {}), **record.get("recipe", {})}
    return recipe_from({name: value for name, value in known.items() if name in names}, GameRecipe, run)


# ----------------------------------------------------------------------------------------------------------------------
# How well it plays


def held_out(recipe: GameRecipe, count: int, *, first: int = 0) -> UInt8[Tensor, "N plies"]:
    """Games that training does not read, `first` and those after it, cut or padded to what the network reads."""
    moves = play(count, recipe.size, recipe.seed, first=FRESH + first).moves
    return fitted(moves, recipe.model.n_ctx)


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
        for chunk in torch.split(moves, batch):
            replayed = replay(chunk, size)
            inputs, targets = (x.to(device) for x in tokens_of(chunk, size, chunk.size(1)))
            logits = model(inputs).float()
            present = replayed.present.to(device)
            legal = F.pad(replayed.legal.to(device), (0, 1))  # the first token never is
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
