"""Deciding how a run goes before it begins, and saying what it came to: steps, precision, speed, memory."""

import dataclasses
import inspect
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from glassworks.core.config import from_dict
from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.progress import tracked
from glassworks.core.runs import Run
from glassworks.objectives.losses import LossFn, mean_of, parted
from glassworks.optim.catalogue import METHODS
from glassworks.optim.schedules import warmup_of
from glassworks.train.batch import move, split
from glassworks.train.device import (
    can_compile,
    flushing_subnormals,
    matmul_peak,
    peak_memory,
    pick_precision,
    synchronize,
)
from glassworks.train.distributed import Ranks
from glassworks.train.fit import fit
from glassworks.train.pace import Pace, Revision
from glassworks.train.training import Training
from glassworks.train.work import Work


@dataclass(frozen=True)
class Plan:
    """What was decided once, from the machine, and must not change when the run is resumed elsewhere or later."""

    steps: int
    """How many to take; what a run given minutes makes of them on the way is in its `revisions` (train/pace.py)."""
    precision: str
    compile: bool
    step_seconds: float | None = None
    """The measured time of a step that `steps` was planned from; None if the recipe gave the steps."""
    token_seconds: float | None = None
    """That of a token which is only read, as in evaluations."""


def plan_of(run: Run) -> Plan:
    """The plan in a run's run.json.

    Raises: FileDamaged if there is none.
    """
    try:
        return from_dict(Plan, run.plan)
    except (ValueError, TypeError) as error:
        raise FileDamaged(f"{run.path / 'run.json'} holds no whole plan ({error}): restore it") from None


def plan_once(run: Run, make: Callable[[], Plan], place: Ranks | None = None) -> Plan:
    """The plan in a run's run.json; where there is none, as the run only begins, the one made, which is written there.

    Under torchrun all ranks make it, as they time a step together, and the first writes its own down.
    """
    place = place or Ranks()
    if place.agree("plan" not in run.record):
        plan = make()
        if place.first:
            run.update(plan=dataclasses.asdict(plan))
        place.wait()
    return plan_of(run)


def pace_of(run: Run, recipe: Training, plan: Plan, place: Ranks) -> Pace:
    """The pace of a run, begun or gone on with: call it before the run is rewound, while what is known is all there."""
    revisions = revisions_of(run)
    if recipe.minutes is None:
        return Pace(plan.steps, revisions=revisions, write=partial(write_revisions, run, place))
    reached = [row["step"] for row in run.rows("metrics")[-1:]] + [revision.step for revision in revisions]
    settled = place.agree(max([run.record.get("settled", 0), *reached]))
    if place.first:
        run.update(settled=settled)
    return Pace(
        plan.steps,
        budget=60 * recipe.minutes,
        warmup=warmup_of(recipe.schedule, plan.steps),
        revisions=revisions,
        settled=settled,
        write=partial(write_revisions, run, place),
        agree=place.agree,
    )


def write_revisions(run: Run, place: Ranks, now: list[Revision]) -> None:
    """Keep all revisions of a run in its run.json."""
    if place.first:
        run.update(revisions=[dataclasses.asdict(revision) for revision in now])


def revisions_of(run: Run) -> list[Revision]:
    """The revisions in a run's run.json; FileDamaged if they are not as they were written."""
    try:
        return [from_dict(Revision, revision) for revision in run.revisions]
    except (ValueError, TypeError) as error:
        raise FileDamaged(f"{run.path / 'run.json'}: revisions: {error}; restore it") from None


def compiled(loss_fn: LossFn) -> LossFn:
    """A loss compiled together with the model that it is given, which itself stays as it is.

    One graph from tokens to the loss: logits, the largest tensor of a step, are never written in float32. The model's
    hooks, its evaluation and generation with it see nothing of that.
    """
    summed = getattr(loss_fn, "summed", None)
    made = torch.compile(inspect.unwrap(summed or loss_fn), dynamic=False)  # a training has one shape of batch
    return made if summed is None else mean_of(made)


def planned_loss(run: Run, plan: Plan, loss_fn: LossFn, device: torch.device) -> LossFn:
    """The loss as the plan has it computed; RunError if it is to be compiled and this machine cannot."""
    if not plan.compile:
        return loss_fn
    if not can_compile(device):
        raise RunError(f"{run.path} was begun compiled, and {device} has no compiler here: install g++ or begin anew")
    return compiled(loss_fn)


def compile_pays(recipe: Training, work: Work, device: torch.device, world: int = 1) -> bool:
    """Whether compiling is soon made good: on CUDA always, alone on a CPU in runs of ten minutes or more.

    There it takes a seventh off a step of a small model, and half a minute of its own (docs/decisions.md). How long a
    run of given steps takes is reckoned from its operations and what two cores do of them in a second. A search or a
    rule is not compiled: what it makes of a step is no one graph.
    """
    if has_no_gradient(recipe) or not work.one_shape:
        return False
    if device.type != "cpu":
        return device.type == "cuda"
    minutes = work.operations() * recipe.steps / TWO_CORES / 60 if recipe.minutes is None else recipe.minutes
    return world == 1 and minutes >= 10


def has_no_gradient(recipe: Training) -> bool:
    """Whether it learns by a search or a rule."""
    return METHODS[recipe.optimizer.name].kind != "gradient"


TWO_CORES = 1e11
"""Floating-point operations a second of a small model's training on two cores, about."""


def computed(recipe: Training, work: Work, device: torch.device, world: int = 1) -> tuple[torch.dtype, bool]:
    """The dtype of matrix products, and whether the loss is compiled."""
    is_rule = METHODS[recipe.optimizer.name].kind == "rule"  # these compute in the weights' own precision
    dtype = torch.float32 if is_rule else pick_precision(recipe.precision, device, work.width)
    if recipe.compile == "on" and not work.one_shape:
        raise ValueError(
            "compile (='on') is for batches of one shape, and these are as long as their texts: leave it out"
        )
    compiles = recipe.compile == "on" or (recipe.compile == "auto" and compile_pays(recipe, work, device, world))
    if recipe.compile == "on" and not can_compile(device):
        raise ValueError(f"compile (='on') needs a C++ compiler on a CPU or Triton on CUDA; {device} has none here")
    return dtype, compiles and can_compile(device)


def make_plan(recipe: Training, work: Work, device: torch.device, place: Ranks) -> Plan:
    """Decide steps, precision and compilation. Under torchrun, rank 0 decides for all."""
    dtype, compiles = computed(recipe, work, device, place.world)
    steps, step_seconds, token_seconds = recipe.steps, None, None
    if recipe.minutes is not None:
        with flushing_subnormals(device):  # once, and not anew in every step's `fit`
            step_seconds, token_seconds = measure_step(recipe, work, device, dtype, compiles, place)
        steps = place.agree(max(1, int(recipe.minutes * 60 / step_seconds)))
    elif has_no_gradient(recipe):
        with flushing_subnormals(device):
            try_step(recipe, work, device, dtype, place)
    return Plan(steps, str(dtype).removeprefix("torch."), compiles, step_seconds, token_seconds)


def try_step(recipe: Training, work: Work, device: torch.device, dtype: torch.dtype, place: Ranks) -> None:
    """A step without a gradient, on a model that is thrown away: ValueError for a network that it is not for.

    Else a run would be begun that can do nothing but refuse.
    """
    model, optimizer = work.build(device, dtype)
    fit(
        model,
        work.batches,
        work.loss_fn,
        optimizer,
        steps=1,
        accumulate=recipe.accumulate,
        autocast=dtype,
        ranks=place,
    )


def measure_step(
    recipe: Training, work: Work, device: torch.device, dtype: torch.dtype, compiles: bool, place: Ranks
) -> tuple[float, float | None]:
    """Seconds of a training step, and of a token read without learning, on a copy of the model that is thrown away.

    Of steps their lower quartile: other work on the machine comes in bursts, and one must not plan a run for minutes.
    The first two, which make what the others find made, do not count, unless those of a search are too long to wait
    for more: they end with the one that goes beyond a tenth of the minutes.
    """
    model, optimizer = work.build(device, dtype)
    loss_fn = compiled(work.loss_fn) if compiles else work.loss_fn
    times: list[float] = []

    def few() -> bool:
        if times and has_no_gradient(recipe) and sum(times) > 6 * (recipe.minutes or math.inf):
            return False
        return len(times) < 4 or (len(times) < 10 and sum(times) < 15) or (len(times) < 50 and sum(times) < 3)

    with tracked("time a step", 4) as report:
        while place.agree(few()):
            began = time.perf_counter()
            fit(
                model,
                work.batches,
                loss_fn,
                optimizer,
                steps=len(times) + 1,
                start=len(times),
                accumulate=recipe.accumulate,
                clip=recipe.clip,
                autocast=dtype,
                ranks=place,
            )
            synchronize(device)
            times.append(time.perf_counter() - began)
            report(len(times), total=max(4, len(times) + few()))
    counted = times[2:] or times[-1:]
    step = statistics.quantiles(counted, n=4, method="inclusive")[0] if len(counted) > 1 else counted[0]
    if work.tokens_per_step is None:
        return step, None
    part, reading = move(split(work.batches(0), recipe.accumulate)[0], device), list[float]()
    for _ in range(2):
        began = time.perf_counter()
        with torch.no_grad():
            float(parted(work.loss_fn, model, part).total)
        reading.append(time.perf_counter() - began)
    return step, min(reading) * place.world * recipe.accumulate / work.tokens_per_step


def result(run: Run, work: Work, plan: Plan, model: nn.Module, step: int, ranks: Ranks) -> dict[str, Any]:
    """What a run came to by `step`, in numbers that the report and `runs` show. The peak is that of all ranks."""
    rows, device = run.rows("metrics"), next(model.parameters()).device
    return {
        "step": step,
        "seconds": rows[-1]["seconds"] if rows else 0.0,
        "num_params": sum(p.numel() for p in model.parameters()),
        **({} if work.tokens_per_step is None else speed(rows, work, plan, step, device, ranks)),
        "peak_memory_bytes": peak_memory(),
        "device_memory_bytes": torch.cuda.max_memory_allocated() if device.type == "cuda" else None,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else device.type,
        "ranks": ranks.world,
        "threads": torch.get_num_threads(),
    }


def speed(
    rows: list[dict[str, Any]], work: Work, plan: Plan, step: int, device: torch.device, ranks: Ranks
) -> dict[str, Any]:
    """Tokens read by `step`, how fast, and what share of the machine's peak that was; of all ranks."""
    assert work.tokens_per_step is not None
    speeds = [row["tokens_per_s"] for row in rows if row.get("tokens_per_s")]
    median = statistics.median(speeds) if speeds else 0.0
    passes = rows[-1]["forwards"] / rows[-1]["step"] if rows and rows[-1].get("forwards") else 3
    flops = work.operations() * passes / 3 / work.tokens_per_step  # reckoned with one pass forward and two backward
    peak = ranks.world * matmul_peak(device, getattr(torch, plan.precision))
    return {
        "tokens": step * work.tokens_per_step,
        "tokens_per_s": median,
        "flops_per_token": flops,
        "matmul_peak_flops": peak,
        "peak_share": median * flops / peak,
    }
