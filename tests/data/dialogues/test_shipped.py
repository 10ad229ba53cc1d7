import doctest
from pathlib import Path

import pytest

import glassworks.data.dialogues.shipped as module
from glassworks.data.dialogues.read import read_rows
from glassworks.data.dialogues.shipped import BELOW, is_shipped


def test_the_first_is_as_it_is_shown() -> None:
    assert doctest.testmod(module).attempted == 1
    assert doctest.testmod(module).failed == 0


def test_sums_are_right_and_none_comes_twice() -> None:
    rows = list(read_rows(["arithmetic"]))
    assert len(rows) == 2 * BELOW**2
    assert len({row["prompt"] for row in rows}) == len(rows)
    for row in rows[:200]:
        first, sign, second, _ = row["prompt"].split()
        assert int(row["completion"]) == (int(first) + int(second) if sign == "+" else int(first) - int(second))


def test_forms_are_the_same_with_their_results_in_tags() -> None:
    plain, tagged = (list(read_rows([name]))[:20] for name in ("arithmetic", "forms"))
    assert [row["prompt"] for row in plain] == [row["prompt"] for row in tagged]
    assert [f" <answer>{row['completion'].strip()}</answer>" for row in plain] == [row["completion"] for row in tagged]


def test_prompts_are_how_documents_begin_to_the_end_of_a_word(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("once upon a time there was a king\n" * 3)
    (tmp_path / "b.txt").write_text("short")
    found = [row["prompt"] for row in read_rows([f"prompts:{tmp_path}"])]
    assert found == ["once upon a time there was a king\nonce upon a time there was a king\nonce upon a"]


def test_a_file_of_that_name_goes_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_shipped("arithmetic")
    Path("arithmetic").write_text("text", encoding="utf-8")
    assert not is_shipped("arithmetic")
    assert not is_shipped("others")
