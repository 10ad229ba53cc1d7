"""`fit`: one loop for every kind of training."""

import itertools
import math
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import nn

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.objectives.losses import Summed
from glassworks.optim.gradient_free.forward_gradient import ForwardGradient
from glassworks.optim.gradient_free.mezo import MeZO
from glassworks.optim.gradient_free.nelder_mead import NelderMead
from glassworks.optim.rules.settling.predictive_coding import PredictiveCoding
from glassworks.train.fit import Interrupted, fit


def line(seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(3, 1)


def batch_of(step: int, size: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(size, 3, generator=torch.Generator().manual_seed(step))
    return x, x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.3


def squared(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    return ((model(batch[0]) - batch[1]) ** 2).mean()


def sgd(model: nn.Module, lr: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr)


def test_converges_on_a_line_it_can_fit() -> None:
    model = line()
    ended = fit(model, batch_of, squared, sgd(model), steps=200)
    assert ended.step == 200
    assert ended.loss < 1e-6
    assert torch.allclose(model.weight, torch.tensor([[1.0, -2.0, 0.5]]), atol=1e-3)


def test_equals_a_loop_written_by_hand() -> None:
    ours, byhand = line(), line()
    fit(ours, batch_of, squared, sgd(ours), steps=7, clip=0.5)
    optimizer = sgd(byhand)
    for step in range(7):
        optimizer.zero_grad()
        squared(byhand, batch_of(step)).backward()
        nn.utils.clip_grad_norm_(byhand.parameters(), 0.5)
        optimizer.step()
    assert torch.equal(ours.weight, byhand.weight)


@pytest.mark.parametrize("parts", [2, 3, 12])
def test_accumulated_parts_have_the_gradient_of_the_whole(parts: int) -> None:
    whole, cut = line(), line()
    plain = fit(whole, batch_of, squared, sgd(whole), steps=5)
    ended = fit(cut, batch_of, squared, sgd(cut), steps=5, accumulate=parts)
    assert torch.allclose(whole.weight, cut.weight, atol=1e-6)
    assert ended.loss == pytest.approx(plain.loss, rel=1e-5)


@pytest.mark.parametrize("wrap", [tuple, list, lambda b: {"x": b[0], "y": b[1]}])
def test_batches_may_be_any_structure_of_tensors(wrap) -> None:  # type: ignore[no-untyped-def]
    def loss(model: nn.Module, batch) -> torch.Tensor:  # type: ignore[no-untyped-def]
        return squared(model, tuple(batch.values()) if isinstance(batch, dict) else batch)

    model, plain = line(), line()
    fit(model, lambda step: wrap(batch_of(step)), loss, sgd(model), steps=3, accumulate=2)
    fit(plain, batch_of, squared, sgd(plain), steps=3, accumulate=2)
    assert torch.equal(model.weight, plain.weight)


def test_every_runs_after_each_nth_step_and_after_the_last() -> None:
    model, seen = line(), []
    fit(model, batch_of, squared, sgd(model), steps=7, every=[(3, lambda step, _: seen.append(step) or {})])
    assert seen == [3, 6, 7]


def test_the_time_left_has_in_it_what_is_done_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now, model, told = [0.0], line(), dict[int, float | None]()
    monkeypatch.setattr("glassworks.train.clock.awake", lambda: now[0])

    def evaluate(step: int, model: nn.Module) -> dict[str, float]:
        now[0] += 30.0
        return {}

    def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        now[0] += 2.0
        return batch_of(step)

    def report(step: int, left: float | None = None, **numbers: float) -> None:
        told[step] = left

    fit(model, batch, squared, sgd(model), steps=10, every=[(3, evaluate)], log_every=1, report=report)
    assert told[3] is None  # not known before the first
    assert told[4] == pytest.approx(6 * 2 + 3 * 30)
    assert told[9] == pytest.approx(1 * 2 + 2 * 30)  # that after step 9 is still to come


def test_rows_hold_what_every_returns_and_go_to_the_run(tmp_path) -> None:  # type: ignore[no-untyped-def]
    model, run = line(), Run.create(tmp_path / "r")
    ended = fit(
        model,
        batch_of,
        squared,
        sgd(model),
        steps=20,
        every=[(10, lambda s, m: {"double": 2.0 * s})],
        run=run,
        clip=9.0,
    )
    rows = run.rows("metrics")
    assert rows == ended.rows
    assert [row["step"] for row in rows] == [10, 20]
    assert [row["double"] for row in rows] == [20.0, 40.0]
    assert all(row["grad_norm"] > 0 and row["loss"] > 0 for row in rows)


def test_the_history_is_the_rows_by_column_with_nan_where_there_is_nothing() -> None:
    model = line()
    looked = [(15, lambda s, m: {"seen": s})]
    ended = fit(model, batch_of, squared, sgd(model), steps=20, every=looked)
    history = ended.history
    assert history["step"] == [10, 15, 20]
    assert history["loss"] == [row["loss"] for row in ended.rows]
    assert math.isnan(history["seen"][0])
    assert history["seen"][1:] == [15, 20]
    assert str(ended).startswith(f"20 steps, loss {history['loss'][0]:.4g} to {ended.loss:.4g}, ")


def test_nothing_to_do_has_no_history() -> None:
    model = line()
    ended = fit(model, batch_of, squared, sgd(model), steps=3, start=3)
    assert ended.history == {}
    assert math.isnan(ended.loss)
    assert str(ended) == "3 steps, nothing to do"


def test_it_can_print_and_does_not_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    for report, lines in ((False, 0), (True, 1)):
        model = line()
        fit(model, batch_of, squared, sgd(model), steps=20, report=report)
        assert len(capsys.readouterr().err.splitlines()) == lines


def test_a_step_is_told_before_what_comes_after_it_and_may_take_minutes() -> None:
    model, told = line(), list[str]()

    def evaluate(step: int, model: nn.Module) -> dict[str, float]:
        told.append(f"evaluate {step}")
        return {"val": 1.0}

    def report(step: int, **numbers: float) -> None:
        told.append(f"step {step}")

    fitted = fit(model, batch_of, squared, sgd(model), steps=4, every=[(2, evaluate)], log_every=1, report=report)
    assert told == ["step 1", "step 2", "evaluate 2", "step 3", "step 4", "evaluate 4"]
    assert [row.get("val") for row in fitted.rows] == [None, 1.0, None, 1.0]


def test_resuming_in_the_middle_is_the_same_training() -> None:
    straight, broken = line(), line()
    fit(straight, batch_of, squared, sgd(straight), steps=9)
    fit(broken, batch_of, squared, sgd(broken), steps=4)
    fit(broken, batch_of, squared, sgd(broken), steps=9, start=4)
    assert torch.equal(straight.weight, broken.weight)


def test_the_schedule_multiplies_each_groups_own_rate() -> None:
    model = line()
    optimizer = torch.optim.SGD([{"params": [model.weight], "lr": 0.1}, {"params": [model.bias], "lr": 0.4}])
    fit(model, batch_of, squared, optimizer, steps=2, schedule=lambda step, steps: 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.2]


def test_a_loss_that_is_not_finite_stops_before_every_sees_the_weights() -> None:
    model, seen = line(), []

    def breaks(net: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return squared(net, batch) * (math.nan if len(seen) == 2 else 1.0)

    with pytest.raises(RunError, match="the loss became nan by step 3.*Try a new run with a lower learning rate"):
        fit(model, batch_of, breaks, sgd(model), steps=9, every=[(1, lambda step, _: seen.append(step) or {})])
    assert seen == [1, 2]


def test_a_diverging_loss_stops_the_run() -> None:
    model = line()
    with pytest.raises(RunError, match="the loss rose from"):
        fit(model, batch_of, squared, sgd(model, lr=1.5), steps=500, max_rise=5.0)


@pytest.mark.parametrize(
    ("made", "said", "never"),
    [
        (MeZO, "a lower learning rate (--optimizer.lr) or a smaller --optimizer.sigma", "clipped"),
        (ForwardGradient, "a lower learning rate (--optimizer.lr)", "sigma"),
        (PredictiveCoding, "a lower learning rate (--optimizer.lr)", "clipped"),
        (NelderMead, "a smaller --optimizer.sigma", "learning rate"),
        (sgd, "a lower learning rate, a longer warm-up or clipped gradients", "sigma"),
    ],
)
def test_what_to_do_about_a_diverging_loss_is_of_what_the_optimizer_has(made: Any, said: str, never: str) -> None:
    model, step = line(), itertools.count()

    def rises(net: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return squared(net, batch) + 10 * next(step)

    optimizer = made(model) if made in (sgd, PredictiveCoding) else made(model.parameters())
    with pytest.raises(RunError, match="the loss rose from") as stopped:
        fit(model, batch_of, rises, optimizer, steps=20, max_rise=5.0, log_every=1)
    assert said in str(stopped.value)
    assert never not in str(stopped.value)


def test_a_signal_ends_after_the_step_at_hand_and_handlers_are_put_back() -> None:
    model, before = line(), signal.getsignal(signal.SIGINT)

    def interrupt(step: int, _: nn.Module) -> dict[str, float]:
        if step == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return {}

    with pytest.raises(Interrupted) as stopped:
        fit(model, batch_of, squared, sgd(model), steps=50, every=[(1, interrupt)])
    assert stopped.value.fit.step == 4
    assert stopped.value.fit.rows[-1]["step"] == 4
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_while_the_last_step_is_looked_at_is_not_lost() -> None:
    def interrupt(step: int, _: nn.Module) -> dict[str, float]:
        if step == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return {}

    model = line()
    with pytest.raises(Interrupted) as stopped:
        fit(model, batch_of, squared, sgd(model), steps=3, every=[(1, interrupt)])
    assert stopped.value.fit.step == 3


def test_a_signal_in_a_step_that_diverges_is_not_lost() -> None:
    """Who compares trainings goes on from one that diverged to the next."""

    def loss_fn(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        os.kill(os.getpid(), signal.SIGINT)
        return squared(model, batch) * math.nan

    model = line()
    with pytest.raises(KeyboardInterrupt):
        fit(model, batch_of, loss_fn, sgd(model), steps=3)


def test_another_thread_stops_it_and_the_step_at_hand_is_saved() -> None:
    model, leave, saved = line(), threading.Event(), list[int]()

    def leaves(step: int, _: nn.Module) -> dict[str, float]:
        if step == 3:
            leave.set()
        return {}

    def work() -> None:
        save = (100, lambda step, _: saved.append(step))
        fit(model, batch_of, squared, sgd(model), steps=50, every=[(1, leaves)], save=save, stop=leave.is_set)

    with ThreadPoolExecutor() as pool, pytest.raises(Interrupted, match=r"4 steps, loss .*"):
        pool.submit(work).result()
    assert saved == [4]


def test_asked_to_stop_at_its_last_step_it_says_so() -> None:
    """Many fits of a step each would otherwise never end."""
    model = line()
    with pytest.raises(Interrupted) as stopped:
        fit(model, batch_of, squared, sgd(model), steps=3, stop=lambda: True, start=2)
    assert stopped.value.fit.step == 3


def test_no_steps_leave_all_as_it_was_and_less_are_refused() -> None:
    model = line()
    before = model.weight.detach().clone()
    assert str(fit(model, batch_of, squared, sgd(model), steps=0)) == "0 steps, nothing to do"
    assert torch.equal(model.weight, before)
    with pytest.raises(ValueError, match=r"steps \(=-1\) must be at least 0"):
        fit(model, batch_of, squared, sgd(model), steps=-1)


@pytest.mark.parametrize("how", [{"every": [(0, lambda step, model: {})]}, {"save": (-1, print)}, {"log_every": 0}])
def test_what_is_to_be_done_after_less_than_a_step_is_refused(how: dict[str, Any]) -> None:
    model = line()
    with pytest.raises(ValueError, match=r"every, save and log_every \(one is (0|-1)\) are numbers of steps"):
        fit(model, batch_of, squared, sgd(model), steps=3, **how)


def test_what_is_trained_need_not_be_the_models() -> None:
    """An input that a network without weights gives a certain output for."""
    x = nn.Parameter(torch.zeros(3))
    fit(
        nn.Tanh(), lambda step: None, lambda net, _: (net(x) - 0.5).square().sum(), torch.optim.SGD([x], 0.3), steps=200
    )
    assert torch.allclose(x.tanh(), torch.full((3,), 0.5), atol=1e-3)


def test_groups_of_weights_may_be_empty() -> None:
    model = line()
    optimizer = torch.optim.SGD([{"params": []}, {"params": list(model.parameters())}], 0.1)
    assert fit(model, batch_of, squared, optimizer, steps=2).step == 2


def test_what_is_logged_is_of_the_weights_that_a_step_began_with() -> None:
    """LBFGS asks for the loss of several."""
    model = line()
    loss = lambda net, batch: Summed(squared(net, batch), 1, {"same": squared(net, batch)})  # noqa: E731
    row = fit(model, batch_of, loss, torch.optim.LBFGS(model.parameters()), steps=1).rows[-1]
    assert row["same"] == row["loss"]


def test_a_name_that_every_row_has_is_refused() -> None:
    model = line()
    with pytest.raises(ValueError, match="the loss logs 'step', which every row has already"):
        fit(model, batch_of, lambda net, batch: Summed(squared(net, batch), 1, {"step": 1}), sgd(model), steps=1)


@pytest.mark.parametrize("parts", [1, 3])
def test_a_loss_names_what_else_is_logged(parts: int) -> None:
    """The mean over the batch, however many parts it was computed in."""
    model = line()

    def loss(net: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> Summed:
        error = (net(batch[0]) - batch[1]).square()
        return Summed(error.sum(), error.numel(), {"target": batch[1].sum(), "twice": 2 * error.sum()})

    row = fit(model, batch_of, loss, sgd(model), steps=1, accumulate=parts).rows[-1]
    assert row["twice"] == pytest.approx(2 * row["loss"], rel=1e-5)
    assert row["target"] == pytest.approx(float(batch_of(0)[1].mean()), rel=1e-5)


def test_a_second_signal_ends_at_once() -> None:
    model = line()

    def interrupt(step: int, _: nn.Module) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return {}

    with pytest.raises(KeyboardInterrupt):
        fit(model, batch_of, squared, sgd(model), steps=50, every=[(1, interrupt)])


@pytest.mark.parametrize(("module", "stopped"), [("torch._inductor.exc", True), ("elsewhere", False)])
def test_a_compiler_that_ctrl_c_stopped_is_no_error_of_the_training(module: str, stopped: bool) -> None:
    failed = type("CppCompileError", (RuntimeError,), {"__module__": module})

    def loss_fn(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        os.kill(os.getpid(), signal.SIGINT)
        raise failed("killed")

    model = line()
    with pytest.raises(KeyboardInterrupt if stopped else RuntimeError):
        fit(model, batch_of, loss_fn, sgd(model), steps=3)


def test_an_optimizer_without_gradients_works_in_the_same_loop() -> None:
    class Evolution(torch.optim.Optimizer):
        """Tries one random change a step and keeps it if the loss is lower."""

        def __init__(self, params) -> None:  # type: ignore[no-untyped-def]
            super().__init__(params, {"lr": 0.1})
            self.generator = torch.Generator().manual_seed(0)

        @torch.no_grad()
        def step(self, closure):  # type: ignore[no-untyped-def, override]
            before = closure()
            changes = []
            for p in self.param_groups[0]["params"]:
                changes.append(0.1 * torch.randn(p.shape, generator=self.generator))
                p += changes[-1]
            after = closure()
            if after > before:
                for p, change in zip(self.param_groups[0]["params"], changes, strict=True):
                    p -= change
            return min(before, after)

    model = line()
    fixed = batch_of(0)
    began = squared(model, fixed).item()
    ended = fit(model, lambda step: fixed, squared, Evolution(model.parameters()), steps=300)
    assert ended.loss < 0.05 * began
    assert all(p.grad is None for p in model.parameters())
