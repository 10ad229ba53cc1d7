"""Errors of the system, with a remedy that helps, and flags that are nearly right."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from glassworks.cli.arguments.parse import Arguments
from glassworks.cli.eval import Eval
from glassworks.cli.look import Look
from glassworks.cli.main import describe, run
from glassworks.cli.micro import Graph
from glassworks.cli.report import Report
from glassworks.cli.runs import Runs
from glassworks.cli.tokenizer import Tokenizer
from glassworks.cli.train import Train


@pytest.mark.parametrize(
    ("kind", "words", "remedy"),
    [
        (Train, ["--name", "a"], "choose a folder that you may write to by --name"),
        (Train, ["--resume", "a"], "copy the run to a folder that you may write to"),
        (Eval, ["a"], "copy the run to a folder that you may write to"),
        (Eval, ["a", "--task", "humaneval"], "choose a folder that you may write to by --out"),
        (Report, ["a"], "copy the run to a folder that you may write to"),
        (Look, ["a"], "choose a folder that you may write to by --out"),
        (Runs, [], "choose a folder that you may write to by --html"),
        (Tokenizer, ["bytes"], "choose a folder that you may write to by --out"),
        (Graph, ["a"], "choose a folder that you may write to by --out"),
    ],
)
@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_where_nothing_can_be_written_the_remedy_is_one_that_the_command_has(
    kind: type, words: list[str], remedy: str, number: int
) -> None:
    arguments = Arguments(words)
    arguments.parse(kind, "command", default=Train() if kind is Train else None)
    error = OSError(number, os.strerror(number), "runs/a/report.html")
    assert describe(error, arguments) == f"runs/a/report.html: {os.strerror(number)}; {remedy}"


@pytest.mark.parametrize(
    ("kind", "words", "remedy"),
    [(Look, ["a"], "choose another name"), (Report, ["a"], "move it out of the way")],
)
def test_what_stands_in_the_way_is_moved_where_no_other_name_can_be_given(
    kind: type, words: list[str], remedy: str
) -> None:
    arguments = Arguments(words)
    arguments.parse(kind, "command")
    error = IsADirectoryError(errno.EISDIR, "Is a directory", "a/report.html")
    assert describe(error, arguments) == f"a/report.html: Is a directory; {remedy}"


@pytest.mark.parametrize(
    ("kind", "words", "said"),
    [
        (Train, [], "a smaller --batch-size or a larger --accumulate or --recompute or a shorter --model.n-ctx"),
        (Eval, ["a"], "a shorter --n-ctx"),
        (Report, ["a"], "a smaller model, or less text,"),
    ],
)
def test_what_needs_less_memory_is_what_the_command_has(kind: type, words: list[str], said: str) -> None:
    arguments = Arguments(words)
    arguments.parse(kind, "command", default=Train() if kind is Train else None)
    assert describe(MemoryError(), arguments) == f"out of memory: {said} needs less"


def test_a_file_that_cannot_be_read_is_not_to_be_written_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret.txt"
    path.touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    said = describe(PermissionError(errno.EACCES, "Permission denied", str(path)), Arguments())
    assert said == f"{path}: Permission denied; ask for the right to read it, or leave it out"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sample", "a", "--temp", "1"], "there is no flag --temp: did you mean --temperature?"),
        (["sample", "a", "--temp=1"], "there is no flag --temp: did you mean --temperature?"),
        (["sample", "a", "--top", "1"], "there is no flag --top: did you mean --top-k or --top-p?"),
        (["sample", "--temp", "1"], "there is no flag --temp: did you mean --temperature?"),  # before what is missing
        (["train", "--min", "1"], "there is no flag --min: did you mean --minutes?"),
        (["train", "--held", "0.1"], "there is no flag --held: did you mean --held-out?"),
        (["train", "--n-lay", "1"], "there is no flag --n-lay: did you mean --model.n-layer?"),
        (["train", "--model.n-emb", "1"], "there is no flag --model.n-emb: did you mean --model.n-embd?"),
        (["train", "--model", "1"], "there is no flag --model: glassworks train --help lists them"),
        (["eval", "a", "--col", "b"], "there is no flag --col: did you mean --column?"),
        (["eval", "a", "--heat", "1"], "there is no flag --heat: glassworks eval --help lists them"),
        (["tokenizer", "bytes", "--skip"], "there is no flag --skip: did you mean --skip-unreadable?"),
        (["runs", "--js"], "there is no flag --js: did you mean --json?"),
        (["report", "a", "--tex", "b"], "there is no flag --tex: did you mean --text?"),
        (["look", "a", "--meth", "b"], "there is no flag --meth: did you mean --method?"),
        (["micro", "graph", "--ou", "b"], "there is no flag --ou: did you mean --out?"),
        (["micro", "demo", "--step", "1"], "there is no flag --step: did you mean --steps?"),
        (["demo", "--min", "1"], "there is no flag --min: did you mean --minutes?"),
        (["reproduce", "othello", "--qui"], "there is no flag --qui: did you mean --quick or --quiet?"),
        (["reproduce", "makemore", "--step", "1"], "there is no flag --step: did you mean --steps?"),
        (["--verison"], "there is no command '--verison': did you mean --version?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_flag_that_is_nearly_right_is_named(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(words) == 2
    assert capsys.readouterr().err == f"glassworks: {said}\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_cannot_be_printed_is_one_line(unbuffered: str) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "glassworks", "--help"],
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("glassworks: No space left on device; ")
    assert done.stderr.count("\n") == 1
