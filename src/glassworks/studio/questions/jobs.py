"""Trainings from the page: what can be started, and start, stop, go on, look at the terminal."""

import math
from pathlib import Path
from typing import Any

from glassworks.core.errors import RunError
from glassworks.core.runs import free_name
from glassworks.data.labelled.kinds import TOYS
from glassworks.studio import jobs
from glassworks.studio.studio import Studio
from glassworks.train.recipes import RECIPES

DATA = {"stdlib": "the sources of this machine's Python library, as text", "digits": "1,797 handwritten digits"}
MOST_MINUTES, MOST_STEPS = 60 * 24 * 30, 10**9


def offers(_: Studio) -> dict[str, Any]:
    """The recipes that come with the package, each in a sentence, and the data that need no file."""
    first = {path.stem: path.read_text(encoding="utf-8").split("\n")[0].lstrip("# ") for path in RECIPES.glob("*.toml")}
    data = DATA | dict.fromkeys(TOYS, "points of a toy set, as a table")
    return {"recipes": dict(sorted(first.items())), "data": data}


def start(
    studio: Studio,
    recipe: str | None = None,
    data: str | None = None,
    target: str | None = None,
    name: str | None = None,
    minutes: float | int | None = None,
    steps: int | None = None,
) -> str:
    """Start a training; its run's name.

    Args:
        studio: over the folder that it goes to.
        recipe: one that comes with the package; None = the defaults for these data.
        data: a path on this machine, or the name of data that need no file; None = the recipe's.
        target: of a table, the column to be said.
        name: the run's; None = the first free one.
        minutes: how long, or
        steps: how long; None for both = as the recipe says.
    """
    if recipe is None and not data:
        raise ValueError("there is nothing to train on yet: choose a recipe, or give data")
    words = [] if recipe is None else [offered(recipe)]
    name = free_name(recipe or "train", studio.root).name if not name else studio.checked(name)
    if name.startswith((".", "-")):
        raise ValueError(f"name (={name!r}) must not begin with {name[0]!r}: choose another")
    if (studio.root / name / "run.json").exists():
        raise RunError(f"there is a run {name} already: choose another name, or go on with it on its page")
    words += [f"--{flag}={plain(flag, value)}" for flag, value in (("data", data), ("target", target)) if value]
    words += [f"--{flag}={value}" for flag, value in duration(minutes, steps).items()]
    jobs.begin(studio, name, [*words, f"--name={studio.root.resolve() / name}"])
    return name


def stop(studio: Studio, name: str) -> None:
    """Let a training end at a checkpoint, from which it can go on."""
    jobs.stop(studio, name)


def resume(studio: Studio, name: str) -> None:
    """Go on with a run where it stopped."""
    run = studio.run(name)
    if "train --resume" not in run.kind.commands:
        raise RunError(f"{name} is {run.kind.what}: {run.kind.refusal('train --resume')}")
    if run.is_held:
        raise RunError(f"{name} is being trained already")
    jobs.begin(studio, name, ["--resume", str(run.path.resolve())])


def terminal(studio: Studio, name: str) -> dict[str, Any] | None:
    """What the run's training printed, if a studio started it."""
    return jobs.terminal(studio, name)


def offered(recipe: str) -> str:
    """A recipe's name, if it comes with the package."""
    if not isinstance(recipe, str) or recipe not in {path.stem for path in RECIPES.glob("*.toml")}:
        raise ValueError(f"recipe (={recipe!r}) is none that comes with the package: choose one from the list")
    return recipe


def plain(flag: str, value: Any) -> str:
    """A value of a flag: a text of one line."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{flag} (={value!r}) must be a line of text")
    return str(Path(value).expanduser()) if flag == "data" and value.startswith("~") else value


def duration(minutes: float | int | None, steps: int | None) -> dict[str, str]:
    """The flag that says how long to train."""
    given = {name: value for name, value in (("minutes", minutes), ("steps", steps)) if value is not None}
    if len(given) > 1:
        raise ValueError("minutes and steps both say how long to train: leave one out")
    for name, value in given.items():
        most = MOST_MINUTES if name == "minutes" else MOST_STEPS
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not 0 < value <= most or (name == "steps" and value != int(value)):
            whole = "a whole number " if name == "steps" else ""
            raise ValueError(f"{name} (={value!r}) must be {whole}above 0, at most {most:,}")
    return {name: str(int(value) if name == "steps" else value) for name, value in given.items()}
