"""What is decided before a run: whether compiling pays, and that what is compiled is the same function."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from glassworks.data.text.shards import prepare
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.objectives.losses import next_token_loss
from glassworks.pretraining.network import gpt_work
from glassworks.pretraining.recipe import Recipe
from glassworks.pretraining.run import text_work
from glassworks.train.device import can_compile
from glassworks.train.distributed import Ranks
from glassworks.train.plan import compile_pays, compiled, make_plan

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("device", "changes", "world", "pays"),
    [
        ("cuda", {"steps": 1}, 1, True),
        ("mps", {"steps": 10**9}, 1, False),
        ("cpu", {"steps": 100}, 1, False),
        ("cpu", {"steps": 10**6}, 1, True),
        ("cpu", {"steps": 10**6}, 2, False),
        ("cpu", {"steps": 10**6, "minutes": 4.0}, 1, False),
        ("cpu", {"steps": 100, "minutes": 10.0}, 1, True),
    ],
)
def test_compiling_pays_on_cuda_and_in_long_runs(device: str, changes: dict[str, int], world: int, pays: bool) -> None:
    recipe = dataclasses.replace(Recipe(model=GPTConfig("gpt2", 64, 64, 2, 2, 64)), **changes)
    work = gpt_work(recipe, lambda step: step, next_token_loss)
    assert compile_pays(recipe, work, torch.device(device), world) == pays


@pytest.mark.parametrize(("minutes", "compiles"), [(10.0, can_compile(CPU)), (0.001, False)])
def test_a_plan_compiles_where_it_pays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: float, compiles: bool
) -> None:
    (tmp_path / "text.txt").write_text("a b c d e f g h " * 200)
    corpus = prepare(str(tmp_path / "text.txt"), "chars", tmp_path / "data", held_out=0.1, split="tail")
    monkeypatch.setattr("glassworks.train.plan.measure_step", lambda *about: (1.0, 1e-3))
    model = GPTConfig("gpt2", corpus.tokenizer.vocab_size, 8, 1, 1, 8)
    recipe = Recipe(model=model, minutes=minutes)
    assert make_plan(recipe, text_work(recipe, corpus, Ranks()), CPU, Ranks()).compile == compiles


def difference(architecture: str) -> None:
    """Print how far a compiled loss and its gradient are from the model's own."""
    model = GPT(GPTConfig(architecture, vocab_size=32, n_ctx=16, n_layer=1, n_head=2, n_embd=16))  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():  # away from zero projections, and far enough for GELU's tails
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.5)
    tokens = torch.randint(32, (4, 17), generator=generator)
    batch = (tokens[:, :-1], tokens[:, 1:])
    seen = []
    for loss_fn in (next_token_loss, compiled(next_token_loss)):
        loss = loss_fn(model, batch)
        seen.append([loss, *torch.autograd.grad(loss, list(model.parameters()))])
    print(max(float((ours - theirs).detach().abs().max()) for ours, theirs in zip(*seen, strict=True)))


@pytest.mark.skipif(not can_compile(CPU), reason="there is no C++ compiler")
@pytest.mark.parametrize("architecture", ["gpt2", "nanochat"])
def test_a_compiled_loss_has_the_models_value_and_gradient(architecture: str) -> None:
    """In a process of its own: torch cannot compile through the checks of shapes that tests run with."""
    script = "import sys; sys.path.insert(0, sys.argv[1]); import test_plan; test_plan.difference(sys.argv[2])"
    command = [sys.executable, "-c", script, str(Path(__file__).parent), architecture]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert float(done.stdout) < 1e-5
