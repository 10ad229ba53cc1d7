"""`glassworks eval`: a run's model on all of its held-out text, beside the baselines."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from glassworks.cli.arguments import Arguments


@dataclass(frozen=True)
class Eval:
    """Measure a run's model on the whole held-out split, beside the baselines on the same bytes."""

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run."""
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Say nothing on the way; what comes out is still printed."""


def run(arguments: Arguments) -> None:
    """Parse, measure, print."""
    args = arguments.parse(Eval, "eval")
    from glassworks.core.runs import Run
    from glassworks.evaluate.held_out import evaluate_run, table

    print(table(evaluate_run(Run.open(args.run))))
