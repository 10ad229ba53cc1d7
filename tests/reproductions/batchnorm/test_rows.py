"""What is claimed of trainings whose numbers are known: only what lies beyond the interval over seeds."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import glassworks.reproductions.batchnorm.training as training
from glassworks.reproductions.batchnorm.identities import deviations
from glassworks.reproductions.batchnorm.measures import looks
from glassworks.reproductions.batchnorm.networks import ALONE, BATCH, NONE, SIDE_BY_SIDE, deep_linear, squared_loss
from glassworks.reproductions.batchnorm.over_seeds import mean_of, ratio_of
from glassworks.reproductions.batchnorm.rows import smoothness_claims, training_claims
from glassworks.reproductions.batchnorm.traces import Seen
from glassworks.reproductions.batchnorm.training import Training

TASK = deep_linear(lr=0.01, steps=10)


def seen(batch: float, spread: float = 0.01) -> Seen:
    """Four seeds of each network: every number is 1 without norms, and `batch` with batch norm."""
    found = {}
    for name in SIDE_BY_SIDE:
        level, sign = (1.0, 1) if name in (NONE, ALONE) else (batch, -1)
        noise = [sign * spread * x for x in (-1, 1, -2, 2)]
        found[name] = [Training(rows(level * math.exp(x)), None, None, None) for x in noise]
    return found


def rows(level: float) -> list[dict[str, float]]:
    """A training that is looked at five times; what it begins with is 1."""
    names = [f"step/{way}{name}" for way in ("", "random/") for name in ("loss_highest", "change_highest", "beta")]
    lowest = {f"step/{way}{name}_lowest": 0.0 for way in ("", "random/") for name in ("loss", "change")}
    each = {**dict.fromkeys(names, level), **lowest, "moved": level}
    return [{"step": step, "loss": level if step else 1.0, **each} for step in range(5)]


@pytest.mark.parametrize(("batch", "spread", "holds"), [(0.5, 0.01, 1.0), (0.9, 0.5, 0.0), (2.0, 0.01, 0.0)])
def test_smoothness_is_claimed_only_beyond_the_interval(batch: float, spread: float, holds: float) -> None:
    claims = list(smoothness_claims(TASK, seen(batch, spread)))
    assert [row.ours for row in claims] == [holds] * 6


def test_a_training_that_ends_where_it_began_has_stopped_and_one_that_diverged_too() -> None:
    found = dict(seen(0.5))
    stopped = "deep linear: the same noise without batch norm stops training"
    ours = {row.what: row.ours for row in training_claims(TASK, found)}
    assert ours[stopped] == 1.0
    assert ours["deep linear: noisy batch norm trains about as well as batch norm"] == 1.0
    found[ALONE] = [Training(rows(0.1), None, None, None)] * 4
    assert {row.what: row.ours for row in training_claims(TASK, found)}[stopped] == 0.0
    found[ALONE] = [Training(rows(0.1), 4, None, None)] * 4
    assert {row.what: row.ours for row in training_claims(TASK, found)}[stopped] == 1.0


def test_intervals_are_students_and_a_single_seed_has_none() -> None:
    found = mean_of(np.array([1.0, 2.0, 3.0, np.nan]))
    assert found.mean == 2.0
    assert found.high - 2.0 == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert mean_of(np.array([1.0])).low == -math.inf
    ratio = ratio_of(np.array([1.0, 4.0]), np.array([1.0, 1.0]))
    assert ratio.mean == pytest.approx(2.0)


def test_inputs_of_layers_do_not_move_where_nothing_is_learned_and_they_do_under_noise() -> None:
    still = deep_linear(lr=1e-12, steps=2)
    moved = {name: looks(still, name, 0)[0](0, still.network(name, 0))["moved"] for name in SIDE_BY_SIDE}
    assert moved[NONE] < 1e-6
    assert moved[BATCH] < 1e-4
    assert moved["noisy batch norm"] > 0.1


def test_a_look_leaves_weights_averages_and_random_numbers_as_they_were() -> None:
    model = TASK.network("noisy batch norm", 0)
    before, state = [x.clone() for x in model.state_dict().values()], torch.get_rng_state()
    for look in looks(TASK, "l1 norm", 0):  # the cheap one alone
        look(3, model)
    assert all(torch.equal(a, b) for a, b in zip(before, model.state_dict().values(), strict=True))
    assert torch.equal(state, torch.get_rng_state())


def test_the_theorems_fail_where_the_norm_is_another() -> None:
    """A norm whose deviation is not the batch's own: the identity tells it from batch norm."""

    class Off(nn.BatchNorm1d):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input) * 1.01

    torch.manual_seed(0)
    batch = (torch.randn(16, 4), torch.randn(16, 2))
    right, off = (nn.Sequential(nn.Linear(4, 3), norm(3), nn.Tanh(), nn.Linear(3, 2)) for norm in (nn.BatchNorm1d, Off))
    assert max(deviations(right, squared_loss, batch)) < 1e-9
    assert min(deviations(off, squared_loss, batch)) > 1e-3


def test_where_batch_norm_gains_nothing_it_is_not_asked_whether_noise_keeps_the_gain() -> None:
    what = "deep linear: noisy batch norm trains about as well as batch norm"
    row = next(row for row in training_claims(TASK, seen(2.0)) if row.what == what)
    assert row.ours is None
    assert row.verdict == ""
    half = dict(seen(0.5))
    half["noisy batch norm"] = [Training(rows(0.8), None, None, None)] * 4
    assert {row.what: row.ours for row in training_claims(TASK, half)}[what] == 0.0


@pytest.mark.parametrize("value", [math.inf, 1e30])
def test_weights_that_are_lost_in_a_step_whose_loss_was_finite_end_a_training_as_diverged(
    value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Infinite, or so large that the next loss is no number: there is nothing to look at."""
    fit = training.fit

    def losing(model: nn.Module, *args: object, every: training.Every, **settings: object) -> object:
        def lose(step: int, net: nn.Module) -> dict[str, float]:
            with torch.no_grad():
                for p in net.parameters() if step == 4 else ():
                    p.fill_(value)
            return {}

        return fit(model, *args, every=[(1, lose), *every], **settings)

    monkeypatch.setattr(training, "fit", losing)
    found = training.train(TASK, NONE, 0, 5)
    assert found.diverged == 2
    assert [row["step"] for row in found.rows] == [0, 2]
