"""`glassworks eval` on runs of images and tables."""

import json
from pathlib import Path

import pytest

from glassworks.cli.main import run
from glassworks.evaluate.labelled.rivals import CLASSIFIERS


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def inside(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setattr("glassworks.evaluate.labelled.rivals.CLASSIFIERS", CLASSIFIERS[:1])  # the others take seconds
    if not (home / "runs/a").exists():
        assert run(["train", "--data", "moons:300", "--steps", "5", "--name", "a", "--quiet"]) == 0
        capsys.readouterr()


def test_it_prints_a_table_and_writes_all_of_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = home / "runs/a/evals/test.json"
    result.unlink()
    assert run(["eval", "a"]) == 0
    out = capsys.readouterr().out
    found = json.loads(result.read_text(encoding="utf-8"))
    assert out.splitlines()[1].startswith("network")
    assert out.splitlines()[2].startswith("majority")
    assert found["verdict"] in out
    assert "majority: fitted on" in out


def test_other_data_are_measured_on_and_nothing_is_written(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = home / "runs/a/evals/test.json"
    before = result.read_bytes()
    assert run(["eval", "a", "--data", "moons:500"]) == 0
    assert "On 500 test examples" in capsys.readouterr().out
    assert result.read_bytes() == before
    assert run(["eval", "runs/a/model", "--data", "moons:70"]) == 0
    out = capsys.readouterr().out
    assert "On 70 test examples" in out
    assert "no rival" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "--data", "circles"], "--data (='circles') has the class 'inner', which is none of the network's"),
        (["a", "--data", "digits"], "--data (='digits') is not a table"),
        (["a", "--data", "nowhere.csv"], "nowhere.csv"),
        (["a", "--data", "moons", "circles"], "must be one folder, file or name"),
        (["a", "--data", "moons", "--n-ctx", "3"], "are for text: leave them out"),
        (["a", "--column", "x"], "go with --data"),
        (["runs/a/model"], "is a model without"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", *words, "--quiet"]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert len(err.splitlines()) == 1
    assert not out
