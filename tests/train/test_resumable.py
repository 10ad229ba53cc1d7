"""A kind of run of one's own, a classifier: killed and resumed it ends with the same weights, all of them finite."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.train.checkpoint import last_step, save_checkpoint
from glassworks.train.fit import Every
from glassworks.train.plan import Plan, plan_once
from glassworks.train.resumable import resumable


def points(step: int) -> tuple[Tensor, Tensor]:
    """Points of the plane, and which of three stripes they are in."""
    where = 3 * torch.randn(64, 2, generator=torch.Generator().manual_seed(step))
    return where, (where[:, 1] > 1).long() + (where[:, 1] > -1).long()


def wrong(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def train(run: Run, decay: float | None = None, also: Every = ()) -> nn.Module:
    """All that a kind of run has to say."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3))
    judged = model if decay is None else copy.deepcopy(model)

    def accuracy(step: int, _: nn.Module) -> dict[str, float]:
        where, classes = points(10_000)
        return {"accuracy": float((judged.eval()(where).argmax(1) == classes).float().mean())}

    resumable(
        run,
        plan_once(run, lambda: Plan(60, "float32", compile=False)),
        model,
        points,
        wrong,
        torch.optim.Adam(model.parameters(), 0.02),
        save=10,
        every=[(20, accuracy), *also],
        average=None if decay is None else (judged, decay),
    )
    return judged


@pytest.mark.parametrize("decay", [None, 0.9])
def test_killed_as_it_saves_it_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decay: float | None
) -> None:
    whole, broken = Run.create(tmp_path / "whole"), Run.create(tmp_path / "broken")
    expected = train(whole, decay).state_dict()

    for kill, kept in ((30, 20), (50, 50)):  # before the checkpoint stands, and after

        def killed(run: Run, step: int, *rest: Any, kill: int = kill, kept: int = kept) -> None:
            if step <= kept:
                save_checkpoint(run, step, *rest)
            if step == kill:
                raise KeyboardInterrupt

        monkeypatch.setattr("glassworks.train.resumable.save_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            train(broken, decay)
        assert (broken.rows("metrics")[-1]["step"], last_step(broken)) == (kill, kept)
    monkeypatch.undo()
    found = train(broken, decay).state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    rows = [[{**row, "seconds": 0} for row in run.rows("metrics")] for run in (whole, broken)]
    assert rows[0] == rows[1]
    assert rows[0][-1]["accuracy"] > 0.9


def test_the_average_is_of_the_weights_after_every_step_and_has_the_models_statistics(tmp_path: Path) -> None:
    after: list[dict[str, Tensor]] = []
    also = [(1, lambda step, model: after.append({k: v.clone() for k, v in model.state_dict().items()}) or {})]
    judged = train(Run.create(tmp_path / "a"), 0.9, also)
    for name, average in judged.named_parameters():
        expected = torch.zeros_like(average)  # what it begins with is forgotten after the first steps
        for step, weights in enumerate(after, 1):
            kept = min(0.9, step / (step + 9))
            expected = kept * expected + (1 - kept) * weights[name]
        torch.testing.assert_close(average.data, expected)
    assert all(torch.equal(value, after[-1][name]) for name, value in judged.named_buffers())


@pytest.mark.parametrize("decay", [None, 0.9])
def test_weights_that_are_not_finite_are_refused_and_it_goes_on_from_those_before(
    tmp_path: Path, decay: float | None
) -> None:
    run = Run.create(tmp_path / "a")

    def poison(step: int, model: nn.Module) -> dict[str, float]:
        if step == 20:  # a finite loss, and an update that was not
            with torch.no_grad():
                next(model.parameters()).fill_(float("nan"))
        return {}

    with pytest.raises(RunError, match=r"0\.weight has weights that are not finite after step 20"):
        train(run, decay, [(20, poison)])
    assert last_step(run) == 10
    assert all(p.isfinite().all() for p in train(run, decay).parameters())


def test_a_run_goes_on_as_it_was_planned(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a")
    plan = plan_once(run, lambda: Plan(60, "float32", compile=False))
    assert plan_once(run, lambda: Plan(99, "bfloat16", compile=True)) == plan
