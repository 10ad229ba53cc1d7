"""Chapters of docs/learn tell the truth: every block runs, and prints what the chapter shows."""

import contextlib
import io
import linecache
import re
import shlex
from pathlib import Path

import pytest

from glassworks.cli.main import run

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "docs" / "learn").glob("*.md"))
BLOCK = re.compile(r"```(python|text|console)\n(.*?)```", re.S)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_block_prints_what_the_chapter_shows(chapter: Path) -> None:
    blocks = BLOCK.findall(chapter.read_text(encoding="utf-8"))
    names: dict[str, object] = {"__name__": "__main__"}
    shown = 0
    for i, (kind, code) in enumerate(blocks):
        if kind != "python":
            continue
        file = f"<{chapter.name} block {i}>"
        linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, file, "exec"), names)
        expected = blocks[i + 1][1] if i + 1 < len(blocks) and blocks[i + 1][0] == "text" else ""
        assert printed.getvalue() == expected, code
        shown += bool(expected)
    assert shown > 5


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_command_runs(
    chapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\$ glassworks (.*)$", chapter.read_text(encoding="utf-8"), re.M)
    assert commands
    for command in commands:
        assert run(shlex.split(command)) == 0, capsys.readouterr().err
