"""`--optimizer NAME` of a training: which method, over what a recipe says of another."""

import dataclasses
from typing import TypeVar

from glassworks.cli.arguments.parse import Arguments
from glassworks.optim.catalogue import METHODS
from glassworks.optim.config import OptimizerConfig, ScheduleConfig, settings_of
from glassworks.train.training import Training

R = TypeVar("R", bound=Training)


def name_optimizer(arguments: Arguments, flag: str = "--optimizer", field: str = "name") -> None:
    """Let `--optimizer NAME` be `--optimizer.name NAME`, in place; or another flag be its field likewise."""
    for i, word in enumerate(arguments):
        if word.split("=")[0] == flag:
            arguments[i] = word.replace(flag, f"{flag}.{field}", 1)


def with_optimizer(recipe: R, name: str) -> R:
    """The recipe with another method, if one is named: with its own settings, as the recipe's are of its own method.

    What is of gradients alone falls away where the other has none: so does the warm-up of a search, and all of the
    schedule where there is no learning rate.
    """
    optimizer = OptimizerConfig(name) if name else recipe.optimizer
    if optimizer.name == recipe.optimizer.name:
        return recipe
    if METHODS[optimizer.name].kind == "gradient":
        return dataclasses.replace(recipe, optimizer=optimizer)
    schedule = recipe.schedule
    if METHODS[optimizer.name].kind == "search":
        has_rate = "lr" in settings_of(optimizer.name)
        schedule = dataclasses.replace(schedule, warmup=0) if has_rate else ScheduleConfig("constant")
    return dataclasses.replace(
        recipe, optimizer=optimizer, schedule=schedule, clip=None, compile="auto", precision="auto"
    )
