"""What is decided before a run: whether compiling pays, and that what is compiled is the same function."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from tests.processes import processes

from glassworks.data.text.shards import prepare
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.objectives.losses import next_token_loss
from glassworks.optim.config import OptimizerConfig
from glassworks.pretraining.network import gpt_work
from glassworks.pretraining.recipe import Recipe
from glassworks.pretraining.run import text_work
from glassworks.train.device import can_compile
from glassworks.train.distributed import Ranks
from glassworks.train.plan import Plan, compile_pays, compiled, computed, make_plan, measure_step, speed

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
        ("cpu", {"steps": 10**6, "optimizer": OptimizerConfig("mezo")}, 1, False),
        ("cuda", {"steps": 10**6, "optimizer": OptimizerConfig("hebbian")}, 1, False),
    ],
)
def test_compiling_pays_on_cuda_and_in_long_runs(device: str, changes: dict[str, Any], world: int, pays: bool) -> None:
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


def compare(architecture: str, backend: str, out: Path) -> None:
    """Write down how far a compiled loss and its gradient are from the model's own, in how many graphs."""
    from torch._dynamo.utils import counters

    model = GPT(GPTConfig(architecture, vocab_size=32, n_ctx=16, n_layer=1, n_head=2, n_embd=16))  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():  # away from zero projections, and far enough for GELU's tails
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.5)
    tokens = torch.randint(32, (4, 17), generator=generator)
    batch = (tokens[:, :-1], tokens[:, 1:])
    with patch("torch.compile", partial(torch.compile, backend=backend, fullgraph=True)):
        made = compiled(next_token_loss)
    seen = []
    for loss_fn in (next_token_loss, made):
        loss = loss_fn(model, batch)
        seen.append([loss, *torch.autograd.grad(loss, list(model.parameters()))])
    furthest = max(float((ours - theirs).detach().abs().max()) for ours, theirs in zip(*seen, strict=True))
    out.write_text(f"{furthest} {counters['stats']['unique_graphs']}", encoding="utf-8")


C_PLUS_PLUS = pytest.mark.skipif(not can_compile(CPU), reason="there is no C++ compiler")


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=[pytest.mark.slow, C_PLUS_PLUS])])
@pytest.mark.parametrize("architecture", ["gpt2", "nanochat"])
def test_a_compiled_loss_is_one_graph_with_the_models_value_and_gradient(
    architecture: str, backend: str, tmp_path: Path
) -> None:
    """In a process of its own: torch cannot compile through the checks of shapes that tests run with."""
    child = processes.Process(target=compare, args=(architecture, backend, tmp_path / "out"))
    child.start()
    child.join()
    furthest, graphs = (tmp_path / "out").read_text(encoding="utf-8").split()
    assert float(furthest) < 1e-5
    assert graphs == "1"


def small(name: str, **changes: Any) -> Recipe:
    shape = GPTConfig("gpt2", 64, 64, 2, 2, 64)
    return dataclasses.replace(Recipe(model=shape, optimizer=OptimizerConfig(name)), **changes)


def test_a_rule_computes_in_float32() -> None:
    recipe = small("hebbian", model=GPTConfig("gpt2", 64, 64, 2, 2, 1024))
    assert computed(recipe, gpt_work(recipe, lambda step: step, next_token_loss), CPU) == (torch.float32, False)
    with pytest.raises(ValueError, match=r"precision \(='bfloat16'\) is not for hebbian, which computes in float32"):
        small("hebbian", precision="bfloat16")


@pytest.mark.parametrize(("name", "timed"), [("adamw", 8), ("openai_es", 1)])
def test_the_steps_of_a_search_that_are_long_are_not_timed_for_longer_than_a_tenth_of_the_minutes(
    name: str, timed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(10**6))  # two seconds a step, or so the clock says
    monkeypatch.setattr("glassworks.train.plan.time.perf_counter", lambda: float(2 * next(clock)))
    done: list[int] = []
    monkeypatch.setattr("glassworks.train.plan.fit", lambda *given, steps, **how: done.append(steps))
    recipe = small(name, minutes=0.25, precision="float32")
    work = gpt_work(recipe, lambda step: (torch.zeros(2, 4).long(), torch.zeros(2, 4).long()), next_token_loss)
    seconds, _ = measure_step(recipe, work, CPU, torch.float32, False, Ranks())
    assert seconds == 2.0
    assert len(done) == timed


def test_operations_are_those_of_the_forward_passes_that_a_search_took() -> None:
    recipe = small("openai_es")
    work = gpt_work(recipe, lambda step: step, next_token_loss)
    row = {"step": 10, "seconds": 1.0, "tokens_per_s": 100.0}
    plan = Plan(10, "float32", False)
    plain, searched = (speed([{**row, **more}], work, plan, 10, CPU, Ranks()) for more in ({}, {"forwards": 650.0}))
    assert searched["flops_per_token"] == pytest.approx(plain["flops_per_token"] * 65 / 3)
    assert searched["peak_share"] == pytest.approx(plain["peak_share"] * 65 / 3, rel=0.5)
