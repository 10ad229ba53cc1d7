"""The beginning of a run of any kind: what is refused at once, the plan of its steps, and run.json."""

import dataclasses
from pathlib import Path
from typing import Any

from glassworks.core.runs import Run, refuse_existing
from glassworks.train.device import pick_device
from glassworks.train.distributed import Ranks
from glassworks.train.plan import make_plan
from glassworks.train.training import Training
from glassworks.train.work import Work


def check_begin(path: Path, recipe: Training, place: Ranks) -> None:
    """Refuse a run whose name is taken, or whose batch cannot be shared out, before anything is read."""
    refuse_existing(path)
    if recipe.batch_size % (place.world * recipe.accumulate):
        raise ValueError(
            f"batch_size (={recipe.batch_size}) must be a multiple of ranks (={place.world}) times accumulate "
            f"(={recipe.accumulate})"
        )


def begin(path: Path, kind: str, recipe: Training, work: Work, command: list[str], place: Ranks, **facts: Any) -> Run:
    """Plan the steps and write run.json, on one rank for all; nothing is trained yet.

    Args:
        path: the run's folder, which is made.
        kind: one of `core.kinds`.
        recipe: how to train; run.json has it whole, with the steps that were planned.
        work: what to train, on what.
        command: what was typed.
        place: this process's place under torchrun.
        facts: what else run.json is to say, by name: of its data, and of what it starts from.
    """
    plan = make_plan(recipe, work, pick_device(recipe.device), place)
    recipe = dataclasses.replace(recipe, steps=plan.steps)
    if place.first:
        Run.create(
            path,
            kind=kind,
            command=command,
            recipe=dataclasses.asdict(recipe),
            seed=recipe.seed,
            plan=dataclasses.asdict(plan),
            **facts,
        )
    place.wait()
    return Run(path)
