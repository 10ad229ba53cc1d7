"""`glassworks demo`: a GPT trained on this machine's own Python library, measured and opened up."""

import sys
from dataclasses import dataclass

import tyro


@dataclass(frozen=True)
class Demo:
    """Train a GPT on the sources of this Python's standard library, measure it, let it write, and open it up."""

    minutes: float = 2.5
    """How long to train; everything else takes about a minute more."""
    name: str | None = None
    """Name of the run's folder below runs/, or a path. None = demo, or the next free name."""


def run(arguments: list[str]) -> int:
    """Parse, train, measure, look, report."""
    args = tyro.cli(Demo, args=arguments, prog="glassworks demo")
    from glassworks.cli.stages import finish
    from glassworks.cli.train import folder
    from glassworks.models.config import GPTConfig
    from glassworks.train.distributed import Ranks
    from glassworks.train.pretrain import start
    from glassworks.train.recipe import Recipe

    shape = GPTConfig("nanochat", n_ctx=256, n_layer=4, n_head=4, n_embd=128)
    recipe = Recipe(data="stdlib", tokenizer="bpe:4096", model=shape, batch_size=16, minutes=args.minutes)
    print("reading this Python's standard library", file=sys.stderr)
    command = ["glassworks", "demo", *arguments]
    return finish(start(folder(args.name, "demo"), recipe, command), Ranks())
