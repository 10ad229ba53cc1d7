"""A training on labelled data: from a run's recipe to its weights, however often it is killed on the way.

`start` makes a run's folder; `train` goes from wherever the run stands to its end. Resuming is calling it again.
"""

import dataclasses
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from glassworks.classify.examples import examples_of, examples_of_run, source_of
from glassworks.classify.history import history, remembering
from glassworks.classify.recipe import LabelledRecipe, labelled_recipe_of
from glassworks.core.machine.memory import keep_freed_memory
from glassworks.core.progress import Report, silent
from glassworks.core.runs import Run, check_run
from glassworks.data.labelled.batches import Examples
from glassworks.data.labelled.prepare import Labelled
from glassworks.data.labelled.source import SPLITS
from glassworks.models.initialisation.mup import mup_rates, split_groups
from glassworks.models.vision.build import base_of, make_model
from glassworks.models.vision.config import fitted
from glassworks.models.vision.files import save_vision
from glassworks.objectives.catalogue.fitting import fitting_loss
from glassworks.objectives.labelled import class_loss, number_loss
from glassworks.objectives.losses import LossFn
from glassworks.optim.catalogue import METHODS
from glassworks.optim.groups import make_optimizer
from glassworks.train.begin import begin, check_begin
from glassworks.train.best import keeping_best, take_best
from glassworks.train.distributed import Ranks
from glassworks.train.fit import Every, Interrupted
from glassworks.train.opening import OpenedLabelled, open_vision
from glassworks.train.pace import Often
from glassworks.train.run import load_newest, train_run
from glassworks.train.work import EVALUATIONS, Work

Watch = Callable[[Labelled, nn.Module, Often], Every]
"""What else to do during training, given the data, the model to judge (the averaged one, if there is one) and how often
to evaluate: evaluation comes in this way, from a room above."""

SHOWN = 4
"""Examples of the validation split that samples.jsonl follows."""
FAR = 10.0
"""Nats, or squared standard deviations: a search whose smoothed loss rose by so much does not come back."""
SCALED_BY = 256
"""Examples by which LSUV scales a network's layers."""


def start(path: str | Path, recipe: LabelledRecipe, command: list[str], ranks: Ranks | None = None) -> Run:
    """Prepare the examples, plan the steps and write run.json; nothing is trained yet."""
    path, place = Path(path), ranks or Ranks()
    check_begin(path, recipe, place)
    examples = examples_of(recipe, source_of(recipe), path.parent, place)
    check_fits(recipe, examples)
    shape = fitted(recipe.model, examples.shape, len(examples.classes) or 1, examples.task)
    recipe = dataclasses.replace(recipe, model=shape)
    facts: dict[str, Any] = {
        "path": os.path.relpath(examples.path, path),
        "digest": examples.digest,
        "what": examples.what,
        "task": examples.task,
        "classes": list(examples.classes),
        "notes": list(examples.notes),
        **{split: len(getattr(examples, split)) for split in SPLITS},
    }
    work = labelled_work(recipe, examples, place)
    return begin(path, examples.kind, recipe, work, command, place, examples=facts)


def train(run: Run, *, watch: Watch | None = None, ranks: Ranks | None = None, report: Report = silent) -> bool:
    """Train from the newest checkpoint, or from nothing, to the planned end; whether it got there (ctrl-C stops it).

    Leaves run/model, and a `result` in run.json: steps, seconds, memory. One process at a time may train a run; another
    is refused.
    """
    check_run(run)
    place = ranks or Ranks()
    recipe, examples = labelled_recipe_of(run), examples_of_run(run, place)
    work = dataclasses.replace(
        labelled_work(recipe, examples, place),
        watch=partial(watched, run, recipe, examples, watch),
        sample=partial(said_of_some, examples),
        keep=partial(keep, run, recipe, examples),
        evaluations=looks(recipe, len(examples.validation)),
    )
    try:
        train_run(run, recipe, work, ranks=place, report=report)
    except Interrupted:
        return False
    return True


def keep(run: Run, recipe: LabelledRecipe, examples: Labelled, judged: nn.Module) -> None:
    """Write the finished model: with its best weights, if the recipe says so, and run.json says which these are."""
    best = take_best(run, judged) if recipe.keep == "best" else None
    if best is not None:
        run.update(kept={"step": best[0], "score": best[1]})
    save_vision(judged, run.path / "model", classes=examples.classes, preprocessing=examples.preprocessing)


def watched(
    run: Run, recipe: LabelledRecipe, examples: Labelled, watch: Watch | None, judged: nn.Module, often: Often
) -> Every:
    """What is done on the way: what was asked for, the best weights, and for images their networks' history."""
    asked: Every = [] if watch is None else watch(examples, judged, often)
    asked = keeping_best(run, judged, asked) if recipe.keep == "best" else asked
    return [*asked, (1, remembering(run, judged))] if examples.kind == "images" else asked


# ----------------------------------------------------------------------------------------------------------------------
# What there is to do


def labelled_work(recipe: LabelledRecipe, examples: Labelled, place: Ranks) -> Work:
    """What every training on labelled data does; the recipe's network has the data's shape."""
    batches = Examples(
        examples.train,
        recipe.batch_size,
        recipe.seed,
        place.rank,
        place.world,
        augment=recipe.augment,
    )
    return Work(
        build=partial(build, recipe, examples),
        batches=batches,
        loss_fn=loss_of(recipe, examples),
        operations=partial(operations, recipe),
        max_rise=FAR if METHODS[recipe.optimizer.name].kind == "search" else None,
    )


def build(
    recipe: LabelledRecipe, examples: Labelled, device: torch.device, dtype: torch.dtype
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """The model and its optimizer, as they are before the first step; `dtype` is of matrix products."""
    if device.type == "cpu":
        keep_freed_memory()
    center, spread = spread_of(examples)
    model = make_model(
        recipe.model,
        seed=recipe.seed,
        mean=examples.mean,
        std=examples.std,
        target_mean=center,
        target_std=spread,
        inputs=some_inputs(examples) if recipe.model.initialisation == "lsuv" else None,
    ).to(device)
    optimizer = make_optimizer(model, recipe.optimizer, dtype=dtype, seed=recipe.seed)
    if recipe.model.initialisation == "mup":
        rates = mup_rates(model, base_of(recipe.model), "sgd" if recipe.optimizer.name == "sgd" else "adam")
        optimizer.param_groups[:] = split_groups(optimizer.param_groups, model, rates)
    return model, optimizer


def some_inputs(examples: Labelled) -> torch.Tensor:
    """The first examples of the training split, as many as LSUV scales layers by."""
    part = examples.train
    inputs = torch.from_numpy(np.ascontiguousarray(part.inputs(np.arange(min(SCALED_BY, len(part))))))
    return inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs.float()


def loss_of(recipe: LabelledRecipe, examples: Labelled) -> LossFn:
    """The loss that a recipe asks for on these data."""
    mixed = recipe.augment.mixup > 0
    if examples.task == "number":
        return number_loss(name=recipe.loss or "mse", std=spread_of(examples)[1], mixed=mixed)
    weights = recipe.given_weights()
    if recipe.class_weights == "balanced":
        counts = np.bincount(examples.train.targets, minlength=len(examples.classes))
        weights = tuple(np.where(counts > 0, counts.sum() / np.maximum(counts, 1) / len(counts), 0.0).tolist())
    name = recipe.loss or "cross_entropy"
    return class_loss(name=name, smoothing=recipe.label_smoothing, weights=weights, mixed=mixed)


def spread_of(examples: Labelled) -> tuple[float, float]:
    """Mean and standard deviation of the numbers to be said, over the training split; 0 and 1 for classes."""
    if examples.task == "classes":
        return 0.0, 1.0
    return float(examples.train.targets.mean()), float(examples.train.targets.std())


def operations(recipe: LabelledRecipe) -> float:
    """Floating-point operations of a step: those of the forward pass, and about twice as many of the backward pass."""
    with torch.device("meta"):
        model, one = make_model(recipe.model), torch.zeros(2, *recipe.model.shape)
        with FlopCounterMode(display=False) as counter:
            model(one)
    return 3.0 * float(counter.get_total_flops()) / len(one) * recipe.batch_size


def check_fits(recipe: LabelledRecipe, examples: Labelled) -> None:
    """Refuse a recipe that asks for what these data do not have."""
    if recipe.loss is not None:
        fitting_loss(recipe.loss, "number" if examples.task == "number" else "classes")
    if examples.task == "number":
        if recipe.class_weights is not None or recipe.label_smoothing:
            name = "label_smoothing" if recipe.label_smoothing else "class_weights"
            raise ValueError(
                f"{name} (={getattr(recipe, name)}) is for classes, and a number is to be said: leave it out"
            )
        if not spread_of(examples)[1] > 0:
            raise ValueError("the target is the same number in the whole training split: there is nothing to learn")
        return
    weights = recipe.given_weights()
    if weights is not None and len(weights) != len(examples.classes):
        raise ValueError(
            f"class_weights ({len(weights)} numbers) must be one for each of the {len(examples.classes)} classes: "
            f"{', '.join(examples.classes)[:200]}"
        )


def looks(recipe: LabelledRecipe, validation: int) -> int:
    """How often a run is evaluated if its recipe does not say: about as long as it learns, at most.

    To learn from an example takes three times as long as to read one.
    """
    return max(1, min(EVALUATIONS, 3 * recipe.steps * recipe.batch_size // max(1, validation)))


@torch.no_grad()
def said_of_some(examples: Labelled, step: int, judged: nn.Module) -> list[dict[str, Any]]:
    """What the model says of the first examples of the validation split, beside what they are."""
    part = examples.validation
    some = np.arange(min(SHOWN, len(part)))
    device = next(judged.parameters()).device
    inputs = torch.from_numpy(np.ascontiguousarray(part.inputs(some))).to(device)
    judged.eval()
    outputs = judged(inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs).float().cpu()
    rows = []
    for name, target, output in zip(part.names(some), part.targets[some], outputs, strict=True):
        if examples.task == "number":
            rows.append({"example": name, "says": float(output), "is": float(target)})
            continue
        shares = output.softmax(0)
        best = int(shares.argmax())
        said = {"says": examples.classes[best], "probability": float(shares[best])}
        rows.append({"example": name, **said, "is": examples.classes[int(target)]})
    return rows


# ----------------------------------------------------------------------------------------------------------------------
# Opening one


def checkpoints_of(run: Run) -> Iterator[tuple[int, nn.Module]]:
    """A finished run's network from before its first step to its end, at the steps that it remembers."""
    recipe, examples = labelled_recipe_of(run), examples_of_run(run)
    cpu = torch.device("cpu")
    return history(run, lambda: build(recipe, examples, cpu, torch.float32)[0], opened(run, cpu).model)


def opened(run: Run, device: torch.device) -> OpenedLabelled:
    """A run of images or a table: its model, and when they are asked for, its examples. What `open_run` calls."""
    check_run(run)
    path, load = run.path / "model", partial(examples_of_run, run)
    if (path / "config.json").is_file():
        return open_vision(path, device, run=run, load=load)
    recipe = labelled_recipe_of(run)
    model = make_model(recipe.model)
    load_newest(run, recipe, model)
    examples = load()
    return OpenedLabelled(
        model=model.to(device),
        path=path,
        run=run,
        load=load,
        classes=examples.classes,
        preprocessing=examples.preprocessing,
    )
