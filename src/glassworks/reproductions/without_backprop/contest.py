"""One network trained in every way, from the same weights: at equal forward passes, and at equal time.

A pass is over a batch; a backward pass counts as two. What a step of a method costs, in passes and in time, is measured
in its first steps; then it takes as many as its budget buys, its learning rate falling to a tenth on the way. That rate
is the best of a few on the validation split, for every method alike.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

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
from glassworks.optim.config import OptimizerConfig, ScheduleConfig
from glassworks.optim.groups import make_optimizer
from glassworks.optim.schedules import make_schedule
from glassworks.train.fit import fit

BATCH = 256
RATES = (1.0, 0.3, 3.0)
"""Of the learning rate, in multiples of a method's own."""
SCHEDULE = ScheduleConfig("wsd", decay=0.5, final=0.1)
PASSES = 3.0
"""Of a step with a backward pass."""


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
    error: float
    """The share of the test examples that it has wrong."""


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
        passes, _ = cost(run)
        rate = chosen(run, data, max(1, round(budget.passes / 4 / passes)), budget.rates)
        by_passes, by_time = [], []
        for seed in range(budget.seeds):
            steps = max(1, round(budget.passes / passes))
            model, spent, _ = run(steps, seed=seed, rate=rate)
            by_passes.append(Score(steps, passes * steps, spent, wrong(model, data.test)))
            steps = max(1, round(budget.seconds * steps / spent))
            model, spent, _ = run(steps, seed=seed, rate=rate)
            by_time.append(Score(steps, passes * steps, spent, wrong(model, data.test)))
    except (ValueError, RunError) as error:
        return Entry(name, refused=str(error))
    return Entry(name, "", rate, tuple(by_passes), tuple(by_time))


def trained(
    name: str, data: Labelled, config: VisionConfig, steps: int, *, seed: int = 0, rate: float = 1.0
) -> tuple[nn.Module, float, float]:
    """The network after so many steps; the seconds that these took, and the passes that the method counted, or 0."""
    model = make_model(config, seed=seed, mean=data.mean, std=data.std)
    optimizer = make_optimizer(model, OptimizerConfig(name), dtype=torch.float32, seed=seed)
    for group in optimizer.param_groups:
        if "lr" in group:
            group["lr"] *= rate
    batches = Examples(data.train, BATCH, seed)
    began = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fit(model, batches, class_loss(), optimizer, steps=steps, schedule=make_schedule(SCHEDULE), log_every=steps)
    spent = time.perf_counter() - began
    numbers: Callable[[], dict[str, Any]] = getattr(optimizer, "numbers", dict)
    return model, spent, float(numbers().get("forwards", 0.0))


def cost(run: Callable[..., tuple[nn.Module, float, float]]) -> tuple[float, float]:
    """Passes and seconds of a step, after the first ones: what is measured once has then been."""
    _, first, passes_first = run(1)
    _, both, passes_both = run(3)
    passes = (passes_both - passes_first) / 2
    return passes or PASSES, max(1e-6, (both - first) / 2)


def chosen(run: Callable[..., Any], data: Labelled, steps: int, number: int) -> float:
    """The learning rate, as a multiple, with the fewest mistakes on the validation split."""
    if number == 1:
        return 1.0
    errors = {}
    for rate in RATES[:number]:
        try:
            errors[rate] = wrong(run(steps, rate=rate)[0], data.validation)
        except RunError:  # it diverged
            errors[rate] = 1.0
    return min(errors, key=lambda rate: errors[rate])


def wrong(model: nn.Module, part: PartLike) -> float:
    """The share of a part's examples that a network has wrong."""
    found = predict_part(model, part, label=None)
    return float(np.mean(found.predicted != found.targets))
