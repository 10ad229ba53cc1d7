"""Recipes in files: those that come with the package, and a user's own. A recipe of any kind is a TOML file."""

import shlex
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from glassworks.core.config import from_dict, read_toml
from glassworks.train.training import Training

R = TypeVar("R", bound=Training)

RECIPES = Path(__file__).parents[1] / "recipes"
"""The recipes that come with the package; `recipes/` of the checkout is the same folder."""


def find_recipe(name: str) -> Path:
    """The file of a recipe: a path, or the name of one that comes with the package.

    Raises: ValueError, with the names there are, if it is neither.
    """
    own = RECIPES / f"{Path(name).stem}.toml"
    if Path(name).is_file():
        return Path(name)
    if own.is_file() and name in (own.stem, own.name, f"recipes/{own.name}"):
        return own
    names = sorted(path.stem for path in RECIPES.glob("*.toml"))
    near = get_close_matches(Path(name).stem, names, n=1)
    if Path(name).is_dir():
        raise ValueError(f"{name} is a folder, no recipe: to train on what is in it, say --data {shlex.quote(name)}")
    hint = f"did you mean {near[0]}?" if near else f"give a .toml file, or the name of one of ours: {', '.join(names)}"
    raise ValueError(f"there is no recipe {name}: {hint}")


def read_recipe(path: Path, kind: type[R]) -> R:
    """A recipe of a kind from a TOML file."""
    return recipe_of_values(read_toml(path), kind, path)


def recipe_of_values(values: Mapping[str, Any], kind: type[R], path: Path) -> R:
    """The same from what the file holds."""
    try:
        if "steps" in values and "minutes" in values:
            raise ValueError("steps and minutes both say how long to train: leave one out")
        return from_dict(kind, dict(values))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
