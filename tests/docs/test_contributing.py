"""CONTRIBUTING.md tells the truth today: the files, the names and the words of make that it leads to are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`\n]+)`", GUIDE)
FILES = sorted({word for word in CODE if re.fullmatch(r"[\w./-]+\.(?:py|md)", word)})
NAMES = sorted({word.partition("(")[0] for word in CODE if re.fullmatch(r"@?[A-Za-z_][\w.]*(?:\(.*)?", word)})
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_named_is_there(name: str) -> None:
    assert (ROOT / name).is_file() or any(list((ROOT / room).rglob(name)) for room in ("src", "tests"))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FILES and name != "slow"])
def test_a_name_is_one_of_the_packages(name: str) -> None:
    assert re.search(rf"\b{name.removeprefix('@').rpartition('.')[2]}\b", SOURCES)


def test_words_of_make_are_in_the_makefile() -> None:
    words = set(re.findall(r"\bmake ([a-z-]+)", "\n".join([*CODE, *re.findall(r"```console\n(.*?)```", GUIDE, re.S)])))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert words >= {"check", "test", "peers", "docs"}
    assert all(re.search(rf"^{word}:", makefile, re.M) for word in words)
