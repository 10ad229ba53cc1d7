"""`glassworks tune`: a language model and examples to a model that does as they show."""

import dataclasses
from typing import Annotated, Any

import tyro

from glassworks.cli.arguments.parse import Arguments
from glassworks.cli.train import folder, timed
from glassworks.cli.training.optimizer import name_optimizer, with_optimizer
from glassworks.core.kinds import KINDS, found
from glassworks.core.runs import Run, refuse_existing
from glassworks.core.types import Tracker
from glassworks.train.tracking import check_installed
from glassworks.tune.methods import method_named
from glassworks.tune.recipe import TuneRecipe


@dataclasses.dataclass(frozen=True)
class Tune:
    """Tune a language model on examples, by a method: glassworks tune MODEL DATA --method sft.

    MODEL and DATA are --start-from and --data. Measures what it gained on held-out examples, and what it forgot of the
    text before. Ctrl-C stops cleanly, and `glassworks train --resume` goes on.
    """

    name: str | None = None
    """Name of the run's folder below runs/, or a path. None = the method's name."""
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Say nothing on the way; what comes out is still printed."""
    log: Tracker | None = None
    """Tell a tool the metrics, too: tensorboard (event files in the run's folder), trackio or wandb (in their project
    glassworks)."""
    recipe: Annotated[TuneRecipe, tyro.conf.arg(name="")] = dataclasses.field(default_factory=TuneRecipe)


def run(arguments: Arguments) -> int:
    """Parse, refuse what can be refused before torch is loaded, tune, measure, report."""
    typed = list(arguments)
    name_positions(arguments)
    name_optimizer(arguments)
    name_optimizer(arguments, "--adapter", "kind")
    default: Any = with_optimizer(TuneRecipe(), arguments.typed("--optimizer.name"))
    args = arguments.parse(Tune, "tune", default=Tune(recipe=default))
    recipe = timed(args.recipe, arguments)
    recipe.optimizer.check_taken()
    method = method_named(recipe.method)
    path = folder(args.name, recipe.method)
    refuse_existing(path)
    check_installed(args.log)
    stages = KINDS[method.kind].stages
    assert stages is not None
    found(stages.checks)(recipe)
    from glassworks.cli.stages import finish
    from glassworks.train.device import pick_device
    from glassworks.train.distributed import ranks

    with ranks(pick_device(recipe.device)) as place:
        launcher = ["torchrun", "--nproc-per-node", str(place.world), "-m"] if place.world > 1 else []
        new: Run = found(stages.starts)(path, recipe, [*launcher, "glassworks", "tune", *typed], place)
        if place.first and args.log is not None:
            new.update(log=args.log)
        return finish(new, place)


def name_positions(arguments: Arguments) -> None:
    """Let the words before the first flag be --start-from and --data, in place."""
    words = []
    while arguments and not arguments[0].startswith("-"):
        words.append(arguments.pop(0))
    if words:
        arguments[:0] = ["--start-from", words[0], *(["--data", *words[1:]] if words[1:] else [])]
