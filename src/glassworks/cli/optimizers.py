"""`glassworks optimizers`: every way to train, what each costs, and when to take it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from glassworks.cli.arguments.parse import Arguments
from glassworks.core.called import command


@dataclass(frozen=True)
class Optimizers:
    """List every optimizer that `train --optimizer` takes: what it is, what a step costs, and when to take it.

    Given a name, show that one in full, with its settings and the command to train with it; with --on, watch it move.
    """

    name: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[NAME]")] = None
    """The optimizer to show in full, or several with commas between."""
    on: Annotated[str | None, tyro.conf.arg(metavar="FUNCTION_OR_RUN")] = None
    """Write a page on which its candidates move over a loss of two numbers: a test function, such as rosenbrock or
    rastrigin, or a run's loss along the two directions of its weights in which it is steepest."""
    generations: int = 40
    """Steps on that page."""
    seed: int = 0
    """Of all that is drawn at random on it."""
    out: Path = Path("population.html")
    """The page; it replaces the last."""


def run(arguments: Arguments) -> None:
    """Parse; list, or watch."""
    args = arguments.parse(Optimizers, "optimizers")
    from glassworks.core.columns import terminal_width
    from glassworks.optim.listing import all_methods, known, method_in_full

    if args.on is not None:
        if args.name is None:
            raise ValueError(f"--on goes with an optimizer: {command('optimizers', 'cma-es', '--on', args.on)}")
        watch(args, [known(name.strip()) for name in args.name.split(",")])
        return
    width = terminal_width()
    if args.name is None:
        print("\n".join(all_methods(width)))
        return
    names = [known(name.strip()) for name in args.name.split(",")]  # all, before one is shown
    print("\n\n".join("\n".join(method_in_full(name, width)) for name in names))


def watch(args: Optimizers, names: list[str]) -> None:
    """Let each take its steps, and write the page."""
    from glassworks.core.files import refuse_unwritable
    from glassworks.core.progress import tracked

    refuse_unwritable(args.out)
    from glassworks.interpret.catalogue.populations import populations
    from glassworks.report.population import write_populations
    from glassworks.studio.offline import living

    assert args.on is not None
    traces = []
    with tracked("optimizers", len(names)) as report:
        for trace in populations(names, args.on, generations=args.generations, seed=args.seed):
            traces.append(trace)
            report(len(traces))
    for trace in traces:
        lowest = trace.arrays["lowest"][-1], trace.arrays["lowest_random"][-1]
        print(f"{trace.meta['optimizer']}: lowest loss {lowest[0]:.4g}, of a random search {lowest[1]:.4g}")
    print(f"saved: {write_populations(traces, args.out, living('population', 'figure.population'))}")
