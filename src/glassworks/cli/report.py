"""`glassworks report`: a run's page."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from glassworks.cli.arguments.parse import Arguments


@dataclass(frozen=True)
class Report:
    """Look inside a run's model and write its page, report.html: one file that opens offline."""

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run."""
    text: str | None = None
    """The sentence whose attention and layers are drawn. None = the beginning of a held-out document."""


def run(arguments: Arguments) -> None:
    """Parse, look, write."""
    args = arguments.parse(Report, "report")
    from glassworks.core.files import refuse_unwritable
    from glassworks.core.kinds import found
    from glassworks.core.progress import counted, say
    from glassworks.core.runs import Run

    opened = Run.open(args.run, "report")
    refuse_unwritable(opened.path / "report.html")
    from glassworks.report.run_page import write_report

    if opened.kind_name in ("text", "tuned"):
        from glassworks.interpret.catalogue.run_traces import trace_run

        if left_out := trace_run(opened, args.text):
            say(f"the text's end is left out, {counted(left_out, 'token')}: the page draws no more")
    elif args.text is not None:
        raise ValueError(f"--text (={args.text!r}) is for runs of text, and {args.run} is {opened.kind.what}")
    elif (look := opened.kind.measures.get("the look inside")) is not None:
        found(look.by)(opened)
    print(write_report(opened))
