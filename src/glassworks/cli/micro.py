"""`glassworks micro`: train the scalar engine on moons, draw an expression's graph, play backward step by step."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from glassworks.cli.arguments.parse import Arguments
from glassworks.core.files import refuse_unwritable, write_text
from glassworks.micro.expression import EXAMPLE, EXAMPLE_VALUES, parse, read_values


@dataclass(frozen=True)
class Demo:
    """Train micrograd's perceptron to tell two moons apart; draw where it decides, and one of its neurons."""

    steps: int = 100
    """How often the weights change."""
    seed: int = 1337
    """Of the points and the weights."""
    out: Path = Path("micro-demo")
    """Folder for moons.svg and graph.svg."""


@dataclass(frozen=True)
class Expression:
    """What graph and step take."""

    expression: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="[EXPRESSION]")] = EXAMPLE
    """Such as "c = a * b; tanh(c + 1)": + - * / **, functions, assignments. The default is micrograd's own example."""
    values: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME=NUMBER ...]")] = ()
    """The number of each name in it."""


@dataclass(frozen=True)
class Graph(Expression):
    """Draw how an expression is computed, with the gradient of its result by every value."""

    out: Path = Path("graph.svg")
    """Where to draw it."""


@dataclass(frozen=True)
class Step(Expression):
    """Show backward through an expression, one value at a time."""

    html: Path | None = None
    """Where to write it as a page. None = in the terminal, Enter for the next step."""


def run(arguments: Arguments) -> None:
    """Parse; train, draw or step."""
    kinds: dict[str, type[Any]] = {"demo": Demo, "graph": Graph, "step": Step}
    name = arguments.choose("micro", kinds, "part")
    # An expression may begin with a minus, but then it must not look like a flag.
    arguments[:] = [f" {word}" if word[:1] == "-" and word[1:2] != "-" and word != "-h" else word for word in arguments]
    args = arguments.parse(kinds[name], f"micro {name}")
    if isinstance(args, Demo):
        demo(args)
        return
    from glassworks.micro.graph import svg
    from glassworks.micro.step import page, play

    if isinstance(args, Graph) and args.out.suffix != ".svg":
        raise ValueError(f"--out (={args.out}) must end in .svg: that is what is drawn")
    values = read_values(args.values or (EXAMPLE_VALUES if args.expression == EXAMPLE else ()))
    root = parse(args.expression, values)
    to = args.out if isinstance(args, Graph) else args.html
    if to is not None:
        refuse_unwritable(to)
    if to is None:
        play(root)
    root.backward()
    print(f"{root.label or 'y'} = {root.data:.7g}", *(f"{n}.grad = {v.grad:.7g}" for n, v in values.items()), sep="\n")
    if to is not None:
        write_text(to, svg(root) if isinstance(args, Graph) else page(root))
        print(f"saved {to}")


def demo(args: Demo) -> None:
    """Train, draw, and say how long a step took."""
    import random
    from time import perf_counter

    from glassworks.micro.graph import svg
    from glassworks.micro.moons import active_neuron, boundary_svg, make_moons, train
    from glassworks.micro.nn import MLP

    refuse_unwritable(args.out / "moons.svg")
    times = []

    def report(step: int, loss: float, accuracy: float) -> None:
        times.append(perf_counter())
        if step % max(1, args.steps // 10) == 0 or step == args.steps - 1:
            print(f"step {step:>4}  loss {loss:.5f}  accuracy {accuracy:.0%}")

    random.seed(args.seed)
    model = MLP(2, [16, 16, 1])
    X, y = make_moons(seed=args.seed)
    train(model, X, y, steps=args.steps, report=report)
    if len(times) > 2:
        print(f"a step took {(times[-1] - times[1]) / (len(times) - 2) * 1000:.1f} ms")
    write_text(args.out / "moons.svg", boundary_svg(model, X, y))
    write_text(args.out / "graph.svg", svg(active_neuron(model, X)))
    print(f"saved {args.out / 'moons.svg'} and {args.out / 'graph.svg'}")
