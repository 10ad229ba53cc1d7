"""`train_run`: a run of any kind, by its recipe, from wherever it stands to its finished model.

A kind of run is one short file over it: a recipe (train/training.py), its `Work` (train/work.py), and what opens it
(train/opening.py). docs/architecture.md shows a whole one.
"""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import torch
from torch import nn

from glassworks.core.errors import RunError
from glassworks.core.files import locked
from glassworks.core.progress import Report, silent
from glassworks.core.runs import Run, being_trained
from glassworks.optim.schedules import make_schedule
from glassworks.train.checkpoint import load_checkpoint, newest_checkpoint
from glassworks.train.device import pick_device
from glassworks.train.distributed import OnEveryRank, Ranks
from glassworks.train.fit import Fit, Interrupted
from glassworks.train.pace import Pace, Times
from glassworks.train.plan import make_plan, pace_of, plan_once, result
from glassworks.train.resumable import check_finite, resumable
from glassworks.train.training import Training
from glassworks.train.work import SAMPLES, Work


def train_run(
    run: Run,
    recipe: Training,
    work: Work,
    *,
    ranks: Ranks | None = None,
    report: Report = silent,
    is_ours: bool = False,
) -> Fit:
    """Train from the newest checkpoint, or from nothing, to the planned end; calling it again goes on.

    Leaves what `work.keep` writes, and a `result` in run.json: steps, seconds, memory, and where the work counts tokens
    their number and speed. The plan is made once, unless whoever began the run has made it.

    Args:
        run: its folder. One process at a time may train it; another is refused.
        recipe: how to train.
        work: what to train, and on what.
        ranks: this process's place under torchrun; None = alone.
        report: where progress is told.
        is_ours: whether the caller holds the run's lock already.

    Returns: what `fit` does.

    Raises: as `resumable`; RunError where another process is training it, and for a kind that `core.kinds` lacks.
    """
    place = ranks or Ranks()
    _ = run.kind  # one that is not known is refused now, and not when the training is over
    with nullcontext(True) if is_ours or not place.first else locked(run.lock, wait=False) as had:
        if not had:
            raise being_trained(run)
        return carry_on(run, recipe, work, place, report)


def carry_on(run: Run, recipe: Training, work: Work, place: Ranks, report: Report) -> Fit:
    """`train_run`, once the run is ours."""
    device = pick_device(recipe.device)
    plan = plan_once(run, lambda: make_plan(recipe, work, device, place), place)
    model, optimizer = work.build(device, getattr(torch, plan.precision))
    judged = model if recipe.ema is None else copy.deepcopy(model)
    pace = pace_of(run, recipe, plan, place)

    def sample(step: int, _: nn.Module) -> dict[str, float]:
        check_finite(model, step)
        for row in [] if work.sample is None else work.sample(step, judged):
            run.append("samples", {"step": step, **row})
        return {}

    def finish(ended: Fit) -> None:
        """Write down what the run has come to."""
        if place.first and ended.step == pace.steps and not run.is_trained:
            run.forget_measures()
            if work.keep is not None:
                work.keep(judged)
        if place.first and (ended.rows or run.record.get("result", {}).get("step") != ended.step):
            run.update(result=result(run, work, plan, model, ended.step, place))
        place.wait()

    every = [] if work.watch is None else [*work.watch(judged, recipe.eval_every or Times(pace, work.evaluations))]
    if work.sample is not None:
        every.append((recipe.sample_every or Times(pace, SAMPLES), sample))
    if work.done is not None:
        every.append((1, OnEveryRank(partial(end_early, run, work.done, pace, place))))
    try:
        ended = resumable(
            run,
            plan,
            model,
            work.batches,
            work.loss_fn,
            optimizer,
            save=recipe.checkpoint_every or Times(pace, work.checkpoints),
            every=every,
            average=None if recipe.ema is None else (judged, recipe.ema),
            pace=pace,
            ranks=place,
            stored=work.stored,
            schedule=make_schedule(recipe.schedule),
            accumulate=recipe.accumulate,
            clip=recipe.clip,
            max_rise=work.max_rise,
            log_every=work.log_every or max(1, min(10, plan.steps // 100)),
            tokens_per_step=work.tokens_per_step,
            report=report,
        )
    except Interrupted as stopped:
        finish(stopped.fit)
        raise
    finish(ended)
    return ended


def end_early(
    run: Run, done: Callable[[], str | None], pace: Pace, place: Ranks, step: int, _: nn.Module
) -> dict[str, float]:
    """After a step: let the next be the last one, where the work says so, and write down why."""
    reason = done() if place.first and step + 1 < pace.steps else None
    if place.agree(reason is not None):
        rows = run.rows("metrics")
        pace.end(step, rows[-1]["seconds"] if rows else 0.0)
        if reason is not None:
            run.update(stopped=f"after step {step:,}: {reason}")
    return {}


def load_newest(run: Run, recipe: Training, model: nn.Module) -> None:
    """Let a model have the weights of a run's newest checkpoint: the averaged ones, if there are some.

    Raises: RunError if there is no checkpoint yet.
    """
    checkpoint = newest_checkpoint(run)
    if checkpoint is None:
        raise RunError(f"{run.path} has neither a model nor a checkpoint yet: {run.next_move()}")
    load_checkpoint(checkpoint, {"model" if recipe.ema is None else "average": model}, rng=False)
