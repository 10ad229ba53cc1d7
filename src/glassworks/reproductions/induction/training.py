"""Training of the attention-only networks of the induction-head reproduction, and what is looked at on the way.

Each network is a run in a folder of its own, with checkpoints, and with a model that other tools open. What is looked
at joins the rows of its metrics.jsonl, so a killed run forgets and repeats it together with the steps.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.core.progress import progress
from glassworks.core.runs import Run
from glassworks.data.batches import Batch, Windows
from glassworks.data.text.shards import Corpus
from glassworks.interpret.transformer.heads import PATTERNS, halves, look_at_repeats, repeated_tokens
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import save_model
from glassworks.models.modes import evaluating
from glassworks.objectives.losses import token_losses
from glassworks.optim.config import OptimizerConfig, ScheduleConfig
from glassworks.pretraining.recipe import Recipe, recipe_of
from glassworks.pretraining.run import corpus_of_run, start, text_work
from glassworks.train.checkpoint import last_step
from glassworks.train.distributed import Ranks
from glassworks.train.run import train_run

STEPS, QUICK_STEPS = 6000, 2000
LOOKS = 48
"""How often a network is looked at in training, about."""
WINDOWS = 128
"""Held-out windows that losses are measured on."""
SYNTHETIC = 8
"""One row of a batch in so many is of random tokens that come again."""
SEQUENCES = 16
"""Sequences of random tokens, each run coming twice, that heads are scored on."""


class Mixed:
    """Step to batch: windows of text, but the last rows are random tokens that come again and again.

    Text alone teaches two layers the same, but not within minutes on a CPU. How long a row's tokens are before they
    come again is drawn anew, or a head could learn that distance and need no other head.
    """

    def __init__(self, windows: Windows, vocab_size: int) -> None:
        self.windows, self.vocab_size = windows, vocab_size

    def __call__(self, step: int) -> Batch:
        """The batch of a step, a pure function of the seed and the step."""
        batch, seed = self.windows(step), self.windows.seed
        rows = torch.cat([batch.inputs, batch.targets[:, -1:]], 1)  # (B, T + 1)
        count, length = len(rows) // SYNTHETIC, rows.size(1)
        generator = torch.Generator().manual_seed((seed + 1) * 1_000_003 + step)
        for row in range(len(rows) - count, len(rows)):
            period = int(torch.randint(max(2, length // 16), length // 2 + 1, (), generator=generator))
            tokens = torch.randint(self.vocab_size, (period,), generator=generator)
            rows[row] = tokens.repeat(-(-length // period))[:length]
        return batch._replace(inputs=rows[:, :-1], targets=rows[:, 1:])


def train(path: Path, recipe: Recipe, command: Sequence[str]) -> Run:
    """The finished run of a recipe in the folder `path`: as it is there, gone on with, or begun.

    Raises: KeyboardInterrupt after ctrl-C or SIGTERM, with a checkpoint of where it stopped; RunError if it diverges.
    """
    run = Run(path) if (path / "run.json").exists() else start(path, recipe, list(command))
    if run.is_trained:
        return run
    recipe, corpus = recipe_of(run), corpus_of_run(run)
    work = text_work(recipe, corpus, Ranks())
    assert isinstance(work.batches, Windows)
    work = dataclasses.replace(
        work,
        batches=Mixed(work.batches, recipe.model.vocab_size),
        watch=lambda judged, _: [(spacing(recipe.steps), watch(recipe, corpus))],
        keep=lambda model: save_model(model, run.path / "model", corpus.path / "tokenizer.json"),
        checkpoints=40,
        max_rise=3.0,
    )
    with progress(path.name, recipe.steps, start=last_step(run)) as report:
        train_run(run, recipe, work, report=report)
    return run


def network(layers: int, data: str, *, steps: int, seed: int) -> Recipe:
    """How the network of so many layers is trained; nothing but the number of layers differs."""
    return Recipe(
        data=data,
        tokenizer="bpe:512",
        model=GPTConfig("qwen3", n_ctx=128, n_layer=layers, n_head=4, n_embd=128, n_inner=0, rope_theta=100.0),
        optimizer=OptimizerConfig("muon"),
        schedule=ScheduleConfig("constant", warmup=20),
        batch_size=32,
        steps=steps,
        device="cpu",
        compile="off",
        seed=seed,
    )


# ----------------------------------------------------------------------------------------------------------------------
# Looking


@dataclass(frozen=True, eq=False)
class Sights:
    """What networks are looked at on: always the same, so that two looks differ by the network alone."""

    held_out: Sequence[tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]]
    """Inputs and targets, at most `WINDOWS` windows of text."""
    repeats: Int[Tensor, "N T"]
    """Random tokens that come twice."""

    @classmethod
    def of(cls, corpus: Corpus, model: GPT, seed: int) -> "Sights":
        """From the corpus' held-out text; `seed` chooses windows and random tokens."""
        n_ctx = model.config.n_ctx
        count = min(WINDOWS, corpus.val.num_tokens // n_ctx)
        windows = Windows(corpus.val, min(32, max(1, count)), n_ctx, seed)
        batches = [windows(i)[:2] for i in range(count // windows.batch_size)]
        repeats = repeated_tokens(model, seed=seed, batch=SEQUENCES, length=n_ctx // 2)
        return cls(batches, repeats)


def early_and_late(n_ctx: int) -> tuple[slice, slice]:
    """The positions whose losses an in-context score compares: about the 50th and the 500th of 512, scaled.

    >>> early_and_late(128)
    (slice(8, 16, None), slice(120, 128, None))
    """
    return slice(n_ctx // 16, n_ctx // 8), slice(n_ctx - max(1, n_ctx // 16), n_ctx)


@torch.no_grad()
def position_losses(model: GPT, sights: Sights) -> Float[Tensor, "N T"]:
    """The loss in nats of each token of each held-out window."""
    with evaluating(model):
        return torch.cat([token_losses(model, batch) for batch in sights.held_out])


def in_context_scores(losses: Float[Tensor, "N T"]) -> Float[Tensor, " N"]:
    """How much the context tells in each window: its loss early in the context less that late in it, in nats.

    Olsson et al. 2022, argument 1, take single positions, the 50th and the 500th of a context. These are means over a
    sixteenth of the context about the same places.
    """
    early, late = early_and_late(losses.size(1))
    return losses[:, early].mean(1) - losses[:, late].mean(1)


@torch.no_grad()
def look(model: GPT, sights: Sights) -> dict[str, float]:
    """Losses on text and on repeated random tokens, and every head's scores as "induction/1.3": layer 1, head 3."""
    losses = position_losses(model, sights)
    scores, repeats = look_at_repeats(model, sights.repeats)  # (N, P, L, H), (N, T - 1)
    repeats_losses = halves({"model": repeats}, sights.repeats.size(1) // 2)
    heads = {
        f"{pattern}/{layer}.{head}": float(score)
        for pattern, of_pattern in zip(PATTERNS, scores.mean(0), strict=True)
        for layer, of_layer in enumerate(of_pattern)
        for head, score in enumerate(of_layer)
    }
    return {
        "text_loss": float(losses.mean()),
        "in_context": float(in_context_scores(losses).mean()),
        "first_half": repeats_losses["first_half_loss"],
        "second_half": repeats_losses["induction_loss"],
    } | heads


def looking_steps(steps: int) -> list[int]:
    """The steps at which networks are looked at, each further from the last than that was from the one before.

    >>> looking_steps(1000)[:6], looking_steps(1000)[-1]
    ([10, 20, 30, 40, 50, 60], 1000)
    """
    unit = spacing(steps)
    growing = {round(math.exp(i / LOOKS * math.log(steps / unit))) for i in range(LOOKS + 1)}
    return sorted({unit * count for count in growing} - {0} | {steps})


def spacing(steps: int) -> int:
    """Looks are at multiples of so many steps."""
    return max(1, min(10, steps // 100))


def watch(recipe: Recipe, corpus: Corpus) -> Callable[[int, nn.Module], Mapping[str, float]]:
    """For `every` of `fit`: look, at the steps that are to be looked at."""
    due = set(looking_steps(recipe.steps))
    sights: list[Sights] = []

    def now(step: int, model: nn.Module) -> Mapping[str, float]:
        if step not in due:
            return {}
        assert isinstance(model, GPT)
        sights[:] = sights or [Sights.of(corpus, model, recipe.seed)]
        return look(model, sights[0])

    return now
