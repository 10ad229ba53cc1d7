"""Fields of a message become flags by what was parsed, without a table of them."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest
import tyro

from glassworks.cli.arguments.parse import Arguments


@dataclass(frozen=True)
class Inner:
    name: str = "inner"
    n_wide: int = 4


@dataclass(frozen=True)
class Flat:
    deep: bool = False


@dataclass(frozen=True)
class Outer:
    what: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="THING")] = "thing"
    name: str = "outer"
    data: str | tuple[str, ...] = "here"
    held_out: float | str = 0.5
    limit: int | None = None
    out: Path | None = None
    inner: Inner = field(default_factory=Inner)
    flat: Annotated[Flat, tyro.conf.arg(name="")] = field(default_factory=Flat)


@dataclass(frozen=True)
class Chosen:
    kind: Literal["one", "other"] = "one"


def parsed(*words: str) -> Arguments:
    arguments = Arguments(words)
    arguments.parse(Outer, "outer")
    return arguments


@pytest.mark.parametrize(
    ("words", "message", "said"),
    [
        # by the field's name, with its path where several end in it
        ([], "limit (=3) must be less", "--limit (=3) must be less"),
        ([], "inner.n_wide (=3) is odd", "--inner.n-wide (=3) is odd"),
        ([], "what (='x') is unknown", "THING (='x') is unknown"),
        # several fields of one name: the one that has the value
        (["--inner.name", "bad"], "name (='bad') is taken", "--inner.name (='bad') is taken"),
        ([], "name (=outer) is taken", "--name (=outer) is taken"),
        # a name of the library's own: the flag that was given the value
        (["--data", "a.txt", "b.txt"], "source (=b.txt) does not exist", "--data (=b.txt) does not exist"),
        (["--data", "a", "b"], "source (=('a', 'b')) is empty", "--data (=('a', 'b')) is empty"),
        (["--held_out=far away"], "source (='far away') does not exist", "--held-out (='far away') does not exist"),
        # a place in a text: the flag that was given a text with this character there
        (["--data", "caf\udce9"], "source[3] (='\\udce9') is one", "--data[3] (='\\udce9') is one"),
        (["--inner.name", "caf\udce9"], "name[3] (='\\udce9') is one", "--inner.name[3] (='\\udce9') is one"),
        ([], "row[3] (='\\udce9') is one", "row[3] (='\\udce9') is one"),
        # words that are nobody's are left alone, and so are paths and what stands in quotes
        ([], "depth (=3) and source (=7) stay", "depth (=3) and source (=7) stay"),
        (
            [],
            "held_out.txt, a/held_out, 'held_out' and held_outs",
            "held_out.txt, a/held_out, 'held_out' and held_outs",
        ),
        ([], "give a smaller held_out.", "give a smaller --held-out."),
        ([], "the limit of names", "the limit of names"),
        # advice in keyword arguments is advice in flags
        ([], "give more, or limit=7", "give more, or --limit 7"),
        ([], 'name one by data="a b" or held_out=FILE', "name one by --data a b or --held-out FILE"),
        ([], "deep=True goes further; n_wide=5 too", "--deep goes further; --inner.n-wide 5 too"),
        # but not what is said of something else, or of several flags at once
        ([], "the model's context (limit=1024)", "the model's context (limit=1024)"),
        ([], "depth=3, name=x and a.limit=3 stay", "depth=3, name=x and a.limit=3 stay"),
    ],
)
def test_fields_of_a_message_become_flags(words: list[str], message: str, said: str) -> None:
    assert parsed(*words).in_flags(message) == said


def test_a_flag_given_twice_is_what_was_said_last() -> None:
    arguments = Arguments(["--data", "a", "b", "--steps", "3", "--data=c", "--quiet", "d"])
    assert arguments.words_of("--data") == ["c"]
    assert arguments.words_of("--steps") == ["3"]
    assert arguments.words_of("--quiet") == ["d"]
    assert arguments.words_of("--name") == []


def test_nothing_is_made_of_a_message_before_anything_was_parsed() -> None:
    assert Arguments(["--limit", "3"]).in_flags("limit (=3) must be less") == "limit (=3) must be less"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--limit", "few"], "--limit (='few') must be a whole number or left out"),
        (["--inner.n-wide", "1.5"], "--inner.n-wide (='1.5') must be a whole number"),
        (["--limt", "3"], "there is no flag --limt: did you mean --limit?"),
        (["--helpp"], "there is no flag --helpp: did you mean --help?"),
        (["--limit"], "--limit needs a value"),
        (["a", "b c"], "'b c' is one word too many"),
    ],
)
def test_what_cannot_be_parsed_is_one_line(words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(message)}[^\n]*$"):
        Arguments(words).parse(Outer, "outer")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_on_a_narrow_terminal_too(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    word = "a_word_that_is_longer_than_a_line_of_forty_characters"
    with pytest.raises(ValueError, match=rf"^--kind \(='{word}'\) must be one of 'one', 'other'$"):
        Arguments(["--kind", word]).parse(Chosen, "chosen")


def test_values_mean_what_they_did() -> None:
    """None, numbers before texts, one path or several, hyphens or underscores."""
    words = ["--data", "a", "--limit", "None", "--held-out", "0.25", "--out", "a b", "--inner.n_wide", "7"]
    made = Arguments(words).parse(Outer, "outer")
    assert made == Outer(data="a", limit=None, held_out=0.25, out=Path("a b"), inner=Inner(n_wide=7))
    assert Arguments(["--data", "a", "b", "--held-out", "x"]).parse(Outer, "outer").data == ("a", "b")
    assert Arguments([]).parse(Outer, "outer") == Outer()
    default = Outer(data=("x", "y"), out=Path("z"))
    assert Arguments(["--limit", "2"]).parse(Outer, "outer", default=default) == Outer(
        data=("x", "y"), out=Path("z"), limit=2
    )


def test_a_help_says_what_a_flag_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        Arguments(["--help"]).parse(Outer, "outer")
    out = capsys.readouterr().out
    assert stopped.value.code == 0
    assert "usage: glassworks outer" in out
    assert "{None}" not in out
    for metavar in ("--limit INT", "--out FILE", "--data STR [STR ...]", "--held-out FLOAT|STR"):
        assert metavar in out
