"""`glassworks reproduce`: a published result repeated, its figures beside ours."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from glassworks.cli.arguments.parse import Arguments
from glassworks.cli.arguments.reading import ReadingFlags
from glassworks.core.called import again
from glassworks.core.columns import listed, terminal_width
from glassworks.core.progress import say

if TYPE_CHECKING:
    from glassworks.reproductions.finding import Finding


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """What all of them take."""

    quick: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Compute less, for figures that are not comparable. How long either takes is said at the beginning."""
    seed: int | None = None
    """Of weights and data. None = the lectures' own for makemore, else 0."""
    steps: int | None = None
    """Of each training. None = as many as the result needs, or few if --quick."""
    name: str | None = None
    """Name of the run's folder below runs/, or a path. None = the result's name, with -quick or -full if asked for."""
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Say nothing on the way; what comes out is still printed."""

    @property
    def kind(self) -> str:
        """What the result's name is followed by in the name of a run."""
        return "-quick" if self.quick else ""


@dataclass(frozen=True, kw_only=True)
class Makemore(Reproduction):
    """Repeat Zero to Hero's lectures 2 to 6, next-character models of names, and print their figures beside ours.

    Finished parts are kept: after ctrl-C the same command goes on. With other settings, give another --name.
    """

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="WORDS_FILE")]
    """A file with one word a line, such as the lectures' names.txt."""

    def repeat(self, path: Path, command: list[str]) -> "Finding":
        """On a file of words."""
        from glassworks.reproductions.makemore.run import run as repeat

        words = words_in(self.data)
        return repeat(words, quick=self.quick, folder=path, seed=self.seed, steps=self.steps, command=command)


@dataclass(frozen=True, kw_only=True)
class Othello(Reproduction):
    """Repeat how a GPT that reads Othello games keeps a board, on its own games; print the papers' figures.

    Finished parts are kept: after ctrl-C the same command goes on. With other settings, give another --name.
    """

    full: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """The paper's own board and network, hours on a GPU, in place of what two CPU cores do in an hour."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.full and self.quick:
            raise ValueError("--full is all of it, and --quick less: leave one out")

    @property
    def kind(self) -> str:
        """What the result's name is followed by in the name of a run."""
        return "-full" if self.full else super().kind

    def repeat(self, path: Path, command: list[str]) -> "Finding":
        """On games that it plays itself."""
        from glassworks.reproductions.othello.run import run as repeat

        settings: dict[str, Any] = {"quick": self.quick, "full": self.full, "seed": self.seed, "steps": self.steps}
        return repeat(folder=path, command=command, **settings)


@dataclass(frozen=True, kw_only=True)
class Induction(Reproduction):
    """Repeat how two layers of attention alone learn to copy what they read; print the paper's figures.

    Finished parts are kept: after ctrl-C the same command goes on. With other settings, give another --name.
    """

    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="[TEXT]")] = "stdlib"
    """Text as train takes it: a file, a folder, a glob; stdlib = this Python's own library."""
    read: Annotated[ReadingFlags, tyro.conf.arg(name="")] = field(default_factory=ReadingFlags)

    def repeat(self, path: Path, command: list[str]) -> "Finding":
        """On text."""
        from glassworks.reproductions.induction.run import run as repeat

        settings: dict[str, Any] = {"quick": self.quick, "seed": self.seed, "steps": self.steps}
        settings |= {"column": self.read.column, "skip_unreadable": self.read.skip_unreadable}
        return repeat(self.data, folder=path, command=command, **settings)


@dataclass(frozen=True, kw_only=True)
class Deconvnet(Reproduction):
    """Repeat how looking at a first layer found what was wrong with it, and mended it; print the paper's figures.

    Finished networks are kept: after ctrl-C the same command goes on. With other settings, give another --name.
    """

    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="[IMAGES]")] = "creatures"
    """Images of classes as train takes them: a folder, IDX files, CIFAR's batches, digits; creatures = drawn ones."""

    def repeat(self, path: Path, command: list[str]) -> "Finding":
        """On images."""
        from glassworks.reproductions.deconvnet.run import run as repeat

        return repeat(self.data, quick=self.quick, folder=path, seed=self.seed, steps=self.steps, command=command)


@dataclass(frozen=True, kw_only=True)
class Batchnorm(Reproduction):
    """Repeat what batch norm does to a training, with, without and with noisy batch norm; print the paper's statements.

    Finished trainings are kept: after ctrl-C the same command goes on. With other settings, give another --name.
    """

    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="[IMAGES]")] = "digits"
    """Images of classes as train takes them: digits, IDX files such as MNIST's, a folder, CIFAR's batches."""

    def repeat(self, path: Path, command: list[str]) -> "Finding":
        """On images."""
        from glassworks.reproductions.batchnorm.run import run as repeat

        return repeat(self.data, quick=self.quick, folder=path, seed=self.seed, steps=self.steps, command=command)


@dataclass(frozen=True, kw_only=True)
class WithoutBackprop(Reproduction):
    """Train a network in every way without backpropagation, and with it, at the same cost; print published figures.

    Test functions of up to 10,000 dimensions show where each stops working, and a language model is tuned without a
    gradient. Finished methods are kept: after ctrl-C the same command goes on. With other settings, give another
    --name.
    """

    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="[DATA]")] = "digits"
    """Images or a table of classes, as train takes them: digits, IDX files such as MNIST's, a folder, a CSV file."""

    def repeat(self, path: Path, command: list[str]) -> "Finding":
        """On labelled data."""
        from glassworks.reproductions.without_backprop.run import run as repeat

        return repeat(self.data, quick=self.quick, folder=path, seed=self.seed, steps=self.steps, command=command)


@dataclass(frozen=True, kw_only=True)
class Initialisation(Reproduction):
    """Repeat a chain of fixes to how weights are drawn, and find the depth at which each scheme stops training.

    Finished networks are kept: after ctrl-C the same command goes on. With other settings, give another --name.
    """

    data: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[WORDS_FILE]")] = None
    """A file with one word a line, such as the lecture's names.txt. None = without the chain of fixes."""

    def repeat(self, path: Path, command: list[str]) -> "Finding":
        """On a file of words, or without."""
        from glassworks.reproductions.initialisation.run import run as repeat

        words = None if self.data is None else words_in(self.data)
        return repeat(words, quick=self.quick, folder=path, seed=self.seed, steps=self.steps, command=command)


def words_in(path: Path) -> list[str]:
    """The words of a file, one a line; a hint where they look like something else."""
    from glassworks.data.text.words import Words, read_words

    if path.is_dir():
        raise ValueError(f"{path} is a folder: give a file with one word a line; --name says where the run goes")
    words = read_words(path)
    if unlike := Words.of(words).unlike_names:
        cut = f"tr -s '[:space:]' '\\n' < {shlex.quote(str(path))} > words.txt"
        say(f"{path}: {unlike}; to cut a text into words: {cut}")
    return words


@dataclass(frozen=True, kw_only=True)
class Separability(Reproduction):
    """Measure how wide a random layer must be to make two sets linearly separable; print what theory says.

    Rings in 2 dimensions, spheres in 100, and data of yours; --steps is the number of networks of each width. Finished
    widths are kept: after ctrl-C the same command goes on. With other settings, give another --name.
    """

    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="[DATA]")] = "digits"
    """Examples of classes, as train takes them: digits, IDX files such as MNIST's, a folder of images, moons."""

    def repeat(self, path: Path, command: list[str]) -> "Finding":
        """On labelled data."""
        from glassworks.reproductions.separability.run import run as repeat

        return repeat(self.data, quick=self.quick, folder=path, seed=self.seed, steps=self.steps, command=command)


@dataclass(frozen=True, kw_only=True)
class Rlhf(Reproduction):
    """Go from a base model to one that does what a person prefers, step by step; print what published chains found.

    Pre-training, fine-tuning, choices, a reward model, then DPO, PPO and GRPO on as many written completions, and what
    a flawed reward does with a guard and without. Finished parts are kept: after ctrl-C the same command goes on. With
    other settings, give another --name.
    """

    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="[SOURCES]")] = "stdlib"
    """Python sources, as train takes text; stdlib = this Python's own library."""
    base: Annotated[str | None, tyro.conf.arg(metavar="RUN")] = None
    """A run or model to begin with, such as demo. None = one is pre-trained, as the demo is."""
    choices: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """A store of choices that you made (glassworks choose). None = a stated human, who errs, makes them."""

    def repeat(self, path: Path, command: list[str]) -> "Finding":
        """On functions of Python sources."""
        from glassworks.reproductions.rlhf.run import run as repeat

        settings: dict[str, Any] = {"quick": self.quick, "seed": self.seed, "steps": self.steps}
        settings |= {"base": self.base, "choices": self.choices}
        return repeat(self.data, folder=path, command=command, **settings)


REPEAT: dict[str, type[Any]] = {
    "makemore": Makemore,
    "othello": Othello,
    "induction": Induction,
    "deconvnet": Deconvnet,
    "separability": Separability,
    "batchnorm": Batchnorm,
    "without-backprop": WithoutBackprop,
    "initialisation": Initialisation,
    "rlhf": Rlhf,
}
"""Name to what is parsed for it; the names are those of `REPRODUCTIONS`."""


def run(arguments: Arguments) -> int:
    """Parse, repeat, print."""
    from glassworks.reproductions import REPRODUCTIONS

    command, name = ["glassworks", "reproduce", *arguments], pop_name(arguments)
    if name is None:
        arguments.parse(Listing, "reproduce")
        print(*listed(REPRODUCTIONS, terminal_width()), sep="\n")
        return 0
    if name not in REPEAT:
        raise ValueError(f"there is no reproduction {name!r}: choose one of {', '.join(REPEAT)}")
    args = arguments.parse(REPEAT[name], f"reproduce {name}")
    from glassworks.cli.train import folder

    path = folder(args.name or name + args.kind, name)
    try:
        finding = args.repeat(path, command)
    except KeyboardInterrupt:
        say(f"stopped; finished parts are kept in {path}. Go on with: {again(command)}")
        return 130
    from glassworks.report.finding import write_finding_page

    page = write_finding_page(path)
    print(f"{finding.table(terminal_width())}\n\nsaved: {path / 'finding.json'}, finding.md and {page.name}")
    return 0


@dataclass(frozen=True)
class Listing:
    """Repeat a published result and print its figures beside ours: glassworks reproduce NAME.

    Without a name, list what can be repeated. glassworks reproduce NAME --help shows what one takes.
    """

    list: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """List what can be repeated."""


def pop_name(arguments: Arguments) -> str | None:
    """Take the result's name out of the words: the first that is neither a flag nor a flag's value."""
    value_of_flag = False
    for i, word in enumerate(arguments):
        if not word.startswith("-") and not value_of_flag:
            return arguments.pop(i)
        value_of_flag = word in ("--seed", "--steps", "--name", "--column", "--base", "--choices")
    return None
