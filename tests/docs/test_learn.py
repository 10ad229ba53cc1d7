"""Chapters of docs/learn tell the truth: every block runs, and prints what the chapter shows."""

import contextlib
import io
import json
import linecache
import re
import shlex
import shutil
from pathlib import Path

import pytest

from glassworks.cli.main import run

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "docs" / "learn").glob("*.md"))
BLOCK = re.compile(r"```(python|text|console)\n(.*?)```", re.S)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run named demo: the demo's shape, hardly trained, on a few files of the standard library."""
    folder = tmp_path_factory.mktemp("learn")
    (folder / "texts").mkdir()
    for file in sorted(Path(json.__file__).parent.parent.glob("[a-d]*.py"))[:12]:
        shutil.copyfile(file, folder / "texts" / file.name)
    shape = {"n-ctx": "64", "n-layer": "4", "n-head": "4", "n-embd": "128"}
    words = [word for name, value in shape.items() for word in (f"--model.{name}", value)]
    train = [
        "train",
        "--data",
        "texts",
        "--tokenizer",
        "bpe:512",
        "--steps",
        "4",
        "--batch-size",
        "4",
        "--name",
        "demo",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run([*train, *words]) == 0
    return folder


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_block_prints_what_the_chapter_shows(chapter: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
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
    chapter: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(home)
    commands = re.findall(r"^\$ glassworks (.*)$", chapter.read_text(encoding="utf-8"), re.M)
    assert commands
    for command in commands:
        assert run(shlex.split(command)) == 0, capsys.readouterr().err
