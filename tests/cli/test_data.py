"""`glassworks data card`: the page, its JSON, what is printed, and mistakes in one line."""

import json
from pathlib import Path

import pytest
from tests.evaluate.card.planted import PIXELS, TARGETS, folder_of, larger, rows, table

from glassworks.cli.main import run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_table_with_a_leak_becomes_a_page_and_its_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table([{**row, "copy": row["target"]} for row in rows(120)], home, target="target")
    assert run(["data", "card", "table.csv", "--target", "target"]) == 0
    out = capsys.readouterr().out
    assert "serious  Column 'copy' alone tells the class: 100 %" in out
    assert out.endswith("card.html\n")
    page = (home / "card.html").read_text()
    assert "mend first" in page
    assert "Looked for and not found: exact copies" in page
    said = json.loads((home / "card.json").read_text())
    assert said["findings"][0]["what"] == "column"
    assert set(said["examples"]) == {"train", "validation", "test"}


def test_a_folder_with_a_corner_mark_shows_pictures(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels, targets = larger(PIXELS[:200]), TARGETS[:200]
    pixels[targets == 3, 0, :3, :3] = 255
    pixels[7] = pixels[0]
    folder_of(pixels, targets, home / "photos")
    assert run(["data", "card", "photos", "--out", "pages/photos.html", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"duplicates", "border"} <= {finding["what"] for finding in said["findings"]}
    assert said == json.loads((home / "pages/photos.json").read_text())
    page = (home / "pages/photos.html").read_text()
    assert page.count("<img") > 60
    assert "other target" in page
    assert "3/" in page


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["data"], "data needs a part"),
        (["data", "cart", "x"], "did you mean card?"),
        (["data", "card"], "PATH is missing"),
        (["data", "card", "nothing"], "nothing"),
        (["data", "card", "text.txt"], "no labelled data"),
        (["data", "card", "table.csv"], "target"),
        (["data", "card", "table.csv", "--target", "targt"], "did you mean target?"),
        (["data", "card", "digits", "--size", "0"], "--size"),
        (["data", "card", "digits", "--test", "1.5"], "--test"),
        (["data", "card", "digits", "--out", "card.txt"], "--out"),
        (["data", "card", "digits", "--out", "folder.html"], "folder.html"),
        (["data", "card", "ragged.csv", "--target", "b"], "row 2"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    words: list[str], line: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table(rows(30), home, target="target")
    (home / "text.txt").write_text("words")
    (home / "ragged.csv").write_text("a,b\n1,x\n2,y,z\n")
    (home / "folder.html").mkdir()
    before = sorted(home.iterdir())
    assert run(words) == 2
    err = capsys.readouterr().err.strip().splitlines()
    assert line in err[-1]
    assert sum(one.startswith("glassworks: ") for one in err) == 1
    assert [path for path in sorted(home.iterdir()) if path.name != "runs"] == before
