"""Words that pages explain on hover are those of docs/glossary.md."""

import re
from pathlib import Path

import pytest

from glassworks.studio.questions import glossary
from glassworks.studio.studio import Studio

WEB = Path(__file__).parents[2] / "web" / "src"
USED = {word for path in WEB.rglob("*.svelte") for word in re.findall(r'<Term word="([^"]+)"', path.read_text("utf-8"))}


def test_every_line_of_the_glossary_is_a_word_or_several(tmp_path: Path) -> None:
    found = glossary.words(Studio(tmp_path))
    lines = [line for line in glossary.PLACES[-1].read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(found) >= len(lines) - 2  # two headings
    assert found["run"].startswith("a directory with everything")
    assert found["ece"] == found["calibration"]
    assert found["<|endoftext|>"] == "the separator that precedes every document"
    assert not any("`" in word + meaning or "|" in meaning for word, meaning in found.items())


def test_pages_explain_some() -> None:
    assert USED


@pytest.mark.parametrize("word", sorted(USED))
def test_a_word_that_a_page_explains_is_in_the_glossary(word: str, tmp_path: Path) -> None:
    assert glossary.words(Studio(tmp_path))[word.lower()]


def test_an_installed_wheel_reads_its_own_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "glossary.md").write_text("| term | meaning |\n|---|---|\n| a, b | c |\n", encoding="utf-8")
    monkeypatch.setattr(glossary, "PLACES", (tmp_path / "glossary.md", glossary.PLACES[1]))
    glossary.read.cache_clear()
    assert glossary.words(Studio(tmp_path)) == {"a": "c", "b": "c"}
    monkeypatch.setattr(glossary, "PLACES", (tmp_path / "nowhere.md",))
    glossary.read.cache_clear()
    assert glossary.words(Studio(tmp_path)) == {}
    glossary.read.cache_clear()
