"""What the pages of runs ask: numbers as they were logged, families, scores, traces; and what is refused."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.runs import Run
from glassworks.studio.listing import Listing
from glassworks.studio.questions import runs as asks
from glassworks.studio.studio import Studio
from glassworks.trace.trace import Trace


def made(root: Path, name: str, **record) -> Run:
    return Run.create(
        root / name, kind="text", plan={"steps": 9}, command=["glassworks", "train"], **{"recipe": {}, **record}
    )


def test_numbers_are_columns_as_they_were_logged(tmp_path: Path) -> None:
    studio, run = Studio(tmp_path), made(tmp_path, "a")
    assert asks.curves(studio, ["a"], ["loss"])[0]["names"] == []
    for step in range(1, 6):
        run.append(
            "metrics", {"step": step, "loss": 1 / step, "text": "no number", **({"val": -step} if step % 2 else {})}
        )
    (found,) = asks.curves(studio, ["a"], ["loss", "val", "nothing"])
    assert found["names"] == ["step", "loss", "val"]
    assert np.array_equal(found["columns"]["loss"], np.float32([1 / step for step in range(1, 6)]))
    assert np.array_equal(found["columns"]["val"], np.float32([-1, math.nan, -3, math.nan, -5]), equal_nan=True)
    path = run.path / "metrics.jsonl"
    assert found["to"] == path.stat().st_size
    with path.open("a", encoding="utf-8") as file:
        file.write('{"step": 6, "loss": NaN, "late": 3}\n{"step": 7, "lo')  # the last one is being written
    (found,) = asks.curves(studio, ["a"], ["step", "late", "loss"])
    assert found["columns"]["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert np.array_equal(found["columns"]["late"], np.float32([math.nan] * 5 + [3]), equal_nan=True)
    assert math.isnan(found["columns"]["loss"][-1])


def test_columns_are_read_anew_after_a_run_was_resumed(tmp_path: Path) -> None:
    studio, run = Studio(tmp_path), made(tmp_path, "a")
    for step in range(1, 6):
        run.append("metrics", {"step": step, "loss": 1.0})
    asks.curves(studio, ["a"], ["loss"])
    run.rewind(2)
    for step in range(3, 9):
        run.append("metrics", {"step": step, "loss": 2.0})
    (found,) = asks.curves(studio, ["a"], ["loss"])
    assert found["columns"]["loss"].tolist() == [1, 1, 2, 2, 2, 2, 2, 2]
    (run.path / "metrics.jsonl").unlink()
    assert asks.curves(studio, ["a"], ["loss"])[0]["rows"] == 0


def test_a_runs_family_is_linked_both_ways(tmp_path: Path) -> None:
    base = made(tmp_path, "base")
    made(tmp_path, "child", parent=str(base.path.resolve()), parent_step=4)
    made(tmp_path, "stray", parent="/elsewhere/model", parent_step=None)
    studio = Studio(tmp_path)
    assert asks.run(studio, "child")["parent_run"] == "base"
    assert asks.run(studio, "base")["children"] == [{"name": "child", "step": 4}]
    assert asks.run(studio, "stray")["parent_run"] is None


@pytest.mark.parametrize("parent", ["\0", "\ud800"])
def test_a_run_whose_parent_is_no_path_breaks_no_other_runs_page(tmp_path: Path, parent: str) -> None:
    made(tmp_path, "base")
    record = json.dumps({"kind": "text", "recipe": {}, "parent": parent})
    (made(tmp_path, "odd").path / "run.json").write_text(record, encoding="utf-8")
    assert asks.run(Studio(tmp_path), "base")["children"] == []
    assert asks.run(Studio(tmp_path), "odd")["parent_run"] is None


def test_what_differs_is_what_the_command_says(tmp_path: Path) -> None:
    made(tmp_path, "a", recipe={"seed": 0, "batch_size": 4})
    made(tmp_path, "b", recipe={"seed": 0, "batch_size": 8})
    assert asks.compare(Studio(tmp_path), ["a", "b"]) == [["batch_size", "4", "8"]]


def test_only_complete_checkpoints_are_listed_in_order(tmp_path: Path) -> None:
    run = made(tmp_path, "a")
    for name in ("step_000010", "step_000002", "step_x"):
        (run.path / "checkpoints" / name).mkdir(parents=True)
        (run.path / "checkpoints" / name / "meta.json").touch()
    (run.path / "checkpoints" / "step_000012").mkdir()
    assert asks.run(Studio(tmp_path), "a")["checkpoints"] == [2, 10]


def test_a_score_is_what_the_terminal_prints_and_of_others_its_numbers(tmp_path: Path) -> None:
    run = made(tmp_path, "a")
    run.eval_path("other").parent.mkdir()
    run.eval_path("other").write_text(json.dumps({"exact": 0.5, "n": 3, "list": [1]}), encoding="utf-8")
    studio = Studio(tmp_path)
    assert asks.score(studio, "a", "other") == {"facts": {"exact": 0.5, "n": 3}, "table": None, "says": []}
    result = {"bits_per_byte": 2.5, "nats_per_token": 3.0, "baselines": [], "verdict": "It learned."}
    run.eval_path("held_out").write_text(json.dumps(result), encoding="utf-8")
    found = asks.score(studio, "a", "held_out")
    assert found["says"] == ["It learned."]
    assert "2.5000" in found["table"]
    run.eval_path("held_out").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match="not as it was written"):
        asks.score(studio, "a", "held_out")


def test_no_name_in_a_trace_becomes_part_of_the_page(tmp_path: Path) -> None:
    run, odd = made(tmp_path, "a"), '"><script>x</script><img src=x onerror=x>'
    arrays = {f"weights{odd}": np.eye(3), "line": np.arange(3.0)}
    axes = {f"weights{odd}": (f"query{odd}", f"key{odd}"), "line": (f"step{odd}",)}
    trace = Trace(f"own{odd}", arrays, axes, labels={f"query{odd}": [odd, f"b{odd}", "c"]}, meta={odd: odd})
    trace.save(run.path / "traces" / "own")
    drawn = asks.trace(Studio(tmp_path), "a", "own")["html"]
    assert "&lt;script&gt;x" in drawn
    assert "<script" not in drawn
    assert "<img src=x" not in drawn


def test_a_trace_is_drawn_by_the_house(tmp_path: Path) -> None:
    run = made(tmp_path, "a")
    trace = Trace("pattern", {"weights": np.eye(3)}, {"weights": ("query", "key")})
    trace.save(run.path / "traces" / "pattern")
    studio = Studio(tmp_path)
    assert asks.run(studio, "a")["traces"] == ["pattern"]
    assert asks.trace(studio, "a", "pattern")["html"] == trace._repr_html_()
    (run.path / "traces" / "pattern.npz").write_bytes(b"torn")
    with pytest.raises(FileDamaged):
        asks.trace(studio, "a", "pattern")


@pytest.mark.parametrize("name", ["../secret", "nothing", "..", ""])
def test_no_trace_and_no_score_is_read_from_elsewhere(tmp_path: Path, name: str) -> None:
    run = made(tmp_path, "a")
    for folder in ("traces", "evals"):
        (run.path / folder).mkdir()
    (run.path / "secret.json").write_text("{}", encoding="utf-8")
    studio = Studio(tmp_path)
    with pytest.raises(RunError, match="has no trace"):
        asks.trace(studio, "a", name)
    with pytest.raises(RunError, match="has no evaluation"):
        asks.score(studio, "a", name)


def test_who_has_just_come_is_told_of_a_run_that_was_made_a_moment_ago(tmp_path: Path) -> None:
    listing = Listing(tmp_path)
    listing.since(0)
    Run.create(tmp_path / "new", kind="text", command=[], recipe={})
    assert [run["name"] for run in listing.since(0)[1]] == ["new"]
