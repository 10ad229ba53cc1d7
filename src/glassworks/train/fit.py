"""`fit`: the one training loop. Pre-training, fine-tuning, probes and classifiers all go through it.

What it does not do: it knows no data sets, no checkpoints, no evaluation. A batch is a function of the step, and
everything that happens now and then is an `(n, function(step, model) -> numbers)` in `every`.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from glassworks.core.errors import RunError
from glassworks.core.progress import Report, silent
from glassworks.core.runs import Run
from glassworks.optim.schedules import Schedule, constant, set_lr
from glassworks.train.device import flushing_subnormals
from glassworks.train.distributed import Ranks, data_parallel

Every = Sequence[tuple[int, Callable[[int, nn.Module], Mapping[str, int | float]]]]


@dataclass
class Fit:
    """How a training ended: the last step done, whether it was interrupted, and the rows that were logged."""

    step: int
    interrupted: bool
    rows: list[dict[str, int | float]] = field(repr=False)

    @property
    def loss(self) -> float:
        """The last loss logged."""
        return self.rows[-1]["loss"]


def fit(
    model: nn.Module,
    batches: Callable[[int], Any],
    loss_fn: Callable[[nn.Module, Any], Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    steps: int,
    every: Every = (),
    run: Run | None = None,
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
    report: Report = silent,
) -> Fit:
    """Train `model` in place, from step `start` to step `steps`.

    Args:
        model: any module, on its device already.
        batches: the batch of a step (a tensor, or a tuple, list or dict of tensors with examples along axis 0). Being a
            function of the step, it needs no state to resume. Under several ranks it returns this rank's part.
        loss_fn: the mean loss of a batch, a scalar. It calls the module it is given (under DDP, the wrapper).
        optimizer: stepped by `step(closure)`; gradient-free ones may call the closure as often as they like.
        steps: number of the last step.
        every: `(n, function)` pairs: after each n-th step, and after the last, `function(step, model)` runs on rank 0
            and its numbers join that step's row, if it has one: every step with an n above 1 does. Time spent there
            is not training time, but that of n = 1 is.
        run: where rows are appended to metrics.jsonl.
        schedule: `schedule(step, steps)` in [0, 1] multiplies each parameter group's initial learning rate.
        start: steps already done, when resuming.
        accumulate: how many equal parts a batch is computed in; the gradient is that of the whole batch.
        clip: the largest norm of all gradients together; None = off.
        autocast: dtype of matrix products in the forward pass; None or float32 = as they are.
        max_rise: stop as diverged when the smoothed loss is this far above its lowest; None = off.
        log_every: steps between rows.
        tokens_per_step: tokens in a global batch, for the speed shown.
        seconds: training time already spent, when resuming.
        ranks: this process's place under torchrun; None = alone.
        report: where progress is told, as `report(step, loss=...)`.

    Returns: how it ended. Ctrl-C or SIGTERM ends it after the step at hand; a second ctrl-C ends it at once.

    Raises: RunError when the loss is NaN, infinite or has diverged: it is looked at before `every` runs, except for
        n = 1 on an accelerator. A step's loss is that of the weights before it: a checkpoint must look at its own.
    """
    place = ranks or Ranks()
    net = data_parallel(model, place)
    device = next(model.parameters()).device
    watch = Divergence(max_rise)
    rows: list[dict[str, int | float]] = []
    model.train()
    interrupted, step, spent = False, start, seconds
    logged, logged_at = start, seconds
    with stop_requests() as stop_requested, flushing_subnormals(device):
        began = time.perf_counter()
        while step < steps and not interrupted:
            set_lr(optimizer, schedule(step, steps))
            grad = Gradient(net, loss_fn, optimizer, move(batches(step), device), accumulate, clip, autocast)
            loss = torch.as_tensor(optimizer.step(grad)).detach()  # type: ignore[arg-type]  # torch: "may return a Tensor"
            step += 1
            interrupted = ask_all(place, stop_requested, loss)
            due = [function for n, function in every if step % n == 0 or step == steps]
            logs = (
                step % log_every == 0 or step == steps or interrupted or any(n > 1 for n, _ in every if step % n == 0)
            )
            if not due and not logs:
                continue
            if logs or device.type == "cpu":  # elsewhere, asking for the loss makes the device wait
                value = float(place.mean(loss))
                watch(value, step)  # before anything is made of these weights
            if logs:
                spent += time.perf_counter() - began
            numbers: dict[str, int | float] = {}
            for function in due if place.first else ():
                numbers |= function(step, model)
            if logs:
                row: dict[str, int | float] = {
                    "step": step,
                    "loss": value,
                    "lr": optimizer.param_groups[0]["lr"],
                    "seconds": spent,
                }
                if grad.norm is not None:
                    row["grad_norm"] = float(grad.norm)
                if tokens_per_step is not None:
                    row["tokens_per_s"] = tokens_per_step * (step - logged) / max(spent - logged_at, 1e-9)
                report(step, **{name: row[name] for name in ("loss", "tokens_per_s") if name in row})
                rows.append(row | numbers)
                logged, logged_at = step, spent
                if run is not None and place.first:
                    run.append("metrics", rows[-1])
                place.wait()
                began = time.perf_counter()
            model.train()
    return Fit(step, interrupted, rows)


class Gradient:
    """The closure of one step: computes the loss of a batch, and its gradient where gradients are enabled."""

    def __init__(
        self,
        net: nn.Module,
        loss_fn: Callable[[nn.Module, Any], Tensor],
        optimizer: torch.optim.Optimizer,
        batch: Any,
        accumulate: int,
        clip: float | None,
        autocast: torch.dtype | None,
    ) -> None:
        self.net, self.loss_fn, self.optimizer = net, loss_fn, optimizer
        self.parts, self.clip, self.autocast = split(batch, accumulate), clip, autocast
        self.norm: Tensor | None = None

    def __call__(self) -> Tensor:
        """The mean loss over all parts; parameters' `.grad` holds its gradient, clipped."""
        self.optimizer.zero_grad(set_to_none=True)
        total = None
        for i, part in enumerate(self.parts):
            last = i == len(self.parts) - 1
            with nullcontext() if last or not isinstance(self.net, DistributedDataParallel) else self.net.no_sync():
                with self.precision(first_of(part).device.type):
                    loss = self.loss_fn(self.net, part) / len(self.parts)
                if torch.is_grad_enabled():
                    loss.backward()  # type: ignore[no-untyped-call]
            total = loss.detach() if total is None else total + loss.detach()
        assert total is not None
        if self.clip is not None and torch.is_grad_enabled():
            self.norm = nn.utils.clip_grad_norm_(self.net.parameters(), self.clip)
        return total

    def precision(self, device_type: str) -> Any:
        """Autocast, where a narrower dtype was asked for."""
        if self.autocast in (None, torch.float32):
            return nullcontext()
        return torch.autocast(device_type, self.autocast)


class Divergence:
    """Raises when a loss can no longer be trusted: not finite, or far above the lowest it has been (smoothed)."""

    def __init__(self, max_rise: float | None) -> None:
        self.max_rise, self.smooth, self.lowest = max_rise, math.nan, math.inf

    def __call__(self, loss: float, step: int) -> None:
        """Look at one more loss."""
        advice = "checkpoints are kept. Try a new run with a lower learning rate, a longer warm-up or clipped gradients"
        if not math.isfinite(loss):
            raise RunError(f"the loss became {loss} by step {step}; {advice}")
        self.smooth = loss if math.isnan(self.smooth) else 0.8 * self.smooth + 0.2 * loss
        self.lowest = min(self.lowest, self.smooth)
        if self.max_rise is not None and self.smooth > self.lowest + self.max_rise:
            raise RunError(f"the loss rose from {self.lowest:.3g} to {self.smooth:.3g} by step {step}; {advice}")


# ----------------------------------------------------------------------------------------------------------------------
# Batches: tensors, or tuples, lists and dicts of them


def move(batch: Any, device: torch.device) -> Any:
    """The batch on `device`."""
    return apply(batch, lambda x: x.to(device, non_blocking=True))


def split(batch: Any, parts: int) -> list[Any]:
    """Equal parts of a batch along axis 0; ValueError if they cannot be equal: their mean would not be the whole's."""
    if parts == 1:
        return [batch]
    size = len(first_of(batch))
    if size % parts:
        raise ValueError(f"a batch of {size} does not split into {parts} equal parts: change batch_size or accumulate")
    step = size // parts
    return [apply(batch, lambda x: x[i : i + step]) for i in range(0, size, step)]  # noqa: B023  # called at once


def apply(batch: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """The same structure with `function` applied to each tensor."""
    if isinstance(batch, Tensor):
        return function(batch)
    if isinstance(batch, dict):
        return {name: apply(x, function) for name, x in batch.items()}
    parts = [apply(x, function) for x in batch]
    return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)


def first_of(batch: Any) -> Tensor:
    """The first tensor in a batch."""
    while not isinstance(batch, Tensor):
        batch = next(iter(batch.values() if isinstance(batch, dict) else batch))
    return batch


# ----------------------------------------------------------------------------------------------------------------------
# Ctrl-C


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """In the block SIGINT and SIGTERM only set a flag, which the yielded function reads; a second one stops at once."""
    asked = False
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield lambda: False
        return

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    old = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    except Exception as error:
        if asked and type(error).__module__.startswith(("torch._inductor", "torch._dynamo")):
            raise KeyboardInterrupt from None  # a terminal's ctrl-C reaches the C++ compiler as well, which then fails
        raise
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def ask_all(place: Ranks, stop_requested: Callable[[], bool], like: Tensor) -> bool:
    """Whether any rank was asked to stop: all must stop after the same step."""
    if place.world == 1:
        return stop_requested()
    return bool(place.mean(torch.tensor(float(stop_requested()), device=like.device)) > 0)
