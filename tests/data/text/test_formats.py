import csv
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassworks.core.errors import FileDamaged
from glassworks.data.text.formats import LONGEST, passages, read_file


def texts(path: Path, *, cut: bool = False) -> list[str]:
    return [text for _, text in read_file(path, path.name, cut=cut)]


@given(st.lists(st.text(alphabet="ab\n\u00e9 ", max_size=200)), st.integers(2, 40))
def test_passages_put_together_are_the_text_and_none_is_longer_than_twice_the_size(
    blocks: list[str], size: int
) -> None:
    cut = list(passages(iter(blocks), size))
    assert "".join(cut) == "".join(blocks)
    assert all(0 < len(passage) <= 2 * size for passage in cut)


def test_passages_end_at_blank_lines_where_there_are_some() -> None:
    text = ("x" * 50 + "\n") * 3 + "\n"
    assert set(list(passages(iter([text * 20]), 100))[:-2]) == {text}


def test_a_text_file_of_more_than_4_kB_has_at_least_two_passages_named_by_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("a line of text\n" * 300, encoding="utf-8")
    found = list(read_file(path, "book.txt", cut=True))
    assert len(found) == 2
    assert found[1][0] == f"book.txt:{found[0][1].count(chr(10)) + 1}"


@pytest.mark.parametrize("cut", [False, True])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path, cut: bool) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfOne. Two." + "\ufeff".encode())
    assert texts(path, cut=cut) == ["One. Two.\ufeff"]  # elsewhere it is a character like others
    for name, content in (("a.jsonl", b'{"text": "one"}\n\xef\xbb\xbf{"text": "two"}\n'), ("b.jsonl", b"\n")):
        path = tmp_path / name
        path.write_bytes(b"\xef\xbb\xbf" + content)
        assert texts(path) == (["one", "two"] if name == "a.jsonl" else [])


def test_suffixes_in_capitals_are_the_same_formats(tmp_path: Path) -> None:
    rows = b'{"text": "one"}\n{"text": "two"}\n'
    for name, content in (("A.JSONL", rows), ("b.Jsonl.GZ", gzip.compress(rows))):
        (tmp_path / name).write_bytes(content)
        assert texts(tmp_path / name) == ["one", "two"]
    pq.write_table(pa.table({"text": ["one", "two"]}), tmp_path / "c.Parquet")
    assert texts(tmp_path / "c.Parquet") == ["one", "two"]
    (tmp_path / "D.PY").write_text("x = 1\n" * 2000, encoding="utf-8")
    assert len(texts(tmp_path / "D.PY", cut=True)) == 1


def test_crlf_files_are_cut_at_the_blank_lines_that_the_same_text_with_lf_is(tmp_path: Path) -> None:
    lines = ["a line of text", "another one", ""] * 2000
    found = {}
    for end in ("\n", "\r\n"):
        path = tmp_path / "a.txt"
        path.write_bytes(end.join(lines).encode())
        found[end] = texts(path, cut=True)
        assert "".join(found[end]) == end.join(lines)
        assert all(passage.endswith(2 * end) for passage in found[end][:-1])
    assert len(found["\r\n"]) > 10


def test_line_ends_and_characters_across_blocks_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    text = "\u20ac\r\n" * 500_000
    path.write_bytes(text.encode())
    assert texts(path) == [text]
    assert "".join(texts(path, cut=True)) == text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x7fELF\0\0", r"is binary, no text \(a NUL byte at offset 4\): leave it out"),
        ("text".encode("utf-16-le"), r"is binary, no text .*if it is UTF-16, convert it"),
        (b"caf\xe9 noir", r"is not UTF-8 text .*: convert it to UTF-8"),
        (b"ends inside \xe2\x82", r"is not UTF-8 text .*: convert it to UTF-8"),
        ("text".encode("utf-16"), r"is not UTF-8 text \(it begins as UTF-16 does\): convert it to UTF-8 by `iconv"),
        (b"\xfe\xff" + "text".encode("utf-16-be"), r"is not UTF-8 text \(it begins as UTF-16 does.*iconv -f utf16"),
    ],
)
@pytest.mark.parametrize("cut", [False, True])
def test_what_is_no_utf8_text_is_refused_by_name_for_what_it_is(
    tmp_path: Path, content: bytes, said: str, cut: bool
) -> None:
    path = tmp_path / "photo.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"photo\.txt {said}") as error:
        texts(path, cut=cut)
    assert "\n" not in str(error.value)


def test_jsonl_takes_the_field_text_or_the_only_string(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1", "text": "one"}\n\n{"text": null}\n{"text": "two"}\n', encoding="utf-8")
    assert list(read_file(path, "a", cut=False)) == [("a:1", "one"), ("a:3", ""), ("a:4", "two")]
    path.write_text('{"n": 1, "body": "one"}\n', encoding="utf-8")
    assert texts(path) == ["one"]
    path.write_bytes(b"\xef\xbb\xbf")
    assert texts(path) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"q": "a", "b": "c"}', r'2 has no string in the field "text": its fields are q \(str\), b \(str\)'),
        ('{"text": 3}', r'2 has no string in the field "text": its fields are text \(int\)'),
        ("[1, 2]", "2 is not a JSON object"),
        ('{"text": "a\\ud800"}', r"a.jsonl:2, text\[1\] \(='\\ud800'\) is a lone surrogate"),
        ('{"text": "a\0b"}', "is binary, no text .a NUL byte in line 2"),
    ],
)
def test_jsonl_refuses_a_row_without_text_by_its_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "one"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        texts(path)


def test_jsonl_without_a_clear_field_names_the_fields(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"q": "a", "b": "c", "n": 1}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.jsonl:1 has no field .*: its fields are q \(str\), b \(str\), n \(int\)"):
        texts(path)


@pytest.mark.parametrize("line", ['{"text": "tw', "[" * 100_000, '{"n": ' + "9" * 5000 + "}", "\\xff"])
def test_a_line_that_is_not_json_is_damage_named_by_file_and_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "one"}\n' + line, encoding="utf-8")
    with pytest.raises(FileDamaged, match=r"a\.jsonl:2 is not valid JSON"):
        texts(path)


def test_a_truncated_or_altered_gzip_is_damage_named_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    rows = "".join(json.dumps({"text": str(i) * 50}) + "\n" for i in range(2000))
    packed = gzip.compress(rows.encode())
    path.write_bytes(packed)
    assert len(texts(path)) == 2000
    altered = bytearray(packed)
    altered[-6] ^= 1  # in the checksum at the end
    for content in (packed[: len(packed) // 2], packed[:5], bytes(altered), b"not gzip at all"):
        path.write_bytes(content)
        with pytest.raises(FileDamaged, match=r"a\.jsonl\.gz:\d+ cannot be unpacked"):
            texts(path)


def test_a_bomb_of_one_endless_line_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(LONGEST // 2**20 + 8):
            file.write(b" " * 2**20)
    with pytest.raises(ValueError, match=r"bomb\.jsonl\.gz:1 is longer than"):
        texts(path)


def test_parquet_takes_the_column_text_or_the_only_string_column(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["one", None, "two"], "url": ["x", "y", "z"]}), path)
    assert list(read_file(path, "a", cut=False)) == [("a:0", "one"), ("a:1", ""), ("a:2", "two")]
    pq.write_table(pa.table({"n": [1], "body": pa.array(["one"], pa.large_string())}), path)
    assert texts(path) == ["one"]
    pq.write_table(pa.table({"q": ["a"], "b": ["c"]}), path)
    with pytest.raises(ValueError, match=r"its columns are q \(string\), b \(string\)"):
        texts(path)


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
def test_every_type_of_string_is_a_text_column(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "a.parquet"
    column = pa.array(["one", None, "two", "one"]).cast(kind)
    for name in ("text", "body"):
        pq.write_table(pa.table({name: column, "n": [1, 2, 3, 4]}), path)
        assert texts(path) == ["one", "", "two", "one"]


# ----------------------------------------------------------------------------------------------------------------------
# Columns by name


def column_of(path: Path, column: str | None) -> tuple[list[tuple[str, str]], list[str | None]]:
    took: list[str | None] = []
    return list(read_file(path, path.name, cut=False, column=column, took=took.append)), took


def test_a_column_is_taken_by_name_in_every_format(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "no", "body": "one"}\n{"body": "two"}\n', encoding="utf-8")
    pq.write_table(pa.table({"text": ["no", "no"], "body": ["one", "two"]}), tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbftext,body\r\nno,one\r\n\r\nno,"two"\r\n')
    (tmp_path / "A.TSV").write_bytes(b"text\tbody\nno\tone\nno\ttwo")
    for name in ("a.jsonl", "a.parquet", "a.csv", "A.TSV"):
        rows, took = column_of(tmp_path / name, "body")
        assert [text for _, text in rows] == ["one", "two"]
        assert took == ["body"]
        with pytest.raises(ValueError, match=rf'{name}.* has no .*"boddy".*: its .*body'):
            column_of(tmp_path / name, "boddy")


def test_csv_without_a_column_is_plain_text_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,one\n", encoding="utf-8")
    assert column_of(tmp_path / "a.csv", None) == ([("a.csv", "id,text\n1,one\n")], [None])


def test_csv_values_may_hold_separators_line_ends_and_quotes_and_be_long(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    long = "word " * 60_000
    values = ['with, comma; and "quotes"', "two\nlines", "", long, "é\u2028\x85"]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows([["id", "text"], *([i, v] for i, v in enumerate(values))])
    rows, _ = column_of(path, "text")
    assert [text for _, text in rows] == values
    assert [name for name, _ in rows] == ["a.csv:2", "a.csv:3", "a.csv:5", "a.csv:6", "a.csv:7"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,n\none,1\na, b,2\n", r"a\.csv:3 has 3 values and the header 2: put values"),
        ('text,n\n"one"x,1\n', r"a\.csv:2 is not valid CSV"),
        ('text,n\n"one,1\n', r"a\.csv:2 is not valid CSV"),
        ("text\ra\r", r"a\.csv:1 is not valid CSV .*: repair its quotes or its line ends"),
        ("x" * 200_000 + "\n1\n", r'a\.csv has no column "text": its header names x{200}…$'),
        ("", 'has no column "text": its header names none'),
        ("a,b\n", 'has no column "text": its header names a, b'),
    ],
)
def test_csv_that_cannot_be_read_is_named_by_its_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises((ValueError, FileDamaged), match=message):
        column_of(path, "text")


def test_a_truncated_or_altered_parquet_is_damage_named_by_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [str(i) * 40 for i in range(2000)]}), path)
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], content[:-20] + b"\xff" * 8 + content[-12:], b"", b"PAR1"):
        path.write_bytes(damaged)
        with pytest.raises(FileDamaged, match=r"a\.parquet, row \d+: .*: fetch or make the file again"):
            texts(path)
