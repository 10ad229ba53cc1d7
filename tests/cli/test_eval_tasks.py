"""`eval --task`, as a user types it: canonical solutions, a model, samples from elsewhere, and mistakes in one line."""

import json
from pathlib import Path

import pytest
from tests.evaluate.tasks.test_programs import PLUS, ROW
from tests.tune.models import small_base

from glassworks.cli.main import run

TASK = ["--task", "programs", "--file", "own.jsonl", "--lowest", "0"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [ROW, {**PLUS, "task_id": "own/1"}, {**ROW, "task_id": "own/2"}]
    Path("own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path


def test_canonical_solutions_pass_and_are_kept_with_the_walls_in_force(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "canonical", *TASK]) == 0
    out = capsys.readouterr().out
    assert "a file of one's own: 3 of 3 problems, 3 samples" in out
    assert "pass@1   100.0 % [43.9, 100.0]" in out
    assert "sandbox level" in out
    kept = json.loads(Path("evals/programs.json").read_text(encoding="utf-8"))
    assert kept["scores"]["pass@1"]["value"] == 1.0
    assert kept["layers"][0] == "process"
    assert kept["canonical_fails"] == []
    lines = [json.loads(line) for line in Path("evals/programs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["passed"] for line in lines] == [True] * 3


def test_what_was_written_is_scored_again_from_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    written = [
        {"task_id": "own/0", "completion": "    return a + b\n", "mean_logprob": -1.0},
        {"task_id": "own/0", "completion": "    return 3\n", "mean_logprob": -2.0},
        {"task_id": "own/1", "completion": "    return a\nprint(add(1, 2))\nraise SystemExit\n", "mean_logprob": -1.0},
        {"task_id": "own/1", "completion": "    return b + a\n", "mean_logprob": -3.0},
        {"task_id": "elsewhere", "completion": ""},
    ]
    Path("samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in written), encoding="utf-8")
    assert run(["eval", "samples.jsonl", *TASK, "--k", "1", "2", "9", "--out", "again"]) == 0
    kept = json.loads(Path("again/programs.json").read_text(encoding="utf-8"))
    assert {name: value["value"] for name, value in kept["scores"].items()} == {
        "pass@1": 0.25,
        "pass@2": 0.5,
        "pass@1 of the likeliest sample": 0.5,
    }
    assert (kept["problems"], kept["of"]) == (2, 3)
    first = capsys.readouterr().out
    assert run(["eval", "again/programs.jsonl", *TASK, "--k", "1", "2", "9", "--out", "again"]) == 0
    assert capsys.readouterr().out == first


def test_two_models_are_compared_on_the_problems_that_both_have(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [{"task_id": f"own/{n}", "completion": "    return 3\n"} for n in (0, 1)]
    Path("other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in wrong), encoding="utf-8")
    assert run(["eval", "canonical", *TASK, "--beside", "other.jsonl"]) == 0
    out = capsys.readouterr().out
    assert "pass@1 less that of other.jsonl: +100.0 points" in out
    assert "better on 2 and worse on 0 problems, p = 0.5" in out


@pytest.mark.slow
def test_a_model_writes_and_its_score_stands_beside_its_others(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_base(home)
    options = ["--samples", "2", "--temperature", "0.8", "--max-tokens", "8", "--first", "2"]
    assert run(["eval", "base", *TASK, *options]) == 0
    assert "2 of 2 problems, 4 samples" in capsys.readouterr().out
    kept = json.loads(Path("runs/base/evals/programs.json").read_text(encoding="utf-8"))
    assert kept["scores"]["pass@1"]["value"] == 0.0
    assert kept["scores"]["pass@1"]["high"] > 0.5  # of two problems nobody knows


def test_a_sample_that_was_only_slow_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    forever = {"task_id": "own/0", "completion": "    while True: pass\n"}
    Path("samples.jsonl").write_text(json.dumps(forever) + "\n", encoding="utf-8")
    assert run(["eval", "samples.jsonl", *TASK]) == 0
    out = capsys.readouterr().out
    assert "took more than 3 s: 1" in out
    assert "flaky" not in out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["canonical", "--task", "humaneval"],
            "--task humaneval needs its problems: give --file, data",
        ),
        (["canonical", "--task", "humaneval", "--file", "own.jsonl"], "is not humaneval as published"),
        (["canonical", "--samples", "2"], "these flags are of --task"),
        (["canonical", *TASK, "--data", "x"], "--task has problems of its own"),
        (["canonical", *TASK, "--samples", "2"], "with a --temperature above 0"),
        (["canonical", *TASK, "--rule", "own"], "is none of paper-1"),
        (["canonical", *TASK, "--first", "0"], "first (=0) must be at least 1"),
        (["absent.jsonl", *TASK], "absent.jsonl"),
        (["own.jsonl", *TASK], "own.jsonl, line 1: 'completion': give task_id and completion"),
        (["nobody", *TASK], "nobody"),
    ],
)
def test_mistakes_are_one_line(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", *words]) == 2
    err = capsys.readouterr().err
    assert line in err
    assert "Traceback" not in err
