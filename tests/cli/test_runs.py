import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glassworks.cli.runs import print_runs, summary
from glassworks.core.errors import RunError
from glassworks.core.facts import facts
from glassworks.core.runs import Run, all_runs
from glassworks.report.contents import read_contents
from glassworks.report.run_page import page as report_page
from glassworks.report.runs_page import page as runs_page

RECORD: dict[str, Any] = {
    "command": ["glassworks", "train"],
    "recipe": {"data": "a.txt", "model": {"n_ctx": 64}, "batch_size": 8},
    "seed": 0,
    "plan": {"steps": 150, "precision": "float32"},
    "revisions": [{"step": 3, "steps": 140, "seconds": 1.0}],
    "settled": 3,
    "corpus": {"path": "../x", "train_tokens": 5672, "train_documents": 3, "columns": [], "skipped": [], "lost": 0.0},
    "created": "2026-11-30T08:49:40+0000",
    "result": {"step": 140, "tokens": 76800, "num_params": 224256, "tokens_per_s": 20994.0},
}
ROW = {"step": 140, "loss": 2.5, "seconds": 4.5}
SCORE = {"bits_per_byte": 1.5, "bits_per_byte_se": None, "baselines": []}
WHOLE = {"run.json": RECORD, "metrics.jsonl": ROW, "evals/held_out.json": SCORE}
WRONG = [None, True, 3, -1, 2.5, "x", "", [], [3], ["x"], {}, {"x": 3}]


def made(folder: Path) -> Run:
    run = Run.create(folder)
    run.update(**RECORD)
    run.append("metrics", ROW)
    run.eval_path("held_out").parent.mkdir()
    run.eval_path("held_out").write_text(json.dumps(SCORE))
    return run


def paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value within a JSON value."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*before, key)
        yield from paths(value[key], (*before, key))


def damaged(value: Any, path: tuple[Any, ...], wrong: Any) -> Any:
    """The value with another one at a place, or with none there if it is `...`."""
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    if wrong is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = wrong
    return changed


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from([path for path in paths(WHOLE) if path[1:]]),
    wrong=st.sampled_from([..., *WRONG]),
)
def test_a_damaged_field_gets_one_mark_at_most(path: tuple[Any, ...], wrong: Any, tmp_path: Path) -> None:
    run = Run(tmp_path) if (tmp_path / "run.json").exists() else made(tmp_path)
    for name, content in damaged(WHOLE, path, wrong).items():
        (tmp_path / name).write_text(json.dumps(content) + "\n")
    found = facts(run)
    assert found["state"] in ("done", "unfinished") or path[0] in found["why"]
    assert all("\n" not in cell for cell in summary(found))
    assert runs_page([contents := read_contents(run)])
    assert report_page(contents)


@pytest.mark.parametrize(
    ("path", "wrong", "said"),
    [
        (("result", "step"), "3", "result.step (='3') must be a whole number"),
        (("result",), [], "result (=[]) must be an object"),
        (("result", "tokens_per_s"), "fast", "result.tokens_per_s (='fast') must be a number"),
        (("command",), "glassworks train", "command (='glassworks train') must be a list"),
        (("command", 0), 3, "command[0] (=3) must be a text"),
        (("recipe",), ["a.txt"], "recipe (=['a.txt']) must be an object"),
        (("revisions", 0, "steps"), ..., "revisions[0].steps is missing"),
        (("corpus", "train_tokens"), None, "corpus.train_tokens (=None) must be a whole number"),
    ],
)
def test_the_mark_names_the_field(path: tuple[Any, ...], wrong: Any, said: str, tmp_path: Path) -> None:
    run = made(tmp_path / "one")
    (run.path / "run.json").write_text(json.dumps(damaged(RECORD, path, wrong)))
    found = facts(run)
    assert (found["state"], found["why"]) == ("damaged", f"{run.path / 'run.json'}: {said}: restore it")


def test_what_is_missing_leaves_a_gap(tmp_path: Path) -> None:
    run = made(tmp_path / "one")
    (run.path / "run.json").write_text(json.dumps(damaged(RECORD, ("result", "num_params"), ...)))
    assert facts(run)["state"] == "done"
    (run.path / "run.json").write_text("{}")
    (run.path / "metrics.jsonl").write_text('{"loss": 2.5}\n')
    run.eval_path("held_out").write_text("{}")
    assert facts(run)["state"] == "done"  # as one made by hand, without a plan


def test_settings_stand_below_their_run_s_name_as_they_are_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = made(tmp_path / "one"), made(tmp_path / "other")
    other.update(recipe={**RECORD["recipe"], "data": ["a.txt", "b.txt"]})
    print_runs([one, other], compared=True)
    assert capsys.readouterr().out.endswith("settings that differ\n      one    other\ndata  a.txt  a.txt b.txt\n")


def test_settings_differ_where_they_mean_something_else_and_so_does_what_was_decided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one, other = made(tmp_path / "one"), made(tmp_path / "other")
    shape = {"n_ctx": 64, "n_head": 4, "n_embd": 128} | dict.fromkeys(("n_kv_head", "n_inner", "tied", "norm_eps"))
    filled = {**shape, "n_kv_head": 4, "n_inner": 512, "tied": False, "norm_eps": 1e-6}
    one.update(recipe={**RECORD["recipe"], "model": shape}, result={**RECORD["result"], "threads": 2})
    recipe = {**RECORD["recipe"], "model": filled}
    other.update(recipe=recipe, plan={"steps": 150, "precision": "bfloat16"})
    print_runs([one, other], compared=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[-2:]] == [["one", "other"], ["computed.precision", "float32", "bfloat16"]]
    assert len(lines) == 7  # of one text, so that nothing is said of the scores
    other.update(recipe={**recipe, "data": [str(tmp_path / "b.txt")]}, plan=RECORD["plan"])
    print_runs([one, other], compared=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].startswith("scores are of different held-out texts,")
    assert lines[-1].split() == ["data", "a.txt", "b.txt"]


def test_one_unreadable_run_does_not_hide_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, other = made(tmp_path / "one"), made(tmp_path / "other")
    (other.path / "metrics.jsonl").unlink()
    (other.path / "metrics.jsonl").mkdir()
    (tmp_path / "folder" / "run.json").mkdir(parents=True)
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "run.json").symlink_to("nowhere")
    print_runs(all_runs(tmp_path), compared=False)
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[0:2] for line in lines[1:3]) == [[run.name, "done"], [other.name, "damaged"]]
    assert lines[3].startswith("other: ")
    with pytest.raises(RunError, match="a run has a name"):
        Run.open("")


@pytest.mark.parametrize(("more", "state"), [({}, "unknown kind"), ({"plan": {"steps": 9}}, "unfinished")])
def test_how_far_a_run_of_an_unknown_kind_is_can_be_known_by_its_plan_alone(
    more: dict[str, Any], state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run.create(tmp_path / "a")
    run.update(kind="novel", **more)
    assert facts(run)["state"] == state
    print_runs([run], compared=False)
    assert state in capsys.readouterr().out


def test_runs_of_images_have_no_columns_of_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [Run.create(tmp_path / name) for name in ("one", "other")]
    for run in runs:
        run.update(recipe={"data": "digits"}, result={"step": 3, "num_params": 10}, examples={"digest": run.name})
        run.append("metrics", {"step": 3, "loss": 2.5, "seconds": 4.5})
        run.eval_path("test").parent.mkdir()
        run.eval_path("test").write_text('{"metrics": {"accuracy": {"value": 0.9, "low": 0.8, "high": 1.0}}}')
    print_runs(runs, compared=False)
    said = capsys.readouterr().out
    assert "tokens" not in said
    assert "bits/byte" not in said
    assert "90.0 %" in said
    assert "scores are of different test examples," in said
