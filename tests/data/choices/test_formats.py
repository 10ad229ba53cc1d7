"""Rows of the formats that others read come out as they went in, and say what was chosen."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.data.choices.stores import pair, said

from glassworks.core.errors import FileDamaged
from glassworks.data.choices.comparison import Choice, Comparison, Option, Undo, pairs_of
from glassworks.data.choices.formats.rows import rows_of, write_rows
from glassworks.data.choices.formats.table import format_of, read_into, rows_in, write_from
from glassworks.data.choices.store import Store

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
OTHER = st.dictionaries(st.sampled_from(["score", "id", "margin"]), st.none() | st.integers(-9, 9) | TEXT, max_size=2)


def turns(*roles: str) -> st.SearchStrategy:
    """Messages of these roles."""
    return st.tuples(*[TEXT.map(lambda text, role=role: {"role": role, "content": text}) for role in roles]).map(list)


ANSWER, QUESTION = turns("assistant"), turns("system", "user") | turns("user")
TRANSCRIPT = st.lists(TEXT, min_size=1, max_size=3).map(
    lambda said: "".join(f"\n\nHuman: {text}\n\nAssistant:" for text in said)
)
ROWS: dict[str, st.SearchStrategy] = {
    "preference": st.fixed_dictionaries({"prompt": TEXT, "chosen": TEXT, "rejected": TEXT})
    | st.fixed_dictionaries({"prompt": QUESTION, "chosen": ANSWER, "rejected": ANSWER}),
    "implicit": st.tuples(QUESTION, ANSWER, ANSWER).map(lambda t: {"chosen": t[0] + t[1], "rejected": t[0] + t[2]})
    | st.fixed_dictionaries({"chosen": TEXT, "rejected": TEXT}),
    "hh": st.tuples(TRANSCRIPT, TRANSCRIPT, TEXT, TEXT, st.booleans()).map(
        lambda t: {"chosen": t[0] + t[2], "rejected": (t[0] if t[4] else t[1]) + t[3]}
    ),
    "unpaired": st.fixed_dictionaries({"prompt": TEXT, "completion": TEXT, "label": st.booleans()})
    | st.fixed_dictionaries({"prompt": QUESTION, "completion": ANSWER, "label": st.booleans()}),
}


@pytest.mark.parametrize("format", ROWS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_that_was_read_is_written_as_it_was(format: str, data: st.DataObject, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("rows")
    rows = data.draw(st.lists(st.tuples(ROWS[format], OTHER).map(lambda two: two[1] | two[0]), min_size=1, max_size=5))
    file = folder / "rows.jsonl"
    write_rows(file, rows)
    store = Store(folder / "choices.sqlite")
    read_into(store, file)
    read_into(store, file)  # again: nothing is there twice
    assert write_from(store, format, folder / "out.jsonl").rows == len(rows)
    assert list(rows_of(folder / "out.jsonl")) == rows


def test_rows_are_told_apart_by_their_columns() -> None:
    two = {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant:"}
    assert format_of(two) == "hh"
    assert format_of({"chosen": "a", "rejected": "b"}) == "implicit"
    assert format_of({"chosen": "a", "rejected": "b", "prompt": ""}) == "preference"
    assert format_of({"prompt": "", "completion": "", "label": True}) == "unpaired"
    assert format_of({"prompt": "", "options": []}) == "options"
    with pytest.raises(ValueError, match="rows with 'text' are of no kind that is known here"):
        format_of({"text": "a"})


def test_a_store_of_every_kind_of_choice_is_written_as_each_format_can_hold_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "choices.sqlite")
    three, _ = Comparison.of("p", [Option({"text": text}) for text in "abc"])
    numbers = store.add([*(pair(i) for i in range(6)), three])
    first = pair(0)
    store.append(
        [
            said(numbers[0], 1, strength=2, rewrite="mine"),
            said(numbers[1], None),
            said(numbers[2], verdict="bad", ranking=()),
            said(numbers[3], verdict="skip", ranking=(), reason="broken"),
            said(numbers[4], 0, strength=1, why="repeat"),
            gone := said(numbers[5]),
            Undo("u", gone.id, "ada"),
            said(numbers[6], ranking=((0,), (2,)), shown=(2, 1, 0)),
        ]
    )
    rows, left_out = rows_in(store, "preference")
    a, b = first.options[1].text, first.options[0].text
    letters = [option.text for option in three.options]
    assert rows[0] == {"prompt": "prompt 0", "chosen": a, "rejected": b}  # no margin: other rows have none
    assert [(row["chosen"], row["rejected"]) for row in rows[1:]] == [
        (letters[0], letters[2]),
        (letters[0], letters[1]),
        (letters[2], letters[1]),
    ]
    assert left_out == 3
    assert len(rows_in(store, "preference", repeats=True)[0]) == 5
    labels = [(row["completion"], row["label"]) for row in rows_in(store, "unpaired")[0]]
    assert labels[:2] == [(b, False), (a, True)]
    assert [label for _, label in labels[2:4]] == [False, False]
    assert rows_in(store, "rewrites")[0] == [{"prompt": "prompt 0", "completion": "mine"}]
    assert rows_in(store, "hh")[0][0]["chosen"] == f"\n\nHuman: prompt 0\n\nAssistant: {a}"


def test_strengths_are_margins_where_every_row_has_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "choices.sqlite")
    numbers = store.add([pair(0), pair(1)])
    store.append([said(number, strength=i) for i, number in enumerate(numbers, 1)])
    assert [row["margin"] for row in rows_in(store, "preference")[0]] == [1.0, 2.0]


def test_a_copy_of_a_store_has_all_of_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "choices.sqlite")
    store.set(seed=7, guidelines="Be kind.")
    store.add_picture("d", "image/png", b"\x89PNG")
    pictures, _ = Comparison.of("", [Option({"image": "d"}), Option({"image": "d"}, "again")])
    clips, _ = Comparison.of(
        "", [Option({"frames": ["<svg/>"], "fps": 20.0}), Option({"frames": ["<svg />"], "fps": 5.0})]
    )
    numbers = store.add([pair(0), pictures, clips])
    gone = said(numbers[1], seconds=None)
    store.append([said(numbers[0], strength=3), gone, Undo("u", gone.id, "ada"), said(numbers[2], None, "bob")])
    write_from(store, "raw", tmp_path / "copy.jsonl.gz")
    copy = Store(tmp_path / "copy.sqlite")
    copy.add([pair(9)])  # so that numbers differ
    for _ in range(2):
        read_into(copy, tmp_path / "copy.jsonl.gz")
    old, new = store.events(), copy.events()
    assert [(one.id, one.at) for one in old] == [(one.id, one.at) for one in new]
    assert [one.comparison for one in new if isinstance(one, Choice)] == [2, 3, 4]
    assert [one.options for one in copy.comparisons()[1:]] == [one.options for one in store.comparisons()]
    assert copy.picture("d") == ("image/png", b"\x89PNG")
    assert copy.settings == store.settings | {"id": copy.settings["id"]}


@pytest.mark.parametrize("write", ["jsonl", "jsonl.gz", "json", "parquet"])
def test_options_are_read_of_every_kind_of_file(write: str, tmp_path: Path) -> None:
    rows = [
        {"prompt": f"p{i}", "options": [{"text": f"a{i}", "source": "x"}, {"text": f"b{i}", "source": "y"}]}
        for i in range(3)
    ]
    file = tmp_path / f"rows.{write}"
    if write == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    elif write == "json":
        file.write_text(json.dumps(rows), "utf-8")
    else:
        text = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        file.write_bytes(gzip.compress(text) if write.endswith("gz") else text)
    store = Store(tmp_path / "choices.sqlite")
    assert read_into(store, file).rows == 3
    found = store.comparisons()
    assert [one.prompt for one in found] == ["p0", "p1", "p2"]
    assert {(option.text, option.source) for option in found[1].options} == {("a1", "x"), ("b1", "y")}


def test_images_are_kept_in_the_store_and_clips_as_they_are_drawn(tmp_path: Path) -> None:
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (3, 2), colour).save(tmp_path / name)
    frames = [f"<svg xmlns='http://www.w3.org/2000/svg'><circle r='{i}'/></svg>" for i in range(3)]
    rows = [
        {"prompt": "the redder", "images": ["a.png", {"path": "b.png", "source": "model"}]},
        {"clips": [{"frames": frames, "fps": 30}, {"frames": frames[::-1], "source": "seed 1"}]},
    ]
    write_rows(tmp_path / "rows.jsonl", rows[:1])
    write_rows(tmp_path / "clips.jsonl", rows[1:])
    store = Store(tmp_path / "choices.sqlite")
    for name in ("rows.jsonl", "clips.jsonl"):
        read_into(store, tmp_path / name)
    images, clips = store.comparisons()
    assert (images.kind, clips.kind, clips.prompt) == ("image", "clip", "")
    kept = {option.source: store.picture(option.content["image"]) for option in images.options}
    assert kept == {
        "": ("image/png", (tmp_path / "a.png").read_bytes()),
        "model": ("image/png", (tmp_path / "b.png").read_bytes()),
    }
    assert {option.source: option.content for option in clips.options} == {
        "": {"frames": frames, "fps": 30.0},
        "seed 1": {"frames": frames[::-1], "fps": 20.0},
    }


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"prompt": "p", "options": ["a", 3]}], r"rows.jsonl:1: option \(=3\) must be a text"),
        ([{"prompt": "p", "options": []}], r"rows.jsonl:1: options \(0\) must be 1 to 9"),
        ([{"prompt": "p", "images": ["no.txt"]}], "no.txt is no image that a page shows"),
        (
            [{"prompt": "p", "chosen": "a", "rejected": "b"}, {"prompt": "p", "chosen": "a"}],
            "rows.jsonl:2 lacks 'rejected'",
        ),
        ([{"prompt": "p", "completion": "a", "label": 1}], r"label \(=1\) must be true or false"),
        ([{"clips": [{"frames": ["<svg/>"], "fps": 0}]}], "fps .* must be above 0"),
        ([], "holds no rows"),
    ],
)
def test_a_row_that_is_none_is_named(rows: list[dict], message: str, tmp_path: Path) -> None:
    (tmp_path / "no.txt").write_text("text", "utf-8")
    write_rows(tmp_path / "rows.jsonl", rows)
    with pytest.raises(ValueError, match=message):
        read_into(Store(tmp_path / "choices.sqlite"), tmp_path / "rows.jsonl")


def test_damaged_files_are_named_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "p", "options": ["a", "b"]}\n{"prompt"\n', "utf-8")
    with pytest.raises(FileDamaged, match=r"rows.jsonl:2 is not valid JSON"):
        list(rows_of(tmp_path / "rows.jsonl"))
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(b"{}\n" * 99)[:20])
    with pytest.raises(FileDamaged, match="cannot be unpacked"):
        list(rows_of(tmp_path / "rows.jsonl.gz"))
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    with pytest.raises(FileDamaged, match="not valid Parquet"):
        list(rows_of(tmp_path / "rows.parquet"))


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    store = Store(tmp_path / "choices.sqlite")
    store.append([said(store.add([pair()])[0], None)])
    say: list[tuple[Callable[[], object], str]] = [
        (lambda: write_from(store, "preference", tmp_path / "a.jsonl"), "no choice that preference can hold"),
        (lambda: write_from(store, "csv", tmp_path / "a.jsonl"), r"format \(='csv'\) must be one of preference"),
        (lambda: write_from(store, "raw", tmp_path / "a.csv"), "must end in .jsonl"),
    ]
    for write, message in say:
        with pytest.raises(ValueError, match=message):
            write()
    assert list(tmp_path.glob("a.*")) == []
    assert list(pairs_of(store.choices()[0], 2)) == []
