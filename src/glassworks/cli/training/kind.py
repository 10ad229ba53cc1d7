"""Which kind of run a user asks `train` for: what the data is, or what a recipe's file says that only one kind has."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glassworks.agents.recipe import PolicyRecipe
from glassworks.classify.recipe import LabelledRecipe
from glassworks.cli.arguments.parse import Arguments
from glassworks.data.environments.signs import environment_why
from glassworks.data.labelled.kinds import kind_of
from glassworks.data.pairs.signs import pairs_why
from glassworks.pretraining.recipe import Recipe
from glassworks.train.recipes import recipe_of_values
from glassworks.train.training import Training
from glassworks.translation.recipe import PairRecipe

RECIPES: dict[str, type[Training]] = {
    "text": Recipe,
    "pairs": PairRecipe,
    "policy": PolicyRecipe,
    "images": LabelledRecipe,
    "table": LabelledRecipe,
}
"""The recipe of each kind that `train` trains."""


def alone(kind: type[Training]) -> set[str]:
    """The fields that no recipe of another kind has."""
    others = {field.name for other in RECIPES.values() if other is not kind for field in dataclasses.fields(other)}
    return {field.name for field in dataclasses.fields(kind)} - others


def kind_asked_for(arguments: Arguments, values: Mapping[str, Any]) -> tuple[str, str]:
    """The kind, one of `RECIPES`, and why, in a line; `values` are what a recipe's file holds.

    What is not there, and so may be anything, is what the file's other fields are for.
    """
    typed = arguments.words_of("--data")
    data = typed or values.get("data") or Recipe.data
    sources = [data] if isinstance(data, str) else list(data)
    if isinstance(first := next(iter(sources), None), str):
        if why := environment_why(first):
            return "policy", why
        source = arguments.typed("--source") or values.get("source")
        if why := pairs_why(first, source if isinstance(source, str) else None):
            return "pairs", why
    target = arguments.typed("--target") or values.get("target")
    if len(sources) > 1 and target:
        raise ValueError(f"target (={target!r}) is of one table, and data names {len(sources)}: put them into one file")
    if len(sources) != 1 or not isinstance(sources[0], str):  # several texts; or what its recipe will refuse
        return "text", "several texts"
    kind, why = kind_of(sources[0], target)
    if kind == "text" and (only := sorted(alone(PairRecipe) & values.keys())):
        return "pairs", f"{sources[0]}: pairs of texts, as the recipe has {only[0]}"
    if kind == "text" and (only := sorted(alone(LabelledRecipe) & values.keys())):
        return "images", f"{sources[0]}: labelled data, as the recipe has {only[0]}"
    return kind, why


def recipe_for(kind: str, values: Mapping[str, Any], file: Path | None) -> Training:
    """The recipe of a kind by what its file holds."""
    made = RECIPES[kind]
    return made() if file is None else recipe_of_values(values, made, file)
