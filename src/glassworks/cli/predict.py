"""`glassworks predict`: what a network says of files, or makes of texts."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from glassworks.cli.arguments.parse import Arguments


@dataclass(frozen=True)
class Predict:
    """Say what a network sees in files: a line for each, with its likeliest classes and their probabilities.

    A policy says what it does where it observes what a row of a table holds (.csv). An encoder-decoder says what
    becomes of each line of files, or of texts: its likeliest translations. A file that cannot be read is named on
    stderr, the others follow, and the command ends with 2.
    """

    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_OR_FOLDER")]
    """A run of images, of a table, of pairs of texts or of an agent, or the folder of such a model."""
    files: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILES")]
    """Images or IDX files; tables (.csv, .tsv, .parquet), a line for each row; folders and globs of them. For pairs of
    texts: files with a source a line, or - for what is piped in."""
    text: tuple[str, ...] = ()
    """For pairs of texts: sources themselves."""
    top: int = 3
    """Classes or translations that are named, the likeliest first."""
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print JSON, an object a line."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""


def run(arguments: Arguments) -> int:
    """Parse, load, say. The exit code is 2 if some file could not be read."""
    args = arguments.parse(Predict, "predict")
    if args.top < 1:
        raise ValueError(f"top (={args.top}) must be at least 1")
    if not args.files and not args.text:
        raise ValueError(f"predict needs files: see {arguments.help()}")
    from glassworks.core.places import run_named

    run_named(args.model, "predict")  # what is neither is refused before torch is loaded
    from glassworks.agents.opened import OpenedPolicy
    from glassworks.cli.main import describe, say
    from glassworks.cli.predicting.agents import print_actions
    from glassworks.cli.predicting.labelled import print_predictions
    from glassworks.cli.predicting.pairs import print_translations
    from glassworks.train.device import pick_device
    from glassworks.train.opening import OpenedLabelled, OpenedPairs, open_run, unlike

    opened = open_run(args.model, pick_device(args.device), use="predict")
    broken: list[Exception] = []

    def tell(error: Exception) -> None:
        broken.append(error)
        say(arguments.in_flags(describe(error, arguments)))

    if isinstance(opened, OpenedPolicy):
        if args.text:
            raise ValueError(f"text (={args.text[0]!r}) is for pairs of texts, and {args.model} reads files: give some")
        print_actions(opened, args.files, top=args.top, as_json=args.json, broken=tell)
    elif isinstance(opened, OpenedPairs):
        print_translations(opened, args.files, args.text, top=args.top, as_json=args.json, broken=tell)
    elif not isinstance(opened, OpenedLabelled):
        raise unlike(opened, "it has no network for images or tables, nor an encoder-decoder, as is needed here")
    elif args.text:
        raise ValueError(f"text (={args.text[0]!r}) is for pairs of texts, and {args.model} reads files: give some")
    else:
        print_predictions(opened, args.files, top=args.top, as_json=args.json, broken=tell, strange=say)
    return 2 if broken else 0
