"""`glassworks eval`: a run's model on all of its held-out text, beside the baselines."""

from dataclasses import dataclass
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Eval:
    """Measure a run's model on the whole held-out split, beside the baselines on the same bytes."""

    run: Annotated[str, tyro.conf.Positional]
    """The run."""


def run(arguments: list[str]) -> None:
    """Parse, measure, print."""
    args = tyro.cli(Eval, args=arguments, prog="glassworks eval")
    from glassworks.core.runs import Run
    from glassworks.evaluate.held_out import evaluate_run, table

    print(table(evaluate_run(Run.open(args.run))))
