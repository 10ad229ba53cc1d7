"""Pre-training: from a run's recipe to its weights, however often it is killed on the way.

`start` makes a run's folder; `pretrain` goes from wherever the run stands to its end. Resuming is calling it again.
"""

import dataclasses
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glassworks.core.errors import RunError
from glassworks.core.progress import Report, going_on, silent
from glassworks.core.runs import Run, check_run
from glassworks.data.batches import Windows
from glassworks.data.text.shards import Corpus, prepare
from glassworks.data.tokenizers.build import load_tokenizer
from glassworks.data.tokenizers.spans import whole_characters
from glassworks.models.generation.sampling import continue_ids
from glassworks.models.generation.text import text_behind
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import save_model
from glassworks.objectives.losses import next_token_loss
from glassworks.pretraining import network
from glassworks.pretraining.base import continued, lineage, weights_of
from glassworks.pretraining.recipe import Recipe, recipe_of
from glassworks.pretraining.seen import corpus_at_hand, seen_before
from glassworks.train.begin import begin, check_begin
from glassworks.train.checkpoint import newest_checkpoint
from glassworks.train.distributed import Ranks
from glassworks.train.fit import Every, Interrupted
from glassworks.train.opening import OpenedText
from glassworks.train.pace import Often
from glassworks.train.plan import plan_of
from glassworks.train.run import train_run
from glassworks.train.work import EVALUATIONS, Work

Watch = Callable[[Corpus, GPT, Often], Every]
"""What else to do during training, given the corpus, the model to judge (the averaged one, if there is one) and how
often to evaluate: evaluation comes in this way, from a room above."""

LOOK = 32_768
"""Held-out tokens that an evaluation reads at most."""

Show = Callable[[int, str, str], object]
"""Told a step, a prompt and what the network writes after it."""


def start(path: str | Path, recipe: Recipe, command: list[str], ranks: Ranks | None = None) -> Run:
    """Prepare the corpus, plan the steps and write run.json; nothing is trained yet."""
    path, place = Path(path), ranks or Ranks()
    check_begin(path, recipe, place)
    if recipe.start_from is not None:
        with going_on("load the model to start from"):
            recipe = continued(recipe)
    corpus = corpus_of(recipe, path.parent, place)
    vocab_size = corpus.tokenizer.vocab_size
    if recipe.start_from is None:
        if recipe.model.vocab_size not in (GPTConfig.vocab_size, vocab_size):
            raise ValueError(
                f"vocab_size (={recipe.model.vocab_size}) is not the tokenizer's ({vocab_size}): leave it out"
            )
        recipe = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, vocab_size=vocab_size))
    facts: dict[str, Any] = {
        "path": os.path.relpath(corpus.path, path),
        "digest": corpus.digest,
        "train_tokens": corpus.train.num_tokens,
        "held_out_tokens": corpus.val.num_tokens,
        "train_documents": corpus.train.num_documents,
        "held_out_documents": corpus.val.num_documents,
        "lost": corpus.val.lost,
        **{key: corpus.meta[key] for key in ("columns", "skipped", "passed", "seen") if key in corpus.meta},
        **seen_before(corpus, recipe.start_from),
    }
    work = text_work(recipe, corpus, place)
    return begin(path, "text", recipe, work, command, place, **lineage(recipe), corpus=facts)


def pretrain(
    run: Run,
    *,
    watch: Watch | None = None,
    ranks: Ranks | None = None,
    report: Report = silent,
    show: Show | None = None,
) -> bool:
    """Train from the newest checkpoint, or from nothing, to the planned end; whether it got there (ctrl-C stops it).

    Leaves run/model, and a `result` in run.json: steps, tokens, seconds, speed, share of the machine's peak, memory.
    One process at a time may train a run; another is refused.
    """
    check_run(run)
    place = ranks or Ranks()
    recipe, plan, corpus = recipe_of(run), plan_of(run), corpus_of_run(run, place)

    def build(device: torch.device, dtype: torch.dtype) -> tuple[GPT, torch.optim.Optimizer]:
        model, optimizer = network.build(recipe, device, dtype)
        if recipe.start_from is not None and newest_checkpoint(run) is None:
            model.load_state_dict(weights_of(recipe.start_from, recipe.model))
        return model, optimizer

    def look(judged: nn.Module, often: Often) -> Every:
        assert isinstance(judged, GPT)
        return [] if watch is None else watch(corpus, judged, often)

    def sample(step: int, judged: nn.Module) -> list[dict[str, str]]:
        written = samples(judged, corpus, recipe.seed)
        if show is not None and written:
            show(step, *written[0].values())
        return written

    work = dataclasses.replace(
        text_work(recipe, corpus, place),
        build=build,
        watch=look,
        sample=sample,
        keep=lambda judged: save_model(judged, run.path / "model", corpus.path / "tokenizer.json"),
        evaluations=looks(recipe, plan.steps, corpus.val.num_tokens),
    )
    try:
        train_run(run, recipe, work, ranks=place, report=report)
    except Interrupted:
        return False
    return True


def text_work(recipe: Recipe, corpus: Corpus, place: Ranks) -> Work:
    """What every training on text does; ValueError where the text is too short for the recipe."""
    windows = Windows(corpus.train, recipe.batch_size, recipe.model.n_ctx, recipe.seed, place.rank, place.world)
    return network.gpt_work(recipe, windows, next_token_loss)


def looks(recipe: Recipe, steps: int, held_out: int) -> int:
    """How often a run of so many steps is evaluated if its recipe does not say: about as long as it learns, at most.

    To learn from a token takes three times as long as to read one of those held out.
    """
    return max(1, min(EVALUATIONS, 3 * steps * recipe.tokens_per_step // min(LOOK, held_out)))


# ----------------------------------------------------------------------------------------------------------------------
# Opening one


def opened(run: Run, device: torch.device) -> OpenedText:
    """A run of text: its model, its tokenizer and, when it is asked for, its corpus. What `open_run` calls."""
    path = run.path / "model"
    own = (path / "tokenizer.json").exists()
    return OpenedText(
        model=model_of(run, device),
        tokenizer=load_tokenizer(path) if own else corpus_of_run(run).tokenizer,
        path=path,
        run=run,
        load=partial(corpus_of_run, run),
    )


def model_of(run: Run, device: torch.device | None = None) -> GPT:
    """The model of a run of text: the finished one, or while there is none, the newest checkpoint's."""
    check_run(run)
    return network.gpt_of(run, partial(recipe_of, run), device or torch.device("cpu"))


# ----------------------------------------------------------------------------------------------------------------------
# The corpus of a run


def corpus_of(recipe: Recipe, root: Path, place: Ranks) -> Corpus:
    """Prepare the recipe's corpus below root/.tokens: one rank makes it, the others wait for its lock and open it."""
    corpus = prepare(
        recipe.data,
        recipe.tokenizer,
        root / ".tokens",
        held_out=recipe.held_out,
        split=recipe.split,
        column=recipe.column,
        skip_unreadable=recipe.skip_unreadable,
    )
    place.wait()
    return corpus


def corpus_of_run(run: Run, place: Ranks | None = None) -> Corpus:
    """The token shards that a run was started on, made again from the source if they were deleted."""
    check_run(run)
    if (there := corpus_at_hand(run)) is not None:
        return there
    corpus = corpus_of(recipe_of(run), run.path.parent, place or Ranks())
    if corpus.digest != run.record.get("corpus", {}).get("digest"):
        raise RunError(f"the corpus of {run.path} has changed since the run began: put it back, or start a new run")
    return corpus


def samples(model: nn.Module, corpus: Corpus, seed: int, *, count: int = 3) -> list[dict[str, str]]:
    """What the model says after the beginnings of some held-out documents: prompts and texts."""
    assert isinstance(model, GPT)
    prompts = []
    for i in range(min(count, corpus.val.num_documents)):
        first, last = int(corpus.val.starts[i]), int(corpus.val.starts[i + 1])
        ids = corpus.val.read(first + 1, min(24, last - first - 1, model.config.n_ctx // 2))
        prompts.append(whole_characters(corpus.tokenizer, ids.tolist()))
    continuations = continue_ids(model, corpus.tokenizer, prompts, max_tokens=120, temperature=0.8, seed=seed)
    return [
        {"prompt": corpus.tokenizer.decode(prompt), "text": text_behind(corpus.tokenizer, prompt, ids)}
        for prompt, ids in zip(prompts, continuations, strict=True)
    ]
