"""`fit`: the one training loop. Pre-training, fine-tuning, probes and classifiers all go through it.

What it does not do: it knows no data sets, no checkpoints, no evaluation. A batch is a function of the step, and
everything that happens now and then is an `(n, function(step, model) -> numbers)` in `every`, or a `save`.
"""

import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.core.errors import RunError
from glassworks.core.machine import company
from glassworks.core.progress import Report, counted, progress, silent
from glassworks.core.progress import seconds as seconds_in_words
from glassworks.core.runs import Run
from glassworks.objectives.losses import LossFn
from glassworks.optim.schedules import Schedule, constant, set_lr
from glassworks.train.batch import move
from glassworks.train.clock import Clock
from glassworks.train.device import flushing_subnormals
from glassworks.train.distributed import OnEveryRank, Ranks, data_parallel
from glassworks.train.divergence import Divergence
from glassworks.train.gradient import Gradient, weights_of
from glassworks.train.pace import Often, Pace, is_due

Every = Sequence[tuple[Often, Callable[[int, nn.Module], Mapping[str, int | float]]]]


@dataclass
class Fit:
    """How a training ended: the last step done, and the rows that were logged."""

    step: int
    rows: list[dict[str, int | float]] = field(repr=False)

    @property
    def loss(self) -> float:
        """The last loss logged; nan where no step was done."""
        return self.rows[-1]["loss"] if self.rows else math.nan

    @property
    def history(self) -> dict[str, list[int | float]]:
        """The rows by column: step, loss, lr, seconds and whatever `every` returned; nan where a row has none of it.

        >>> fit(model, batches, loss_fn, optimizer, steps=20).history["loss"]
        [1.25, 0.5]
        """
        names = dict.fromkeys(name for row in self.rows for name in row)
        return {name: [row.get(name, math.nan) for row in self.rows] for name in names}

    def __str__(self) -> str:
        """One line: '20 steps, loss 1.25 to 0.5, 3.1 s'."""
        if not self.rows:
            return f"{counted(self.step, 'step')}, nothing to do"
        first, last = self.rows[0], self.rows[-1]
        spent = seconds_in_words(last["seconds"])
        return f"{counted(self.step, 'step')}, loss {first['loss']:.4g} to {last['loss']:.4g}, {spent}"


class Interrupted(KeyboardInterrupt):
    """A training was asked to stop, and has stopped after the step at hand; `fit` is how far it came."""

    def __init__(self, fit: Fit) -> None:
        super().__init__(str(fit))
        self.fit = fit


def fit(
    model: nn.Module,
    batches: Callable[[int], Any],
    loss_fn: LossFn,
    optimizer: torch.optim.Optimizer,
    *,
    steps: int | Pace,
    every: Every = (),
    save: tuple[Often, Callable[[int, nn.Module], object]] | None = None,
    run: Run | None = None,
    stop: Callable[[], bool] = lambda: False,
    schedule: Schedule = constant,
    start: int = 0,
    accumulate: int = 1,
    clip: float | None = None,
    autocast: torch.dtype | None = None,
    max_rise: float | None = None,
    log_every: int = 10,
    tokens_per_step: int | None = None,
    seconds: float = 0.0,
    ranks: Ranks | None = None,
    report: Report | bool = False,
) -> Fit:
    """Train `model` in place, from step `start` to step `steps`.

    Args:
        model: any module, on its device already.
        batches: the batch of a step (a tensor, or a tuple, list or dict of tensors with examples along axis 0). Being a
            function of the step, it needs no state to resume. Under several ranks it returns this rank's part.
        loss_fn: the mean loss of a batch, a scalar; or `Summed`, its sum and what that is over, where parts of a batch
            have different numbers of targets, or there is more to log. It calls the module it is given (under DDP, the
            wrapper).
        optimizer: stepped by `step(closure)`; gradient-free ones may call the closure as often as they like.
        steps: number of the last step; or a `Pace`, which may change it on the way.
        every: `(n, function)` pairs: after each n-th step (or `Times` in all), and after the last, `function(step,
            model)` runs on rank 0, or as `OnEveryRank` on all, and its numbers join that step's row, if it has one:
            every step with an n other than 1 does. Time spent there is not training time, but that of n = 1 is.
        save: an `(n, function)` called likewise, on an interruption too, once the step's row is written: what goes on
            from what it saved has every row up to there, whenever the process was killed.
        run: where rows are appended to metrics.jsonl.
        stop: asked after each step whether to stop, from any thread: `threading.Event().is_set`, for example.
        schedule: `schedule(step, steps)` in [0, 1] multiplies each parameter group's initial learning rate.
        start: steps already done, when resuming.
        accumulate: how many equal parts a batch is computed in. Loss and gradient are those of the whole batch, if a
            mean is over as much in each part; next_token_loss and other `Summed` losses may have targets left out.
        clip: the largest norm of the gradients of all the optimizer's weights together; None = off.
        autocast: dtype of matrix products in the forward pass; None or float32 = as they are.
        max_rise: stop as diverged when the smoothed loss is this far above its lowest; None = off.
        log_every: steps between rows.
        tokens_per_step: tokens in a global batch, for the speed shown.
        seconds: training time already spent, when resuming. Gaps in it, while the machine slept or the process was
            stopped, do not count.
        ranks: this process's place under torchrun; None = alone.
        report: where progress is told, as `report(step, loss=...)`; True shows it on stderr.

    Returns: the history of what was logged.

    Raises: Interrupted, a KeyboardInterrupt, where ctrl-C, SIGTERM or `stop` asked for it, once the step at hand is
        done and saved, were it the last one; a second ctrl-C ends it at once. RunError when the loss is NaN, infinite
        or has diverged: it is looked at before `every` runs, except for n = 1 on an accelerator. A step's loss is that
        of the weights before it: a checkpoint must look at its own. ValueError for less than no steps, for something
        to be done after every 0 steps, and for a loss that logs a name which rows have already.
    """
    company.watch()
    place, pace = ranks or Ranks(), steps if isinstance(steps, Pace) else Pace(steps)
    net = data_parallel(model, place)
    device = weights_of(optimizer)[0].device  # the model itself may have none, or others elsewhere
    gradient = partial(
        Gradient, net, loss_fn, optimizer, accumulate=accumulate, clip=clip, autocast=autocast, place=place
    )
    watch = Divergence(max_rise, optimizer)
    rows: list[dict[str, int | float]] = []
    model.train()
    interrupted, step, clock = False, start, Clock(seconds)
    often = [n for n, _ in (*every, *([] if save is None else [save]))]
    check_often(*often, log_every)
    logged, logged_at = start, seconds
    pace.repeat(start)
    with stop_requests() as stop_requested, flushing_subnormals(device), telling(report, pace.steps, start) as tell:
        clock.go()
        while step < pace.steps and not interrupted:
            set_lr(optimizer, schedule(pace.position(step), pace.first))
            grad = gradient(move(batches(step), device))
            loss = torch.as_tensor(optimizer.step(grad)).detach()  # type: ignore[arg-type]  # torch: "may return a Tensor"
            step += 1
            reached = [number for number, n in enumerate(often) if step == pace.steps or is_due(n, step)]
            due = [number for number in reached if number < len(every)]
            pace.repeat(step)
            interrupted = ask_all(place, lambda: stop() or stop_requested(), loss)
            saves = len(reached) > len(due) or interrupted
            logs = step % log_every == 0 or step == pace.steps or saves or any(often[n] != 1 for n in due)
            if not due and not logs:
                continue
            if logs or device.type == "cpu":  # elsewhere, asking for the loss makes the device wait
                value = float(loss)
                watch(value, step)  # before anything is made of these weights
            if logs:
                spent = clock.stop()
                pace.look(step, spent)
            row: dict[str, int | float] = {}
            if logs:
                row = {"step": step, "loss": value, "lr": float(optimizer.param_groups[0]["lr"]), "seconds": spent}
                row |= grad.numbers()
                speed = (tokens_per_step or 0) * (step - logged) / max(spent - logged_at, 1e-9)
                row |= {} if tokens_per_step is None else {"tokens_per_s": speed}
                left = clock.seconds_left(often, step, pace.steps)
                tell(step, **reported(row, pace, left))  # before what may take long
            for number in due:
                with clock.doing(number):
                    row |= here(every[number][1], place, step, model) or {}
            if logs:
                rows.append(row)
                logged, logged_at = step, spent
                if run is not None and place.first:
                    run.append("metrics", rows[-1])
                if save is not None and saves:
                    with clock.doing(len(every)):
                        here(save[1], place, step, model)
                place.wait()
                clock.go()
            model.train()
        if step > start and not interrupted:  # asked while the last step was looked at
            interrupted = ask_all(place, stop_requested, loss)
    ended = Fit(step, rows)
    if interrupted:
        raise Interrupted(ended)
    return ended


def here(function: Callable[[int, nn.Module], Any], place: Ranks, step: int, model: nn.Module) -> Any:
    """What a function gives that runs on this rank; None where it runs on another one alone."""
    return function(step, model) if place.first or isinstance(function, OnEveryRank) else None


@contextmanager
def telling(report: Report | bool, steps: int, start: int) -> Iterator[Report]:
    """Where progress is told: nowhere, where the caller wants it, or on stderr."""
    if report is True:
        with progress("fit", steps, start=start) as tell:
            yield tell
    else:
        yield report or silent


def reported(row: Mapping[str, int | float], pace: Pace, left: float | None) -> dict[str, Any]:
    """What is told of a row, and what of the steps and the time left is not as it was told before."""
    numbers = {name: row[name] for name in ("loss", "tokens_per_s") if name in row}
    total = {"total": pace.steps} if pace.revisions else {}
    return {**numbers, **total, **({} if left is None else {"left": left})}


def check_often(*often: Often) -> None:
    """Refuse what is to be done after every 0 steps."""
    if wrong := [n for n in often if isinstance(n, int) and n < 1]:
        raise ValueError(f"every, save and log_every (one is {wrong[0]}) are numbers of steps: give 1 or more")


# ----------------------------------------------------------------------------------------------------------------------
# Ctrl-C


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """In the block SIGINT and SIGTERM only set a flag, which the yielded function reads; a second one stops at once."""
    requested = False
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield lambda: False
        return

    def ask(number: int, frame: Any) -> None:
        nonlocal requested
        if requested:
            raise KeyboardInterrupt
        requested = True

    old = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: requested
    except RunError as diverged:  # who goes on with another training would go on in spite of ctrl-C
        if requested:
            raise KeyboardInterrupt from diverged
        raise
    except Exception as error:
        if requested and type(error).__module__.startswith(("torch._inductor", "torch._dynamo")):
            raise KeyboardInterrupt from None  # a terminal's ctrl-C reaches the C++ compiler as well, which then fails
        raise
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def ask_all(place: Ranks, stop_requested: Callable[[], bool], like: Tensor) -> bool:
    """Whether any rank was asked to stop: all must stop after the same step."""
    if place.world == 1:
        return stop_requested()
    return bool(place.sum(torch.tensor(float(stop_requested()), device=like.device)) > 0)
