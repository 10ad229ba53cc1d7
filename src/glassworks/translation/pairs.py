"""The pairs of a run: read from their source, prepared once, and opened again."""

import os
from pathlib import Path

from glassworks.core.errors import RunError
from glassworks.core.runs import Run, check_run
from glassworks.data.pairs.prepare import Pairs, open_pairs, prepare
from glassworks.data.tokenizers.specs import tokenizer_files
from glassworks.train.distributed import Ranks
from glassworks.translation.recipe import PairRecipe, pair_recipe_of


def check_pairs(recipe: PairRecipe) -> None:
    """Refuse a recipe whose files or tokenizer are not there, before anything is prepared."""
    recipe.read_from().files()
    tokenizer_files(recipe.tokenizer)


def pairs_of(recipe: PairRecipe, root: Path, place: Ranks) -> Pairs:
    """Prepare a recipe's pairs below root/.pairs: one rank makes them, the others wait and open them."""
    pairs = prepare(
        recipe.read_from(),
        recipe.tokenizer,
        root / ".pairs",
        n_ctx=recipe.model.n_ctx,
        validation=recipe.validation,
        test=recipe.test,
    )
    place.wait()
    return pairs


def pairs_of_run(run: Run, place: Ranks | None = None) -> Pairs:
    """The pairs that a run was started on, made again from the source if they were deleted.

    Raises: RunError where its data are not there any more, or have changed.
    """
    check_run(run)
    record = run.record.get("pairs", {})
    path = run.path / record.get("path", "none")
    if (path / "meta.json").is_file():
        return open_pairs(path)
    recipe = pair_recipe_of(run)
    try:
        check_pairs(recipe)
    except (ValueError, OSError) as error:
        raise RunError(
            f"{run.path} has lost its pairs: neither {os.path.normpath(path)} is there, where they were prepared, nor "
            f"can its data (={recipe.data!r}) be read as they were: put one of both back"
        ) from error
    pairs = pairs_of(recipe, run.path.parent, place or Ranks())
    if pairs.digest != record.get("digest"):
        raise RunError(f"the data of {run.path} have changed since the run began: put them back, or start a new run")
    return pairs
