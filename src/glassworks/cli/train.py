"""`glassworks train`: a recipe and flags over it, or a run to go on with; what kind of run is found from the data."""

import dataclasses
import os
from pathlib import Path
from typing import Annotated, Any

import tyro

from glassworks.agents.recipe import PolicyRecipe
from glassworks.classify.recipe import LabelledRecipe
from glassworks.cli.arguments.flags import flags_of
from glassworks.cli.arguments.parse import Arguments
from glassworks.cli.training.kind import kind_asked_for, recipe_for
from glassworks.cli.training.optimizer import name_optimizer, with_optimizer
from glassworks.core.called import command
from glassworks.core.config import read_toml
from glassworks.core.files import refuse_unwritable
from glassworks.core.kinds import KINDS, found
from glassworks.core.progress import counted, say
from glassworks.core.runs import ROOT, Run, being_trained, free_name, refuse_existing
from glassworks.core.types import Tracker
from glassworks.pretraining.recipe import Recipe
from glassworks.train.recipes import find_recipe
from glassworks.train.tracking import check_installed
from glassworks.train.training import Training, recipe_in
from glassworks.translation.recipe import PairRecipe


@dataclasses.dataclass(frozen=True)
class Common:
    """What every training takes."""

    recipe_file: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[RECIPE]")] = None
    """A recipe: the name of one that comes with Glassworks (shakespeare-char for text, digits or mnist for images), or
    a file (recipes/*.toml); flags go over it. It comes first."""
    name: str | None = None
    """Name of the run's folder below runs/, or a path. None = the recipe's name."""
    resume: Annotated[str | None, tyro.conf.arg(metavar="RUN")] = None
    """Go on with this run where it stopped, as it was planned."""
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Say nothing on the way; what comes out is still printed."""
    log: Tracker | None = None
    """Tell a tool the metrics, too: tensorboard (event files in the run's folder), trackio or wandb (in their project
    glassworks)."""


@dataclasses.dataclass(frozen=True)
class Train(Common):
    """Train a GPT on text, or a network on labelled data or pairs of texts, by a recipe with flags over it; or go on.

    The data say which. Below are the flags for text; `glassworks train --data digits --help` shows those for images,
    and for tables, of which --target names the column to be said; `--data dates --help` those for pairs of texts,
    `--data env:CartPole-v1 --help` those for agents.
    Evaluates the model on all that was held out, looks inside it, and writes the run's report. Ctrl-C stops cleanly.
    """

    recipe: Annotated[Recipe, tyro.conf.arg(name="")] = dataclasses.field(default_factory=Recipe)


@dataclasses.dataclass(frozen=True)
class TrainLabelled(Common):
    """Train a network on labelled images or a table, by a recipe with flags over it; or go on with a run.

    Evaluates the model on all that was held out. Ctrl-C stops cleanly.
    """

    recipe: Annotated[LabelledRecipe, tyro.conf.arg(name="")] = dataclasses.field(default_factory=LabelledRecipe)


@dataclasses.dataclass(frozen=True)
class TrainPairs(Common):
    """Train an encoder-decoder on pairs of texts, by a recipe with flags over it; or go on with a run.

    Evaluates the model on all that was held out, and looks inside it. Ctrl-C stops cleanly.
    """

    recipe: Annotated[PairRecipe, tyro.conf.arg(name="")] = dataclasses.field(default_factory=PairRecipe)


@dataclasses.dataclass(frozen=True)
class TrainPolicy(Common):
    """Train an agent in an environment, by a recipe with flags over it; or go on with a run.

    Plays a hundred episodes with its policy, beside chance and a rule, and looks inside one. Ctrl-C stops cleanly.
    """

    recipe: Annotated[PolicyRecipe, tyro.conf.arg(name="")] = dataclasses.field(default_factory=PolicyRecipe)


TAKEN = {"text": Train, "pairs": TrainPairs, "policy": TrainPolicy}
"""The flags of a kind; of labelled data they are `TrainLabelled`."""
SHOWN_BY = {"text": (), "pairs": ("--data", "dates"), "policy": ("--data", "env:CartPole-v1")}
"""The words by which help shows the flags of a kind; those of labelled data by digits."""


def run(arguments: Arguments) -> int:
    """Parse, refuse what can be refused before torch is loaded, train, evaluate, report."""
    recipe_name = arguments[0] if arguments and not arguments[0].startswith("-") else None
    file = None if recipe_name is None else find_recipe(recipe_name)
    values = {} if file is None else read_toml(file)
    arguments.flags = tuple(flags_of(TrainLabelled))  # for what is refused before it is known which there are
    kind, reason = kind_asked_for(arguments, values)
    words, taken = list(arguments), TAKEN.get(kind, TrainLabelled)
    name_optimizer(arguments)
    recipe_of_kind: Any = with_optimizer(recipe_for(kind, values, file), arguments.typed("--optimizer.name"))
    shown_by = SHOWN_BY.get(kind, ("--data", "digits"))
    args: Any = arguments.parse(taken, "train", default=taken(recipe=recipe_of_kind), shown_by=shown_by)
    if args.resume is not None:
        if args != taken(resume=args.resume, quiet=args.quiet):
            raise ValueError("--resume goes on with a run as it was planned: leave out the recipe and all other flags")
        return resume(Run.open(args.resume, "train --resume"))
    recipe = timed(args.recipe, arguments)
    recipe.optimizer.check_taken()
    if args.recipe_file != recipe_name:
        usage = command("train", str(args.recipe_file), "--...")
        raise ValueError(f"the recipe {args.recipe_file} must come first: {usage}")
    path = folder(args.name, Path(recipe_name).stem if recipe_name else "train")
    refuse_existing(path)
    check_installed(args.log)
    stages = KINDS[kind].stages
    assert stages is not None
    found(stages.checks)(recipe)
    from glassworks.cli.stages import finish
    from glassworks.train.device import pick_device
    from glassworks.train.distributed import ranks

    is_doubtful = "--target" in reason  # then a refusal below is of what was not meant
    with ranks(pick_device(recipe.device)) as place:
        if is_doubtful and place.first:
            say(reason)
        launcher = ["torchrun", "--nproc-per-node", str(place.world), "-m"] if place.world > 1 else []
        new: Run = found(stages.starts)(path, recipe, [*launcher, "glassworks", "train", *words], place)
        if place.first and args.log is not None:
            new.update(log=args.log)
        if place.first and not is_doubtful:
            say(reason)
        return finish(new, place)


def resume(run: Run) -> int:
    """Go on with a run where it stopped; of a finished one, say where its report is."""
    if run.is_held:
        raise being_trained(run)
    stages = run.kind.stages
    assert stages is not None  # or the command would have been refused
    recipe: Training = recipe_in(run, found(stages.recipe))
    if run.is_trained and not run.unmade:
        if os.environ.get("RANK", "0") == "0":  # of torchrun's, the first alone speaks
            say_finished(run)
        return 0
    refuse_unwritable(run.path / "report.html")
    if not run.is_trained:
        check_installed(run.record.get("log"))
    from glassworks.cli.stages import finish
    from glassworks.train.device import pick_device
    from glassworks.train.distributed import ranks

    with ranks(pick_device(recipe.device)) as place:
        return finish(run, place)


def say_finished(run: Run) -> None:
    """Where the report of a run is that has nothing more to do, and how another one goes on from it."""
    print(f"{run.path} is finished already, with all of its {counted(run.steps or 0, 'step')}\n")
    if (page := run.path / "report.html").exists():
        print(f"report:    {page}")
    if run.kind_name == "text":
        data = run.record["recipe"]["data"]
        further = [data] if isinstance(data, str) else data
        print(f"further:   {command('train', '--start-from', run.path, '--data', *further)}")


def timed(recipe: Any, arguments: Arguments) -> Any:
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
