"""Induction heads: the whole reproduction on tiny networks, its batches and its looks."""

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import glassworks.reproductions.induction.run as induction
import glassworks.reproductions.induction.training as training
from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.data.batches import Windows
from glassworks.data.text.shards import prepare
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.io import load_model
from glassworks.pretraining.recipe import Recipe
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.induction.training import Mixed, early_and_late, in_context_scores, looking_steps
from glassworks.trace.trace import Trace
from glassworks.train.opening import open_run, open_text

STEPS = 6
NETWORK = training.network


def tiny(layers: int, data: str, *, steps: int, seed: int) -> Recipe:
    """The recipe on a network that trains in no time."""
    model = GPTConfig("qwen3", n_ctx=16, n_layer=layers, n_head=2, n_embd=8, n_inner=0)
    return dataclasses.replace(
        NETWORK(layers, data, steps=steps, seed=seed), model=model, tokenizer="chars", batch_size=8
    )


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("text") / "text.txt"
    lines = [" ".join(str(i * k % 97) for k in range(1, 12)) for i in range(400)]
    file.write_text("\n\n".join(lines), encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(induction, "network", tiny)
        patches.setattr(training, "WINDOWS", 8)
        yield


@pytest.fixture(scope="module")
def done(text: str, small: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finding]:
    """A finished reproduction."""
    folder = tmp_path_factory.mktemp("runs") / "induction"
    return folder, induction.run(text, folder=folder, steps=STEPS)


# ----------------------------------------------------------------------------------------------------------------------
# The whole


def test_both_networks_are_runs_whose_models_open(done: tuple[Path, Finding]) -> None:
    folder, _ = done
    for name, layers in (("one-layer", 1), ("two-layers", 2)):
        assert load_model(folder / name / "model").config.n_layer == layers
        assert Run.open(folder / name).record["result"]["step"] == STEPS
    one, two = (Run(folder / name).record["recipe"] for name in ("one-layer", "two-layers"))
    assert {key for key in one if one[key] != two[key]} == {"model"}


def test_a_network_is_opened_and_the_reproduction_says_where_they_are(done: tuple[Path, Finding]) -> None:
    folder, _ = done
    opened = open_text(folder / "two-layers")
    assert opened.model.config.n_layer == 2
    assert opened.data.tokenizer.vocab_size == opened.tokenizer.vocab_size
    for how in (lambda: open_run(folder), lambda: open_run(folder, use="look")):
        with pytest.raises(RunError, match="is a reproduction, whose networks are runs in folders of its own: "):
            how()


def test_the_finding_is_saved_as_it_is_returned(done: tuple[Path, Finding], text: str) -> None:
    folder, found = done
    assert Finding.load(folder / "finding.json") == found
    assert len({row.what for row in found.rows}) == len(found.rows)
    shares = {"in-context score lost without the induction heads", "the same without others"}
    assert {row.what for row in found.rows if row.ours is None} <= shares  # of a score that may be below zero
    assert f"{STEPS} steps on {text}" in found.table()


def test_every_step_that_is_looked_at_is_in_the_trace(done: tuple[Path, Finding]) -> None:
    formed = Trace.load(done[0] / "traces" / "formation")
    assert formed.labels["step"] == ["0", *map(str, looking_steps(STEPS))]
    assert len(formed.labels["head"]) == 2 + 4
    assert np.allclose(formed.arrays["second_half"][:, 0], np.log(formed.meta["vocab_size"]))  # the first guess is even
    assert all(np.isfinite(values).all() for values in formed.arrays.values())


def test_a_stopped_reproduction_goes_on_to_the_same_weights(
    done: tuple[Path, Finding], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, look, calls = tmp_path / "again", training.look, 0

    def stop(*arguments: object) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == 10:  # in the second network
            raise KeyboardInterrupt
        return look(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "look", stop)
    with pytest.raises(KeyboardInterrupt):
        induction.run(text, folder=folder, steps=STEPS)
    assert not (folder / "two-layers" / "model").exists()
    monkeypatch.undo()
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(induction, "network", tiny)
        patches.setattr(training, "WINDOWS", 8)
        again = induction.run(text, folder=folder, steps=STEPS)
    assert again == done[1]
    for name in ("one-layer", "two-layers"):
        first, second = (load_file(at / name / "model" / "model.safetensors") for at in (done[0], folder))
        assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_step_that_one_network_logged_alone_is_left_out(
    done: tuple[Path, Finding], text: str, small: None, tmp_path: Path
) -> None:
    """As the step at which ctrl-C came: it is logged wherever it is."""
    folder = tmp_path / "again"
    shutil.copytree(done[0], folder)
    shutil.rmtree(folder / "traces")
    Run(folder / "two-layers").append("metrics", {"step": STEPS + 1, "loss": 1.0})
    assert induction.run(text, folder=folder, steps=STEPS) == done[1]
    formed = Trace.load(folder / "traces" / "formation")
    assert formed.labels["logged"] == [str(step) for step in range(1, STEPS + 1)]


def test_other_settings_and_impossible_ones_are_refused(done: tuple[Path, Finding], text: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="steps 6, now 7.*choose another --name"):
        induction.run(text, folder=done[0], steps=STEPS + 1)
    with pytest.raises(ValueError, match=r"steps \(=0\) must be at least 1"):
        induction.run(text, folder=tmp_path / "new", steps=0)
    with pytest.raises(ValueError, match=r"seed \(=-1\)"):
        induction.run(text, folder=tmp_path / "new", steps=2, seed=-1)
    assert not (tmp_path / "new" / "run.json").exists()
    with pytest.raises(ValueError, match="nothing.txt"):
        induction.run(str(tmp_path / "nothing.txt"), folder=tmp_path / "none", steps=2)


@pytest.mark.parametrize("words", ["", "a b"])
def test_text_that_cannot_be_trained_on_leaves_the_name_free(
    words: str, text: str, small: None, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text(words, encoding="utf-8")
    with pytest.raises(ValueError, match=r"words\.txt|tokens|held_out|documents"):
        induction.run(str(tmp_path / "words.txt"), folder=tmp_path / "run", steps=STEPS)
    assert not (tmp_path / "run" / "run.json").exists()
    induction.run(text, folder=tmp_path / "run", steps=STEPS)


def test_held_out_text_that_is_too_short_leaves_the_name_free(small: None, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for i in range(40):  # one or two of them are held out
        (tmp_path / "texts" / f"{i}.txt").write_text("a b c" if i else "a b c " * 400, encoding="utf-8")
    with pytest.raises(ValueError, match="needs at least 17"):
        induction.run(str(tmp_path / "texts"), folder=tmp_path / "run", steps=STEPS)
    assert not (tmp_path / "run" / "run.json").exists()


def test_the_run_says_what_it_was(done: tuple[Path, Finding]) -> None:
    record = json.loads((done[0] / "run.json").read_text(encoding="utf-8"))["reproduction"]
    assert record["name"] == "induction"
    assert record["steps"] == STEPS


# ----------------------------------------------------------------------------------------------------------------------
# Training's batches, and when to look


def test_batches_are_text_and_a_few_rows_that_repeat(text: str, tmp_path: Path) -> None:
    corpus = prepare(text, "chars", tmp_path)
    windows = Windows(corpus.train, 16, 24, 3)
    mixed, plain = Mixed(windows, corpus.tokenizer.vocab_size), windows(5)
    batch, again = mixed(5), mixed(5)
    assert torch.equal(batch.inputs, again.inputs)
    repeating = [
        any(torch.equal(row[period:], row[:-period]) for period in range(2, 14))
        for row in torch.cat([batch.inputs, batch.targets[:, -1:]], 1)
    ]
    text_rows = 16 - 16 // training.SYNTHETIC
    assert torch.equal(batch.inputs[:text_rows], plain.inputs[:text_rows])
    assert torch.equal(batch.targets[:, :-1], batch.inputs[:, 1:])
    assert all(repeating[text_rows:])
    assert not torch.equal(mixed(6).inputs[-1], batch.inputs[-1])


@pytest.mark.parametrize("steps", [1, 2, 7, 150, 1000, 6001])
def test_looks_grow_apart_and_end_with_the_last_step(steps: int) -> None:
    found = looking_steps(steps)
    assert found == sorted(set(found))
    assert found[-1] == steps
    assert all(step % training.spacing(steps) == 0 for step in found[:-1])
    assert len(found) <= training.LOOKS + 2


@pytest.mark.parametrize("n_ctx", [16, 24, 128, 512])
def test_an_in_context_score_is_the_fall_of_the_loss(n_ctx: int) -> None:
    early, late = early_and_late(n_ctx)
    assert 0 < early.start < early.stop <= late.start < late.stop == n_ctx
    losses = torch.ones(3, n_ctx)
    losses[1, late] = 0.25
    assert in_context_scores(losses).tolist() == [0.0, 0.75, 0.0]
