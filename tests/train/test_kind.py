"""A kind of run of one's own: labelled points of the plane, and a network that tells which stripe they are in."""

import dataclasses
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from glassworks.cli.main import run as main
from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.files import atomic_folder, write_json
from glassworks.core.kinds import KINDS, Kind
from glassworks.core.runs import Run
from glassworks.models.io import read_tensors, write_tensors
from glassworks.optim.config import OptimizerConfig
from glassworks.optim.groups import make_optimizer
from glassworks.pretraining.run import pretrain
from glassworks.train.checkpoint import save_checkpoint
from glassworks.train.opening import Opened, open_run, open_text
from glassworks.train.run import load_newest, train_run
from glassworks.train.training import Training, recipe_in
from glassworks.train.work import Work

# What follows, to the next line, is all that a kind of run has to say.


@dataclasses.dataclass(frozen=True)
class PointRecipe(Training):
    classes: int = 3


def network(recipe: PointRecipe) -> nn.Module:
    torch.manual_seed(recipe.seed)
    return nn.Sequential(
        nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, recipe.classes)
    )


def points(recipe: PointRecipe, step: int) -> tuple[Tensor, Tensor]:
    where = 3 * torch.randn(recipe.batch_size, 2, generator=torch.Generator().manual_seed(step))
    return where, where[:, 1].clamp(0, recipe.classes - 1).long()


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


@torch.no_grad()
def guessed(model: nn.Module, where: Tensor) -> Tensor:
    return model.eval()(where).argmax(1)


def train(run: Run) -> None:
    recipe = recipe_in(run, PointRecipe)
    where, classes = points(recipe, 1_000_000)

    def build(device: torch.device, dtype: torch.dtype) -> tuple[nn.Module, torch.optim.Optimizer]:
        model = network(recipe).to(device)
        return model, make_optimizer(model, recipe.optimizer, dtype=dtype)

    def judge(judged: nn.Module, step: int, _: nn.Module) -> dict[str, float]:
        return {"accuracy": float((guessed(judged, where) == classes).float().mean())}

    def keep(model: nn.Module) -> None:
        with atomic_folder(run.path / "model") as folder:
            write_tensors(model.state_dict(), folder / "model.safetensors")
            write_json(folder / "config.json", {"classes": recipe.classes})

    work = Work(
        build,
        partial(points, recipe),
        loss,
        watch=lambda judged, often: [(often, partial(judge, judged))],
        sample=lambda step, judged: [
            {"point": at.tolist(), "class": int(guessed(judged, at[None]))} for at in where[:2]
        ],
        keep=keep,
    )
    train_run(run, recipe, work)


def opened(run: Run, device: torch.device) -> Opened:
    recipe, kept = recipe_in(run, PointRecipe), run.path / "model" / "model.safetensors"
    model = network(recipe)
    if kept.exists():
        model.load_state_dict(read_tensors(kept))
    else:
        load_newest(run, recipe, model)
    return Opened(model=model.to(device), path=kept.parent, run=run, load=partial(points, recipe, 1_000_000))


# ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(KINDS, "points", Kind("a run of points", ("guess", "draw"), f"{__name__}:opened"))
        yield


def begun(path: Path, **changes: Any) -> Run:
    recipe = PointRecipe(
        optimizer=OptimizerConfig("adamw", lr=0.02), batch_size=64, steps=60, device="cpu", precision="float32"
    )
    recipe = dataclasses.replace(recipe, **changes)
    return Run.create(path, kind="points", command=["guess", "it"], recipe=dataclasses.asdict(recipe), seed=recipe.seed)


def weights(run: Run) -> Mapping[str, Tensor]:
    return open_run(run).model.state_dict()


@pytest.mark.parametrize(
    "changes", [{}, {"ema": 0.9, "accumulate": 2, "clip": 1.0, "eval_every": 7, "sample_every": 9}]
)
def test_killed_as_it_saves_it_ends_with_the_same_weights_rows_and_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    whole, broken = (begun(tmp_path / name, **changes) for name in ("whole", "broken"))
    train(whole)
    for kill, kept in ((30, 24), (48, 48)):  # before the checkpoint stands, and after

        def killed(run: Run, step: int, *rest: Any, kill: int = kill, kept: int = kept) -> None:
            if step <= kept:
                save_checkpoint(run, step, *rest)
            if step == kill:
                raise KeyboardInterrupt

        monkeypatch.setattr("glassworks.train.resumable.save_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            train(broken)
        assert not broken.is_trained
        assert open_run(broken).model is not None  # of its checkpoint
    monkeypatch.undo()
    train(broken)
    expected = weights(whole)
    assert all(torch.equal(value, expected[name]) for name, value in weights(broken).items())
    assert [{**row, "seconds": 0} for row in whole.rows("metrics")] == [
        {**row, "seconds": 0} for row in broken.rows("metrics")
    ]
    assert whole.rows("samples") == broken.rows("samples")
    assert whole.is_trained
    assert whole.rows("metrics")[-1]["accuracy"] > 0.8
    assert len(whole.rows("samples")) == 2 * (7 if changes else 4)
    assert sum("accuracy" in row for row in whole.rows("metrics")) == (9 if changes else 20)
    assert whole.record["result"]["step"] == whole.steps == 60


def test_minutes_plan_its_steps(tmp_path: Path) -> None:
    run = begun(tmp_path / "a", minutes=0.001)
    train(run)
    assert run.plan["step_seconds"] > 0
    assert run.record["result"]["step"] == run.steps
    assert run.is_trained


def test_it_is_opened_with_its_data_as_any_run_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(tmp_path / "runs" / "a")
    with pytest.raises(RunError, match="has neither a model nor a checkpoint yet: go on with it by: guess it"):
        open_run(run)
    train(run)
    monkeypatch.chdir(tmp_path)
    opened = open_run("a")
    where, classes = opened.data
    assert opened.run == Run(Path("runs/a"))
    assert float((guessed(opened.model, where) == classes).float().mean()) == run.rows("metrics")[-1]["accuracy"]


@pytest.mark.parametrize(
    "words", [["sample"], ["eval"], ["eval", "--data", "a.txt"], ["look"], ["report"], ["tokenizer"]]
)
def test_a_command_that_cannot_use_it_says_what_it_is_and_what_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    begun(tmp_path / "runs" / "a")
    monkeypatch.chdir(tmp_path)
    assert main([words[0], "a", *words[1:]]) == 2
    assert f"a is a run of points: {words[0]} cannot use it, but guess and draw can\n" in capsys.readouterr().err
    assert main(["runs", "a"]) == 0
    assert "a" in capsys.readouterr().out


def test_a_training_on_text_refuses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    run = begun(tmp_path / "runs" / "a")
    train(run)
    with pytest.raises(RunError, match="is a run of points: look cannot use it, but guess and draw can"):
        open_text(run, use="look")
    with pytest.raises(RunError, match="is a run of points: it has no GPT with a tokenizer, as is needed here"):
        open_text(run)
    with pytest.raises(RunError, match="is a run of points: it has no recipe of a training on text"):
        pretrain(run)
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--resume", "a"]) == 2
    assert "train --resume cannot use it" in capsys.readouterr().err
    assert main(["train", "--start-from", "a"]) == 2
    assert "train --start-from cannot use it" in capsys.readouterr().err


def test_a_kind_that_is_not_known_is_refused(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a", kind="spheres")
    with pytest.raises(RunError, match=r"is of a kind \(='spheres'\) that this version does not know"):
        open_run(run)


def test_a_kind_that_is_not_known_is_refused_before_it_is_trained(tmp_path: Path) -> None:
    recipe = PointRecipe(steps=2)
    run = Run.create(tmp_path / "a", kind="spheres", recipe=dataclasses.asdict(recipe), seed=recipe.seed)
    with pytest.raises(RunError, match=r"does not know: .* entry in glassworks\.core\.kinds"):
        train(run)
    assert not (run.path / "metrics.jsonl").exists()
    assert "plan" not in run.record


def test_a_recipe_of_another_kind_is_no_recipe(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a", kind="points", recipe={"classes": 3, "squares": 4})
    with pytest.raises(FileDamaged, match="there is no squares"):
        train(run)
