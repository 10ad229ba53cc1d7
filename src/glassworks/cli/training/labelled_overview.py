"""What a training on images or a table is about to do: its examples, its network, the machine, and how long."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from glassworks.classify.recipe import LabelledRecipe, labelled_recipe_of
from glassworks.classify.run import looks
from glassworks.cli.training.words import computed, repeated
from glassworks.core.progress import counted, seconds
from glassworks.core.runs import Run
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.objectives.catalogue.table import LOSSES
from glassworks.train.distributed import Ranks
from glassworks.train.plan import Plan, plan_of

EXACT = ("nelder_mead", "cobyqa", "bobyqa")
"""Searches that take losses for exact (`optim.gradient_free.few`)."""
NAMED = 12
"""Classes whose names are said."""


def facts(run: Run, place: Ranks, begin: int) -> Iterator[tuple[str, str]]:
    """Names and texts, from what run.json says; `begin` steps are done."""
    recipe, plan, examples = labelled_recipe_of(run), plan_of(run), run.record.get("examples", {})
    yield "data", examples.get("what", recipe.data)
    for i, note in enumerate(examples.get("notes", ())):
        yield "" if i else "note", note
    yield from splits_of(examples, "example")
    if examples.get("classes"):
        yield "classes", classes(examples["classes"])
    with torch.device("meta"):
        weights = sum(p.numel() for p in make_model(recipe.model).parameters())
    yield "network", f"{recipe.model.architecture}, {weights:,} parameters: {shape(recipe.model)}"
    yield from changes(recipe)
    yield "computed", computed(recipe, plan, place)
    steps = run.steps or plan.steps
    number = steps * recipe.batch_size
    yield "plan", f"{counted(steps, 'step')} of {counted(recipe.batch_size, 'example')}: {number:,} in all"
    if examples.get("train"):
        yield "", repeated(number / examples["train"], "the training split")
        yield from changing(recipe, examples["train"])
    yield "time left" if begin else "time", duration(recipe, plan, steps, examples.get("validation", 1), begin)
    yield "", "checkpoints and measuring it at the end come on top"


def changing(recipe: LabelledRecipe, train: int) -> Iterator[tuple[str, str]]:
    """Why a search that takes losses for exact is misled: each step's examples are others."""
    name = recipe.optimizer.name
    if name in EXACT and recipe.batch_size % train:
        yield "note", f"{name} takes losses for exact, and each step reads other examples:"
        yield "", f"--batch-size {train} reads all of the training split in each"


def splits_of(counts: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """How many examples, or whatever their name is, are in each split."""
    if not all(split in counts for split in ("train", "validation", "test")):
        return
    yield "train on", counted(counts["train"], name)
    yield (
        "held out",
        f"{counts['validation']:,} for validation on the way, {counts['test']:,} for the test at the end",
    )


def classes(names: list[str]) -> str:
    """How many classes there are, and the first of them."""
    further = ", ..." if len(names) > NAMED else ""
    return f"{len(names):,}: {', '.join(names[:NAMED])}{further}"


def shape(config: VisionConfig) -> str:
    """What the network reads and says."""
    said = "a number" if config.task == "number" else f"{config.outputs:,} classes"
    return f"{' × '.join(map(str, config.shape))} {'features' if len(config.shape) == 1 else 'pixels'} to {said}"


def changes(recipe: LabelledRecipe) -> Iterator[tuple[str, str]]:
    """How inputs are changed, and which loss is not the plain one."""
    made = [f"{name} {value}" for name, value in dataclasses.asdict(recipe.augment).items() if value]
    if made:
        yield "changed", ", ".join(made).replace(" True", "")
    if recipe.loss is not None:
        yield "loss", f"{recipe.loss}: {LOSSES[recipe.loss].line}"
    if recipe.label_smoothing:
        yield "loss", f"label smoothing of {recipe.label_smoothing:g}"
    if recipe.class_weights is not None:
        yield "loss", f"class weights {recipe.class_weights}"


def duration(recipe: LabelledRecipe, plan: Plan, steps: int, validation: int, begin: int) -> str:
    """The time that the steps from `begin` on take, and how often the model is evaluated on the way."""
    n, times = recipe.eval_every, looks(recipe, validation)
    due = times - times * begin // steps if n is None else -(-steps // n) - begin // n
    count = counted(min(steps - begin, due), "evaluation")
    if plan.step_seconds is None:
        return f"told as it goes, with {count};"
    training = plan.steps * plan.step_seconds * (steps - begin) / steps
    return f"about {seconds(training)} at {1000 * plan.step_seconds:,.1f} ms a step, and {count};"
