"""Two ranks compute what one does, and either goes on with what the other began."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from glassworks.core.runs import Run
from glassworks.train.checkpoint import complete_checkpoints
from glassworks.train.distributed import ranks

RECIPE = """
data = "text.txt"
held_out = 0.2
tokenizer = "bytes"
batch_size = 4
steps = 20
checkpoint_every = 10
eval_every = 10
precision = "float32"

[model]
n_ctx = 16
n_layer = 1
n_head = 2
n_embd = 32

[optimizer]
name = "OPTIMIZER"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text and a recipe for each optimizer."""
    folder = tmp_path_factory.mktemp("ranks")
    words = random.Random(0).choices(["ant", "bee", "cat", "dog", "eel", "\n\n"], k=40_000)
    (folder / "text.txt").write_text(" ".join(words), encoding="utf-8")
    for name in ("adamw", "muon"):
        (folder / f"{name}.toml").write_text(RECIPE.replace("OPTIMIZER", name), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def runs(folder: Path) -> dict[int, Run]:
    """The same recipe on one rank and on two."""
    return {world: train(folder, world, "muon", f"muon-{world}") for world in (1, 2)}


def train(folder: Path, world: int, recipe: str, name: str, *flags: str) -> Run:
    glassworks(folder, world, "train", f"{recipe}.toml", "--name", name, *flags)
    return Run(folder / "runs" / name)


def glassworks(folder: Path, world: int, *words: str) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={world}"] if world > 1 else []
    command = [sys.executable, *launcher, "-m", "glassworks", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr


def losses(run: Run) -> list[float]:
    return [row["loss"] for row in run.rows("metrics")]


def test_two_ranks_have_the_losses_of_one(runs: dict[int, Run]) -> None:
    assert len(losses(runs[1])) == 20
    assert losses(runs[2]) == pytest.approx(losses(runs[1]), abs=1e-5)


def test_with_adamw_too(folder: Path) -> None:
    one, two = (train(folder, world, "adamw", f"adamw-{world}") for world in (1, 2))
    assert losses(two) == pytest.approx(losses(one), abs=1e-5)


@pytest.mark.parametrize(("began", "goes_on"), [(2, 1), (1, 2)])
def test_a_checkpoint_resumes_on_another_number_of_ranks(runs: dict[int, Run], began: int, goes_on: int) -> None:
    folder = runs[began].path.parent.parent
    resumed = Run(folder / "runs" / f"{began}-then-{goes_on}")
    shutil.copytree(runs[began].path, resumed.path)
    shutil.rmtree(complete_checkpoints(resumed)[-1])
    assert complete_checkpoints(resumed)[-1].name == "step_000010"
    glassworks(folder, goes_on, "train", "--resume", str(resumed.path))
    assert losses(resumed) == pytest.approx(losses(runs[1]), abs=1e-5)


@pytest.mark.parametrize(
    ("name", "given", "least"),
    [("WORLD_SIZE", "two", 1), ("WORLD_SIZE", "0", 1), ("RANK", "-1", 0), ("LOCAL_RANK", "", 0)],
)
def test_a_place_among_ranks_that_is_none_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, given: str, least: int
) -> None:
    for variable in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(variable, "2" if variable == "WORLD_SIZE" else "0")
    monkeypatch.setenv(name, given)
    with pytest.raises(
        ValueError, match=rf"{name} \(='{given}'\) in .* must be a whole number of at least {least}: unset"
    ):
        ranks(torch.device("cpu")).__enter__()
