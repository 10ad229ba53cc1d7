"""A training on labelled data ends with the same weights, however often it is stopped on the way."""

import dataclasses
import hashlib
import random
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.processes import on_ranks, processes

from glassworks.classify.examples import examples_of_run
from glassworks.classify.recipe import LabelledRecipe, labelled_recipe_of
from glassworks.classify.run import build, loss_of, opened, some_inputs, start, train
from glassworks.core.errors import RunError
from glassworks.core.files import read_json
from glassworks.core.runs import Run
from glassworks.data.labelled.augment import Augmentation
from glassworks.models.vision.config import VisionConfig
from glassworks.optim.config import OptimizerConfig
from glassworks.train.checkpoint import last_step, save_checkpoint
from glassworks.train.distributed import ranks
from glassworks.train.opening import OpenedLabelled, open_run

COMMAND = ["glassworks", "train"]
PLAIN = LabelledRecipe(data="digits", model=VisionConfig("small_vgg", width=8), steps=24, device="cpu")
FULL = dataclasses.replace(
    PLAIN,
    augment=Augmentation(crop=1, flip=True, shift=0.1, turn=10.0, mixup=0.3, cutout=2),
    label_smoothing=0.1,
    class_weights="balanced",
    ema=0.9,
    accumulate=2,
    clip=1.0,
    eval_every=5,
    checkpoint_every=3,
)
NOISY = dataclasses.replace(FULL, model=VisionConfig("small_vgg", width=8, norm="noisy"))
TABLE = LabelledRecipe(data="moons:400", model=VisionConfig(width=16), steps=60, device="cpu")


def weights(run: Run) -> str:
    return hashlib.sha256((run.path / "model" / "model.safetensors").read_bytes()).hexdigest()


def rows(run: Run) -> list[dict[str, Any]]:
    return [{**row, "seconds": 0} for row in run.rows("metrics")]


def begun(folder: Path, recipe: LabelledRecipe) -> Run:
    return start(folder, recipe, COMMAND)


@pytest.mark.parametrize("recipe", [PLAIN, FULL, NOISY, TABLE], ids=["plain", "full", "noisy", "table"])
def test_killed_as_it_saves_it_ends_with_the_same_weights_rows_and_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: LabelledRecipe
) -> None:
    whole, broken = (begun(tmp_path / name, recipe) for name in ("whole", "broken"))
    torch.manual_seed(1)  # of a noisy norm's noise, as the command seeds it
    assert train(whole)
    torch.manual_seed(1)
    for kill, kept in ((recipe.steps // 2, recipe.steps // 2 - 1), (recipe.steps, recipe.steps)):

        def killed(run: Run, step: int, *rest: Any, kill: int = kill, kept: int = kept) -> None:
            if step <= kept:
                save_checkpoint(run, step, *rest)
            if step >= kill:
                raise KeyboardInterrupt

        monkeypatch.setattr("glassworks.train.resumable.save_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            train(broken)
        assert isinstance(open_run(broken), OpenedLabelled)  # of its checkpoint
    monkeypatch.undo()
    assert train(broken)
    assert weights(whole) == weights(broken)
    assert rows(whole) == rows(broken)
    assert whole.rows("samples") == broken.rows("samples")


@pytest.mark.slow
def test_killed_at_random_instants_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    recipe = dataclasses.replace(FULL, steps=90)
    whole, broken = (begun(tmp_path / name, recipe) for name in ("whole", "broken"))
    first = processes.Process(target=train, args=(whole,))  # in a process as the other's, with its threads
    first.start()
    first.join()
    instants, reached = random.Random(0), 0
    for _ in range(3):
        child = processes.Process(target=train, args=(broken,))
        child.start()
        while child.is_alive() and last_step(broken) < reached + 6:
            time.sleep(0.002)
        time.sleep(instants.uniform(0, 0.1))
        child.kill()
        child.join()
        reached = last_step(broken)
    assert reached >= 18
    assert train(broken)
    assert weights(whole) == weights(broken)
    assert rows(whole) == rows(broken)


def test_it_learns_digits_and_leaves_a_complete_run(tmp_path: Path) -> None:
    quick = dataclasses.replace(PLAIN, steps=60, optimizer=OptimizerConfig("adamw", lr=4e-3))
    run = begun(tmp_path / "a", quick)
    assert train(run)
    assert run.is_trained
    record, examples = run.record, examples_of_run(run)
    assert record["kind"] == "images"
    assert record["recipe"]["model"]["shape"] == [1, 8, 8]
    assert record["examples"]["classes"] == list("0123456789")
    assert record["examples"]["train"] == len(examples.train)
    some = np.arange(len(examples.validation))
    found = open_run(run).model.eval()(torch.from_numpy(examples.validation.inputs(some)).float() / 255).argmax(1)
    assert float((found.numpy() == examples.validation.targets).mean()) > 0.8
    said = run.rows("samples")[-1]
    assert said.keys() == {"step", "example", "says", "probability", "is"}
    assert said["is"] in examples.classes


def test_what_is_opened_has_its_classes_preprocessing_and_data(tmp_path: Path) -> None:
    run = begun(tmp_path / "a", dataclasses.replace(PLAIN, steps=3))
    with pytest.raises(RunError, match="neither a model nor a checkpoint"):
        opened(run, torch.device("cpu"))
    train(run)
    found = opened(run, torch.device("cpu"))
    assert found.classes == tuple("0123456789")
    assert found.task == "classes"
    assert found.data.digest == run.record["examples"]["digest"]
    assert found.model(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_deleted_examples_are_made_again(tmp_path: Path) -> None:
    run = begun(tmp_path / "a", PLAIN)
    shutil.rmtree(tmp_path / ".examples")
    assert examples_of_run(run).digest == run.record["examples"]["digest"]
    shutil.rmtree(tmp_path / ".examples")
    run.update(examples={**run.record["examples"], "digest": "another"})
    with pytest.raises(RunError, match="have changed since the run began"):
        examples_of_run(run)


def test_examples_that_are_gone_with_their_data_are_told_with_where_both_were(tmp_path: Path) -> None:
    data = tmp_path / "flowers.csv"
    data.write_text("length,kind\n" + "".join(f"{i * 7 % 60},{'ab'[i % 2]}\n" for i in range(60)), "utf-8")
    run = begun(tmp_path / "a", dataclasses.replace(TABLE, data=str(data), target="kind"))
    data.rename(tmp_path / "moved.csv")
    assert examples_of_run(run).digest == run.record["examples"]["digest"]  # as they were prepared
    shutil.rmtree(tmp_path / ".examples")
    with pytest.raises(RunError, match=rf"neither {tmp_path}/\.examples/\w+ is there.* nor can its data .*flowers.csv"):
        examples_of_run(run)


def test_balanced_classes_count_the_same(tmp_path: Path) -> None:
    recipe = dataclasses.replace(PLAIN, class_weights="balanced")
    examples = examples_of_run(begun(tmp_path / "a", recipe))
    targets = torch.tensor(examples.train.targets)
    zeros = torch.nn.Module()
    for name in range(10):
        zeros.forward = lambda x, name=name: torch.nn.functional.one_hot(torch.full((len(x),), name), 10) * 3.0
        batch = (torch.zeros(len(targets), 1), targets, targets, torch.ones(len(targets)))
        loss = float(loss_of(recipe, examples)(zeros, batch))
        if name == 0:
            first = loss
        assert loss == pytest.approx(first, rel=1e-5)  # whichever class is always said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_weights": (1.0, 2.0)}, "class_weights .2 numbers. must be one for each of the 10 classes: 0, 1"),
        ({"batch_size": 9, "accumulate": 3, "steps": 2}, None),
        ({"loss": "huber"}, "loss .='huber'. does not fit: it is for regression, and classes are to be said"),
        ({"model": VisionConfig("tiny_vgg")}, "images of 8 × 8 are too small for tiny_vgg"),
        ({"data": "nothing"}, "data .='nothing'. "),
    ],
)
def test_what_cannot_be_trained_is_refused_before_a_folder_is_made(
    tmp_path: Path, changes: dict[str, Any], message: str | None
) -> None:
    if message is None:
        assert begun(tmp_path / "a", dataclasses.replace(PLAIN, **changes)).path.exists()
        return
    with pytest.raises(ValueError, match=message):
        begun(tmp_path / "a", dataclasses.replace(PLAIN, **changes))
    assert not (tmp_path / "a").exists()


def test_a_recipe_of_a_run_of_another_kind_is_refused(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a", kind="text", recipe={})
    with pytest.raises(RunError, match="it has no recipe of a training on labelled data"):
        labelled_recipe_of(run)


def train_there(root: Path, recipe: LabelledRecipe) -> None:
    """Start and train a run as `train` does under torchrun."""
    with ranks(torch.device("cpu")) as place:
        train(start(root / "several", recipe, COMMAND, place), ranks=place)


@pytest.mark.slow
def test_two_ranks_train_what_one_does(tmp_path: Path) -> None:
    """Without batch norms, whose means are of a rank's own part."""
    recipe = dataclasses.replace(
        FULL, model=VisionConfig("small_vgg", width=8, norm="group"), steps=12, accumulate=1, precision="float32"
    )
    one = begun(tmp_path / "one", recipe)
    assert train(one)
    on_ranks(2, train_there, tmp_path, recipe)
    several = Run(tmp_path / "several")
    assert several.is_trained
    losses = [[row["loss"] for row in run.rows("metrics")] for run in (one, several)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    expected = open_run(one).model.state_dict()
    for name, found in open_run(several).model.state_dict().items():
        torch.testing.assert_close(found, expected[name], rtol=1e-3, atol=1e-4)


def test_minutes_plan_its_steps(tmp_path: Path) -> None:
    run = begun(tmp_path / "a", dataclasses.replace(TABLE, minutes=0.003))
    assert run.plan["step_seconds"] > 0
    assert train(run)
    assert run.is_trained


def test_mup_has_learning_rates_by_width_that_a_resumed_run_keeps(tmp_path: Path) -> None:
    recipe = dataclasses.replace(TABLE, model=VisionConfig(width=1024, initialisation="mup"), steps=4)
    run = begun(tmp_path / "a", recipe)
    assert train(run)
    state = read_json(run.path / "checkpoints" / "step_000004" / "state.json")
    assert sorted(group["initial_lr"] / 1e-3 for group in state["param_groups"]) == pytest.approx([0.25, 1, 1])


def test_lsuv_scales_by_the_training_data(tmp_path: Path) -> None:
    recipe = dataclasses.replace(TABLE, model=VisionConfig(width=16, initialisation="lsuv"))
    run = begun(tmp_path / "a", recipe)
    examples = examples_of_run(run)
    model, _ = build(labelled_recipe_of(run), examples, torch.device("cpu"), torch.float32)
    with torch.no_grad():
        assert model(some_inputs(examples)).var().item() == pytest.approx(1, abs=0.05)


def test_mup_is_refused_for_an_optimizer_without_such_rates() -> None:
    with pytest.raises(
        ValueError, match=r"model.initialisation \(='mup'\) .* optimizer muon has not: take adamw or sgd"
    ):
        dataclasses.replace(PLAIN, model=VisionConfig(initialisation="mup"), optimizer=OptimizerConfig("muon"))
