"""`glassworks reproduce`, as a user types it."""

import dataclasses
import random
from pathlib import Path

import pytest

import glassworks.reproductions.induction as induction
import glassworks.reproductions.makemore as makemore
from glassworks.cli.main import run
from glassworks.cli.reproduce import REPEAT
from glassworks.models.config import GPTConfig
from glassworks.reproductions import REPRODUCTIONS
from glassworks.train.recipe import Recipe


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
    assert [line.split()[0] for line in lines] == list(REPRODUCTIONS)


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
    command = ["reproduce", "induction", "text.txt", "--steps", "6"]
    assert run(command) == 0
    assert "saved: runs/induction/finding.json, finding.md and report.html" in capsys.readouterr().out
    page = Path("runs/induction/report.html").read_text(encoding="utf-8")
    assert "No induction head formed in this run" in page
    for heading in ("Training", "The head that comes nearest", "What is lost without it", "The table"):
        assert heading in page
    assert run(command) == 0  # nothing is left to do
    assert run([*command, "--full"]) == 2
    assert "--full is for othello" in capsys.readouterr().err


def test_makemore_prints_the_table_and_says_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["reproduce", "makemore", "words.txt", "--steps", "4", "--name", "small"]
    assert run(command) == 0
    out = capsys.readouterr().out
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
    assert "is a reproduction, not one model's run: read runs/small/finding.md" in capsys.readouterr().err
    assert run([*command, "--seed", "1"]) == 2
    assert "choose another --name" in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*arguments: object) -> dict[str, float]:
        raise KeyboardInterrupt

    monkeypatch.setattr(makemore, "deep", stop)
    assert run(["reproduce", "makemore", "words.txt", "--quick"]) == 130
    err = capsys.readouterr().err
    assert "Go on with: glassworks reproduce makemore words.txt --quick" in err
    assert Path("runs/makemore-quick/evals/gradients.json").exists()
    assert not Path("runs/makemore-quick/finding.json").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mikemore"], "there is no reproduction 'mikemore': choose one of makemore"),
        (["makemore"], "glassworks reproduce makemore WORDS_FILE"),
        (["othello", "words.txt"], "othello makes its own data: leave out words.txt"),
        (["induction", "missing.txt"], "missing.txt"),
        (["makemore", "missing.txt"], "missing.txt: No such file or directory"),
        (["makemore", "."], "Is a directory"),
        (["makemore", "empty.txt"], "words (=0) must be at least 10"),
        (["makemore", "one.txt"], "words (=1) must be at least 10"),
        (["makemore", "binary.txt"], "binary.txt is not UTF-8 text"),
        (["makemore", "words.txt", "--steps", "0"], "steps (=0) must be at least 2"),
        (["makemore", "words.txt", "--seed", "-3"], "seed (=-3) must be at least 0"),
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
