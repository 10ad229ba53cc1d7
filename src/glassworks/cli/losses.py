"""`glassworks losses`, and `glassworks metrics`: each one, what it asks for, and when to take it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from glassworks.cli.arguments.parse import Arguments


@dataclass(frozen=True)
class Losses:
    """List every loss by its task: what it is, what it estimates, what an outlier does to it, and when to take it.

    Given a name, show that one in full: its formula, shapes, values, source, and what to beware of.
    """

    name: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[NAME]")] = None
    """The loss to show in full, or several with commas between."""
    task: Annotated[str | None, tyro.conf.arg(metavar="TASK")] = None
    """List those of one task alone, such as regression or segmentation."""
    find: Annotated[str | None, tyro.conf.arg(metavar="WORD")] = None
    """List those of which this word is said, such as median or outliers."""
    out: Path | None = None
    """Write a page on which each that is named, or all, is drawn with its slope, and what an outlier or wrong labels do
    to it."""


@dataclass(frozen=True)
class Metrics:
    """List every metric by its task: what it is, what it can come to, where it is perfect, and when to take it.

    Given a name, show that one in full: its formula, shapes, source, and what to beware of.
    """

    name: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[NAME]")] = None
    """The metric to show in full, or several with commas between."""
    task: Annotated[str | None, tyro.conf.arg(metavar="TASK")] = None
    """List those of one task alone, such as regression or segmentation."""
    find: Annotated[str | None, tyro.conf.arg(metavar="WORD")] = None
    """List those of which this word is said, such as rare or chance."""


def run(arguments: Arguments) -> None:
    """Parse; list, or show."""
    args = arguments.parse(Losses, "losses")
    if args.out is not None:
        from glassworks.core.files import refuse_unwritable

        refuse_unwritable(args.out)
    names = show(args, "loss")
    if args.out is not None:
        from glassworks.report.losses import write_losses

        print(f"saved: {write_losses(names, args.out)}")


def show(args: Losses | Metrics, kind: Literal["loss", "metric"]) -> list[str]:
    """Print the list, or those that are named; their names."""
    from glassworks.core.columns import terminal_width
    from glassworks.objectives.catalogue.listing import all_entries, found, in_full, known

    width = terminal_width()
    if args.name is None:
        print("\n".join(all_entries(kind, width, args.task, args.find)))
        return list(found(kind, args.task, args.find))
    if args.task is not None or args.find is not None:
        raise ValueError("--task and --find make a list shorter: leave them out beside a name")
    names = [known(kind, name.strip()) for name in args.name.split(",")]  # all, before one is shown
    print("\n\n".join("\n".join(in_full(kind, name, width)) for name in names))
    return names
