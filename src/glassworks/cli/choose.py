"""`glassworks choose`: say which of several options is better, on a page in the browser."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from glassworks.cli.arguments.parse import Arguments
from glassworks.core.columns import help_width


@dataclass(frozen=True)
class Choose:
    """Let people choose among what models write, images or clips: blind, in random order, a key for everything.

    What was chosen is in a run of its own, and goes on where it stopped. --export writes it for others, --figures says
    how far annotators agree; neither opens the page.
    """

    what: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN_OR_FILE ...")]
    """A language model (a run or a folder), or several, which are compared; a file of prompts with options, or of
    choices (.jsonl, .json, .parquet); a folder of images; or a run of choices."""
    prompts: tuple[str, ...] = ()
    """What models go on with: files of prompts, a line each (.txt) or a row; or arithmetic, forms, prompts:CORPUS. () =
    how the run's held-out documents begin."""
    count: int = 50
    """How many prompts, or pairs of images, at most."""
    options: int = 2
    """Among how many to choose, 2 to 9."""
    max_tokens: int = 64
    """The most tokens that an option has."""
    temperature: float = 1.0
    """Of what models write."""
    stop: tuple[str, ...] = ()
    """Texts that end an option."""
    chat: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Put the prompts to the models by their chat templates."""
    guidelines: str = ""
    """What annotators are told to go by."""
    repeats: float = 0.1
    """The share that an annotator is asked twice, to see whether they say the same."""
    overlap: float = 0.2
    """The share of comparisons that every annotator is asked, to see how far they agree."""
    reward: str | None = None
    """The run of a reward model: what its members disagree on is asked first, and its accuracy shown as one chooses."""
    store: str | None = None
    """A server that keeps the choices, postgresql://user@host/database. None = one SQLite file in the run's folder."""
    export: Literal["preference", "implicit", "hh", "unpaired", "rewrites", "raw"] | None = None
    """Write what was chosen: TRL's preference rows, the same with the prompt within both, Anthropic's transcripts,
    TRL's unpaired rows, what annotators wrote, or all of the store."""
    out: Path = Path("choices.jsonl")
    """The file that --export writes (.jsonl, .jsonl.gz, .parquet)."""
    figures: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print agreement, position bias, consistency and times."""
    name: str | None = None
    """Name of the run's folder below runs/, or a path. None = as what is chosen among, with -choices."""
    seed: int = 0
    """Of what is written, and of every order."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    port: int | None = None
    """Of this machine. None = 8400, or the next that is free."""
    browser: bool = True
    """Open the page; else only print its address."""


def run(arguments: Arguments) -> None:
    """Parse; export or print, or begin and serve."""
    typed = list(arguments)
    args = arguments.parse(Choose, "choose")
    check(args)
    if args.export is not None or args.figures:
        told(args)
        return
    from glassworks.cli.choosing.begun import begun

    run = begun(args, typed)
    from urllib.parse import quote

    from glassworks.studio.serve import serve

    page = f"/choose?run={quote(run.name)}" + (f"&judge={quote(args.reward)}" if args.reward else "")
    serve(run.path.absolute().parent, args.port, browser=args.browser, page=page)


def check(args: Choose) -> None:
    """ValueError for what cannot be, before anything is opened."""
    if not args.what:
        raise ValueError("what is chosen among is missing: give a run, a file or a folder of images")
    for name, value, most in (("count", args.count, None), ("options", args.options, 9)):
        least = 2 if name == "options" else 1
        if value < least or (most is not None and value > most):
            raise ValueError(f"{name} (={value}) must be {least} {'or more' if most is None else f'to {most}'}")
    for name, share in (("repeats", args.repeats), ("overlap", args.overlap)):
        if not 0 <= share <= 1:
            raise ValueError(f"{name} (={share}) must be a share from 0 to 1")
    if args.reward is not None:
        from glassworks.core.runs import Run

        if (found := Run.open(args.reward)).kind_name != "reward":
            raise ValueError(f"reward (={args.reward!r}) is {found.kind.what}: give one made by tune --method reward")
    if len(args.what) > 9:
        raise ValueError(f"what ({len(args.what)} models) must be 9 at most: there is a key for each")


def told(args: Choose) -> None:
    """What was chosen as a file, or what it says as lines."""
    from glassworks.core.files import at_home, refuse_unwritable
    from glassworks.core.progress import counted, say
    from glassworks.data.choices.runs import open_store

    store = open_store(args.what[0])
    if args.figures:
        from glassworks.cli.choosing.table import lines
        from glassworks.data.choices.figures import figures
        from glassworks.data.choices.ledger import Ledger

        print(*lines(figures(Ledger(store)), help_width()), sep="\n")
    if args.export is not None:
        from glassworks.data.choices.formats.table import write_from

        out = at_home(args.out)
        refuse_unwritable(out)
        done = write_from(store, args.export, out)
        if done.left_out:
            say(f"left out, for {args.export} has no place for them: {counted(done.left_out, 'choice')}; raw has all")
        print(out)
