"""`glassworks sample`: a run's model writes, as it writes."""

from dataclasses import dataclass
from itertools import chain
from typing import Annotated

import tyro

from glassworks.cli.arguments.parse import Arguments


@dataclass(frozen=True)
class Sample:
    """Let a model write, and show its text as it comes."""

    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_OR_FOLDER")]
    """A run, a folder in the Hugging Face layout, or a GGUF file."""
    prompt: str = ""
    """What the text begins with; with --chat, what is said to the model."""
    chat: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Let a model that was taught to answer do so: the prompt is put to it by its chat template."""
    max_tokens: int = 200
    """The most tokens to write; with 0 the prompt is all that is printed."""
    temperature: float = 0.8
    """How far to flatten the distribution; 0 = always the likeliest token."""
    top_k: int | None = None
    """Choose among this many of the likeliest tokens."""
    top_p: float | None = None
    """Choose among the likeliest tokens that together have this probability."""
    min_p: float | None = None
    """Choose among tokens with at least this share of the likeliest one's probability."""
    repetition_penalty: float = 1.0
    """Above 1, tokens already there become less likely."""
    stop: tuple[str, ...] = ()
    """Texts that end the writing."""
    seed: int = 0
    """The same seed writes the same text."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""


def run(arguments: Arguments) -> None:
    """Parse, load, write."""
    args = arguments.parse(Sample, "sample")
    from glassworks.core.places import run_named

    run_named(args.model, "sample")  # what is neither is refused before torch is loaded
    from glassworks.data.tokenizers.chat import Chat, read_template
    from glassworks.models.generation.completion import stream_text
    from glassworks.train.device import pick_device
    from glassworks.train.opening import open_text

    opened = open_text(args.model, pick_device(args.device), use="sample")
    template = read_template(opened.path) if args.chat else None
    if args.chat and template is None:
        raise ValueError(
            f"--chat: {args.model} has no chat template: leave it out, and the model goes on with the prompt"
        )
    pieces = stream_text(
        opened.model,
        opened.tokenizer if template is None else Chat(opened.tokenizer, template),
        args.prompt,
        max_tokens=args.max_tokens,
        temperature=args.temperature,
        top_k=args.top_k,
        top_p=args.top_p,
        min_p=args.min_p,
        repetition_penalty=args.repetition_penalty,
        stop=args.stop,
        seed=args.seed,
    )
    first = next(pieces, "")  # what is refused, is refused before anything is printed
    try:
        for piece in chain([] if args.chat else [args.prompt], [first], pieces):
            print(piece, end="", flush=True)
    except KeyboardInterrupt:
        print()  # what is said of it does not go on in the text's last line
        raise
    print()
