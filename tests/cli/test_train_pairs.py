"""`train`, `eval` and `predict` on pairs of texts, as a user types them."""

import json
from pathlib import Path

import pytest

from glassworks.cli.arguments.parse import Arguments
from glassworks.cli.main import run
from glassworks.cli.training.kind import kind_asked_for
from glassworks.core.runs import Run

SMALL = ["--model.n-embd", "16", "--model.n-layer", "1", "--model.n-head", "2", "--batch-size", "8", "--steps", "6"]


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def inside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)


def test_one_command_trains_pairs_measures_looks_and_reports(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--data", "dates:400", *SMALL, "--name", "a"]) == 0
    out, err = capsys.readouterr()
    said = [line.strip() for line in err.splitlines()]
    for line in (
        "dates:400: numbers and dates in words and in digits",
        "pairs      dates:400",
        "1 and 1 layer of width 16, 2 heads, texts of up to 127 tokens",
        "loss       label smoothing of 0.1, dropout of 0.1",
        "plan       6 steps of 8 pairs: 48 in all",
    ):
        assert line in said
    assert any(line.startswith("step 6: of the validation split 0.0 % to the letter, BLEU") for line in said)
    found = Run(home / "runs/a")
    assert found.is_trained
    assert found.unmade == []
    assert out.startswith("The network is right to the letter in")
    assert "predict:   glassworks predict runs/a --text" in out
    page = (home / "runs/a/report.html").read_text(encoding="utf-8")
    for title in ("Against its rivals", "What it writes", "Its mistakes", "Where it looks", "nearest pair"):
        assert title in page
    assert run(["eval", "a"]) == 0
    assert "exact match, 95 %" in capsys.readouterr().out
    assert run(["train", "--resume", "a"]) == 0
    assert "finished already" in capsys.readouterr().out
    assert run(["runs"]) == 0
    assert "% exact" in capsys.readouterr().out


@pytest.fixture(scope="module")
def trained(home: Path) -> str:
    if not (home / "runs/a").exists():
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(home)
            assert run(["train", "--data", "dates:400", *SMALL, "--name", "a"]) == 0
    return "a"


def test_texts_files_and_pipes_are_translated(
    home: Path, trained: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "lines.txt").write_text("42\n\nthe third of may nineteen oh two\n", encoding="utf-8")
    assert run(["predict", trained, "lines.txt", "--text", "seven", "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["seven", "42", "the third of may nineteen oh two"]
    assert run(["predict", trained, "--text", "seven", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["source"] == "seven"
    assert said["hypotheses"][0]["text"] == said["text"]
    assert 1 <= len(said["hypotheses"]) <= 3
    (home / "piped.txt").write_text("seven\n", encoding="utf-8")
    with (home / "piped.txt").open(encoding="utf-8") as piped:
        monkeypatch.setattr("sys.stdin", piped)
        assert run(["predict", "runs/a/model", "-"]) == 0
    assert capsys.readouterr().out.startswith("seven  ")


def test_what_cannot_be_translated_is_named_and_the_others_follow(
    home: Path, trained: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "long.txt").write_text("7\n" + "z" * 500 + "\n8\n", encoding="utf-8")
    (home / "latin.txt").write_bytes("7\ncafé\n".encode("latin-1"))
    assert run(["predict", trained, "missing.txt", "long.txt", "latin.txt"]) == 2
    out, err = capsys.readouterr()
    assert [line.split("  ")[0] for line in out.splitlines()] == ["7", "8", "7"]
    for part in ("missing.txt", "the network reads 128", "latin.txt, line 2, is not UTF-8"):
        assert part in err
    assert "Traceback" not in err


def test_other_pairs_are_measured(home: Path, trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "other.tsv").write_text("seven\t7\nnine\t9\n", encoding="utf-8")
    assert run(["eval", trained, "--data", "other.tsv"]) == 0
    assert "2 pairs; by a beam of 4" in capsys.readouterr().out
    assert run(["eval", trained, "--data", "other.tsv", "--n-ctx", "5"]) == 2
    assert run(["predict", trained]) == 2
    assert "needs files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "more", "said"),
    [
        ("a.po", 'msgid "a"\nmsgstr ""\n', [], "has no message that is translated"),
        ("a.po", "", [], "is empty: give pairs of texts"),
        ("a.tsv", "one column\n", ["--source", "1", "--target", "2"], "line 1, has one column, and a pair needs 2"),
        ("a.tsv", "a\tb\n", ["--source", "1"], "--source (='1') is one column of two: say the other by --target"),
        ("a.tsv", b"caf\xe9\tx\n", ["--source", "1", "--target", "2"], "is not UTF-8 (byte 0xE9)"),
        ("a.tsv", "x" * 1_000_002, ["--source", "1", "--target", "2"], "is longer than 1,000,000 bytes"),
        ("a.jsonl", "{", ["--source", "a", "--target", "b"], "is no JSON"),
        ("a.po", "", ["--source", "a", "--target", "b"], "leave --source and --target out"),
    ],
)
def test_bad_input_is_one_line(
    home: Path, name: str, content: str | bytes, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert run(["train", "--data", name, *more, "--name", "bad"]) == 2
    err = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in err
    assert not (home / "runs/bad").exists()


def test_a_missing_file_and_a_wrong_number_are_refused_before_torch(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--data", "missing.po"]) == 2
    assert "missing.po" in capsys.readouterr().err
    assert run(["train", "--data", "dates:7"]) == 2
    assert "--data (='dates:7') must say a number of pairs from 100" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "values", "kind"),
    [
        (["--data", "dates"], {}, "pairs"),
        (["--data", "locale/de.po"], {}, "pairs"),
        (["--data", "a.tsv", "--source", "en", "--target", "de"], {}, "pairs"),
        (["--data", "a.tsv", "--target", "de"], {}, "table"),
        ([], {"data": "dates:500"}, "pairs"),
        ([], {"data": ["a.po", "b.po"]}, "pairs"),
        (["--data", "a.txt"], {"beams": 3}, "pairs"),
        (["--data", "a.txt"], {"tokenizer": "bytes"}, "text"),
        (["--data", "a.txt"], {"augment": {}}, "images"),
    ],
)
def test_the_kind_is_found_from_the_data_or_the_recipe(words: list[str], values: dict[str, object], kind: str) -> None:
    assert kind_asked_for(Arguments(words), values)[0] == kind


def test_help_has_the_flags_of_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["train", "--data", "dates", "--help"])
    out = capsys.readouterr().out
    for flag in ("--label-smoothing", "--beams", "--model.n-decoder-layer", "--source"):
        assert flag in out


def test_other_commands_refuse_it_in_a_line(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["sample", trained], ["look", trained], ["export", trained], ["tokenizer", "show", trained]):
        assert run(words) == 2
        assert "Traceback" not in capsys.readouterr().err
    assert run(["sample", trained]) == 2
    assert "is a run of pairs of texts: sample cannot use it, but predict, eval, report" in capsys.readouterr().err
