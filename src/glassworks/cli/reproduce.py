"""`glassworks reproduce`: a published result repeated, its figures beside ours."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from glassworks.reproductions.finding import Finding


@dataclass(frozen=True)
class Reproduce:
    """Repeat a published result and print its figures beside ours. Without a name, list what can be repeated.

    Finished parts are kept: after ctrl-C the same command goes on. With other settings, give another --name.
    """

    what: Annotated[str | None, tyro.conf.Positional] = None
    """Which result, e.g. makemore."""
    data: Annotated[str | None, tyro.conf.Positional] = None
    """What it is repeated on. makemore: a file with one word a line, such as the lectures' names.txt. induction: text,
    as train takes it; None = this Python's own library. othello: nothing, it plays its own games."""
    quick: bool = False
    """Compute less: a few minutes, and figures that are not comparable."""
    full: bool = False
    """othello only: the paper's own board and network, hours on a GPU, in place of what two CPU cores do in an hour."""
    seed: int | None = None
    """Of weights and data. None = the lectures' own for makemore, else 0."""
    steps: int | None = None
    """Of each training. None = as many as the result needs, or few if --quick."""
    name: str | None = None
    """Name of the run's folder below runs/, or a path. None = the result's name, with -quick or -full if asked for."""
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
    if args.data is not None and args.what == "othello":
        raise ValueError(f"{args.what} makes its own data: leave out {args.data}")
    if args.full and (args.quick or args.what != "othello"):
        raise ValueError("--full is for othello, without --quick")
    from glassworks.cli.train import folder

    command = ["glassworks", "reproduce", *arguments]
    path = folder(args.name or args.what + ("-quick" if args.quick else "-full" if args.full else ""), args.what)
    try:
        found = REPEAT[args.what](args, path, command)
    except KeyboardInterrupt:
        print(f"stopped; finished parts are kept in {path}. Go on with: {shlex.join(command)}", file=sys.stderr)
        return 130
    page = " and report.html" if (path / "report.html").exists() else ""
    print(f"{found.table()}\n\nsaved: {path / 'finding.json'}, finding.md{page}")
    return 0


def makemore(args: Reproduce, path: Path, command: list[str]) -> "Finding":
    """On a file of words."""
    if args.data is None:
        raise ValueError("makemore needs a file of words: glassworks reproduce makemore WORDS_FILE")
    from glassworks.reproductions.makemore import run as repeat
    from glassworks.reproductions.words import read_words

    words = read_words(Path(args.data))
    return repeat(words, quick=args.quick, folder=path, seed=args.seed, steps=args.steps, command=command)


def othello(args: Reproduce, path: Path, command: list[str]) -> "Finding":
    """On games that it plays itself."""
    from glassworks.reproductions.othello import run as repeat

    return repeat(quick=args.quick, full=args.full, folder=path, seed=args.seed, steps=args.steps, command=command)


def induction(args: Reproduce, path: Path, command: list[str]) -> "Finding":
    """On text, with a page."""
    from glassworks.reproductions.induction import run as repeat
    from glassworks.studio.induction_page import write_induction_page

    data = args.data or "stdlib"
    found = repeat(data, quick=args.quick, folder=path, seed=args.seed, steps=args.steps, command=command)
    write_induction_page(path)
    return found


REPEAT: dict[str, Callable[[Reproduce, Path, list[str]], "Finding"]] = {
    "makemore": makemore,
    "othello": othello,
    "induction": induction,
}
"""Name to what repeats it in a folder; the names are those of `REPRODUCTIONS`."""
