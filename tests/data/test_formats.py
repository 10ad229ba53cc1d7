import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassworks.core.errors import FileDamaged
from glassworks.data.formats import LONGEST, passages, read_file


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


def test_line_ends_and_characters_across_blocks_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    text = "\u20ac\r\n" * 500_000
    path.write_bytes(text.encode())
    assert texts(path) == [text]
    assert "".join(texts(path, cut=True)) == text


@pytest.mark.parametrize("content", [b"\x7fELF\0\0", b"caf\xe9 noir", b"ends inside \xe2\x82", "text".encode("utf-16")])
@pytest.mark.parametrize("cut", [False, True])
def test_a_binary_file_is_refused_by_name_with_a_remedy(tmp_path: Path, content: bytes, cut: bool) -> None:
    path = tmp_path / "photo.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"photo\.txt is not UTF-8 text .*: convert it to UTF-8") as error:
        texts(path, cut=cut)
    assert "\n" not in str(error.value)


def test_jsonl_takes_the_field_text_or_the_only_string(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1", "text": "one"}\n\n{"text": null}\n{"text": "two"}\n', encoding="utf-8")
    assert list(read_file(path, "a", cut=False)) == [("a:1", "one"), ("a:3", ""), ("a:4", "two")]
    path.write_text('{"n": 1, "body": "one"}\n', encoding="utf-8")
    assert texts(path) == ["one"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"q": "a", "b": "c"}', r'2 has no string in the field "text": its fields are q \(str\), b \(str\)'),
        ('{"text": 3}', r'2 has no string in the field "text": its fields are text \(int\)'),
        ("[1, 2]", "2 is not a JSON object"),
        ('{"text": "\\ud800"}', "2 holds half a character"),
        ('{"text": "a\0b"}', "is not UTF-8 text .a NUL byte in line 2"),
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


def test_a_truncated_or_altered_parquet_is_damage_named_by_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [str(i) * 40 for i in range(2000)]}), path)
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], content[:-20] + b"\xff" * 8 + content[-12:], b"", b"PAR1"):
        path.write_bytes(damaged)
        with pytest.raises(FileDamaged, match=r"a\.parquet, row \d+: .*: fetch or make the file again"):
            texts(path)
