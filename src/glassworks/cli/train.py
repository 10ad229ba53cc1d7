"""`glassworks train`: a recipe and flags over it, or a run to go on with."""

import dataclasses
import os
from pathlib import Path
from typing import Annotated

import tyro

from glassworks.cli.arguments.parse import Arguments
from glassworks.core.called import command
from glassworks.core.files import refuse_unwritable
from glassworks.core.progress import counted
from glassworks.core.runs import ROOT, Run, being_trained, free_name, refuse_existing
from glassworks.core.types import Tracker
from glassworks.pretraining.recipe import Recipe, find_recipe, read_recipe, recipe_of
from glassworks.train.tracking import check_installed


@dataclasses.dataclass(frozen=True)
class Train:
    """Train a GPT by a recipe, with flags over it; or go on with a run.

    Evaluates it on all held-out text, looks inside it, and writes the run's report. Ctrl-C stops cleanly.
    """

    recipe_file: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[RECIPE]")] = None
    """A recipe: the name of one that comes with Glassworks (shakespeare-char), or a file (recipes/*.toml); flags go
    over it. It comes first."""
    name: str | None = None
    """Name of the run's folder below runs/, or a path. None = the recipe's name."""
    resume: Annotated[str | None, tyro.conf.arg(metavar="RUN")] = None
    """Go on with this run where it stopped, as it was planned."""
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Say nothing on the way; what comes out is still printed."""
    log: Tracker | None = None
    """Tell a tool the metrics, too: tensorboard (event files in the run's folder), trackio or wandb (in their project
    glassworks)."""
    recipe: Annotated[Recipe, tyro.conf.arg(name="")] = dataclasses.field(default_factory=Recipe)


def run(arguments: Arguments) -> int:
    """Parse, refuse what can be refused before torch is loaded, train, evaluate, report."""
    recipe_name = arguments[0] if arguments and not arguments[0].startswith("-") else None
    default = Train() if recipe_name is None else Train(recipe=read_recipe(find_recipe(recipe_name)))
    words = list(arguments)
    args = arguments.parse(Train, "train", default=default)
    if args.resume is not None:
        if args != Train(resume=args.resume, quiet=args.quiet):
            raise ValueError("--resume goes on with a run as it was planned: leave out the recipe and all other flags")
        return resume(Run.open(args.resume, "train --resume"))
    recipe = timed(args.recipe, arguments)
    if args.recipe_file != recipe_name:
        usage = command("train", str(args.recipe_file), "--...")
        raise ValueError(f"the recipe {args.recipe_file} must come first: {usage}")
    path = folder(args.name, Path(recipe_name).stem if recipe_name else "train")
    refuse_existing(path)
    check_installed(args.log)
    from glassworks.pretraining.sources import check_sources

    check_sources(recipe)
    from glassworks.cli.stages import finish
    from glassworks.pretraining.run import start
    from glassworks.train.device import pick_device
    from glassworks.train.distributed import ranks

    with ranks(pick_device(recipe.device)) as place:
        launcher = ["torchrun", "--nproc-per-node", str(place.world), "-m"] if place.world > 1 else []
        new = start(path, recipe, [*launcher, "glassworks", "train", *words], place)
        if place.first and args.log is not None:
            new.update(log=args.log)
        return finish(new, place)


def resume(run: Run) -> int:
    """Go on with a run where it stopped; of a finished one, say where its report is."""
    if run.is_held:
        raise being_trained(run)
    recipe = recipe_of(run)
    if run.is_trained and not run.unmade:
        if os.environ.get("RANK", "0") != "0":  # of torchrun's, the first alone speaks
            return 0
        data = [recipe.data] if isinstance(recipe.data, str) else recipe.data
        print(f"{run.path} is finished already, with all of its {counted(run.steps or 0, 'step')}\n")
        print(f"report:    {run.path / 'report.html'}")
        print(f"further:   {command('train', '--start-from', run.path, '--data', *data)}")
        return 0
    refuse_unwritable(run.path / "report.html")
    if not run.is_trained:
        check_installed(run.record.get("log"))
    from glassworks.cli.stages import finish
    from glassworks.train.device import pick_device
    from glassworks.train.distributed import ranks

    with ranks(pick_device(recipe.device)) as place:
        return finish(run, place)


def timed(recipe: Recipe, arguments: Arguments) -> Recipe:
    """The recipe as long as the flags say: `--steps` goes over a file's minutes. ValueError for both flags at once."""
    if recipe.minutes is None or not arguments.typed("--steps"):
        return recipe
    if arguments.typed("--minutes"):
        raise ValueError(
            f"--steps (={recipe.steps}) and --minutes (={recipe.minutes}) both say how long to train: leave one out"
        )
    return dataclasses.replace(recipe, minutes=None)


def folder(name: str | None, stem: str) -> Path:
    """Where a new run goes: a path as it is, a bare name below runs/, nothing = the first free name like `stem`.

    Raises: OSError where a run cannot be written, before anything is done for it.
    """
    path = free_name(stem) if name is None else Path(name) if len(Path(name).parts) > 1 else ROOT / name
    refuse_unwritable(path / "report.html")
    return path
