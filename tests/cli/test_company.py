"""A run that a process is at work on: it is refused first, and called what it is."""

import json
import re
from pathlib import Path

import pytest

from glassworks.cli.main import run
from glassworks.core.files import locked
from glassworks.core.runs import Run

PLAN = {"steps": 40, "precision": "float32", "compile": False, "step_seconds": 0.25}


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A training of minutes that was begun, and a finished reproduction."""
    monkeypatch.chdir(tmp_path)
    Run.create(Path("runs/repeated"), reproduction={"name": "makemore"}).append("metrics", {"step": 1, "seconds": 1.0})
    recipe = {"steps": 1000, "minutes": 0.2, "tokenizer": "bytes"}  # 1000 is what earlier versions wrote beside minutes
    made = Run.create(Path("runs/begun"), recipe=recipe, plan=PLAN)
    made.append("metrics", {"step": 7, "seconds": 1.5})
    return made


def states(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    assert run(["runs"]) == 0
    return {line.split()[0]: line.split()[1] for line in capsys.readouterr().out.splitlines()[1:]}


def test_a_run_in_progress_is_refused_before_anything_is_said(begun: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with locked(begun.lock):
        assert run(["train", "--resume", "begun"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "glassworks: runs/begun is being trained by another process: wait for it, or stop it first\n"


def test_what_is_advised_about_it_is_to_wait(begun: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with locked(begun.lock):
        for words in (["sample", "begun"], ["train", "--data", "text.txt", "--name", "begun"]):
            assert run(words) == 2
            assert capsys.readouterr().err.endswith("wait for the process that is at work on it\n")
    assert run(["sample", "begun"]) == 2
    assert capsys.readouterr().err.endswith("go on with it by: glassworks train --resume runs/begun\n")


def test_runs_says_which_of_them_a_process_is_at_work_on(begun: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert states(capsys) == {"begun": "unfinished", "repeated": "unfinished"}
    with locked(begun.lock), locked(Run(Path("runs/repeated")).lock):
        assert states(capsys) == {"begun": "training", "repeated": "running"}
    assert states(capsys) == {"begun": "unfinished", "repeated": "unfinished"}
    begun.update(result={"step": 40, "tokens": 12_288, "num_params": 852_224, "tokens_per_s": 1234.5})
    assert states(capsys)["begun"] == "done"


def test_runs_lists_the_steps_that_were_planned(begun: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Run.create(
        Path("runs/other"), recipe={"steps": 30, "minutes": None, "tokenizer": "bytes"}, plan=PLAN | {"steps": 30}
    )
    assert run(["runs", "begun", "other"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^begun +unfinished +7/40", out, re.M)
    assert re.search(r"^steps +40 +30$", out, re.M)
    assert "1000" not in out
    begun.update(revisions=[{"step": 5, "steps": 52, "seconds": 1.0}])
    assert run(["runs", "begun", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["steps"] == found["settings"]["steps"] == 52


@pytest.mark.parametrize(
    ("tokens", "params", "said"),
    [(12_288, 852_224, ["852k", "12.3k"]), (900, 5, ["5", "900"]), (2_500_000, 134_515_008, ["135M", "2.5M"])],
)
def test_small_runs_have_numbers_too(
    begun: Run, tokens: int, params: int, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    begun.update(result={"step": 40, "tokens": tokens, "num_params": params, "tokens_per_s": 1234.5})
    assert run(["runs", "begun"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[3:5] == said


def test_a_table_is_folded_to_the_terminal(
    begun: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "a name that somebody gave to it because it should say everything about what was tried and why"
    Run.create(Path("runs") / name, recipe={"steps": 3}, plan=PLAN)
    for width in (80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        assert run(["runs", "begun", name]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= width
    monkeypatch.delenv("COLUMNS")
    assert run(["runs"]) == 0
    assert name in capsys.readouterr().out  # whole, in a pipe
