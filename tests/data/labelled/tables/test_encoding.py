import csv
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glassworks.core.errors import FileDamaged
from glassworks.data.labelled.tables.encoding import Column, Encoding, encode_rows
from glassworks.data.labelled.tables.table import describe_columns, encoded_file, table_source

CELLS = {
    "number": st.one_of(st.none(), st.floats(-1e6, 1e6).map(str), st.sampled_from(["?", "inf", "what"])),
    "city": st.one_of(st.none(), st.sampled_from(["Rome", "Oslo", "Paris, France", 'say "so"', "two\nlines", "né"])),
    "open": st.sampled_from(["", "yes", "no", "perhaps"]),
    "when": st.sampled_from(["", "2024-01-31", "2024-02-01 12:30", "never"]),
    "kind": st.sampled_from(["", "a", "b", "c"]),
}
ROW = st.fixed_dictionaries(CELLS)
ENCODING = Encoding(
    (
        Column("number", "number", fill=2.0, missing=True),
        Column("city", "category", categories=("Oslo", "Rome"), other=True, missing=True),
        Column("open", "boolean", "boolean", fill=1.0),
        Column("when", "time", "iso", fill=19_000.0, offset=19_000.0, missing=True),
        Column("kind", "category", categories=("a", "b")),
    )
)


def written(tmp_path: Path, names: list[str], rows: list[list[Any]], mark: str = ",") -> Path:
    path = tmp_path / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=mark).writerows([names, *rows])
    return path


@settings(deadline=None)
@given(st.lists(ROW, min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_what_a_row_becomes_depends_on_no_other(rows: list[dict[str, Any]], random: random.Random) -> None:
    together = encode_rows(ENCODING, rows)
    assert together.shape == (len(rows), len(ENCODING.features))
    assert np.isfinite(together).all()
    order = random.sample(range(len(rows)), len(rows))
    assert np.array_equal(encode_rows(ENCODING, [rows[place] for place in order]), together[order])
    for row, inputs in zip(rows, together, strict=True):
        assert np.array_equal(encode_rows(ENCODING, [row])[0], inputs)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, min_size=1, max_size=20), st.sampled_from(",;\t|"))
def test_rows_of_a_file_become_what_the_same_rows_in_memory_do(
    tmp_path: Path, rows: list[dict[str, Any]], mark: str
) -> None:
    path = written(tmp_path, list(CELLS), [[row[name] for name in CELLS] for row in rows], mark)
    inputs = np.concatenate([some for some, _ in encoded_file(path, ENCODING)])
    assert np.array_equal(inputs, encode_rows(ENCODING, rows))


def test_rows_may_come_in_any_form_and_order() -> None:
    rows = [{"number": 3, "city": "Rome", "open": False, "when": None, "kind": "a", "more": [1]}]
    columns = {name: [rows[0][name]] for name in reversed(rows[0])}
    expected = [[3, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0]]
    for given_rows in (rows, columns, pa.Table.from_pylist(rows), pa.RecordBatch.from_pylist(rows)):
        assert encode_rows(ENCODING, given_rows).tolist() == expected
    with pytest.raises(ValueError, match=r"rows lacks 4 columns that the model reads: city, open, when, kind"):
        encode_rows(ENCODING, {"number": [1]})


def test_an_encoding_comes_back_from_json(tmp_path: Path) -> None:
    assert Encoding.from_json(json.loads(json.dumps(ENCODING.as_json()))) == ENCODING
    for wrong in (
        None,
        {},
        {"columns": [{"name": "x"}]},
        {"columns": [{"name": "x", "kind": "number", "more": 1}]},
        {"columns": [{"name": "x", "kind": "magic"}]},
        {"columns": [{"name": "x", "kind": "time", "how": "%s"}]},
        {"columns": [{"name": "x", "kind": "number", "fill": float("nan")}]},
        {"columns": [{"name": "x", "kind": "category", "categories": [1]}]},
    ):
        with pytest.raises(FileDamaged, match=r"config\.json is not that of a table"):
            Encoding.from_json(wrong, "config.json")


def test_a_value_never_seen_is_another(tmp_path: Path) -> None:
    column = Column("c", "category", categories=("a",), other=True)
    assert encode_rows(Encoding((column,)), {"c": ["a", "new", None]}).tolist() == [[1, 0], [0, 1], [0, 1]]
    alone = Encoding((Column("c", "category", categories=("a",)),))
    assert encode_rows(alone, {"c": ["a", "new", None]}).tolist() == [[1], [0], [0]]


# ----------------------------------------------------------------------------------------------------------------------
# What is found of columns


def source(tmp_path: Path, mark: str = ",", **columns: list[Any]) -> Any:
    columns = columns | {"y": ["ab"[row % 2] for row in range(len(next(iter(columns.values()))))]}
    return table_source(written(tmp_path, list(columns), list(zip(*columns.values(), strict=True)), mark), target="y")


def whole(found: Any) -> Any:
    return np.concatenate([block.inputs for block in found.blocks()])


def test_rare_categories_are_one(tmp_path: Path) -> None:
    values = [f"c{row % 60:02d}" for row in range(60 * 4)] + ["c00", "c59"]
    found = source(tmp_path, c=values)
    assert len(found.features) == 51
    assert {"c=c00", "c=c59", "c: other"} <= set(found.features)
    assert (whole(found).sum(1) == 1).all()
    assert any(note.startswith("of more than 50 categories") for note in found.notes)


def test_columns_that_say_nothing_are_left_out_and_named(tmp_path: Path) -> None:
    rows = range(40)
    found = source(
        tmp_path,
        x=[row * row % 11 for row in rows],
        index=list(rows),
        same=[7 for _ in rows],
        note=[f"a text on row {row}" for row in rows],
        none=["NA" for _ in rows],
    )
    assert found.features == ("x",)
    said = "\n".join(found.notes)
    for name, why in (("index", "counts the rows"), ("same", "same in every row"), ("note", "text"), ("none", "empty")):
        assert any(why in line and line.endswith(f": {name}") for line in found.notes), said


def test_a_few_values_that_are_no_numbers_are_missing(tmp_path: Path) -> None:
    found = source(tmp_path, x=[str(row * row) if row % 50 else "unknown" for row in range(400)])
    assert found.features == ("x", "x: missing")
    assert whole(found)[:, 1].sum() == 8
    assert any("x ('unknown')" in note for note in found.notes)
    few = source(tmp_path, x=["1", "2", "unknown"] * 20)
    assert few.features == ("x=1", "x=2", "x=unknown")


@pytest.mark.parametrize(
    ("mark", "values", "read"),
    [
        (";", ["1,5", "2.000", "3"], [1.5, 2000, 3]),
        (",", ["1,5", "2,25", "3"], [1.5, 2.25, 3]),
        (",", ["1,500", "2,250", "3.5"], [1500, 2250, 3.5]),
        (";", ["1.5", "2.000", "3"], [1.5, 2, 3]),
    ],
)
def test_decimal_commas_are_found(tmp_path: Path, mark: str, values: list[str], read: list[float]) -> None:
    found = source(tmp_path, mark, x=values)
    assert whole(found).ravel().tolist() == read


def test_numbers_that_float32_cannot_tell_apart_are_moved(tmp_path: Path) -> None:
    start = 1_700_000_000_000
    found = source(tmp_path, x=[start + row * 3 for row in (5, 1, 4, 2, 3)])
    assert whole(found).ravel().tolist() == [6, -6, 3, -3, 0]
    assert any("too close for float32" in note for note in found.notes)


def test_infinite_and_huge_numbers_are_missing_and_said(tmp_path: Path) -> None:
    found = source(tmp_path, x=["1", "inf", "-inf", "1e300", "nan", "3", "2"], z=[10**30, 1, 2, 3, 4, 5, 6])
    inputs = whole(found)
    assert np.isfinite(inputs).all()
    assert inputs[:, 0].tolist() == [1, 2, 2, 2, 2, 3, 2]
    assert inputs[:, 1].tolist() == [0, 1, 1, 1, 1, 0, 0]
    assert inputs[0, 2] == np.float32(1e30)
    assert any(note.startswith("infinite or too large") for note in found.notes)


def test_a_column_called_split_gives_the_splits(tmp_path: Path) -> None:
    found = source(tmp_path, x=[1, 4, 9, 16], split=["train", "Test", "val", "train"])
    (block,) = found.blocks()
    assert block.splits == ["train", "test", "validation", "train"]
    assert found.features == ("x",)
    assert source(tmp_path, x=[1, 4, 9], split=["left", "right", "left"]).features == ("x", "split=left", "split=right")


def test_many_columns_are_read_and_too_many_features_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(30, 300)).astype(np.float32)
    names = [f"c{column}" for column in range(300)]
    path = written(tmp_path, [*names, "y"], [[*row, "ab"[place % 2]] for place, row in enumerate(values.tolist())])
    assert np.array_equal(whole(table_source(path, target="y")), values)
    monkeypatch.setattr("glassworks.data.labelled.tables.summary.FEATURES", 299)
    with pytest.raises(ValueError, match="would give 300 features, and 299 are the most"):
        table_source(path, target="y")


def test_a_file_without_names_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"t\.csv has numbers in its first row \(5, 0, 0\.5\)"):
        table_source(written(tmp_path, ["5", "0", "0.5"], [["1", "2", "3"]]), target="y")


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("text", r'time \(=\'text\'\) .* holds neither numbers nor times'),
        ("tmie", r"time \(='tmie'\) is no column of .*: did you mean time\?"),
    ],
)  # fmt: skip
def test_a_time_must_be_one(tmp_path: Path, column: str, said: str) -> None:
    path = written(tmp_path, ["text", "time", "x", "y"], [["a", "1", "2", "a"], ["b", "2", "3", "b"]])
    with pytest.raises(ValueError, match=said):
        table_source(path, target="y", time=column)


def test_a_target_that_is_said_to_be_a_number_must_be_one(tmp_path: Path) -> None:
    path = written(tmp_path, ["x", "y"], [[row, "bad" if row == 6 else row * 0.5] for row in range(9)])
    with pytest.raises(ValueError, match=r"holds no numbers \(row 7 has 'bad'\)"):
        table_source(path, target="y", task="number")


def test_what_is_seen_of_columns_does_not_hang_on_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    rows = [[f"{rng.normal():.3f}", "abc"[row % 3], f"2024-01-{row % 28 + 1:02d}", row % 4] for row in range(3000)]
    path = written(tmp_path, ["x", "c", "t", "y"], rows)
    described, inputs = describe_columns(path), whole(table_source(path, target="y"))
    monkeypatch.setattr("glassworks.data.labelled.tables.delimited.BLOCK", 4096)
    assert describe_columns(path) == described
    assert np.array_equal(whole(table_source(path, target="y")), inputs)
    assert described[0]["median"] == np.median([float(row[0]) for row in rows])
