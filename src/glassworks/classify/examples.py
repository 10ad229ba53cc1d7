"""The examples of a run of labelled data: read from their source, prepared once, and opened again."""

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
    """The examples that a run was started on, made again from the source if they were deleted."""
    check_run(run)
    record = run.record.get("examples", {})
    path = run.path / record.get("path", "none")
    if (path / "meta.json").is_file():
        return open_labelled(path)
    recipe = labelled_recipe_of(run)
    examples = examples_of(recipe, source_of(recipe), run.path.parent, place or Ranks())
    if examples.digest != record.get("digest"):
        raise RunError(f"the data of {run.path} have changed since the run began: put them back, or start a new run")
    return examples
