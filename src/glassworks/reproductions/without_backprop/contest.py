"""One network trained in every way, from the same weights: at equal forward passes, and at equal time.

A pass is over a batch. A step costs as many as the method counts, if it only looks at losses; else its multiplications
are counted, over those of a forward pass. Time is the processor's, of all threads, so that whatever else is at work on
the machine takes nothing of it. Each method takes as many steps as its budget buys, its learning rate falling to a
tenth on the way. That rate is the best of a few on the validation split, for every method alike.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from glassworks.core.config import from_dict
from glassworks.core.errors import RunError
from glassworks.core.files import read_json, write_json
from glassworks.core.progress import tracked
from glassworks.data.labelled.batches import Examples
from glassworks.data.labelled.prepare import Labelled
from glassworks.evaluate.labelled.predictions import PartLike, predict_part
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.objectives.labelled import class_loss
from glassworks.optim.config import OptimizerConfig, ScheduleConfig, settings_of
from glassworks.optim.groups import make_optimizer
from glassworks.optim.schedules import make_schedule
from glassworks.train.fit import fit

BATCH = 256
RATES = (1.0, 0.3, 3.0)
"""Of the learning rate, in multiples of a method's own."""
SCHEDULE = ScheduleConfig("wsd", decay=0.5, final=0.1)
COUNTED = 2
"""Steps whose passes are counted, after the first one, in which things are measured once."""

MOST = {"cma_es": 1_000, "xnes": 1_000}
"""Weights beyond which a training by a method that keeps the square of them takes minutes, and is left out."""

POPULATION = {"cobyqa": 300, "bobyqa": 300}
"""Of methods whose steps go once more over all that they saw: few large steps are quicker than many small ones."""


@dataclass(frozen=True)
class Budget:
    """What each method may spend on a training."""

    passes: int
    seconds: float
    seeds: int
    rates: int = len(RATES)
    """How many learning rates are tried; 1 = the method's own is taken."""


@dataclass(frozen=True)
class Score:
    """A training's end."""

    steps: int
    passes: float
    seconds: float
    """Of the processor."""
    error: float
    """The share of the test examples that it has wrong; of a training that diverged, what a constant guess has."""


@dataclass(frozen=True)
class Entry:
    """A method's trainings, one a seed; or why there are none."""

    name: str
    refused: str = ""
    rate: float | None = None
    """The learning rate chosen, as a multiple of the method's own."""
    by_passes: tuple[Score, ...] = ()
    by_time: tuple[Score, ...] = ()


def contest(folder: Path, names: Sequence[str], data: Labelled, config: VisionConfig, budget: Budget) -> list[Entry]:
    """All methods' entries; those that `folder` has are read.

    Raises: KeyboardInterrupt on ctrl-C, with what is done kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    with tracked("methods", len(names)) as report:
        for number, name in enumerate(names):
            path = folder / f"{name}.json"
            if not path.exists():
                write_json(path, asdict(entry(name, data, config, budget)))
            found.append(read_entry(path))
            report(number + 1)
    return found


def read_entry(path: Path) -> Entry:
    """An entry from its file."""
    values: dict[str, Any] = read_json(path)
    for kind in ("by_passes", "by_time"):
        values[kind] = tuple(from_dict(Score, score) for score in values[kind])
    return Entry(**values)


def entry(name: str, data: Labelled, config: VisionConfig, budget: Budget) -> Entry:
    """One method's trainings."""
    run = partial(trained, name, data, config)
    try:
        passes = cost(name, data, config)
        rates = budget.rates if "lr" in settings_of(name) else 1
        rate = chosen(run, data, max(1, round(budget.passes / 4 / passes)), rates)
        by_passes, by_time = [], []
        for seed in range(budget.seeds):
            steps = max(1, round(budget.passes / passes))
            model, spent = run(steps, seed=seed, rate=rate)
            by_passes.append(Score(steps, passes * steps, spent, wrong(model, data.test, data)))
            steps = max(1, round(budget.seconds * steps / spent))
            model, spent = run(steps, seed=seed, rate=rate)
            by_time.append(Score(steps, passes * steps, spent, wrong(model, data.test, data)))
    except (ValueError, RunError) as error:
        return Entry(name, refused=str(error))
    return Entry(name, "", rate, tuple(by_passes), tuple(by_time))


def made(name: str, data: Labelled, config: VisionConfig, seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    """The network as it begins, and what moves it; ValueError where the method refuses it, or is left out."""
    model = make_model(config, seed=seed, mean=data.mean, std=data.std)
    weights = sum(p.numel() for p in model.parameters())
    if weights > MOST.get(name, weights):
        raise ValueError(f"{weights:,} weights are more than {MOST[name]:,}, beyond which a training takes minutes")
    way = OptimizerConfig(name, population=POPULATION.get(name))
    return model, make_optimizer(model, way, dtype=torch.float32, seed=seed)


def trained(
    name: str, data: Labelled, config: VisionConfig, steps: int, *, seed: int = 0, rate: float = 1.0
) -> tuple[nn.Module | None, float]:
    """The network after so many steps, None if it diverged, and the processor's seconds that these took."""
    model, optimizer = made(name, data, config, seed)
    for group in optimizer.param_groups:
        if "lr" in group:
            group["lr"] *= rate
    batches, schedule = Examples(data.train, BATCH, seed), make_schedule(SCHEDULE)
    began = time.process_time()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            fit(model, batches, class_loss(), optimizer, steps=steps, schedule=schedule, log_every=steps)
            left: nn.Module | None = model
        except RunError:
            left = None
    return left, max(1e-6, time.process_time() - began)


def cost(name: str, data: Labelled, config: VisionConfig) -> float:
    """Passes of a step: the losses that the method says it took, or else its multiplications in those of a pass."""
    model, optimizer = made(name, data, config, 0)
    batches, loss_fn = Examples(data.train, BATCH, 0), class_loss()
    with Multiplied() as once, torch.no_grad():
        loss_fn(model, batches(0))
    fit(model, batches, loss_fn, optimizer, steps=1)
    numbers: Callable[[], dict[str, Any]] = getattr(optimizer, "numbers", dict)
    before = numbers().get("forwards")
    with nullcontext() if before else Multiplied() as counted:
        fit(model, batches, loss_fn, optimizer, start=1, steps=1 + COUNTED)
    if counted is None:
        return float(numbers()["forwards"] - before) / COUNTED
    return float(counted.total / once.total / COUNTED)


class Multiplied(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch: untyped
    """Counts the operations of all products of matrices and convolutions within it.

    torch's own counter, whose formulas these are, follows modules by hooks, which `autograd.grad` does not bear.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and count it."""
        out = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry:
            self.total += flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out


def chosen(run: Callable[..., Any], data: Labelled, steps: int, number: int) -> float:
    """The learning rate, as a multiple, with the fewest mistakes on the validation split."""
    if number == 1:
        return 1.0
    errors = {rate: wrong(run(steps, rate=rate)[0], data.validation, data) for rate in RATES[:number]}
    return min(errors, key=lambda rate: errors[rate])


def wrong(model: nn.Module | None, part: PartLike, data: Labelled) -> float:
    """The share of a part's examples that a network has wrong; without one, that the most frequent class has."""
    try:
        predicted = None if model is None else predict_part(model, part, label=None).predicted
    except RunError:  # an output that is not finite
        predicted = None
    guess = np.bincount(data.train.targets).argmax() if predicted is None else predicted
    return float(np.mean(guess != part.targets))
