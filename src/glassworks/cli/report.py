"""`glassworks report`: a run's page."""

import sys
from dataclasses import dataclass
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Report:
    """Look inside a run's model and write its page, report.html: one file that opens offline."""

    run: Annotated[str, tyro.conf.Positional]
    """The run."""
    text: str | None = None
    """The sentence whose attention and layers are drawn. None = the beginning of a held-out document."""


def run(arguments: list[str]) -> None:
    """Parse, look, write."""
    args = tyro.cli(Report, args=arguments, prog="glassworks report")
    from glassworks.core.runs import Run
    from glassworks.interpret.traces import trace_run
    from glassworks.studio.report import write_report

    opened = Run.open(args.run)
    if left_out := trace_run(opened, args.text):
        print(f"the last {left_out} tokens of the text are left out: the page draws no more", file=sys.stderr)
    print(write_report(opened))
