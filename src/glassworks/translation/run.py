"""A training on pairs of texts: from a run's recipe to its weights, however often it is killed on the way.

`start` makes a run's folder; `train` goes from wherever the run stands to its end. Resuming is calling it again.
"""

import dataclasses
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glassworks.core.machine.memory import keep_freed_memory
from glassworks.core.progress import Report, silent
from glassworks.core.runs import Run, check_run
from glassworks.data.pairs.batches import PairBatches
from glassworks.data.pairs.prepare import Pairs
from glassworks.data.pairs.splits import SPLITS
from glassworks.data.tokenizers.build import load_tokenizer
from glassworks.models.seq2seq.config import Seq2SeqConfig
from glassworks.models.seq2seq.files import save_seq2seq
from glassworks.models.seq2seq.model import Seq2Seq
from glassworks.objectives.losses import pair_loss
from glassworks.optim.groups import make_optimizer
from glassworks.train.begin import begin, check_begin
from glassworks.train.distributed import Ranks
from glassworks.train.fit import Every, Interrupted
from glassworks.train.opening import OpenedPairs, open_seq2seq
from glassworks.train.pace import Often
from glassworks.train.run import load_newest, train_run
from glassworks.train.work import Work
from glassworks.translation.pairs import pairs_of, pairs_of_run
from glassworks.translation.recipe import PairRecipe, pair_recipe_of
from glassworks.translation.translate import translate

Watch = Callable[[Pairs, Seq2Seq, Often], Every]
"""What else to do during training, given the pairs, the model to judge (the averaged one, if there is one) and how
often to evaluate: evaluation comes in this way, from a room above."""

SHOWN = 6
"""Pairs of the validation split that samples.jsonl follows."""
EVALUATIONS = 8
"""Of a run at most, if its recipe does not say after how many steps: to write takes longer than to learn."""


def start(path: str | Path, recipe: PairRecipe, command: list[str], ranks: Ranks | None = None) -> Run:
    """Prepare the pairs, plan the steps and write run.json; nothing is trained yet."""
    path, place = Path(path), ranks or Ranks()
    check_begin(path, recipe, place)
    pairs = pairs_of(recipe, path.parent, place)
    recipe = dataclasses.replace(recipe, model=fitted(recipe.model, pairs))
    facts: dict[str, Any] = {
        "path": os.path.relpath(pairs.path, path),
        "digest": pairs.digest,
        "what": pairs.meta["what"],
        "notes": pairs.meta["notes"],
        **{split: len(getattr(pairs, split)) for split in SPLITS},
    }
    return begin(path, "pairs", recipe, pair_work(recipe, pairs, place), command, place, pairs=facts)


def fitted(shape: Seq2SeqConfig, pairs: Pairs) -> Seq2SeqConfig:
    """A network's shape with the tokenizer's vocabulary and marks; ValueError for others than these."""
    marks = {"pad_id": pairs.pad_id, "start_id": pairs.start_id, "end_id": pairs.end_id}
    for name, value in {"vocab_size": pairs.tokenizer.vocab_size, **marks}.items():
        if getattr(shape, name) not in (getattr(Seq2SeqConfig, name), value):
            raise ValueError(f"{name} (={getattr(shape, name)}) is not the tokenizer's ({value}): leave it out")
    return dataclasses.replace(
        shape,
        vocab_size=pairs.tokenizer.vocab_size,
        pad_id=pairs.pad_id,
        start_id=pairs.start_id,
        end_id=pairs.end_id,
    )


def train(run: Run, *, watch: Watch | None = None, ranks: Ranks | None = None, report: Report = silent) -> bool:
    """Train from the newest checkpoint, or from nothing, to the planned end; whether it got there (ctrl-C stops it).

    Leaves run/model, and a `result` in run.json: steps, seconds, memory. One process at a time may train a run; another
    is refused.
    """
    check_run(run)
    place = ranks or Ranks()
    recipe, pairs = pair_recipe_of(run), pairs_of_run(run, place)

    def look(judged: nn.Module, often: Often) -> Every:
        assert isinstance(judged, Seq2Seq)
        return [] if watch is None else watch(pairs, judged, often)

    def keep(judged: nn.Module) -> None:
        assert isinstance(judged, Seq2Seq)
        save_seq2seq(judged, run.path / "model", pairs.path / "tokenizer.json")

    work = dataclasses.replace(
        pair_work(recipe, pairs, place), watch=look, sample=partial(said_of_some, pairs), keep=keep
    )
    try:
        train_run(run, recipe, work, ranks=place, report=report)
    except Interrupted:
        return False
    return True


def pair_work(recipe: PairRecipe, pairs: Pairs, place: Ranks) -> Work:
    """What every training on pairs does."""
    return Work(
        build=partial(build, recipe),
        batches=PairBatches(pairs, recipe.batch_size, recipe.seed, place.rank, place.world),
        loss_fn=pair_loss(recipe.label_smoothing),
        evaluations=EVALUATIONS,
        one_shape=False,
        max_rise=2.0,
    )


def build(recipe: PairRecipe, device: torch.device, dtype: torch.dtype) -> tuple[Seq2Seq, torch.optim.Optimizer]:
    """The model and its optimizer, as they are before the first step; `dtype` is of matrix products."""
    if device.type == "cpu":
        keep_freed_memory()
    model = Seq2Seq(recipe.model, seed=recipe.seed).to(device)
    return model, make_optimizer(model, recipe.optimizer, dtype=dtype, seed=recipe.seed)


def said_of_some(pairs: Pairs, step: int, judged: nn.Module) -> list[dict[str, Any]]:
    """What the model makes of the first sources of the validation split, beside what it should."""
    assert isinstance(judged, Seq2Seq)
    some = pairs.validation.texts[:SHOWN]
    said = translate(judged, pairs.tokenizer, [source for source, _ in some], beams=None)
    return [
        {"prompt": source, "text": ranked[0].text, "is": target}
        for (source, target), ranked in zip(some, said, strict=True)
    ]


# ----------------------------------------------------------------------------------------------------------------------
# Opening one


def opened(run: Run, device: torch.device) -> OpenedPairs:
    """A run of pairs: its model, its tokenizer and, when they are asked for, its pairs. What `open_run` calls."""
    check_run(run)
    path, load = run.path / "model", partial(pairs_of_run, run)
    if (path / "config.json").is_file():
        return open_seq2seq(path, device, run=run, load=load)
    recipe = pair_recipe_of(run)
    model = Seq2Seq(recipe.model, seed=recipe.seed)
    load_newest(run, recipe, model)
    tokenizer = load_tokenizer(load().path / "tokenizer.json")
    return OpenedPairs(model=model.to(device), tokenizer=tokenizer, path=path, run=run, load=load)
