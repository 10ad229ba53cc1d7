"""Pairs from files, and the one line that says what is wrong with others."""

from pathlib import Path

import pytest

from glassworks.data.pairs.read import LONGEST, PairSource
from glassworks.data.pairs.signs import pairs_why


def read(file: Path, source: str | None = None, target: str | None = None) -> list[tuple[str, str]]:
    return [(pair.source, pair.target) for pair in PairSource((str(file),), source, target).pairs()]


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


PAIRS = [("Go.", "Va !"), ("Hi.", "Salut.")]


@pytest.mark.parametrize(
    ("name", "content", "columns"),
    [
        ("a.tsv", "Go.\tVa !\tnote\r\n\r\nHi.\tSalut.\r\n", (None, None)),
        ("a.tsv", "\ufeffVa !\tx\tGo.\nSalut.\tx\tHi.", ("3", "1")),
        ("a.tsv", "fr\ten\nVa !\tGo.\nSalut.\tHi.\n", ("en", "fr")),
        ("a.jsonl", '{"source": "Go.", "target": "Va !"}\n\n{"source": "Hi.", "target": "Salut."}\n', (None, None)),
        ("a.jsonl", '{"en": "Go.", "fr": "Va !"}\n{"en": "Hi.", "fr": "Salut."}', ("en", "fr")),
        (
            "a.jsonl",
            '{"id": 1, "translation": {"en": "Go.", "fr": "Va !"}}\n{"translation": {"en": "Hi.", "fr": "Salut."}}',
            ("en", "fr"),
        ),
    ],
)
def test_tables_in_all_their_forms(
    tmp_path: Path, name: str, content: str, columns: tuple[str | None, str | None]
) -> None:
    assert read(written(tmp_path, name, content), *columns) == PAIRS


@pytest.mark.parametrize(
    ("name", "content", "columns", "said"),
    [
        ("a.tsv", "only one column\n", (None, None), "line 1, has one column, and a pair needs 2: separate"),
        ("a.tsv", "a\tb\na\tb\tc\nd\n", ("1", "2"), "line 3, has one column"),
        ("a.tsv", "a\tb\n", ("1", "7"), "has 2 columns, and a pair needs 7"),
        ("a.tsv", "a\tb\n", ("0", "1"), "are numbers of columns: from 1 on"),
        ("a.tsv", "english\tfrench\na\tb\n", ("englisch", "french"), "did you mean english"),
        ("a.tsv", "a\tb\n" + "x" * (LONGEST + 1), (None, None), "line 2, is longer than 1,000,000 bytes"),
        ("a.tsv", "café\tcoffee\n".encode("latin-1"), (None, None), r"line 1, is not UTF-8 \(byte 0xE9\): convert"),
        ("a.tsv", "a\tb\n".encode("utf-16-be"), (None, None), "zero byte"),
        ("a.jsonl", "{]\n", (None, None), "line 1, is no JSON: give an object a line"),
        ("a.jsonl", "[1]\n", (None, None), "is no JSON object"),
        ("a.jsonl", '{"source": "a"}\n', (None, None), r"target \(='target'\) is no column"),
        ("a.jsonl", '{"source": "a", "target": 3}\n', (None, None), r"target \(=3\) must be a text"),
        ("a.txt", "a\tb\n", (None, None), "is no file of pairs: give .tsv, .jsonl, .po, .mo, or dates"),
        ("a.po", "", ("en", "fr"), "has none: leave --source and --target out"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    tmp_path: Path, name: str, content: str | bytes, columns: tuple[str | None, str | None], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as found:
        read(written(tmp_path, name, content), *columns)
    assert "\n" not in str(found.value)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("missing.tsv", "*.po"):
        with pytest.raises(FileNotFoundError, match=name.replace("*", r"\*")):
            PairSource((str(tmp_path / name),)).files()
    with pytest.raises(IsADirectoryError, match="by a glob"):
        PairSource((str(tmp_path),)).files()


def test_half_a_choice_of_columns_is_refused() -> None:
    with pytest.raises(ValueError, match=r"source \(='en'\) is one column of two: say the other by --target"):
        PairSource(("a.tsv",), "en")
    with pytest.raises(ValueError, match="are one column"):
        PairSource(("a.tsv",), "en", "en")


def test_a_glob_and_several_names_are_read_in_order(tmp_path: Path) -> None:
    written(tmp_path, "b.tsv", "c\td\n")
    written(tmp_path, "a.tsv", "a\tb\n")
    other = written(tmp_path, "z.jsonl", '{"source": "e", "target": "f"}')
    source = PairSource((str(tmp_path / "*.tsv"), str(other)))
    assert [pair[:2] for pair in source.pairs()] == [("a", "b"), ("c", "d"), ("e", "f")]


def test_a_fingerprint_changes_with_what_is_read(tmp_path: Path) -> None:
    file = written(tmp_path, "a.tsv", "a\tb\n")
    before = PairSource((str(file),)).fingerprint()
    assert before == PairSource((str(file),)).fingerprint()
    assert before != PairSource((str(file),), "1", "2").fingerprint()
    written(tmp_path, "a.tsv", "a\tbc\n")
    assert before != PairSource((str(file),)).fingerprint()


def test_what_are_pairs_is_known_by_their_names() -> None:
    assert pairs_why("dates:500") is not None
    assert pairs_why("locale/*/de.MO") is not None
    assert pairs_why("a.tsv") is None
    assert pairs_why("a.tsv", "en") is not None
