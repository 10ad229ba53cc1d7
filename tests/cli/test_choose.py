"""`choose`, as a user types it: among what a model writes, a file's options and images; what was chosen, for others."""

import json
from pathlib import Path

import pytest
from PIL import Image
from tests.data.choices.stores import said
from tests.processes import answered_until_ctrl_c
from tests.tune.models import small_base

from glassworks.cli.main import run
from glassworks.core.runs import Run
from glassworks.data.choices.runs import open_store, store_of


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("home")
    small_base(made, steps=2)
    rows = [{"prompt": f"p{i}", "options": [f"a{i}", f"b{i}"]} for i in range(4)]
    (made / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    pairs = [{"prompt": f"p{i}", "chosen": f"a{i}", "rejected": f"b{i}"} for i in range(4)]
    (made / "pairs.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in pairs), "utf-8")
    (made / "prompts.txt").write_text("ant bee\n\ncat\ndog eel\n", "utf-8")
    for name in ("sunset/a.png", "sunset/b.png", "flat/a.png", "flat/b.png", "flat/c.png"):
        (made / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (2, 2), (len(name), ord(name[-5]), 0)).save(made / name)
    (made / "nested").mkdir()
    (made / "sunset").rename(made / "nested" / "sunset")
    return made


@pytest.fixture(autouse=True)
def inside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setattr("glassworks.studio.serve.serve", lambda *_, **given: print(given["page"]))


def test_a_run_is_chosen_among_by_what_it_writes_behind_held_out_beginnings(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["choose", "base", "--count", "3", "--options", "3", "--max-tokens", "5", "--seed", "4"]
    assert run(call) == 0
    out, err = capsys.readouterr()
    assert out == "/choose?run=base-choices\n"
    assert " in runs/base-choices: `glassworks choose" in err
    made = Run.open("base-choices")
    assert made.record["parent"] == str(Path("runs/base").resolve())
    comparisons = store_of(made).comparisons()
    assert 0 < len(comparisons) <= 3
    assert {option.source for one in comparisons for option in one.options} == {"base"}
    assert all(len({option.text for option in one.options}) == len(one.options) == 3 for one in comparisons)
    assert run([*call, "--name", "again"]) == 0  # the same seed writes the same
    assert [one.key for one in open_store("again").comparisons()] == [one.key for one in comparisons]
    assert run(call) == 0
    assert "going on with runs/base-choices" in capsys.readouterr().err
    assert run(["choose", "base-choices"]) == 0
    assert run(["runs"]) == 0
    assert "base-choices" in capsys.readouterr().out


def test_several_models_are_compared_on_prompts_of_a_file() -> None:
    assert (
        run(["choose", "base", "runs/base/model", "--prompts", "prompts.txt", "--max-tokens", "6", "--name", "two"])
        == 0
    )
    comparisons = open_store("two").comparisons()
    assert {one.prompt for one in comparisons} <= {"ant bee", "cat", "dog eel"}
    assert {option.source for one in comparisons for option in one.options} == {"base", "runs/base/model"}


def test_files_and_folders_are_chosen_among(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["choose", "rows.jsonl"]) == 0
    assert [one.prompt for one in open_store("rows-choices").comparisons()] == ["p0", "p1", "p2", "p3"]
    assert run(["choose", "flat", "--count", "2"]) == 0
    assert [one.kind for one in open_store("flat-choices").comparisons()] == ["image", "image"]
    assert run(["choose", "nested"]) == 0
    (one,) = open_store("nested-choices").comparisons()
    assert (one.prompt, sorted(option.source for option in one.options)) == ("sunset", ["a.png", "b.png"])


def test_what_was_chosen_is_written_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["choose", "pairs.jsonl"]) == 0
    capsys.readouterr()
    store = open_store("pairs-choices")
    store.append([said(1, None), *(said(number, 0, "bob") for number in (1, 2, 3))])
    assert run(["choose", "pairs-choices", "--figures", "--export", "preference", "--out", "out.jsonl"]) == 0
    out, err = capsys.readouterr()
    assert err == "left out, for preference has no place for them: 1 choice; raw has all\n"
    assert "4 choices" in out
    assert "agreement" in out
    assert out.endswith("out.jsonl\n")
    rows = [json.loads(line) for line in Path("out.jsonl").read_text("utf-8").splitlines()]
    assert rows[:4] == [json.loads(line) for line in Path("pairs.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == 7
    assert run(["choose", "runs/pairs-choices/choices.sqlite", "--export", "raw", "--out", "copy.jsonl"]) == 0
    assert run(["choose", "copy.jsonl", "--name", "copy"]) == 0
    assert len(open_store("copy").choices()) == 8


def test_the_page_is_served_until_ctrl_c() -> None:
    assert answered_until_ctrl_c(["choose", "rows.jsonl", "--name", "served", "--port", "0"]) == (200, 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["choose"], "what is chosen among is missing: give a run, a file or a folder of images"),
        (["choose", "nothing"], "nothing is not a run"),
        (["choose", "nothing.jsonl"], "nothing.jsonl: No such file or directory"),
        (["choose", "base", "--options", "1"], "--options (=1) must be 2 to 9"),
        (["choose", "base", "--count", "0"], "--count (=0) must be 1 or more"),
        (["choose", "base", "--overlap", "2"], "--overlap (=2.0) must be a share from 0 to 1"),
        (["choose", "base", "--temperature", "0", "--name", "x"], "--temperature (=0.0) writes the same every time"),
        (["choose", "base", "--chat", "--name", "x"], "has no chat template"),
        (["choose", "runs/base/model", "--name", "x"], "prompts is empty, and a model folder has no text of its own"),
        (["choose", "prompts.txt", "--name", "x"], "prompts.txt is not a run"),
        (["choose", "nested/sunset", "--options", "3", "--name", "x"], "holds 2 images"),
        (["choose", "base", "--figures"], "base is a run of text: choose cannot use it"),
        (["choose", "base", "--name", "base"], "exists already"),
        (["choose", "rows.jsonl", "--name", "x", "--reward", "base"], "--reward (='base') is a run of text"),
        (["choose", "rows.jsonl", "--name", "x", "--store", "postgresql://me:secret@h/d"], "store has a password"),
        (["choose", "rows.jsonl", "--name", "x", "--store", "postgresql://me@127.0.0.1:1/d"], "does not answer"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert "secret" not in said.replace(" ".join(words), "")
    assert not Path("runs/x").exists()
