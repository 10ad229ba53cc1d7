"""`glassworks reproduce`, as a user types it."""

import dataclasses
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import glassworks.reproductions.induction.run as induction
import glassworks.reproductions.makemore.run as makemore
from glassworks.cli.main import run
from glassworks.cli.reproduce import REPEAT
from glassworks.core.runs import Run
from glassworks.models.gpt.config import GPTConfig
from glassworks.pretraining.recipe import Recipe
from glassworks.reproductions import REPRODUCTIONS


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = random.Random(0)
    words = ["".join(rng.choices("abc", k=rng.randint(1, 5))) for _ in range(60)]
    Path("words.txt").write_text("\n".join(words), encoding="utf-8")


@pytest.mark.parametrize("arguments", [[], ["--list"]])
def test_alone_it_lists_what_there_is(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reproduce", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith("   ")] == list(REPRODUCTIONS)


@pytest.mark.parametrize(
    ("name", "has", "has_not"), [("makemore", "WORDS_FILE", "--full"), ("othello", "--full", "WORDS_FILE")]
)
def test_each_has_its_own_help(name: str, has: str, has_not: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([name, "--help"], ["--quick", name, "--help"]):
        with pytest.raises(SystemExit):
            run(["reproduce", *words])
        out = capsys.readouterr().out
        assert f"usage: glassworks reproduce {name}" in out
        assert has in out
        assert has_not not in out


def test_everything_listed_can_be_repeated() -> None:
    assert list(REPEAT) == list(REPRODUCTIONS)


def test_induction_prints_the_table_and_writes_a_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("text.txt").write_text("\n\n".join(" ".join(map(str, range(i, i + 20))) for i in range(200)), encoding="utf-8")
    network, shape = induction.network, {"n_ctx": 16, "n_head": 2, "n_embd": 8, "n_inner": 0}

    def tiny(layers: int, data: str, *, steps: int, seed: int) -> Recipe:
        told = network(layers, data, steps=steps, seed=seed)
        model = GPTConfig("qwen3", n_layer=layers, **shape)
        return dataclasses.replace(told, model=model, tokenizer="chars", batch_size=8)

    monkeypatch.setattr(induction, "network", tiny)
    command = ["reproduce", "--steps", "6", "induction", "text.txt"]  # flags may come before the name
    assert run(command) == 0
    assert "saved: runs/induction/finding.json, finding.md and report.html" in capsys.readouterr().out
    page = Path("runs/induction/report.html").read_text(encoding="utf-8")
    assert "No induction head formed in this run" in page
    for heading in ("Training", "The head that comes nearest", "What is lost without it", "The table"):
        assert heading in page
    assert run(command) == 0  # nothing is left to do
    assert run([*command, "--full"]) == 2
    assert "there is no flag --full: glassworks reproduce induction --help lists them" in capsys.readouterr().err


def test_makemore_prints_the_table_and_says_where_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # no row is folded
    command = ["reproduce", "makemore", "words.txt", "--steps", "4", "--name", "small"]
    assert run(command) == 0
    out, err = capsys.readouterr()
    assert err.splitlines()[0] == (
        "makemore takes about 1 minute on two quiet cores from its beginning; what is done is kept when it is stopped"
    )
    assert "NO NAMES" not in out
    assert "OTHER DATA: 60 words" in out
    assert "6: the tree, wider: dev" in out
    assert "saved: runs/small/finding.json, finding.md" in out
    assert Path("runs/small/finding.md").exists()

    assert run(command) == 0  # nothing is left to do
    again = capsys.readouterr()
    assert again.out == out
    assert again.err == ""
    assert run(["runs"]) == 0
    assert "small" in capsys.readouterr().out
    assert run(["report", "small"]) == 2
    assert (
        "small is a reproduction, on names: report cannot use it, but reproduce makemore can; "
        "read runs/small/finding.md" in capsys.readouterr().err
    )
    assert run([*command, "--seed", "1"]) == 2
    assert "choose another --name" in capsys.readouterr().err


def test_prose_in_the_place_of_names_is_remarked_on(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my prose.txt").write_text("To be, or not to be, that is the question:\n" * 12, encoding="utf-8")
    assert run(["reproduce", "makemore", "my prose.txt", "--steps", "2"]) == 0
    out, err = capsys.readouterr()
    remark = (
        "a line has 42 characters on average, and 100% of them have blanks, where one name or word a line is expected"
    )
    assert f"my prose.txt: {remark}" in err
    assert "to cut a text into words: tr -s '[:space:]' '\\n' < 'my prose.txt' > words.txt" in err
    assert f"NO NAMES: {remark}" in out


def test_ctrl_c_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*arguments: object) -> dict[str, float]:
        raise KeyboardInterrupt

    monkeypatch.setattr(makemore, "deep", stop)
    assert run(["reproduce", "makemore", "words.txt", "--quick"]) == 130
    err = capsys.readouterr().err
    assert "Go on with: glassworks reproduce makemore words.txt --quick" in err
    assert Path("runs/makemore-quick/evals/gradients.json").exists()
    assert not Path("runs/makemore-quick/finding.json").exists()
    assert run(["reproduce", "makemore", "words.txt", "--quiet", "--steps", "2", "--name", "quiet"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mikemore"], "there is no reproduction 'mikemore': choose one of makemore"),
        (["makemore"], "WORDS_FILE is missing: a file with one word a line"),
        (["othello", "words.txt"], "'words.txt' is one word too many: see glassworks reproduce othello --help"),
        (["othello", "--full", "--quick"], "--full is all of it, and --quick less: leave one out"),
        (["--seed", "1"], "there is no flag --seed"),
        (["makemore", "words.txt", "--steps", "few"], "--steps (='few') must be a whole number or left out"),
        (["induction", "missing.txt"], "glassworks: TEXT (='missing.txt') cannot be read: there is no"),
        (["induction", "one.txt"], "TEXT (='one.txt') holds one document, and one of several is held out: give more"),
        (["deconvnet", "moons"], "IMAGES (='moons')"),
        (["deconvnet", "missing"], "missing"),
        (["deconvnet", "--steps", "1"], "--steps (=1) must be at least 2"),
        (["initialisation", "missing.txt"], "missing.txt: No such file or directory"),
        (["initialisation", "--steps", "1"], "--steps (=1) must be at least 2"),
        (["separability", "--steps", "1"], "--steps (=1) must be at least 2"),
        (["separability", "missing"], "missing"),
        (["rlhf", "--steps", "0"], "--steps (=0) must be at least 1"),
        (["rlhf", "--choices", "missing.sqlite"], "--choices (='missing.sqlite') is no file"),
        (["rlhf", "--base", "missing"], "missing"),
        (["batchnorm", "moons"], "IMAGES (='moons')"),
        (["batchnorm", "--steps", "1"], "--steps (=1) must be at least 2"),
        (["makemore", "missing.txt"], "missing.txt: No such file or directory"),
        (["makemore", "."], ". is a folder: give a file with one word a line; --name says where the run goes"),
        (["makemore", "empty.txt"], "too few words (0): give at least 10"),
        (["makemore", "one.txt"], "too few words (1): give at least 10"),
        (["makemore", "binary.txt"], "binary.txt is binary, no text"),
        (["makemore", "words.txt", "--steps", "0"], "--steps (=0) must be at least 2"),
        (["makemore", "words.txt", "--seed", "-3"], "--seed (=-3) must be at least 0"),
        (["makemore", "words.txt", "--name", "words.txt/a"], "words.txt"),
    ],
)
def test_a_mistake_gets_one_clear_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.txt").write_text("", encoding="utf-8")
    Path("one.txt").write_text("word\n", encoding="utf-8")
    Path("binary.txt").write_bytes(b"\x00\x01\xff" * 100)
    assert run(["reproduce", *words]) == 2
    err = capsys.readouterr().err.strip()
    assert len(err.splitlines()) == 1
    assert message in err


def test_runs_says_whether_a_reproduction_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    """Its plan may be one of a network's steps, and it has no result of a training."""
    settings = {"command": ["glassworks", "reproduce", "othello"], "reproduction": {"name": "othello"}}
    for name in ("ended", "begun"):
        Run.create(Path("runs") / name, **settings, plan={"steps": 3}).append("metrics", {"step": 3, "seconds": 1.0})
    Path("runs/ended/finding.json").touch()
    assert run(["runs"]) == 0
    table = {line.split()[0]: line.split()[1:3] for line in capsys.readouterr().out.splitlines()[1:]}
    assert table == {"ended": ["done", "3/3"], "begun": ["unfinished", "3/3"]}


def test_being_asked_to_end_is_being_interrupted() -> None:
    """Wherever it comes, as here in the midst of reading the words."""
    os.mkfifo("waiting.txt")
    script = "from glassworks.cli.main import main; main()"
    command = [sys.executable, "-c", script, "reproduce", "makemore", "waiting.txt"]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process,
        Path("waiting.txt").open("w", encoding="utf-8"),  # which waits for it to be opened there for reading
    ):
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert said.startswith("stopped; ")
    assert len(said.splitlines()) == 1
