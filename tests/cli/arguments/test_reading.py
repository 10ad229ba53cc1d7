"""Every command that reads text reads tables by column, and leaves out what it cannot read where it is told to."""

import json
import random
import re
from pathlib import Path

import pytest

from glassworks.cli.main import run

SHAPE = ["--model.n-ctx", "16", "--model.n-layer", "1", "--model.n-head", "2", "--model.n-embd", "16"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run named `a`, and a folder with a table of two texts, and with a file in Latin-1."""
    folder = tmp_path_factory.mktemp("home")
    words = random.Random(0).choices(["ant", "bee", "cat", "dog", "\n\n"], k=10_000)
    (folder / "text.txt").write_text(" ".join(words), encoding="utf-8")
    (folder / "mixed").mkdir()
    rows = [{"body": f"ant bee {i} " * 40, "title": "cat"} for i in range(9)]
    (folder / "mixed" / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "mixed" / "it's old.txt").write_bytes(b"caf\xe9 noir")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = ["--tokenizer", "bytes", "--batch-size", "4", "--steps", "4", "--name", "a", "--quiet"]
        assert run(["train", "--data", "text.txt", *words, *SHAPE]) == 0
    return folder


@pytest.fixture(autouse=True)
def inside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)


COMMANDS = [
    ["eval", "a", "--data", "mixed"],
    ["tokenizer", "bpe:300", "--data", "mixed"],
    ["look", "a", "--data", "mixed", "--method", "similarity"],
    ["train", "--data", "mixed", "--name", "b", "--tokenizer", "bytes", "--steps", "2", *SHAPE],
    ["reproduce", "induction", "mixed"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_what_is_wrong_with_a_text_is_said_with_the_flags_that_mend_it(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    err = capsys.readouterr().err.splitlines()[-1]
    command = """`iconv -f latin1 -t utf8 'mixed/it'"'"'s old.txt' > 'mixed/it'"'"'s old.utf8.txt'`"""
    assert f"convert it to UTF-8, if it is Latin-1 by {command}, and move the old file away" in err
    assert err.endswith("; --skip-unreadable leaves such files out, and lists them")
    assert run([*words, "--skip-unreadable", "--column", "text"]) == 2
    assert 'rows.jsonl:1 has no field "text"' in capsys.readouterr().err.splitlines()[-1]
    assert run([*words, "--skip-unreadable"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("; name one that holds text by --column NAME)")


@pytest.mark.parametrize("words", COMMANDS[:-1], ids=lambda words: words[0])
def test_a_column_is_read_and_what_was_left_out_is_listed(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "--skip-unreadable", "--column", "body"]) == 0
    err = capsys.readouterr().err
    assert "left out: it's old.txt (" in err
    assert 'the column "body" of rows.jsonl' in err


def test_of_text_that_it_was_trained_on_it_is_said_that_a_low_loss_proves_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "other.txt").write_text("elk fox gnu hen " * 100, encoding="utf-8")
    assert run(["eval", "a", "--data", "text.txt"]) == 0
    _, line = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"[89]\d % of this text is in what a was trained on, word for word: .* eval runs/a", line)
    assert run(["eval", "a", "--data", "other.txt"]) == 0
    assert capsys.readouterr().out.count("\n") == 1
    words = ["--data", "text.txt", "--held-out", "text.txt", "--name", "c", "--tokenizer", "bytes", "--steps", "2"]
    assert run(["train", *words, *SHAPE]) == 0
    said = "100 % of the held-out text is in the training text, too, word for word: new text will score worse"
    assert said in capsys.readouterr().err
    assert run(["eval", "c"]) == 0
    assert said in capsys.readouterr().out


def test_what_a_run_has_seen_includes_what_those_before_it_were_trained_on(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two turns of training on another text, with the first run's text held out."""
    (home / "gnus.txt").write_text("elk fox gnu hen " * 100, encoding="utf-8")
    words = ["--data", "gnus.txt", "--held-out", "text.txt", "--steps", "2"]
    for name, parent in (("d", "a"), ("e", "d")):
        assert run(["train", *words, "--start-from", parent, "--name", name]) == 0
    told = r"[89]\d % of the held-out text is in the training text, its own or that of d, a, word for word: new text"
    assert re.search(told, capsys.readouterr().err)
    assert re.search(told, (home / "runs/e/report.html").read_text(encoding="utf-8"))
    assert run(["eval", "e"]) == 0
    assert re.search(told, capsys.readouterr().out)
    assert run(["eval", "e", "--data", "text.txt"]) == 0
    assert re.search(r"[89]\d % of this text is in what e or d or a was trained on", capsys.readouterr().out)


def test_a_page_repeats_how_its_text_was_read(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["look", "a", "--data", "mixed", "--method", "similarity", "--skip-unreadable", "--column", "body"]
    assert run([*words, "--out", "page.html"]) == 0
    page = (home / "page.html").read_text(encoding="utf-8").replace("&#x27;", "'")
    assert "reading=Reading('body', True)" in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["eval", "a", "--column", "body"], "go with --data"),
        (["eval", "a", "--skip-unreadable"], "go with --data"),
        (["look", "a", "--skip-unreadable"], "go with --data"),
        (["eval", "mixed"], "mixed is neither a run nor a model: if it is text to measure on, give it by --data: "),
        (["eval", "mixed"], "glassworks eval RUN_OR_FOLDER --data mixed"),
        (["eval", "runs/a/model"], "runs/a/model is a model without a text of its own to hold out: give one by --data"),
    ],
)
def test_flags_that_nothing_would_read_are_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_tokenizer_says_what_it_does_not_read_and_what_it_came_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tokenizer", "bytes", "--data", "text.txt", "--text", "a"]) == 0
    out, err = capsys.readouterr()
    assert err == "--data is not read: bytes learns nothing from it\n"
    assert out.splitlines()[:2] == ["257 tokens", "1 token for 1 byte"]
    assert run(["tokenizer", "bpe:50000", "--data", "text.txt", "text.txt"]) == 0
    out = capsys.readouterr().out
    assert out.endswith(" tokens; 50,000 were asked for, but with these each word of the text is one token\n")
