import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glassworks.core.errors import FileDamaged
from glassworks.data.labelled.source import Source
from glassworks.data.labelled.tables.encoding import Encoding, encode_rows
from glassworks.data.labelled.tables.table import describe_columns, encoded_file, table_source

FLOWERS = """\
length,colour,open,seen,kind
1.5,red,yes,2024-05-01,a
2.5,blue,no,2024-05-03,b
,red,,2024-05-02,a
4,green,no,,b
"""


def written(tmp_path: Path, content: str | bytes, name: str = "flowers.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def whole(source: Source) -> tuple[np.ndarray, list[Any], list[str]]:
    blocks = list(source.blocks())
    targets = [target for block in blocks for target in block.targets]
    return np.concatenate([block.inputs for block in blocks]), targets, [n for block in blocks for n in block.names]


def test_numbers_booleans_times_and_categories_become_features(tmp_path: Path) -> None:
    source = table_source(written(tmp_path, FLOWERS), target="kind")
    inputs, targets, names = whole(source)
    assert source.features == (
        *("length", "length: missing", "colour=blue", "colour=green", "colour=red"),
        *("open", "open: missing", "seen", "seen: missing"),
    )
    assert source.shape == (9,)
    assert source.classes == ("a", "b")
    assert targets == ["a", "b", "a", "b"]
    assert names[0] == "flowers.csv row 1"
    assert inputs.dtype == np.float32
    assert inputs.tolist() == [
        [1.5, 0, 0, 0, 1, 1, 0, -1, 0],
        [2.5, 0, 1, 0, 0, 0, 0, 1, 0],
        [2.5, 1, 0, 0, 1, 0, 1, 0, 0],
        [4.0, 0, 0, 1, 0, 0, 0, 0, 1],
    ]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, mark: str) -> None:
    source = table_source(written(tmp_path, FLOWERS.replace(",", mark)), target="kind")
    assert np.array_equal(whole(source)[0], whole(table_source(written(tmp_path, FLOWERS, "b.csv"), target="kind"))[0])


def test_all_kinds_of_files_give_the_same(tmp_path: Path) -> None:
    expected, targets, _ = whole(table_source(written(tmp_path, FLOWERS), target="kind"))
    columns = {
        "length": [1.5, 2.5, float("nan"), 4.0],
        "colour": pa.array(["red", "blue", "red", "green"]).dictionary_encode(),
        "open": [True, False, None, False],
        "seen": np.array(["2024-05-01", "2024-05-03", "2024-05-02", "NaT"], dtype="datetime64[s]"),
        "kind": ["a", "b", "a", "b"],
    }
    pq.write_table(pa.table(columns), tmp_path / "f.parquet")
    paths = [
        tmp_path / "f.parquet",
        written(tmp_path, gzip.compress(FLOWERS.encode()), "f.csv.gz"),
        written(tmp_path, FLOWERS.replace(",", "\t"), "f.TSV"),
        written(tmp_path, b"\xef\xbb\xbf" + FLOWERS.encode(), "bom.csv"),
        written(tmp_path, FLOWERS.replace("\n", "\r\n").replace("red", '" red"'), "crlf.csv"),
    ]
    for path in paths:
        inputs, found, _ = whole(table_source(path, target="kind"))
        assert np.array_equal(inputs, expected), path
        assert found == targets


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["cat", "dog"] * 5, "classes", ("cat", "dog")),
        (["10", "9"] * 5, "classes", ("9", "10")),
        (["1.0", "0.0"] * 5, "classes", ("0", "1")),
        (["yes", "no"] * 5, "classes", ("no", "yes")),
        (["0.5", "1"] * 5, "number", None),
        ([str(i) for i in range(21)] * 3, "number", None),
        ([str(i) for i in range(8)], "number", None),
    ],
)
def test_the_task_is_found_from_the_target(tmp_path: Path, values: list[str], task: str, classes: Any) -> None:
    lines = "".join(f"{i * i},{value}\n" for i, value in enumerate(values))
    source = table_source(written(tmp_path, f"x,y\n{lines}"), target="y")
    assert (source.task, source.classes) == (task, classes)
    _, targets, _ = whole(source)
    assert targets == [float(value) for value in values] if task == "number" else set(targets) == set(classes)


def test_the_task_can_be_said(tmp_path: Path) -> None:
    path = written(tmp_path, "x,y\n" + "".join(f"{i * i},{i % 3}\n" for i in range(12)))
    assert table_source(path, target="y").task == "classes"
    assert whole(table_source(path, target="y", task="number"))[1] == [i % 3 for i in range(12)]


def test_rows_without_a_target_are_left_out_and_counted(tmp_path: Path) -> None:
    source = table_source(written(tmp_path, "x,y\n1,a\n4,\n9,b\n16,?\n"), target="y")
    assert whole(source)[1:] == (["a", "b"], ["flowers.csv row 1", "flowers.csv row 3"])
    assert any("2 of 4 rows" in note for note in source.notes)


def test_groups_and_times_are_no_features(tmp_path: Path) -> None:
    text = "x,who,when,y\n1,ann,2024-01-01,a\n4,,2024-01-03,b\n9,bob,,a\n16,ann,2024-01-02 12:00,b\n"
    source = table_source(written(tmp_path, text), target="y", group="who", time="when")
    (block,) = source.blocks()
    assert source.features == ("x",)
    assert block.groups == ["ann", "flowers.csv row 2", "ann"]
    assert block.times is not None
    assert (block.times - block.times[0]).tolist() == [0, 2, 1.5]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", r"flowers\.csv is empty"),
        ("\n \n", r"flowers\.csv is blank"),
        ("x,kind\n", r"flowers\.csv has a header and no rows"),
        ("x,kind", r"flowers\.csv has a header and no rows"),
        (f"x,{'k' * (1 << 20)}\n1,a\n", r"has a first row of more than 262,144 characters"),
        ("kind\na\nb\n", r"has one column, 'kind'"),
        ("x,x,kind\n1,2,a\n", r"has several columns called 'x', at 1, 2"),
        ("x,kind\n1,a\n2\n", r"row 2 has 1 values and the header 2 \('2'\)"),
        ("x,kind\n1,a\n\n2,b,c\n", r"row 2 has 3 values and the header 2"),
        ("x,kind\n1,a\n2,a\n", r"target \(='kind'\) .* is 'a' in every row"),
        ("x,kind\n1,\n2,\n", r"target \(='kind'\) .* has no values"),
        ("x,Kinds\n1,a\n2,b\n", r"target \(='kind'\) is no column .*: did you mean Kinds\?"),
        ("x,y\n1,a\n2,b\n", r"target \(='kind'\) is no column .*: its columns are x, y"),
        ("x,kind\n1,a\n1,b\n", r"has no column to learn from: x is the same in every row"),
        ("x,kind\n" + "".join(f"{i * i},k{i}\n" for i in range(30)), r"has 30 different values in 30 rows"),
        (b"x,kind\n1,caf\xe9\n2,b\n", r"is not UTF-8 text .*: convert it to UTF-8, if it is Latin-1 by `iconv"),
        ("x,kind\n1,a\n".encode("utf-16"), r"is not UTF-8 text \(it begins as UTF-16 does\)"),
        (b"x,kind\n1,a\0\n", r"is binary, no text"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said) as error:
        table_source(written(tmp_path, content), target="kind")
    assert "\n" not in str(error.value)


def test_times_of_a_zone_are_those_of_utc(tmp_path: Path) -> None:
    times = np.array(["2024-01-01T00", "2024-01-02T12", "2024-01-02T00"], dtype="datetime64[s]")
    columns = {"t": pa.array(times).cast(pa.timestamp("ns", "Europe/Rome")), "d": pa.array(times).cast(pa.date32())}
    pq.write_table(pa.table({**columns, "y": ["a", "b", "a"]}), tmp_path / "t.parquet")
    inputs, _, _ = whole(table_source(tmp_path / "t.parquet", target="y"))
    assert inputs.tolist() == [[-1, -1], [0.5, 0], [0, 0]]
    text = "t,y\n2024-01-01T00:00:00Z,a\n2024-01-02T13:00:00+01:00,b\n2024-01-02T00:00:00Z,a\n"
    inputs, _, _ = whole(table_source(written(tmp_path, text), target="y"))
    assert inputs.ravel().tolist() == [-1, 0.5, 0]


def test_damage_is_named(tmp_path: Path) -> None:
    packed = gzip.compress("".join(f"{i},{i % 2}\n" for i in range(100_000)).encode())
    pq.write_table(pa.table({"x": range(1000), "kind": ["a", "b"] * 500}), tmp_path / "x.parquet")
    whole_file = (tmp_path / "x.parquet").read_bytes()
    for name, content in (
        ("a.csv", b'x,kind\n1,a\n2,"b\n3,a\n4,b\n'),
        ("b.csv.gz", packed[: len(packed) // 2]),
        ("c.csv.gz", b"no gzip"),
        ("d.parquet", whole_file[:-10]),
        ("e.parquet", b"no parquet"),
    ):
        with pytest.raises(FileDamaged, match=name) as error:
            table_source(written(tmp_path, content, name), target="kind")
        assert "\n" not in str(error.value)


def test_another_file_is_encoded_by_the_same_encoding(tmp_path: Path) -> None:
    source = table_source(written(tmp_path, FLOWERS), target="kind")
    encoding = Encoding.from_json(source.preprocessing["encoding"])
    new = written(tmp_path, "more;seen;open;colour;length\nx;2024-05-02;True;violet;inf\n", "new.csv")
    ((inputs, names),) = encoded_file(new, encoding)
    assert inputs.tolist() == [[2.5, 1, 0, 0, 0, 1, 0, 0, 0]]
    assert names == ["new.csv row 1"]
    with pytest.raises(ValueError, match=r"new.csv lacks 2 columns .*: open, seen"):
        next(encoded_file(written(tmp_path, "length,colour\n1,2\n", "new.csv"), encoding))
    rows = [{"length": 1.5, "colour": "red", "open": True, "seen": "2024-05-01"}]
    assert np.array_equal(encode_rows(encoding, rows), whole(source)[0][:1])


def test_columns_are_described(tmp_path: Path) -> None:
    text = "n,x,c,w,k,z\n" + "".join(f"{i},{i * i % 7},{'ab'[i % 2]},text {i},7,\n" for i in range(20))
    by_name = {column["name"]: column for column in describe_columns(written(tmp_path, text))}
    assert {name: column["type"] for name, column in by_name.items()} == {
        **{"n": "number", "x": "number", "c": "category", "w": "text", "k": "number", "z": "empty"},
    }
    assert by_name["n"]["id_like"]
    assert by_name["w"]["id_like"]
    assert by_name["k"]["constant"]
    assert by_name["z"]["missing"] == 20
    x = by_name["x"]
    assert (x["min"], x["median"], x["max"], x["distinct"]) == (0, 2, 4, 4)
    assert by_name["c"]["values"] == {"a": 10, "b": 10}
