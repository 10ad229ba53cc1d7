"""Metrics go to TensorBoard's files and to packages of wandb's kind: every row once, however often a run goes on."""

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.runs import Run
from glassworks.core.types import Tracker
from glassworks.train.fit import fit
from glassworks.train.tracking import tracking


class Package(ModuleType):
    """A package with wandb's functions, which keeps what it is told."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None, origin="here")
        self.begun: list[dict[str, Any]] = []
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.finished = 0

    def init(self, **settings: Any) -> None:
        print("a line of its own")
        self.begun.append(settings)

    def log(self, numbers: dict[str, float], step: int) -> None:
        self.rows.append((step, numbers))

    def finish(self) -> None:
        self.finished += 1


def train(run: Run, start: int, steps: int) -> None:
    line, x = torch.nn.Linear(2, 1), torch.ones(4, 2)
    optimizer = torch.optim.SGD(line.parameters(), 0.1)
    fit(line, lambda step: x, lambda net, x: net(x).square().mean(), optimizer, run=run, start=start, steps=steps)


def train_and_go_on(path: Path, tool: Tracker) -> Run:
    """A training that was killed after step 40, and goes on from its checkpoint of step 20 to step 60."""
    run = Run.create(path, recipe={"batch_size": 4})
    with tracking(run, tool) as followed:
        train(followed, 0, 40)
    with tracking(run, tool) as followed:
        followed.rewind(20)
        train(followed, 20, 60)
    return run


@pytest.mark.parametrize("tool", ["trackio", "wandb"])
def test_a_series_goes_on_without_a_row_twice(
    tool: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tracker = Package(tool)
    monkeypatch.setitem(sys.modules, tool, tracker)
    run = train_and_go_on(tmp_path / "a", tool)
    assert [step for step, _ in tracker.rows] == [10, 20, 30, 40, 50, 60]
    assert tracker.rows[-1][1] == {name: value for name, value in run.rows("metrics")[-1].items() if name != "step"}
    first, second = tracker.begun
    assert (first["project"], first["name"], first["config"]) == ("glassworks", "a", {"batch_size": 4})
    assert second["resume"] == "allow"
    assert first["resume"] == ("allow" if tool == "wandb" else "never")  # wandb knows it by an id of its own
    assert first.get("id") == second.get("id")
    assert tracker.finished == 2
    assert capsys.readouterr().out == ""


def test_event_files_open_in_tensorboard_with_each_step_once(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = train_and_go_on(tmp_path / "a", "tensorboard")
    found = accumulator.EventAccumulator(str(run.path / "tensorboard")).Reload()
    assert set(found.Tags()["scalars"]) == {"loss", "lr", "seconds"}
    assert [event.step for event in found.Scalars("loss")] == [10, 20, 30, 40, 50, 60]
    assert found.Scalars("loss")[-1].value == pytest.approx(run.rows("metrics")[-1]["loss"])


def test_no_tool_is_the_run_itself_and_a_tool_that_is_missing_or_fails_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.create(tmp_path / "a")
    with tracking(run, None) as same:
        assert same is run
    (tmp_path / "trackio").mkdir()  # a folder of that name is no package
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "trackio", raising=False)
    with (
        pytest.raises(ValueError, match=r"^log \(=trackio\) needs .*: \S+ -m pip install trackio$"),
        tracking(run, "trackio"),
    ):
        pass
    tracker = Package("wandb")
    monkeypatch.setattr(tracker, "init", lambda **settings: [][0])
    monkeypatch.setitem(sys.modules, "wandb", tracker)
    with pytest.raises(RunError, match="^wandb could not begin: "), tracking(run, "wandb"):
        pass
    run.update(log="os")  # a run from elsewhere names no module of its own choice
    with pytest.raises(FileDamaged, match=r"log \(='os'\) must be 'tensorboard' or 'trackio' or 'wandb'"):
        run.record  # noqa: B018
