"""The README tells the truth today: every command and every block in it runs."""

import json
import random
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from tests.processes import answered_until_ctrl_c, opens_a_page

from glassworks.cli.main import COMMANDS, run

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHAPE = {"n-ctx": "16", "n-layer": "1", "n-head": "2", "n-embd": "32"}
TINY = ["--batch-size", "4", *(word for name, value in SHAPE.items() for word in (f"--model.{name}", value))]

NARROW = ["--batch-size", "4", "--model.n-layer", "1", "--model.n-head", "2", "--model.n-embd", "32"]
PAIRS = {"dates:300", "locale/*/de.po", "pairs.tsv"}
"""Data of the README's commands that are pairs of texts, the first in fewer than they are."""


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
    make_photos(folder)
    areas = random.Random(2).sample(range(20, 400), 200)
    rows = [f"{area},{12 * area + area % 7}" for area in areas]
    (folder / "flats.csv").write_text("\n".join(["area,rent", *rows]), encoding="utf-8")
    make_pairs(folder)
    make_examples(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        command = ["train", "--data", "my-texts/", "--tokenizer", "bytes", "--steps", "4", "--name", "demo"]
        assert run([*command, *TINY]) == 0
        for words_of_command in lines("glassworks"):
            if opens_a_page(words_of_command[1:]):
                assert answered_until_ctrl_c(words_of_command[1:]) == (200, 0), words_of_command
                continue
            small = [word if word != "10" else "0.01" for word in words_of_command[1:]]
            if small[:3] == ["train", "--data", "dates"]:
                small = ["train", "--data", "dates:300", "--steps", "4", *small[3:]]
            others = {"--resume", "photos/", "flats.csv", "digits", "cartpole", "env:Cliff", *PAIRS}
            is_text = small[0] == "train" and not others & set(small)
            smaller = TINY if is_text else NARROW if small[0] == "train" and PAIRS & set(small) else []
            smaller = ["--steps", "4", *smaller] if "shakespeare-char" in small else smaller
            smaller = ["--generations", "2"] if "--on" in small else smaller
            smaller = ["--steps", "4"] if small[0] == "tune" else smaller
            assert run([*small, *smaller]) == 0, words_of_command
    return folder


def make_pairs(folder: Path) -> None:
    """A catalogue and a table of pairs."""
    (folder / "locale" / "x").mkdir(parents=True)
    messages = "".join(f'msgid "File {i}"\nmsgstr "Datei {i}"\n\n' for i in range(120))
    (folder / "locale" / "x" / "de.po").write_text(messages, encoding="utf-8")
    rows = "".join(f"cat {i}\tchat {i}\n" for i in range(120))
    (folder / "pairs.tsv").write_text(f"english\tfrench\n{rows}", encoding="utf-8")


def make_examples(folder: Path) -> None:
    """Prompts with completions, and with two of which one was chosen."""
    prompts = [f"{i} a: " for i in range(40)]
    for name, rest in (("answers", {"completion": "bee"}), ("choices", {"chosen": "bee", "rejected": "time"})):
        rows = (json.dumps({"prompt": prompt, **rest}) for prompt in prompts)
        (folder / f"{name}.jsonl").write_text("\n".join(rows), encoding="utf-8")


def make_photos(folder: Path) -> None:
    """Dark and bright images by class, and new ones."""
    draw = random.Random(1)
    for i in range(60):
        image = Image.new("L", (12, 12), draw.randint(0, 100) + 120 * (i % 2))
        image.putpixel((i % 12, i // 12), 255)  # no two alike
        file = (
            folder / "photos" / ("dark", "bright")[i % 2] / f"{i}.png" if i < 56 else folder / "new-photos" / f"{i}.png"
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file)


def test_every_command_line_runs(home: Path) -> None:
    assert (home / "runs" / "mine" / "report.html").exists()
    assert (home / "runs" / "shakespeare-char" / "report.html").exists()
    assert (home / "both.html").exists()
    assert (home / "runs" / "photos" / "model.onnx").exists()
    assert {words[1] for words in lines("glassworks")} >= set(COMMANDS) - {"demo", "tokenizer"}


def test_what_the_commands_read_and_write_is_ignored_by_git(home: Path) -> None:
    shutil.copy(ROOT / ".gitignore", home)
    subprocess.run(["git", "init", "--quiet", home], check=True)
    status = ["git", "-C", home, "status", "--porcelain"]
    assert subprocess.run(status, capture_output=True, text=True, check=True).stdout == "?? .gitignore\n"


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
        assert target.startswith("https://") or (ROOT / target).exists(), target


@pytest.mark.parametrize(("word", "packages"), [("demo", "torch"), ("test", "what the tests need")])
def test_make_says_what_takes_so_long_before_it_does(tmp_path: Path, word: str, packages: str) -> None:
    """In a copy of the Makefile, with programs that only say they were called."""
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text(encoding="utf-8"), encoding="utf-8")
    for name in ("pyproject.toml", "constraints.txt", ".venv/bin/glassworks", ".venv/bin/python"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(["make", "-C", str(tmp_path), word], capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if not line.startswith("make")]
    place = next(i for i, line in enumerate(lines) if line.startswith("installing") and packages in line)
    assert "minute" in lines[place]
    assert lines[place + 1].startswith("-m pip install")


def test_make_install_links_the_program_and_clean_unlinks_it(tmp_path: Path) -> None:
    """In a copy of the Makefile whose environment is there already: the link, what is in its way, and its end."""
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text(encoding="utf-8"), encoding="utf-8")
    for name in ("pyproject.toml", "constraints.txt", ".venv/bin/glassworks", ".venv/bin/python", ".venv/.installed"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch(mode=0o755)
    link = tmp_path / "links" / "glassworks"

    def make(word: str) -> subprocess.CompletedProcess[str]:
        words = ["make", "-C", str(tmp_path), word, f"LINKS={link.parent}"]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    assert make("install").returncode == 0
    assert link.resolve() == (tmp_path / ".venv/bin/glassworks").resolve()
    assert make("install").returncode == 0
    assert make("clean").returncode == 0
    assert not link.is_symlink()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name in (".venv/bin/python", ".venv/bin/glassworks", ".venv/.installed"):
        (tmp_path / name).touch(mode=0o755)
    link.touch()
    done = make("install")
    assert done.returncode != 0
    assert "remove it first" in done.stdout
    assert not link.is_symlink()
