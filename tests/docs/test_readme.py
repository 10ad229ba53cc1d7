"""The README tells the truth today: every command and every block in it runs."""

import random
import re
import shlex
import shutil
from pathlib import Path

import pytest

from glassworks.cli.main import COMMANDS, run

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHAPE = {"n-ctx": "16", "n-layer": "1", "n-head": "2", "n-embd": "32"}
TINY = ["--batch-size", "4", *(word for name, value in SHAPE.items() for word in (f"--model.{name}", value))]


def lines(start: str) -> list[list[str]]:
    """The README's console lines that begin with a word."""
    found = re.findall(rf"^\$ ({start}.*)$", README, re.M)
    return [shlex.split(line) for line in found]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the README takes for granted: texts, recipes, and a run named demo."""
    folder = tmp_path_factory.mktemp("readme")
    words = random.Random(0).choices(["Once", "upon", "a", "time", "bee", "\n\n"], k=60_000)
    (folder / "my-texts").mkdir()
    for i in range(6):
        (folder / "my-texts" / f"{i}.txt").write_text(" ".join(words[i * 10_000 : (i + 1) * 10_000]), encoding="utf-8")
    (folder / "tinyshakespeare.txt").write_text(" ".join(words), encoding="utf-8")
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        command = ["train", "--data", "my-texts/", "--tokenizer", "bytes", "--steps", "4", "--name", "demo"]
        assert run([*command, *TINY]) == 0
        for words_of_command in lines("glassworks"):
            small = [word if word != "10" else "0.01" for word in words_of_command[1:]]
            smaller = TINY if small[0] == "train" and "--resume" not in small else []
            smaller = ["--steps", "4", *smaller] if any(word.endswith(".toml") for word in small) else smaller
            assert run([*small, *smaller]) == 0, words_of_command
    return folder


def test_every_command_line_runs(home: Path) -> None:
    assert (home / "runs" / "mine" / "report.html").exists()
    assert (home / "runs" / "shakespeare-char" / "report.html").exists()
    assert {words[1] for words in lines("glassworks")} >= set(COMMANDS) - {"demo", "tokenizer"}


def test_every_python_block_runs(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(home)
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert "torch.Size([1, " in capsys.readouterr().out


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for words in lines("make"):
        assert re.search(rf"^{words[1]}:", makefile, re.M)
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_files_it_points_to_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
