"""What `--help` prints: once folded, to the terminal's width."""

import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import pytest
import tyro

from glassworks.cli.arguments.flags import docs_of, flags_of, metavar_of
from glassworks.cli.arguments.help import NAMES, help_text
from glassworks.cli.main import COMMANDS, run
from glassworks.cli.train import Train

LISTS = [
    ["look", "--list"],
    ["reproduce", "--list"],
    ["optimizers"],
    ["optimizers", "mezo"],
    ["losses"],
    ["losses", "huber"],
]
LISTS += [["metrics"], ["metrics", "mase"]]
HELPS = [[name] for name in COMMANDS] + [
    ["micro", "graph"],
    ["data", "card"],
    ["reproduce", "makemore"],
    ["reproduce", "induction"],
    ["reproduce", "deconvnet"],
    ["reproduce", "initialisation"],
    ["reproduce", "separability"],
    ["reproduce", "batchnorm"],
    ["reproduce", "rlhf"],
]


def shown(words: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    with suppress(SystemExit):
        run([*words, "--help"])
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("words", [[], *HELPS], ids=" ".join)
def test_a_help_is_no_wider_than_the_terminal(
    words: list[str], width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = [line for line in shown(words, capsys) if "`" not in line]  # a command to paste stands on one line
    assert max(map(len, lines)) <= width
    assert not re.search(r"default: ?(None|False)?\)", "\n".join(lines))


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_so_is_a_list(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    assert run(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 70


@pytest.mark.parametrize("width", [80, 100])
def test_a_text_is_folded_once(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """No line ends before the next one's first word would not fit on it."""
    monkeypatch.setenv("COLUMNS", str(width))
    lines = shown(["train"], capsys)
    beside = re.compile(rf"^ {{{NAMES}}}\S")
    goes_on = [(a, b) for a, b in pairwise(lines) if beside.match(b) and a[NAMES:].strip()]
    assert len(goes_on) > 20
    for line, following in goes_on:
        if not re.match(r"  --", line) or re.search(r"\S  +\S", line):  # else a flag takes the line for itself
            assert len(line) + 1 + len(following.split()[0]) > width, (line, following)


def test_a_default_that_something_else_decides_is_not_shown_as_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    said = " ".join(" ".join(shown(["train"], capsys)).split())
    assert "--model.vocab-size INT Tokens that it knows. " in said
    assert "(default: the tokenizer's) --model.n-ctx INT" in said


@dataclass(frozen=True)
class Inner:
    n_wide: int = 4
    """How wide."""


@dataclass(frozen=True)
class Base:
    root: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("here")
    """A folder
    in two lines."""


@dataclass(frozen=True)
class Outer(Base):
    """What it does."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME ...]")] = ()
    """Names."""
    what: Literal["a", "b"] = "b"
    on: bool = False
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """No words."""
    inner: Inner = Inner()
    """The inside."""


def test_a_help_says_what_flags_take_and_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert help_text("outer", Outer.__doc__ or "", list(flags_of(Outer))) == (
        "usage: glassworks outer [NAME ...] [options]\n"
        "\n"
        "What it does.\n"
        "\n"
        "  [NAME ...]              Names.\n"
        "\n"
        "options:\n"
        "  --root FOLDER           A folder in two lines. (default: here)\n"
        "  --what {a,b}            (default: b)\n"
        "  --on, --no-on\n"
        "  --quiet                 No words.\n"
        "\n"
        "inner: The inside.\n"
        "  --inner.n-wide INT      How wide. (default: 4)"
    )


def test_defaults_are_those_of_the_recipe_that_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    out = "\n".join(shown(["train", "shakespeare-char"], capsys))
    assert re.search(r"--steps INT +Steps.*\n?.*\(default: 175\)", out)


def test_metavars() -> None:
    hints = [int, float | None, str | tuple[str, ...], tuple[str, ...], tuple[float, float], bool, Path | None]
    said = ["INT", "FLOAT", "STR [STR ...]", "STR [STR ...]", "FLOAT FLOAT", "", "FILE"]
    assert [metavar_of(hint) for hint in hints] == said
    assert metavar_of(float | str | tuple[str, ...]) == "FLOAT|STR [STR ...]"


def test_every_flag_of_train_is_explained() -> None:
    unsaid = [flag.name for flag in flags_of(Train) if not flag.doc]
    assert unsaid == []


def test_without_sources_there_are_no_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(kind: type) -> str:
        raise OSError("could not get source code")

    monkeypatch.setattr("inspect.getsource", gone)
    assert docs_of(Outer) == {}
