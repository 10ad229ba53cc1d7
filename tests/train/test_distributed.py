"""Two ranks compute what one does, and either goes on with what the other began."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.processes import on_ranks

from glassworks.cli.main import run
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

WITHOUT = ("mezo", "forward_gradient", "openai_es")
"""Methods without backpropagation."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text and a recipe for each optimizer."""
    folder = tmp_path_factory.mktemp("ranks")
    words = random.Random(0).choices(["ant", "bee", "cat", "dog", "eel", "\n\n"], k=40_000)
    (folder / "text.txt").write_text(" ".join(words), encoding="utf-8")
    for name in ("adamw", "muon", *WITHOUT):
        (folder / f"{name}.toml").write_text(RECIPE.replace("OPTIMIZER", name), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def alone(folder: Path) -> dict[str, Run]:
    """Each recipe on one rank."""
    for name in ("adamw", "muon"):
        train(folder, "train", f"{name}.toml", "--name", f"{name}-1")
    return {name: Run(folder / "runs" / f"{name}-1") for name in ("adamw", "muon")}


def train(folder: Path, *words: str) -> None:
    """A command in a folder, in this process, which may be a rank."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run([*words]) == 0


def losses(of: Run) -> list[float]:
    return [row["loss"] for row in of.rows("metrics")]


def test_two_ranks_that_torchrun_starts_have_the_losses_of_one(folder: Path, alone: dict[str, Run]) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*launcher, "-m", "glassworks", "train", "muon.toml", "--name", "muon-2"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert len(losses(alone["muon"])) == 20
    assert losses(Run(folder / "runs" / "muon-2")) == pytest.approx(losses(alone["muon"]), abs=1e-5)


def test_with_adamw_too(folder: Path, alone: dict[str, Run]) -> None:
    on_ranks(2, train, folder, "train", "adamw.toml", "--name", "adamw-2")
    assert losses(Run(folder / "runs" / "adamw-2")) == pytest.approx(losses(alone["adamw"]), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", WITHOUT)
def test_without_gradients_two_ranks_do_what_one_does(folder: Path, name: str) -> None:
    words = ["train", f"{name}.toml", "--steps", "3", "--name"]
    train(folder, *words, f"{name}-1")
    on_ranks(2, train, folder, *words, f"{name}-2")
    found = [losses(Run(folder / "runs" / f"{name}-{ranks}")) for ranks in (1, 2)]
    assert found[1] == pytest.approx(found[0], abs=1e-4)
    assert len(set(found[0])) == 3


@pytest.mark.parametrize(("began", "goes_on"), [(2, 1), (1, 2)])
def test_a_checkpoint_resumes_on_another_number_of_ranks(
    folder: Path, alone: dict[str, Run], began: int, goes_on: int
) -> None:
    resumed = Run(folder / "runs" / f"{began}-then-{goes_on}")
    if began == 1:
        shutil.copytree(alone["muon"].path, resumed.path)
    else:
        on_ranks(began, train, folder, "train", "muon.toml", "--name", resumed.path.name)
    shutil.rmtree(complete_checkpoints(resumed)[-1])
    assert complete_checkpoints(resumed)[-1].name == "step_000010"
    on_ranks(goes_on, train, folder, "train", "--resume", str(resumed.path))
    assert losses(resumed) == pytest.approx(losses(alone["muon"]), abs=1e-5)


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
