"""Pace: a run given minutes ends in them, whatever becomes of the machine; and when resumed, as it would have."""

import hashlib
import itertools
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from glassworks.core.runs import Run
from glassworks.data.batches import Windows
from glassworks.models.gpt.config import GPTConfig
from glassworks.optim.config import ScheduleConfig
from glassworks.optim.schedules import make_schedule
from glassworks.pretraining.recipe import Recipe
from glassworks.pretraining.run import pretrain, start
from glassworks.train.checkpoint import complete_checkpoints
from glassworks.train.fit import fit
from glassworks.train.pace import Pace, Revision, Times, is_due, times_left
from glassworks.train.plan import plan_of


def run_out(pace: Pace, cost: Callable[[float], float], *, row: int = 5) -> tuple[int, float, list[int]]:
    """Steps and seconds that a training takes whose step costs `cost(seconds so far)`, and positions of its steps."""
    step, seconds, positions = 0, 0.0, []
    while step < pace.steps:
        positions.append(pace.position(step))
        seconds += cost(seconds)
        step += 1
        pace.repeat(step)
        if step % row == 0 or step == pace.steps:
            pace.look(step, seconds)
    return step, seconds, positions


def test_given_steps_are_taken_whatever_they_cost() -> None:
    assert run_out(Pace(100), lambda now: 1.0 + now)[0] == 100


@pytest.mark.parametrize("revisions", [[(4, 42)], [(2, 100), (7, 60)], [(6, 400)]])
def test_a_warm_up_has_as_many_steps_however_much_longer_the_run_becomes(revisions: list[tuple[int, int]]) -> None:
    pace = Pace(20, warmup=10)
    positions = [0]
    for step in range(1, revisions[-1][1]):
        for when, steps in revisions:
            if when == step:
                pace.revise(Revision(step, steps, 1.0))
        positions.append(pace.position(step))
    assert positions[:11] == list(range(11))
    assert positions == sorted(positions)
    assert positions[-1] == 19
    factors = [make_schedule(ScheduleConfig("cosine", warmup=50))(position, 20) for position in positions]
    assert factors.index(1.0) == 9


def test_a_warm_up_is_shortened_with_its_run() -> None:
    pace = Pace(100, warmup=50)
    pace.revise(Revision(4, 20, 1.0))
    positions = [pace.position(step) for step in range(20)]
    assert positions == sorted(positions)
    assert positions[-1] == 99


def test_a_plan_that_holds_is_not_revised() -> None:
    pace = Pace(1000, budget=100.0)
    assert run_out(pace, lambda now: 0.103)[0] == 1000
    assert pace.revisions == []


@pytest.mark.parametrize("when", [0.0, 0.1, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("slower", [0.1, 0.3, 0.7, 1.5, 3.0, 6.0])
def test_it_ends_within_a_tenth_of_its_minutes_though_the_machine_becomes_busy_or_free(
    when: float, slower: float
) -> None:
    budget = 600.0
    pace = Pace(1000, budget=budget)
    steps, seconds, positions = run_out(pace, lambda now: 0.6 if now < when * budget else 0.6 * slower, row=10)
    assert seconds == pytest.approx(budget, rel=0.1)
    assert steps == pace.steps
    strides = [after - before for before, after in itertools.pairwise(positions)]
    assert positions[0] == 0
    assert min(strides) >= 0
    assert positions[-1] == 999


def test_a_machine_that_is_busy_now_and_then_makes_no_difference() -> None:
    noise = random.Random(0)
    pace = Pace(3000, budget=600.0)
    _, seconds, positions = run_out(pace, lambda now: 0.2 * (4.0 if now % 60 < 20 else 1.0) * noise.uniform(0.7, 1.3))
    assert seconds == pytest.approx(600.0, rel=0.1)
    assert positions[-1] == 2999


@pytest.mark.parametrize("name", ["wsd", "cosine"])
@pytest.mark.parametrize("slower", [0.3, 4.0])
def test_the_learning_rate_does_not_jump_and_falls_to_its_end(name: str, slower: float) -> None:
    schedule = make_schedule(ScheduleConfig(name, warmup=50, final=0.02))  # type: ignore[arg-type]
    pace = Pace(1000, budget=100.0)
    _, _, positions = run_out(pace, lambda now: 0.1 if now < 50 else 0.1 * slower)
    rates = [schedule(position, pace.first) for position in positions]
    assert rates[-1] == schedule(999, 1000)
    assert max(abs(after - before) for before, after in itertools.pairwise(rates)) < 0.04
    assert all(after <= before for before, after in itertools.pairwise(rates[50:]))


def test_short_plans_are_revised_too() -> None:
    for planned in (1, 2, 3):
        assert run_out(Pace(planned, budget=float(planned)), lambda now: 1.0, row=1)[1] == planned
    assert run_out(Pace(40, budget=40.0), lambda now: 1.0 if now < 20 else 4.0, row=1)[1] == pytest.approx(40, rel=0.2)


def test_what_is_settled_is_repeated_and_the_rest_decided_anew() -> None:
    kept: list[list[Revision]] = []
    pace = Pace(1000, budget=100.0, write=lambda revisions: kept.append(list(revisions)))
    steps, _, positions = run_out(pace, lambda now: 0.1 if now < 50 else 0.3)
    assert kept[-1] == pace.revisions
    again = Pace(1000, budget=100.0, revisions=kept[-1], settled=steps)
    assert run_out(again, lambda now: 0.01)[::2] == (steps, positions)
    half = pace.revisions[0].step
    other = Pace(1000, budget=100.0, revisions=kept[-1][:1], settled=half)
    assert run_out(other, lambda now: 0.1 if now < 50 else 0.2)[2][:half] == positions[:half]
    later = Pace(1000, budget=100.0, revisions=kept[-1], settled=steps)
    later.repeat(steps - 1)  # gone on with from a checkpoint near the end
    assert later.position(steps - 1) == 999


@pytest.mark.parametrize("slower", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("number", [1, 3, 20])
def test_so_many_times_hold_however_the_plan_is_revised(slower: float, number: int) -> None:
    pace = Pace(1000, budget=100.0)
    often, due, left = Times(pace, number), list[int](), list[int]()
    step, seconds = 0, 0.0
    while step < pace.steps:
        step, seconds = step + 1, seconds + (0.1 if seconds < 40 else 0.1 * slower)
        if step == pace.steps or is_due(often, step):
            due.append(step)
            left.append(times_left(often, step, pace.steps))
        if step % 10 == 0:
            pace.look(step, seconds)
    assert (pace.steps == 1000) == (slower == 1)
    assert len(due) == number
    assert due[-1] == pace.steps
    assert left == list(range(number - 1, -1, -1))


def test_fewer_steps_than_times_are_each_one() -> None:
    often = Times(Pace(3), 20)
    assert [step for step in (1, 2, 3) if is_due(often, step)] == [1, 2, 3]
    assert times_left(often, 1, 3) == 2
    assert [times_left(10, step, 25) for step in (0, 9, 10, 20, 24, 25)] == [3, 3, 2, 1, 1, 0]


def test_fit_follows_the_pace() -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    seen: list[float] = []
    pace = Pace(100, budget=50.0, revisions=[Revision(50, 60, 40.0)], settled=60)
    totals: list[int] = []
    ended = fit(
        model,
        lambda step: torch.ones(1, 2),
        lambda net, x: net(x).square().sum(),
        optimizer,
        steps=pace,
        schedule=lambda step, steps: 1 - step / steps,
        every=[(1, lambda step, net: seen.append(optimizer.param_groups[0]["lr"]) or {})],
        report=lambda step, total=100, **numbers: totals.append(total),
    )
    assert ended.step == 60
    assert seen[49:51] == [pytest.approx(0.051), pytest.approx(0.05)]
    assert seen[-1] == pytest.approx(0.001)
    assert totals == [100, 100, 100, 100, 60, 60]


# ----------------------------------------------------------------------------------------------------------------------
# Runs


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that every step takes, one after the other; the last for ever. A clock moves once a step."""
    costs, now = [0.1], [0.0]
    monkeypatch.setattr("glassworks.train.clock.awake", lambda: now[0])

    def ticking(self: object, step: int) -> tuple[torch.Tensor, ...]:
        now[0] += costs[min(step, len(costs) - 1)]
        return windows(self, step)

    windows = Windows.__call__
    monkeypatch.setattr(Windows, "__call__", ticking)
    return costs


def begun(folder: Path, monkeypatch: pytest.MonkeyPatch, minutes: float = 1 / 6) -> Run:
    """A run given ten seconds, planned at a tenth of a second a step."""
    words = random.Random(0).choices(["ant", "bee", "cat", "dog", "eel", "\n\n"], k=4000)
    folder.mkdir(exist_ok=True)
    (folder / "text.txt").write_text(" ".join(words), encoding="utf-8")
    monkeypatch.setattr("glassworks.train.plan.measure_step", lambda *about: (0.1, 1e-5))
    shape = GPTConfig("nanochat", n_ctx=8, n_layer=1, n_head=1, n_embd=16)
    recipe = Recipe(str(folder / "text.txt"), split="tail", tokenizer="bytes", model=shape, batch_size=2)
    return start(folder / "runs" / "a", replace(recipe, minutes=minutes, checkpoint_every=10), [])


def weights(run: Run) -> str:
    return hashlib.sha256((run.path / "model" / "model.safetensors").read_bytes()).hexdigest()


def test_a_run_that_becomes_busy_half_way_ends_in_time_and_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    run = begun(tmp_path, monkeypatch)
    clock[:] = [0.1] * 50 + [0.4]
    assert pretrain(run)
    last, revisions = run.rows("metrics")[-1], run.record["revisions"]
    assert plan_of(run).steps == 100
    assert last["step"] == run.steps == revisions[-1]["steps"] < 75
    assert last["seconds"] == pytest.approx(10, rel=0.1)
    assert run.record["result"]["step"] == run.steps
    assert all(revision["seconds"] >= 0.1 * revision["step"] - 1e-6 for revision in revisions)


@pytest.mark.parametrize("stops", [(57,), (71,), (58, 53, 55)])
def test_resumed_it_repeats_its_revisions_to_the_bit_whatever_the_clock_says_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: list[float], stops: tuple[int, ...]
) -> None:
    """Killed, not asked to stop: no checkpoint is written then, and the steps since the last one are done again."""

    class Killed(BaseException):
        pass

    run, append = begun(tmp_path, monkeypatch), Run.append
    clock[:] = [0.1] * 50 + [0.02] * 30 + [0.3]
    rows: dict[int, list[float]] = {}
    revisions: list[dict[str, float]] = []

    def repeats() -> None:
        """What was known before is as it was."""
        now = {row["step"]: [row["loss"], row["lr"]] for row in run.rows("metrics")}
        assert all(now.get(step, row) == row for step, row in rows.items())
        assert run.record["revisions"][: len(revisions)] == revisions
        rows.update(now)
        revisions[:] = run.record["revisions"]

    for kill in stops:

        def append_and_die(self: Run, table: str, row: dict[str, float], kill: int = kill) -> None:
            append(self, table, row)
            if table == "metrics" and row["step"] == kill:
                raise Killed

        monkeypatch.setattr(Run, "append", append_and_die)
        with pytest.raises(Killed):
            pretrain(run)
        repeats()
        clock[:] = [0.3] * (max(stops) + 1) + [0.1]  # while it repeats, the machine is very busy
    monkeypatch.setattr(Run, "append", append)
    assert pretrain(run)
    repeats()
    assert len(revisions) > 1


def test_a_finished_run_is_the_same_when_its_end_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    run = begun(tmp_path, monkeypatch)
    clock[:] = [0.1] * 30 + [0.25] * 20 + [0.05]
    assert pretrain(run)
    before, revisions = weights(run), run.record["revisions"]
    assert len(revisions) > 1
    shutil.rmtree(complete_checkpoints(run)[-1])
    shutil.rmtree(run.path / "model")
    clock[:] = [9.0]
    assert pretrain(run)
    assert weights(run) == before
    assert run.record["revisions"] == revisions


def test_ended_early_one_more_step_is_the_last_and_stays_so() -> None:
    kept: list[list[Revision]] = []
    pace = Pace(100, budget=10.0, write=lambda revisions: kept.append(list(revisions)))
    pace.end(40, 4.0)
    assert pace.steps == 41
    assert pace.position(40) == 99  # the last step is the schedule's last
    for step in range(41, 60):
        pace.look(step, 0.01 * step)
    assert pace.steps == 41
    assert kept == [[Revision(40, 41, 4.0)]]
    again = Pace(100, revisions=kept[-1])
    again.repeat(39)
    assert again.steps == 100
    again.repeat(40)
    assert again.steps == 41


def test_what_is_at_its_end_or_was_decided_before_is_not_ended_again() -> None:
    pace = Pace(10, settled=5)
    for step in (5, 9):
        pace.end(step, 1.0)
    assert pace.steps == 10
