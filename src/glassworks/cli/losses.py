"""`glassworks losses`, and `glassworks metrics`: each one, what it asks for, and when to take it."""

from dataclasses import dataclass
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
    show(arguments.parse(Losses, "losses"), "loss")


def show(args: Losses | Metrics, kind: Literal["loss", "metric"]) -> None:
    """Print the list, or those that are named."""
    from glassworks.core.columns import terminal_width
    from glassworks.objectives.catalogue.listing import all_entries, in_full, known

    width = terminal_width()
    if args.name is None:
        print("\n".join(all_entries(kind, width, args.task, args.find)))
        return
    if args.task is not None or args.find is not None:
        raise ValueError("--task and --find make a list shorter: leave them out beside a name")
    names = [known(kind, name.strip()) for name in args.name.split(",")]  # all, before one is shown
    print("\n\n".join("\n".join(in_full(kind, name, width)) for name in names))
