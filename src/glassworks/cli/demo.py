"""`glassworks demo`: a GPT trained on this machine's own Python library, measured and opened up."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from glassworks.cli.arguments.parse import Arguments


@dataclass(frozen=True)
class Demo:
    """Train a GPT on the sources of this Python's standard library, measure it, let it write, and open it up."""

    minutes: float = 2.5
    """How long to train; evaluations, and measuring it at the end, take a minute or two more."""
    name: str | None = None
    """Name of the run's folder below runs/, or a path. None = demo, or the next free name."""
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Say nothing on the way; what comes out is still printed."""


def run(arguments: Arguments) -> int:
    """Parse, train, measure, look, report."""
    args = arguments.parse(Demo, "demo")
    from glassworks.cli.train import folder
    from glassworks.core.progress import say
    from glassworks.models.gpt.config import GPTConfig
    from glassworks.pretraining.recipe import Recipe

    shape = GPTConfig("nanochat", n_ctx=256, n_layer=4, n_head=4, n_embd=128)
    recipe = Recipe(data="stdlib", tokenizer="bpe:4096", model=shape, batch_size=16, minutes=args.minutes)
    path, command = folder(args.name, "demo"), ["glassworks", "demo", *arguments]
    say("reading this Python's standard library")
    from glassworks.cli.stages import finish
    from glassworks.pretraining.run import start
    from glassworks.train.distributed import Ranks

    return finish(start(path, recipe, command), Ranks())
