"""A run's folder says what it holds, and survives a kill in the middle of a line."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.files import atomic_file, atomic_folder, write_text
from glassworks.core.runs import Run, all_runs, free_name


def test_a_record_comes_back_with_versions(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a", seed=3)
    run.update(result={"step": 1})
    assert Run.open(tmp_path / "a").record["seed"] == 3
    assert run.record["result"] == {"step": 1}
    assert {"python", "torch", "glassworks"} <= set(run.record["versions"])


def test_fields_added_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: run.update(**{f"field{i}": i}), range(40)))
    assert {f"field{i}": i for i in range(40)}.items() <= run.record.items()


def test_rows_come_back_and_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a")
    run.append("metrics", {"step": 1, "loss": 2.5})
    run.append("metrics", {"step": 2, "loss": float("nan")})
    with (run.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 3, "lo')
    assert run.rows("metrics") == [{"step": 1, "loss": 2.5}, {"step": 2, "loss": None}]


@pytest.mark.parametrize(
    ("torn", "kept"),
    [(b'{"step": 2, "lo', []), (b'{"step": 2}', [{"step": 2}]), (b'{"text": "\xe2\x82', []), (b"\0\0", [])],
)
def test_a_row_after_a_torn_one_begins_its_own_line(tmp_path: Path, torn: bytes, kept: list[dict[str, int]]) -> None:
    run = Run.create(tmp_path / "a")
    run.append("metrics", {"step": 1})
    with (run.path / "metrics.jsonl").open("ab") as file:
        file.write(torn)
    before = run.rows("metrics")
    run.append("metrics", {"step": 3})
    assert run.rows("metrics") == [*before, {"step": 3}] == [{"step": 1}, *kept, {"step": 3}]


def test_a_torn_first_row_leaves_an_empty_table(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a")
    (run.path / "metrics.jsonl").write_text('{"st', encoding="utf-8")
    run.append("metrics", {"step": 1})
    assert run.rows("metrics") == [{"step": 1}]


def test_a_byte_that_is_no_utf8_is_refused_by_name_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"name\[3\] \(='\\udce9'\) is a lone surrogate, .*the byte 0xE9 is no UTF-8"):
        Run.create(tmp_path / "caf\udce9")
    run = Run.create(tmp_path / "a")
    with pytest.raises(ValueError, match=r"samples\.jsonl: row\[\d+\] \(='\\ud800'\) is a lone surrogate"):
        run.append("samples", {"text": "\ud800"})
    with pytest.raises(ValueError, match=r"run\.json: text\[\d+\] \(='\\udce9'\) is a lone surrogate"):
        run.update(command=["train", "caf\udce9"])
    assert sorted(path.name for path in tmp_path.rglob("[!.]*")) == ["a", "run.json"]
    assert "command" not in run.record


@pytest.mark.parametrize("line", ['{"st', "9" * 5000], ids=["torn", "long number"])
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, line: str) -> None:
    run = Run.create(tmp_path / "a")
    (run.path / "metrics.jsonl").write_text(f'{{"step": 1}}\n{line}\n{{"step": 3}}\n', encoding="utf-8")
    with pytest.raises(FileDamaged, match="line 2"):
        run.rows("metrics")


def test_rewinding_forgets_later_rows_and_left_overs(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a")
    for step in (1, 2, 3):
        run.append("metrics", {"step": step})
    (run.path / ".model.x.tmp").mkdir()
    run.rewind(2)
    assert [row["step"] for row in run.rows("metrics")] == [1, 2]
    assert not list(run.path.glob(".*.tmp"))


def test_opening_what_is_no_run_says_what_is_near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Run.create(Path("runs/shakespeare"))
    with pytest.raises(RunError, match="did you mean shakespeare?"):
        Run.open("shakespear")
    with pytest.raises(RunError, match="glassworks runs"):
        Run.open("qqq")
    assert [run.name for run in all_runs()] == ["shakespeare"]
    assert free_name("shakespeare").name == "shakespeare-2"


def test_a_folder_that_holds_anything_else_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / ".lock").touch()
    run = Run.create(
        tmp_path / "notes", command=["glassworks", "reproduce", "othello"], reproduction={"name": "othello"}
    )
    for how in (lambda: Run.create(run.path), lambda: Run.open(run.path, "report")):
        with pytest.raises(RunError, match="go on with it by: glassworks reproduce othello"):
            how()
        (run.path / "finding.md").write_text("# found", encoding="utf-8")
        with pytest.raises(RunError, match=r"read .*finding\.md"):
            how()
        (run.path / "finding.md").unlink()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").touch()
    with pytest.raises(RunError, match="holds other files: choose another --name"):
        Run.create(tmp_path / "thesis")
    assert [file.name for file in (tmp_path / "thesis").iterdir()] == ["chapter.txt"]


def test_a_record_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a", seed=3)
    run_json = run.path / "run.json"
    run_json.write_bytes(b"\xef\xbb\xbf" + run_json.read_bytes())
    assert run.record["seed"] == 3


@pytest.mark.parametrize(
    "record", ['{"seed', f'{{"seed": {"9" * 5000}}}', "[" * 100_000], ids=["torn", "long number", "deep"]
)
def test_a_damaged_record_is_named(tmp_path: Path, record: str) -> None:
    run = Run.create(tmp_path / "a")
    (run.path / "run.json").write_text(record, encoding="utf-8")
    with pytest.raises(FileDamaged, match=r"run\.json is not valid JSON"):
        _ = run.record


@pytest.mark.parametrize(
    "changed",
    [
        *({"revisions": value} for value in (3, None, "x", {"steps": 3}, [3], [[]], ["x"], [{"steps": "x"}])),
        *({"plan": value} for value in (3, None, [], {"steps": "x"})),
    ],
    ids=str,
)
def test_a_damaged_plan_is_named(tmp_path: Path, changed: dict[str, object]) -> None:
    run = Run.create(tmp_path / "a", plan={"steps": 3})
    assert run.steps == 3
    run.update(**changed)
    with pytest.raises(FileDamaged, match=r"run\.json.*: restore it"):
        _ = run.steps


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    write_text(path, "old")
    with pytest.raises(OSError, match="full"), atomic_file(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise OSError("full")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "d"
    for content in ("one", "two"):
        with atomic_folder(path) as temporary:
            (temporary / content).write_text(content, encoding="utf-8")
    assert [p.name for p in path.iterdir()] == ["two"]
    with pytest.raises(OSError, match="full"), atomic_folder(path) as temporary:
        (temporary / "three").write_text("x", encoding="utf-8")
        raise OSError("full")
    assert [p.name for p in path.iterdir()] == ["two"]
    assert list(tmp_path.iterdir()) == [path]
