"""The examples of a run of labelled data: read from their source, prepared once, and opened again."""

import os
from pathlib import Path

from glassworks.classify.recipe import LabelledRecipe, labelled_recipe_of
from glassworks.core.errors import RunError
from glassworks.core.runs import Run, check_run
from glassworks.data.labelled.open import open_source
from glassworks.data.labelled.prepare import Labelled, open_labelled, prepare
from glassworks.data.labelled.source import Source
from glassworks.train.distributed import Ranks


def source_of(recipe: LabelledRecipe) -> Source:
    """Where a recipe's examples are read from; ValueError, in a line, for what is no labelled data."""
    return open_source(
        recipe.data,
        target=recipe.target,
        group=recipe.group,
        time=recipe.time,
        task=recipe.task,
        size=None if recipe.size is None else (recipe.size, recipe.size),
        colour=recipe.colour,
        skip_unreadable=recipe.skip_unreadable,
    )


def check_source(recipe: LabelledRecipe) -> None:
    """Refuse a recipe whose data are not there, before anything is prepared."""
    source_of(recipe)


def examples_of(recipe: LabelledRecipe, source: Source, root: Path, place: Ranks) -> Labelled:
    """Prepare a recipe's examples below root/.examples: one rank makes them, the others wait and open them."""
    examples = prepare(source, root / ".examples", validation=recipe.validation, test=recipe.test)
    place.wait()
    return examples


def examples_of_run(run: Run, place: Ranks | None = None) -> Labelled:
    """The examples that a run was started on, made again from the source if they were deleted.

    Raises: RunError where its data are not there any more, or have changed.
    """
    check_run(run)
    record = run.record.get("examples", {})
    path = run.path / record.get("path", "none")
    if (path / "meta.json").is_file():
        return open_labelled(path)
    recipe = labelled_recipe_of(run)
    try:
        source = source_of(recipe)
    except (ValueError, OSError) as error:
        raise RunError(
            f"{run.path} has lost its examples: neither {os.path.normpath(path)} is there, where they were prepared, "
            f"nor can its data (={recipe.data!r}) be read as they were: put one of both back"
        ) from error
    examples = examples_of(recipe, source, run.path.parent, place or Ranks())
    if examples.digest != record.get("digest"):
        raise RunError(f"the data of {run.path} have changed since the run began: put them back, or start a new run")
    return examples
