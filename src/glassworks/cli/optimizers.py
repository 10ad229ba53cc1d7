"""`glassworks optimizers`: every way to train, what each costs, and when to take it."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from glassworks.cli.arguments.parse import Arguments


@dataclass(frozen=True)
class Optimizers:
    """List every optimizer that `train --optimizer` takes: what it is, what a step costs, and when to take it.

    Given a name, show that one in full, with its settings and the command to train with it.
    """

    name: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[NAME]")] = None
    """The optimizer to show in full."""


def run(arguments: Arguments) -> None:
    """Parse, list."""
    args = arguments.parse(Optimizers, "optimizers")
    from glassworks.core.columns import terminal_width
    from glassworks.optim.listing import all_methods, method_in_full

    width = terminal_width()
    print("\n".join(all_methods(width) if args.name is None else method_in_full(args.name, width)))
