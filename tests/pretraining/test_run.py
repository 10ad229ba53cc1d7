"""Pre-training ends with the same weights, however often it is stopped on the way."""

import hashlib
import os
import random
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.processes import processes

from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.runs import Run
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import save_model
from glassworks.pretraining.recipe import Recipe
from glassworks.pretraining.run import corpus_of_run, model_of, pretrain, start
from glassworks.train.checkpoint import complete_checkpoints, save_checkpoint

TINY = GPTConfig(n_ctx=16, n_layer=1, n_head=2, n_embd=32)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    words = random.Random(0).choices(["ant", "bee", "cat", "dog", "eel", "\n\n"], k=4000)
    for i in range(8):
        (tmp_path / f"text{i}.txt").write_text(" ".join(words[i * 500 : (i + 1) * 500]), encoding="utf-8")
    return Recipe(
        data=f"{tmp_path}/*.txt",
        held_out=0.3,
        tokenizer="bytes",
        model=TINY,
        batch_size=4,
        steps=40,
        checkpoint_every=3,
    )


def weights(run: Run) -> str:
    return hashlib.sha256((run.path / "model" / "model.safetensors").read_bytes()).hexdigest()


def test_learns_and_leaves_a_complete_run(tmp_path: Path, recipe: Recipe) -> None:
    run = start(tmp_path / "runs" / "a", replace(recipe, steps=60), ["glassworks", "train"])
    assert pretrain(run)
    rows = run.rows("metrics")
    assert rows[-1]["step"] == 60
    assert rows[-1]["loss"] < rows[0]["loss"] - 0.5
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {p.name for p in (run.path / "model").iterdir()}
    assert run.record["result"]["tokens"] == 60 * 4 * 16
    assert run.record["recipe"]["model"]["vocab_size"] == corpus_of_run(run).tokenizer.vocab_size
    assert {row["step"] for row in run.rows("samples")} == {15, 30, 45, 60}


def test_the_same_recipe_gives_the_same_weights(tmp_path: Path, recipe: Recipe) -> None:
    runs = [start(tmp_path / "runs" / name, recipe, []) for name in "ab"]
    assert all(pretrain(run) for run in runs)
    assert weights(runs[0]) == weights(runs[1])
    other = start(tmp_path / "runs" / "c", replace(recipe, seed=1), [])
    pretrain(other)
    assert weights(other) != weights(runs[0])


@pytest.mark.parametrize("kills", [8, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_instants_it_ends_with_identical_weights(tmp_path: Path, recipe: Recipe, kills: int) -> None:
    recipe = replace(recipe, steps=120, checkpoint_every=4)
    whole, broken = (start(tmp_path / "runs" / name, recipe, []) for name in ("whole", "broken"))
    child = processes.Process(target=pretrain, args=(whole,))
    child.start()
    child.join()  # the first one pays for the server
    (whole.path / "metrics.jsonl").unlink()
    shutil.rmtree(whole.path / "checkpoints")
    child, began = processes.Process(target=pretrain, args=(whole,)), time.monotonic()
    child.start()
    while not complete_checkpoints(whole):
        time.sleep(0.005)
    first = time.monotonic() - began
    child.join()
    last = time.monotonic() - began

    instants, reached, interval = random.Random(1), set[str](), (last - first) / 29  # between two checkpoints
    for kill in range(kills):
        child = processes.Process(target=pretrain, args=(broken,))
        child.start()
        if kill % 2:  # somewhere in the loop, or in the writing of a checkpoint
            while child.is_alive() and reached.issuperset(path.name for path in complete_checkpoints(broken)[-1:]):
                time.sleep(0.002)
            time.sleep(instants.uniform(0, 2 * interval))
        else:  # somewhere on the way to it
            time.sleep(instants.uniform(0, 1.2 * first))
        child.kill()
        child.join()
        reached |= {path.name for path in complete_checkpoints(broken)}
    assert len(reached) > kills // 6, "the kills came too early to test anything"
    assert pretrain(broken)
    assert weights(broken) == weights(whole)
    assert broken.rows("metrics")[-1]["loss"] == whole.rows("metrics")[-1]["loss"]
    assert not list(broken.path.rglob("*.tmp"))


@pytest.mark.parametrize("last", [8, 12])
def test_killed_as_soon_as_a_checkpoint_stands_it_has_the_rows_up_to_there(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    recipe = replace(recipe, steps=12, checkpoint_every=4)
    whole, broken = (start(tmp_path / "runs" / name, recipe, []) for name in ("whole", "broken"))
    assert pretrain(whole)

    def killed(run: Run, step: int, *rest: Any) -> None:
        save_checkpoint(run, step, *rest)
        if step == last:
            raise KeyboardInterrupt

    monkeypatch.setattr("glassworks.train.resumable.save_checkpoint", killed)
    with pytest.raises(KeyboardInterrupt):
        pretrain(broken)
    monkeypatch.undo()
    assert pretrain(broken)
    losses = [{row["step"]: row["loss"] for row in run.rows("metrics")} for run in (whole, broken)]
    assert losses[0] == losses[1]
    assert last in losses[1]


def test_averaged_weights_are_what_is_saved(tmp_path: Path, recipe: Recipe) -> None:
    plain, averaged = (start(tmp_path / "runs" / str(ema), replace(recipe, ema=ema), []) for ema in (None, 0.9))
    assert pretrain(plain)
    assert pretrain(averaged)
    a, b = model_of(plain), model_of(averaged)
    assert not torch.equal(a.embed.weight, b.embed.weight)
    (averaged.path / "model" / "config.json").unlink()  # then the checkpoint's average is used
    assert torch.equal(model_of(averaged).embed.weight, b.embed.weight)


def test_minutes_plan_the_steps(tmp_path: Path, recipe: Recipe) -> None:
    run = start(tmp_path / "runs" / "m", replace(recipe, minutes=0.02), [])
    plan = run.record["plan"]
    assert plan["steps"] == int(0.02 * 60 / plan["step_seconds"])
    pretrain(run)
    assert run.rows("metrics")[-1]["step"] == run.steps  # revised on the way, perhaps
    assert run.record["plan"] == plan


def test_a_run_that_exists_is_not_overwritten(tmp_path: Path, recipe: Recipe) -> None:
    start(tmp_path / "runs" / "a", recipe, [])
    with pytest.raises(RunError, match="exists already: choose another --name"):
        start(tmp_path / "runs" / "a", recipe, [])


def test_a_deleted_corpus_is_made_again_and_a_changed_one_refused(tmp_path: Path, recipe: Recipe) -> None:
    run = start(tmp_path / "runs" / "a", recipe, [])
    shutil.rmtree(tmp_path / "runs" / ".tokens")
    assert corpus_of_run(run).digest == run.record["corpus"]["digest"]
    shutil.rmtree(tmp_path / "runs" / ".tokens")
    (tmp_path / "text0.txt").write_text("something else entirely", encoding="utf-8")
    with pytest.raises(RunError, match="has changed since the run began"):
        corpus_of_run(run)


def test_several_sources_a_column_and_files_left_out_are_the_same_when_the_corpus_is_made_again(
    tmp_path: Path, recipe: Recipe
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.jsonl").write_text('{"text": "no", "body": "ant bee"}\n' * 9, encoding="utf-8")
    (tmp_path / "more" / "b.txt").write_bytes(b"\0")
    recipe = replace(recipe, data=(recipe.data, f"{tmp_path}/more"), column="body", skip_unreadable=True)
    run = start(tmp_path / "runs" / "a", recipe, [])
    digest = corpus_of_run(run).digest
    assert run.record["corpus"]["columns"] == [{"column": "body", "files": 1, "first": "a.jsonl"}]
    assert [row["name"] for row in run.record["corpus"]["skipped"]] == ["b.txt"]
    shutil.rmtree(tmp_path / "runs" / ".tokens")
    again = corpus_of_run(run)
    assert again.digest == digest
    assert [row["name"] for row in again.meta["skipped"]] == ["b.txt"]
    assert again.meta["columns"][0]["column"] == "body"


def test_a_damaged_newest_checkpoint_is_named_and_without_it_the_run_goes_on(tmp_path: Path, recipe: Recipe) -> None:
    run = start(tmp_path / "runs" / "a", recipe, [])
    pretrain(run)
    before, newest = weights(run), complete_checkpoints(run)[-1]
    content = bytearray((newest / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (newest / "model.safetensors").write_bytes(content)
    with pytest.raises(FileDamaged, match="delete .* to resume from the checkpoint before it"):
        pretrain(run)
    shutil.rmtree(newest)
    assert pretrain(run)
    assert weights(run) == before


def test_killed_before_its_result_stands_in_place_of_an_interruptions_it_is_trained_when_resumed(
    tmp_path: Path, recipe: Recipe
) -> None:
    run = start(tmp_path / "runs" / "a", recipe, [])
    pretrain(run)
    run.update(result=run.record["result"] | {"step": 20})
    shutil.rmtree(run.path / "model")
    assert pretrain(run)
    assert run.is_trained


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path, recipe: Recipe) -> None:
    run = start(tmp_path / "runs" / "a", recipe, [])

    def poison(corpus: object, judged: GPT, often: int) -> list:  # type: ignore[type-arg]
        def at_20(step: int, model: torch.nn.Module) -> dict[str, float]:
            if step == 20:  # a finite loss, and an update that was not
                with torch.no_grad():
                    next(model.parameters()).fill_(float("nan"))
            return {}

        return [(20, at_20)]

    with pytest.raises(RunError, match="Try a new run with a lower learning rate"):
        pretrain(run, watch=poison)
    newest = complete_checkpoints(run)[-1]
    assert newest.name == "step_000018"
    assert pretrain(run)  # without the poison it goes on from there
    assert run.rows("metrics")[-1]["step"] == recipe.steps


def test_a_divergent_loss_stops_the_run(tmp_path: Path, recipe: Recipe) -> None:
    shape = replace(TINY, architecture="gpt2")
    wild = replace(recipe, model=shape, optimizer=replace(recipe.optimizer, name="adamw", lr=30.0), steps=200)
    with pytest.raises(RunError, match="Try a new run with a lower learning rate"):
        pretrain(start(tmp_path / "runs" / "a", wild, []))


def test_killed_between_its_model_and_its_result_it_ends_all_the_same(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result is there already: that of an interruption."""
    run = start(tmp_path / "runs" / "a", recipe, [])

    def interrupt(corpus: object, judged: GPT, often: object) -> list:  # type: ignore[type-arg]
        return [(20, lambda step, model: os.kill(os.getpid(), signal.SIGINT) or {})]

    def killed(*given: Any) -> None:
        save_model(*given)
        raise KeyboardInterrupt

    assert not pretrain(run, watch=interrupt)
    monkeypatch.setattr("glassworks.pretraining.run.save_model", killed)
    with pytest.raises(KeyboardInterrupt):
        pretrain(run)
    monkeypatch.undo()
    assert not run.is_trained
    assert pretrain(run)
    assert run.is_trained
    assert run.record["result"]["step"] == 40


def test_after_an_interruption_the_newest_weights_are_the_runs(tmp_path: Path, recipe: Recipe) -> None:
    run = start(tmp_path / "runs" / "a", replace(recipe, steps=2000), [])

    def interrupt(corpus: object, judged: GPT, often: int) -> list:  # type: ignore[type-arg]
        return [(20, lambda step, model: os.kill(os.getpid(), signal.SIGINT) or {})]

    assert not pretrain(run, watch=interrupt)
    assert run.record["result"]["step"] == 21
    assert not (run.path / "model").exists()
    first = model_of(run).embed.weight.clone()
    assert not pretrain(run, watch=interrupt)
    assert run.record["result"]["step"] == 41
    assert not torch.equal(model_of(run).embed.weight, first)


def test_a_run_is_trained_by_one_process_at_a_time(tmp_path: Path, recipe: Recipe) -> None:
    run = start(tmp_path / "runs" / "a", recipe, [])

    def again(corpus: object, judged: GPT, often: int) -> list:  # type: ignore[type-arg]
        def second(step: int, model: torch.nn.Module) -> dict[str, float]:
            with pytest.raises(RunError, match="is being trained by another process"):
                pretrain(run)
            return {"refused": 1}

        return [(20, second)]

    assert pretrain(run, watch=again)
    assert [row["step"] for row in run.rows("metrics") if "refused" in row] == [20, 40]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, r"steps \(=0\) must be at least 1"),
        ({"minutes": -1.0}, r"minutes \(=-1.0\) must be more than 0"),
        ({"minutes": float("inf")}, "finite"),
        ({"seed": -1}, "seed"),
        ({"batch_size": 6, "accumulate": 4}, "accumulate"),
        ({"batch_size": 5, "accumulate": 2}, "must be a multiple of accumulate"),
        ({"ema": 1.5}, "is a decay"),
        ({"held_out": 1.5}, "is a share of the documents"),
        ({"model": replace(TINY, n_ctx=10**6)}, "give more text or a smaller n_ctx"),
        ({"device": "tpu"}, "must be auto, cpu, cuda or mps"),
        ({"column": "body"}, r"column \(='body'\) is for tables"),
        ({"tokenizer": "caf\udce9"}, r"tokenizer\[3\] \(='\\udce9'\) is a lone surrogate"),
        ({"data": ("a", "caf\udce9")}, r"data\[3\] \(='\\udce9'\) is a lone surrogate"),
    ],
)
def test_what_cannot_be_trained_is_refused(tmp_path: Path, recipe: Recipe, change: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=message):
        start(tmp_path / "runs" / "a", replace(recipe, **change), [])
    assert not (tmp_path / "runs" / "a").exists()
