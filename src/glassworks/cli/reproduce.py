"""`glassworks reproduce`: a published result repeated, its figures beside ours."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Reproduce:
    """Repeat a published result and print its figures beside ours. Without a name, list what can be repeated.

    Finished parts are kept: after ctrl-C the same command goes on. With other settings, give another --name.
    """

    what: Annotated[str | None, tyro.conf.Positional] = None
    """Which result, e.g. makemore."""
    data: Annotated[Path | None, tyro.conf.Positional] = None
    """What it is repeated on: for makemore a text file with one word a line, such as the lectures' names.txt."""
    quick: bool = False
    """Compute less: a few minutes, and figures that are not comparable."""
    seed: int | None = None
    """Of weights and batches. None = the source's own."""
    steps: int | None = None
    """Of each training. None = as many as in the source, or few if --quick."""
    name: str | None = None
    """Name of the run's folder below runs/, or a path. None = the result's name, with -quick if --quick."""
    list: bool = False
    """List what can be repeated."""


def run(arguments: list[str]) -> int:
    """Parse, repeat, print."""
    args = tyro.cli(Reproduce, args=arguments, prog="glassworks reproduce")
    from glassworks.reproductions import REPRODUCTIONS

    if args.list or args.what is None:
        for name, text in REPRODUCTIONS.items():
            print(f"{name:<10} {text}")
        return 0
    if args.what not in REPRODUCTIONS:
        raise ValueError(f"there is no reproduction {args.what!r}: choose one of {', '.join(REPRODUCTIONS)}")
    if args.data is None:
        raise ValueError(f"{args.what} needs a file of words: glassworks reproduce {args.what} WORDS_FILE")
    return makemore(args, args.data, ["glassworks", "reproduce", *arguments])


def makemore(args: Reproduce, data: Path, command: list[str]) -> int:
    """Repeat makemore on a file of words."""
    import shlex

    from glassworks.cli.train import folder
    from glassworks.reproductions.makemore import run as repeat
    from glassworks.reproductions.words import read_words

    path = folder(args.name or ("makemore-quick" if args.quick else "makemore"), "makemore")
    try:
        found = repeat(
            read_words(data), quick=args.quick, folder=path, seed=args.seed, steps=args.steps, command=command
        )
    except KeyboardInterrupt:
        print(f"stopped; finished parts are kept in {path}. Go on with: {shlex.join(command)}", file=sys.stderr)
        return 130
    print(f"{found.table()}\n\nsaved: {path / 'finding.json'} and finding.md")
    return 0
