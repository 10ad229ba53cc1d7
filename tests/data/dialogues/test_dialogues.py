"""Examples are read as they are, refused by file and line where they are none, split by prompt, and kept."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from glassworks.core.errors import FileDamaged
from glassworks.data.dialogues.prepare import keep, open_dialogues, prepare, split
from glassworks.data.dialogues.read import read_rows
from glassworks.data.dialogues.rows import FORMS, checked, form_of

USER, ANSWER = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}
ROWS: dict[str, dict[str, Any]] = {
    "text": {"text": "a"},
    "completion": {"prompt": "a", "completion": "b"},
    "messages": {"messages": [USER, ANSWER]},
    "preference": {"prompt": "a", "chosen": "b", "rejected": "c", "margin": 2},
    "unpaired": {"prompt": [USER], "completion": [ANSWER], "label": False},
    "ranking": {"prompt": "a", "ranked": ["b", "c", ""]},
    "prompt": {"prompt": [USER]},
}


def spelled(row: Any) -> str:
    return json.dumps(row, sort_keys=True)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_known_by_its_fields_and_kept_as_it_is(form: str, tmp_path: Path) -> None:
    row = ROWS[form]
    assert form_of(row, "x") == form
    assert checked({**row, "something else": 3}, "x") == row
    rows = [{**row, "prompt": f"{i}"} if "prompt" in row else json.loads(json.dumps(row)) for i in range(6)]
    for i, one in enumerate(rows):
        if "text" in one:
            one["text"] = f"{i}"
        if "messages" in one:
            one["messages"][0]["content"] = f"{i}"
    made = keep([checked(one, "x") for one in rows], tmp_path, 0.3)
    assert made.form == form
    assert sorted(map(spelled, made.train + made.held_out)) == sorted(spelled(checked(one, "x")) for one in rows)
    again = open_dialogues(made.path)
    assert (again.train, again.held_out) == (made.train, made.held_out)


def test_a_preference_without_a_prompt_has_what_both_begin_with() -> None:
    said = checked({"chosen": "Human: hi Assistant: hello", "rejected": "Human: hi Assistant: help"}, "x")
    assert said == {"prompt": "Human: hi Assistant: ", "chosen": "hello", "rejected": "help"}
    turns = checked({"chosen": [USER, ANSWER], "rejected": [USER, USER]}, "x")
    assert turns == {"prompt": [USER], "chosen": [ANSWER], "rejected": [USER]}
    same = checked({"chosen": [USER, ANSWER], "rejected": [USER, ANSWER]}, "x")
    assert same == {"prompt": [USER], "chosen": [ANSWER], "rejected": [ANSWER]}


@pytest.mark.parametrize(
    ("row", "refusal"),
    [
        ({"question": "a"}, r"line 1 has question: an example has one of these: prompt, chosen, rejected"),
        ({"prompt": "a", "chosen": "b"}, "line 1 has chosen alone: a preference has both chosen and rejected"),
        ([1], r"line 1 \(=\[1\]\) is no object"),
        ({"prompt": 3}, r"line 1: prompt \(=3\) must be a text, or a list of messages"),
        ({"messages": [{"role": "user"}]}, r"line 1: messages\[0\]\.content \(=None\) must be a text"),
        ({"messages": [{"content": "a"}]}, r"line 1: messages\[0\] .* must be a message"),
        ({"prompt": "a", "completion": "b", "label": 1}, r"line 1: label \(=1\) must be true or false"),
        ({"prompt": "a", "ranked": ["b"]}, r"line 1: ranked .* must be a list of two completions or more"),
        ({"prompt": "a", "chosen": "b", "rejected": [USER]}, "line 1: chosen and rejected must both be texts"),
        ({"prompt": "a", "chosen": "b", "rejected": "c", "margin": "x"}, r"margin \(='x'\) must be a number"),
        ({"text": "\udce9"}, r"line 1: text\[0\] .* is a lone surrogate"),
    ],
    ids=str,
)
def test_what_is_no_example_is_refused_by_its_line(row: Any, refusal: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=refusal):
        list(read_rows([str(file)]))


def test_all_kinds_of_files_give_the_same(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"prompt": f"é {i}", "chosen": [ANSWER], "rejected": [USER]} for i in range(3)]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n\n" for row in rows)
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "c.json").write_text(json.dumps(rows), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "d.parquet")
    for name in ("a.jsonl", "b.jsonl.gz", "c.json", "d.parquet", "?.jsonl"):
        assert list(read_rows([str(tmp_path / name)])) == rows
    (tmp_path / "e.txt").write_text("some text", encoding="utf-8")
    assert list(read_rows([str(tmp_path / "e.txt")])) == [{"text": "some text"}]
    with pytest.raises(ValueError, match=r"another form \(text\) than .* \(preference\): give one form"):
        list(read_rows([str(tmp_path / "a.jsonl"), str(tmp_path / "e.txt")]))


def test_broken_files_are_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n{"text": \n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.jsonl, line 2, is no JSON: give an object a line"):
        list(read_rows([str(tmp_path / "a.jsonl")]))
    (tmp_path / "b.json").write_text('{"text": "a"}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"b\.json holds no list"):
        list(read_rows([str(tmp_path / "b.json")]))
    (tmp_path / "c.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(FileDamaged, match=r"c\.parquet, row 0"):
        list(read_rows([str(tmp_path / "c.parquet")]))


def test_all_examples_of_a_prompt_are_on_one_side_and_neither_side_is_empty() -> None:
    rows = [{"prompt": f"{i % 40}", "chosen": f"{i}", "rejected": ""} for i in range(400)]
    train, held_out = split(rows, 0.2)
    assert not {row["prompt"] for row in train} & {row["prompt"] for row in held_out}
    assert 20 <= len(held_out) <= 160
    for share in (1e-9, 1 - 1e-9):
        assert all(split(rows, share))
    with pytest.raises(ValueError, match="examples of one prompt, and a split needs two"):
        split(rows[:1], 0.5)


def test_held_out_may_be_a_file_of_the_same_form_alone(tmp_path: Path) -> None:
    for name, rows in (("a", ROWS["text"]), ("b", ROWS["text"]), ("c", ROWS["prompt"])):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(rows) + "\n", encoding="utf-8")
    a, b, c = (str(tmp_path / f"{name}.jsonl") for name in "abc")
    made = prepare([a], tmp_path / "kept", held_out=[b])
    assert made.held_out == [ROWS["text"]]
    with pytest.raises(ValueError, match="held_out must name examples of the same form"):
        prepare([a], tmp_path / "kept", held_out=[c])
    (made.path / "train.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(FileDamaged, match="is not as it was written"):
        open_dialogues(made.path)
