"""A tuning: from a run's recipe to its weights, however often it is killed on the way.

`start` makes a run's folder; `tune` goes from wherever the run stands to its end. Resuming is calling it again.
"""

import dataclasses
import os
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glassworks.core.files import at_home
from glassworks.core.kinds import found
from glassworks.core.places import model_path
from glassworks.core.progress import Report, silent
from glassworks.core.runs import Run, check_run
from glassworks.data.dialogues.corpus import corpus_of
from glassworks.data.dialogues.prepare import open_dialogues
from glassworks.data.dialogues.read import files_of_rows, store_of
from glassworks.data.dialogues.shipped import is_shipped
from glassworks.data.dialogues.tokens import Writer
from glassworks.data.text.corpora import fingerprint
from glassworks.data.text.reading import Reading
from glassworks.data.text.shards import Corpus
from glassworks.data.tokenizers.build import load_tokenizer
from glassworks.data.tokenizers.chat import Chat, Template
from glassworks.models.adapters.digest import digest_of
from glassworks.models.adapters.lora import merge, targets
from glassworks.models.gpt.model import GPT
from glassworks.models.io import load_model, read_config
from glassworks.train.begin import begin, check_begin
from glassworks.train.distributed import Ranks
from glassworks.train.fit import Every, Interrupted
from glassworks.train.opening import OpenedText
from glassworks.train.pace import Often
from glassworks.train.run import load_newest, train_run
from glassworks.train.work import Work
from glassworks.tune.material import Material, longest, material_for, material_of
from glassworks.tune.methods import method_named
from glassworks.tune.network import keep
from glassworks.tune.recipe import TuneRecipe, tune_recipe_of
from glassworks.tune.rewards.named import check_reward

Watch = Callable[[Material, nn.Module, Often], Every]
"""What else to do during training, given the material, the model to judge (the averaged one, if there is one) and how
often to evaluate: evaluation comes in this way, from a room above."""


def check_sources(recipe: TuneRecipe) -> None:
    """Refuse a recipe whose model or examples are not there, before anything is read or loaded."""
    if not recipe.start_from:
        raise ValueError("start_from (='') must name the model to tune: a run, a model folder or a GGUF file")
    if model_path(recipe.start_from) is None:
        Run.open(recipe.start_from, "tune")
    if not recipe.data:
        raise ValueError("data (='') must name the examples to learn from: files of rows, or of text")
    if method_named(recipe.method).gain == "reward":
        if recipe.reward is None:
            raise ValueError(
                f"reward (=None) must say what completions are worth to {recipe.method}: arithmetic, for example"
            )
        for reward in filter(None, (recipe.reward, recipe.gold)):
            check_reward(reward)
    if recipe.general is not None:
        deque(fingerprint(recipe.general, Reading()), maxlen=0)
    for name in recipe.sources:
        check_source(name)


def check_source(name: str) -> None:
    """Refuse files of examples, a store or a text that are not there."""
    store = store_of(name)
    if store is not None and "://" not in store[0]:
        at_home(store[0]).stat()
    if store is not None or is_shipped(name):
        return
    for file in files_of_rows(name) or ():
        file.stat()
    if files_of_rows(name) is None:
        deque(fingerprint(name, Reading()), maxlen=0)


def start(path: str | Path, recipe: TuneRecipe, command: list[str], ranks: Ranks | None = None) -> Run:
    """Prepare the examples, plan the steps and write run.json; nothing is trained yet."""
    path, place = Path(path), ranks or Ranks()
    check_begin(path, recipe, place)
    check_sources(recipe)
    material = material_for(named(recipe), path.parent, place)
    base, examples = material.base, material.examples
    if recipe.adapter.kind != "none":
        targets(base.model, recipe.adapter.targets)  # which may name none, before there is a run
    material = dataclasses.replace(material, recipe=with_rate(material.recipe, base.model.config.n_embd))
    work = work_of(material)
    facts: dict[str, Any] = {
        "base": digest_of(base.model),
        "examples": os.path.relpath(examples.path, path),
        "form": examples.form,
        "train": len(examples.train),
        "held_out": len(examples.held_out),
        "notes": material.cut.notes(material.n_ctx),
        "template": dataclasses.asdict(material.template),
    }
    return begin(
        path,
        material.method.kind,
        material.recipe,
        work,
        command,
        place,
        parent=str(base.path if base.run is None else base.run.path),
        parent_step=None if base.run is None else base.run.steps,
        tuning=facts,
    )


def named(recipe: TuneRecipe) -> TuneRecipe:
    """The recipe with the model by its whole path."""
    path = model_path(recipe.start_from) or Run.open(recipe.start_from, "tune").path
    return dataclasses.replace(recipe, start_from=str(path.resolve()))


def with_rate(recipe: TuneRecipe, width: int) -> TuneRecipe:
    """The recipe with its method's own learning rate, where none is given; `width` is the model's."""
    optimizer, method = recipe.optimizer, method_named(recipe.method)
    if optimizer.name != "adamw" or optimizer.lr is not None:
        return recipe
    rate = method.rate * 768 / width if recipe.adapter.kind == "none" else method.adapter_rate
    return dataclasses.replace(recipe, optimizer=dataclasses.replace(optimizer, lr=rate))


def work_of(material: Material) -> Work:
    """The work of a tuning, by its method."""
    work: Work = found(material.method.work)(material)
    return work


def tune(run: Run, *, watch: Watch | None = None, ranks: Ranks | None = None, report: Report = silent) -> bool:
    """Train from the newest checkpoint, or from nothing, to the planned end; whether it got there (ctrl-C stops it).

    Leaves run/model, and a `result` in run.json. One process at a time may train a run; another is refused.
    """
    check_run(run)
    place = ranks or Ranks()
    material = material_of(run, place)

    def look(judged: nn.Module, often: Often) -> Every:
        return [] if watch is None else watch(material, judged, often)

    work = work_of(material)
    if work.watch is None:
        work = dataclasses.replace(work, watch=look)
    if work.keep is None:
        work = dataclasses.replace(work, keep=partial(keep, material, run.path))
    try:
        train_run(run, material.recipe, work, ranks=place, report=report)
    except Interrupted:
        return False
    return True


# ----------------------------------------------------------------------------------------------------------------------
# Opening one


def opened(run: Run, device: torch.device) -> OpenedText:
    """A tuned run: its model and its tokenizer. What `open_run` calls."""
    check_run(run)
    path = run.path / "model"
    if (path / "config.json").is_file():
        model, tokenizer = load_model(path, device=device), load_tokenizer(path)
        return OpenedText(model=model, tokenizer=tokenizer, path=path, run=run, load=partial(corpus_of_run, run))
    material = material_of(run)
    work = work_of(material)
    unfinished, _ = work.build(device, torch.float32)
    load_newest(run, tune_recipe_of(run), work.stored(unfinished))
    unfinished = getattr(unfinished, "policy", unfinished)  # of one with values
    assert isinstance(unfinished, GPT)
    merge(unfinished)
    return OpenedText(
        model=unfinished, tokenizer=material.base.tokenizer, path=path, run=run, load=partial(corpus_of_run, run)
    )


def corpus_of_run(run: Run) -> Corpus:
    """The examples of a run as a corpus, held-out ones as held-out documents; what it started from may be gone."""
    recipe, record = tune_recipe_of(run), run.record["tuning"]
    if not (run.path / "model" / "config.json").is_file():
        writer = material_of(run).writer
    else:
        tokenizer, config = load_tokenizer(run.path / "model"), read_config(run.path / "model")
        chat = Chat(tokenizer, Template(**record["template"]))
        writer = Writer(tokenizer, chat, longest(recipe, config.n_ctx), recipe.learned)
    return corpus_of(open_dialogues(run.path / record["examples"]), writer, run.path.parent / ".tokens")
