"""`resumable`: `fit` in a run's folder, whatever kind of run it is. Killed at any instant, the same call goes on.

A kind of run is one short file over it: its data, its model, its loss, what is evaluated on the way and what is kept at
the end (pretraining/run.py; docs/architecture.md shows a classifier). What a run goes on from is in its folder: the
plan in run.json, the rows logged, and the newest checkpoint.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.objectives.losses import LossFn
from glassworks.train.checkpoint import load_checkpoint, newest_checkpoint, save_checkpoint
from glassworks.train.distributed import OnEveryRank, Ranks
from glassworks.train.fit import Every, Fit, fit
from glassworks.train.gradient import weights_of
from glassworks.train.pace import Often, Pace
from glassworks.train.plan import Plan, planned_loss


def resumable(
    run: Run,
    plan: Plan,
    model: nn.Module,
    batches: Callable[[int], Any],
    loss_fn: LossFn,
    optimizer: torch.optim.Optimizer,
    *,
    save: Often,
    every: Every = (),
    average: tuple[nn.Module, float] | None = None,
    pace: Pace | None = None,
    ranks: Ranks | None = None,
    stored: Callable[[nn.Module], nn.Module] = lambda model: model,
    **how: Any,
) -> Fit:
    """Train `model` in place, from the run's newest checkpoint, or as it is given, to the plan's last step.

    Args:
        run: where checkpoints and metrics.jsonl are written; rows beyond the newest checkpoint are forgotten. The
            caller holds `run.lock` if another process might train it, too.
        plan: how many steps, in which precision, compiled or not, as it was decided when the run began (`plan_once`).
        model: any module, on its device, as it is before the first step.
        batches: the batch of a step, a function of nothing else.
        loss_fn: as `fit` takes it; compiled here, if that is the plan.
        optimizer: of the model's weights, as it is before the first step.
        save: after how many steps a checkpoint is written, or how often in all. Weights that are not finite never are.
        every: `(n, function(step, model))` pairs, as `fit` takes them: evaluation, samples.
        average: `(copy of the model, decay)`: the copy becomes the moving average of the model's weights, stands in
            checkpoints as "average", and is what to evaluate and to keep.
        pace: the plan's steps where they are counted anew on the way (`pace_of`); None = they are as planned.
        ranks: this process's place under torchrun; None = alone.
        stored: of a model, what a checkpoint holds of it.
        how: what else `fit` takes, such as schedule, accumulate, clip, max_rise, log_every, stop and report.

    Returns: what `fit` does. What is kept of the finished model is the caller's to write.

    Raises: as `fit`: Interrupted where it was asked to stop, with a checkpoint of where it did; RunError where the loss
        or the weights have become useless. FileDamaged if the checkpoint is not as it was written.
    """
    modules = {"model": stored(model)} | ({} if average is None else {"average": stored(average[0])})
    checkpoint = newest_checkpoint(run)
    start = load_checkpoint(checkpoint, modules, optimizer) if checkpoint is not None else 0
    if (ranks or Ranks()).first:
        run.rewind(start)
    past = run.rows("metrics")

    def keep(step: int, _: nn.Module) -> None:
        check_finite(model, step)
        save_checkpoint(run, step, modules, optimizer)

    return fit(
        model,
        batches,
        planned_loss(run, plan, loss_fn, weights_of(optimizer)[0].device),
        optimizer,
        steps=pace or plan.steps,
        every=every if average is None else [(1, OnEveryRank(partial(follow, *average))), *every],
        save=(save, keep),
        run=run,
        start=start,
        autocast=getattr(torch, plan.precision),
        seconds=past[-1]["seconds"] if past else 0.0,
        ranks=ranks,
        **how,
    )


@torch.no_grad()
def follow(average: nn.Module, decay: float, step: int, model: nn.Module) -> dict[str, float]:
    """After a step: the average's weights come nearer to the model's, and its buffers are the model's."""
    decay = min(decay, step / (step + 9))  # the early weights are soon forgotten
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
    for kept, seen in zip(average.buffers(), model.buffers(), strict=True):
        kept.copy_(seen)
    return {}


def check_finite(model: nn.Module, step: int) -> None:
    """Refuse weights with which nothing can be gone on, before they are written down or asked to write."""
    if bad := [name for name, p in model.named_parameters() if not p.isfinite().all()]:
        raise RunError(
            f"{bad[0]} has weights that are not finite after step {step}; checkpoints before it are kept. Try a "
            "new run with a lower learning rate, a longer warm-up, clipped gradients or another seed"
        )
