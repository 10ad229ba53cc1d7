"""Induction heads: the whole on tiny networks, measures on networks made by hand, rows on made-up curves."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import glassworks.reproductions.induction as induction
import glassworks.reproductions.induction_training as training
from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.core.trace import Trace
from glassworks.data.batches import Windows
from glassworks.data.shards import prepare
from glassworks.models.config import GPTConfig
from glassworks.models.gpt import GPT
from glassworks.models.io import load_model
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.induction_measures import Knock, ablation, composition, losses_without
from glassworks.reproductions.induction_rows import Change, change, learning_rows, slopes
from glassworks.reproductions.induction_training import Mixed, Sights, early_and_late, in_context_scores, looking_steps
from glassworks.train.recipe import Recipe

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


def test_the_finding_is_saved_as_it_is_returned(done: tuple[Path, Finding], text: str) -> None:
    folder, found = done
    assert Finding.load(folder / "finding.json") == found
    assert all(row.ours is not None for row in found.rows)
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


def test_other_settings_and_impossible_ones_are_refused(done: tuple[Path, Finding], text: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="steps 6.*choose another --name"):
        induction.run(text, folder=done[0], steps=STEPS + 1)
    with pytest.raises(ValueError, match=r"steps \(=0\) must be at least 1"):
        induction.run(text, folder=tmp_path / "new", steps=0)
    with pytest.raises(ValueError, match=r"seed \(=-1\)"):
        induction.run(text, folder=tmp_path / "new", steps=2, seed=-1)
    assert not (tmp_path / "new" / "run.json").exists()
    with pytest.raises(ValueError, match="nothing.txt"):
        induction.run(str(tmp_path / "nothing.txt"), folder=tmp_path / "none", steps=2)


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


# ----------------------------------------------------------------------------------------------------------------------
# Ablation and composition


@pytest.fixture
def model() -> GPT:
    """Two layers of attention whose weights are not at their initialisation."""
    model = GPT(GPTConfig("qwen3", 40, 32, 2, 2, 16, n_inner=0))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.3)
    return model


@pytest.fixture
def sights() -> Sights:
    tokens = torch.randint(40, (6, 33), generator=torch.Generator().manual_seed(2))
    half = torch.randint(40, (4, 16), generator=torch.Generator().manual_seed(3))
    return Sights([(tokens[:, :-1], tokens[:, 1:])], half.repeat(1, 2))


@torch.no_grad()
def without_rows_of(model: GPT, layer: int, head: int) -> GPT:
    """A copy whose head writes nothing."""
    other = GPT(model.config)
    other.load_state_dict(model.state_dict())
    width = model.config.width_of_head
    other.blocks[layer].attn.proj.weight[:, head * width : (head + 1) * width] = 0.0
    return other


def test_an_ablated_head_of_the_last_layer_writes_nothing(model: GPT, sights: Sights) -> None:
    inputs, targets = sights.held_out[0]
    losses = losses_without(model, inputs, targets, [Knock((), "zero"), Knock(((1, 1),), "zero")])
    torch.testing.assert_close(losses[0], training.token_losses(model, (inputs, targets)), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        losses[1], training.token_losses(without_rows_of(model, 1, 1), (inputs, targets)), atol=1e-5, rtol=1e-5
    )
    assert (losses[1] - losses[0]).abs().max() > 1e-2


def test_ablation_below_leaves_later_patterns_as_they_were(model: GPT, sights: Sights) -> None:
    inputs, targets = sights.held_out[0]
    kept = losses_without(model, inputs, targets, [Knock(((0, 0),), "zero")])[0]
    whole = training.token_losses(without_rows_of(model, 0, 0), (inputs, targets))
    assert (kept - whole).abs().max() > 1e-3


def test_ablation_compares_with_as_many_other_heads(model: GPT, sights: Sights) -> None:
    trace = ablation(model, sights)
    assert trace.labels["ablated"][:4] == ["0.0", "0.1", "1.0", "1.1"]
    best = str(trace.meta["induction_heads"])
    place = trace.labels["ablated"].index(best)
    for array in ("second_half", "in_context"):
        assert np.allclose(trace.arrays[array][:, place], trace.arrays[array][:, -2])
    assert best not in ("others", str(trace.meta["previous_token_head"]))


def test_composition_by_all_inputs_is_the_network_without_the_head(model: GPT, sights: Sights) -> None:
    trace, cut = composition(model, sights), composition(without_rows_of(model, 0, 0), sights)
    assert trace.meta["induction_heads"] == cut.meta["induction_heads"] == "1.0"
    place = trace.labels["through"].index("all three")
    assert trace.arrays["score"][0, place] == pytest.approx(float(cut.arrays["plain_score"]), abs=1e-5)
    assert abs(trace.arrays["score"][0, place] - trace.arrays["plain_score"]) > 1e-3


def test_values_do_not_change_where_a_head_looks(model: GPT, sights: Sights) -> None:
    trace = composition(model, sights)
    assert trace.labels["removed"] == ["0.0", "0.1"]
    score = {name: trace.arrays["score"][:, i] for i, name in enumerate(trace.labels["through"])}
    assert np.allclose(score["values"], trace.arrays["plain_score"], atol=1e-6)
    assert not np.allclose(score["keys"], trace.arrays["plain_score"], atol=1e-4)
    values = trace.arrays["second_half"][:, trace.labels["through"].index("values")]
    assert not np.allclose(values, trace.arrays["plain_second_half"], atol=1e-4)


# ----------------------------------------------------------------------------------------------------------------------
# Rows


def curves(score: np.ndarray, told: np.ndarray, loss: np.ndarray) -> Trace:
    """A formation in which one layer stays as it is, and two do as they are told."""
    steps = np.arange(len(score)) * 10
    still = np.zeros(len(steps))
    return Trace(
        "induction_formation",
        {
            "induction": np.stack([still, score]),
            "in_context": np.stack([still, told]),
            "text_loss": np.stack([5 - steps / 1000, loss]),
            "second_half": np.stack([still, still]),
            "first_half": np.stack([still, still]),
        },
        {"induction": ("head", "step")}
        | dict.fromkeys(("in_context", "text_loss", "second_half", "first_half"), ("network", "step")),
        {
            "head": ["one layer 0.0", "two layers 1.0"],
            "network": ["one layer", "two layers"],
            "step": [str(step) for step in steps],
        },
    )


RISE = np.clip((np.arange(31) - 10) / 10, 0.0, 1.0)
"""From 0 at step 100 to 1 at step 200."""


def test_the_change_is_from_a_tenth_to_nine_tenths() -> None:
    assert change(curves(0.8 * RISE, RISE, RISE), ["1.0"]) == Change(10, 19)


def test_claims_hold_where_the_curves_show_them() -> None:
    smooth = 5 - np.arange(31) * 10 / 1000
    rows = {row.what: row for row in learning_rows(curves(RISE, 0.4 * RISE, smooth - 0.5 * RISE), ["1.0"])}
    assert rows["share of it that forms in the change"].verdict == "better"
    assert rows["the loss curves part in the change"].verdict == "agrees"
    assert next(row for name, row in rows.items() if name.startswith("bump")).verdict == "agrees"


def test_claims_fail_where_the_curves_do_not() -> None:
    smooth = 5 - np.arange(31) * 10 / 1000
    gradual = np.linspace(0.0, 1.0, 31)
    rows = {row.what: row for row in learning_rows(curves(RISE, gradual, smooth - 0.5 * gradual), ["1.0"])}
    assert rows["share of it that forms in the change"].verdict == "worse"
    assert rows["the loss curves part in the change"].verdict == "worse"
    assert next(row for name, row in rows.items() if name.startswith("bump")).verdict == "worse"


def test_slopes_are_those_of_a_broken_line() -> None:
    steps = [0, 100, 200, 300, 400]
    loss = np.array([5.0, 4.5, 4.4, 3.4, 3.2])
    assert slopes(steps, loss, Change(2, 3)) == pytest.approx((0.001, 0.01, 0.002))


def test_the_run_says_what_it_was(done: tuple[Path, Finding]) -> None:
    record = json.loads((done[0] / "run.json").read_text(encoding="utf-8"))["reproduction"]
    assert record["name"] == "induction"
    assert record["steps"] == STEPS
