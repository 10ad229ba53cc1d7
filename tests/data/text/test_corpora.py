import gzip
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from glassworks.data.text.corpora import Document, documents, fingerprint
from glassworks.data.text.reading import Reading, described, noted


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.txt", "a.md", "sub/c.py", "sub/deep/d.txt", ".hidden/x.txt", ".y.txt", "picture.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text of {name}", encoding="utf-8")
    (tmp_path / "sub" / "e.jsonl.gz").write_bytes(gzip.compress(b'{"text": "one"}\n{"text": "two"}\n'))
    return tmp_path


def names(source: str | list[str]) -> list[str]:
    return [document.name for document in documents(source)]


def test_the_standard_library_is_read_in_a_fixed_order_without_tests_or_packages() -> None:
    found = names("stdlib")
    assert found == names("stdlib")
    assert {"json/decoder.py", "argparse.py"} < set(found)
    assert len(set(found)) == len(found) > 400
    assert not any(part in name for name in found for part in ("site-packages", "/test/", "/tests/", "idle_test"))


def test_a_folder_is_read_recursively_in_order_and_hidden_or_other_files_are_left_out(folder: Path) -> None:
    assert names(str(folder)) == ["a.md", "b.txt", "sub/c.py", "sub/e.jsonl.gz:1", "sub/e.jsonl.gz:2", "sub/deep/d.txt"]


def test_a_glob_a_file_and_several_sources(folder: Path) -> None:
    assert names(f"{folder}/sub/*.py") == names(f"{folder}/s*/c*") == [f"{folder}/sub/c.py"]
    assert names(f"{folder}/**/[bd].txt") == [f"{folder}/b.txt", f"{folder}/sub/deep/d.txt"]
    assert list(documents([f"{folder}/sub/c.py", f"{folder}/sub"]))[:2] == [Document("c.py", "text of sub/c.py")] * 2


def test_long_text_files_are_cut_short_ones_and_python_files_are_not(tmp_path: Path) -> None:
    long, short = "a line of text\n" * 10_000, "a line of text\n" * 400
    for name, text in (("long.txt", long), ("long.py", long), ("short.txt", short)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    by_file = [name.partition(":")[0] for name in names(str(tmp_path))]
    assert (by_file.count("long.py"), by_file.count("short.txt")) == (1, 1)
    assert by_file.count("long.txt") > 20
    assert "".join(d.text for d in documents(str(tmp_path / "long.txt"))) == long
    assert len(names(str(tmp_path / "short.txt"))) == 2  # the whole source, so it is cut


def test_missing_sources_are_named_with_the_nearest_match(folder: Path) -> None:
    place = re.escape(str(folder))
    with pytest.raises(ValueError, match=rf"there is no {place}/bb.txt: did you mean {place}/b.txt\?"):
        names(f"{folder}/bb.txt")
    with pytest.raises(ValueError, match=rf"there is no {place}/no: give "):
        names(f"{folder}/no/such/place.txt")
    with pytest.raises(ValueError, match=rf"cannot be read: {place}/b.txt is a file, no folder: give the file itself"):
        names(f"{folder}/b.txt/x/y")
    (folder / "link.txt").symlink_to("nowhere")
    with pytest.raises(ValueError, match=r"link\.txt is a link to nowhere, where there is nothing"):
        names(f"{folder}/link.txt")
    with pytest.raises(ValueError, match="there is no .*/~nobody-of-this-name"):
        names("~nobody-of-this-name/a.txt")
    with pytest.raises(ValueError, match="matches no file"):
        names(f"{folder}/*.rst")
    with pytest.raises(ValueError, match="is empty: give"):
        names("")
    with pytest.raises(ValueError, match="is empty: give"):
        names([])


def test_empty_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no text: .*\.txt.*; nor are images in it, as \.png .*for each class$"):
        names(str(tmp_path))
    (tmp_path / "a.txt").touch()
    (tmp_path / "b.jsonl").write_text(json.dumps({"text": ""}) + "\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text(" \n\n\t", encoding="utf-8")
    for source in (tmp_path, tmp_path / "a.txt", tmp_path / "b.jsonl", tmp_path / "c.txt"):
        with pytest.raises(ValueError, match="holds no text: give files that are not empty or blank"):
            names(str(source))


def test_files_that_a_folder_does_not_give_are_counted_by_their_kind(folder: Path) -> None:
    for name in ("1.csv", "2.CSV", "sub/3.csv", "sub/Makefile", "sub/.z.csv", "4.htm", "5.tex"):
        (folder / name).touch()
    reading = Reading()
    for _ in range(2):
        assert list(documents([str(folder), str(folder / "sub")], reading))
        assert noted(reading)["passed"] == {".csv": 4, "": 2, ".htm": 1, ".png": 1, ".tex": 1}
    line = described(noted(reading))[-1]
    assert line.startswith("passed over: 4 .csv, 2 without a suffix, 1 .htm and 2 more kinds; a folder gives .txt .md ")
    assert ", with a column asked for also .csv .tsv, and" in line
    (folder / "only").mkdir()
    (folder / "only" / "a.csv").write_text("text\na\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"holds no text: passed over: 1 \.csv; a folder gives"):
        names(str(folder / "only"))


def test_where_several_fields_hold_text_they_are_listed_with_the_way_to_choose(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for row, said in (
        ({"title": "t", "body": "b", "n": 1}, r'"text", and several hold text: its fields are title \(str\), body'),
        ({"n": 1}, r'"text", and none holds text: its fields are n \(int\)'),
    ):
        path.write_text(json.dumps(row), encoding="utf-8")
        with pytest.raises(ValueError, match=rf"has no field {said}.*; name one that holds text by column=NAME"):
            names(str(path))


def test_files_left_out_are_told_in_one_line_each_reason_once() -> None:
    skipped = [{"name": f"{i}.txt", "why": f"d/{i}.txt is binary (offset {i}): leave it out"} for i in range(1200)]
    (line,) = described({"skipped": [*skipped, {"name": "x.txt", "why": "Permission denied"}]})
    assert line == (
        "left out: 1,201 files: 0.txt (d/0.txt is binary (offset 0): leave it out), x.txt (Permission denied), 1.txt "
        "and 1,198 more"
    )


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="neither a file nor a folder"):
        names(str(tmp_path / "pipe"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_and_folders_are_errors_that_name_them(folder: Path) -> None:
    for name in ("b.txt", "sub"):
        path = folder / name
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(0)
        with pytest.raises(PermissionError, match=name):
            names(str(folder))
        path.chmod(mode)


def test_unreadable_files_are_left_out_whole_and_listed_where_asked(tmp_path: Path) -> None:
    contents = {
        "a.txt": b"one", "b.txt": b"tw\0", "c.txt": b"caf\xe9", "d.jsonl": b'{"text": "x"}\n{"te', "e.parquet": b"PAR1",
        "sub/b.txt": b"two",
    }  # fmt: skip
    (tmp_path / "sub").mkdir()
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "f.txt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "g.txt")
    with pytest.raises(ValueError, match=r"b\.txt is binary.*skip_unreadable=True leaves such files out"):
        names(str(tmp_path))
    reading = Reading(skip_unreadable=True)
    for _ in range(2):
        found = [document.name for document in documents([str(tmp_path), str(tmp_path / "sub")], reading)]
        assert found == ["a.txt", "sub/b.txt", "b.txt:1"]
        skipped = dict(reading.skipped.values())
        assert list(skipped) == ["b.txt", "c.txt", "d.jsonl", "e.parquet", "f.txt", "g.txt"]
    assert "binary" in skipped["b.txt"]
    assert "not UTF-8" in skipped["c.txt"]
    assert "not valid JSON" in skipped["d.jsonl"]
    assert skipped["f.txt"] == "No such file or directory"
    assert all("\n" not in why for why in skipped.values())
    assert len(list(fingerprint(str(tmp_path), reading))) == 8
    for path in tmp_path.glob("*.txt"):
        path.unlink()
    (tmp_path / "sub" / "b.txt").unlink()
    with pytest.raises(
        ValueError, match=r"it has 2 files that cannot be read: d\.jsonl \(.*is not valid JSON.*, e\.par"
    ):
        list(documents(str(tmp_path), Reading(skip_unreadable=True)))


def test_a_table_with_a_header_that_is_none_is_left_out_where_asked(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\ra\r", encoding="utf-8")
    (tmp_path / "b.csv").write_text("text\na\n", encoding="utf-8")
    reading = Reading(column="text", skip_unreadable=True)
    assert [document.name for document in documents(str(tmp_path), reading)] == ["b.csv:2"]
    assert [name for name, _ in reading.skipped.values()] == ["a.csv"]


def test_a_column_is_taken_of_every_table_of_a_folder(folder: Path) -> None:
    (folder / "t.csv").write_text("id,body\n1,one\n", encoding="utf-8")
    (folder / "u.JSONL").write_text('{"body": "two"}\n', encoding="utf-8")
    (folder / "sub" / "e.jsonl.gz").unlink()
    reading = Reading("body")
    found = [document.name for document in documents(str(folder), reading)]
    assert found == ["a.md", "b.txt", "t.csv:2", "u.JSONL:1", "sub/c.py", "sub/deep/d.txt"]
    assert list(reading.columns.values()) == [("t.csv", "body"), ("u.JSONL", "body")]
    assert "t.csv" not in "".join(names(str(folder)))  # as ever where no column is asked for
    with pytest.raises(ValueError, match=r"column \(='body'\) is for tables, and source .* has none"):
        list(documents(str(folder / "b.txt"), Reading("body")))


def test_a_file_whose_name_is_latin_1_is_read_and_its_name_spelled_out(tmp_path: Path) -> None:
    (tmp_path / "caf\udce9.txt").write_text("text", encoding="utf-8")
    assert names(str(tmp_path)) == ["caf\\udce9.txt:1"]
    assert list(fingerprint(str(tmp_path)))
    for name in names(f"{tmp_path}/*.txt"):
        assert name.encode()
    with pytest.raises(
        ValueError, match=r"source\[\d+\] .* is a lone surrogate, .*: rename the file, or give the folder"
    ):
        names(f"{tmp_path}/caf\udce9.txt")


def test_a_path_is_a_source(folder: Path) -> None:
    assert "".join(d.text for d in documents(folder / "b.txt")) == "text of b.txt"
    assert "".join(d.text for d in documents([folder / "b.txt", str(folder / "a.md")])) == "text of b.txttext of a.md"


@pytest.mark.parametrize("source", ["hf:", "hf:a/b:train:text:more"])
def test_a_malformed_dataset_id_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="must look like hf:"):
        names(source)


def test_a_dataset_is_streamed_from_its_split_and_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    folder = tmp_path / "owner" / "name"
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        row = json.dumps({"title": "t", "body": f"a row of {split}"})
        (folder / f"{split}.jsonl").write_text(row + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    assert list(documents("hf:owner/name:test:body")) == [Document("owner/name:0", "a row of test")]
    with pytest.raises(ValueError, match="its fields are title"):
        names("hf:owner/name")


def test_a_dataset_without_the_extra_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets.load", None)
    with pytest.raises(ValueError, match=r"needs the package datasets: .*pip install datasets"):
        names("hf:owner/name")


@pytest.mark.slow
def test_a_dataset_that_cannot_be_reached_is_one_line() -> None:
    pytest.importorskip("datasets")
    code = (
        "from glassworks.data.text.corpora import documents\n"
        "try: next(documents('hf:no/such'))\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("source (=hf:no/such) cannot be read: ")
    assert done.stdout.count("\n") == 1


def test_the_fingerprint_changes_with_any_file(folder: Path) -> None:
    before = list(fingerprint(str(folder)))
    assert before == list(fingerprint(str(folder)))
    os.utime(folder / "b.txt", ns=(1, 1))
    after = list(fingerprint(str(folder)))
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
    assert list(fingerprint("stdlib")) == list(fingerprint("stdlib"))
    assert list(fingerprint("hf:a/b:train")) == ["hf:a/b:train"]
