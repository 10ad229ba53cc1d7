"""One network trained and watched; a training that was finished is read again."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.files import read_json, write_json
from glassworks.core.progress import progress
from glassworks.interpret.access.finite import is_finite
from glassworks.reproductions.batchnorm.identities import deviations
from glassworks.reproductions.batchnorm.measures import Look, looks
from glassworks.reproductions.batchnorm.networks import BATCH, EXAMPLES, Task
from glassworks.train.fit import Every, fit


@dataclass(frozen=True)
class Training:
    """What was seen of a training."""

    rows: list[dict[str, Any]]
    """Of each time that it was looked at, from the untrained network on; fewer if it diverged."""
    diverged: int | None
    """The step of the last look at it before its loss was no longer finite, if it came to that."""
    error: float | None
    """The share of the test examples that it has wrong at the end, if it has any."""
    deviations: tuple[float, float] | None
    """How far both sides of theorems 4.1 and 4.2 differ, of the network with batch norm."""


def trained(path: Path, task: Task, network: str, seed: int, points: int) -> Training:
    """Train and watch the network of a name and a seed, or read what was seen from `path`.

    Raises: KeyboardInterrupt on ctrl-C or SIGTERM, with nothing kept of this network; FileDamaged for a file that holds
    something else.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, finite(asdict(train(task, network, seed, points))))
    values = read_json(path)
    try:
        pair = values.pop("deviations")
        rows = values.pop("rows")
        return Training(rows, deviations=None if pair is None else (float(pair[0]), float(pair[1])), **values)
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise FileDamaged(f"{path} is not a training ({error}): delete it and repeat the reproduction") from error


def train(task: Task, network: str, seed: int, points: int) -> Training:
    """Plain gradient descent, looked at `points` times and before the first step."""
    model, diverged = task.network(network, seed), None
    rows: list[dict[str, Any]] = []
    watch = watched(looks(task, network, seed), rows)
    batches = task.batches(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # of the noise
        watch(0, model)
        every: Every = [(max(1, task.steps // points), watch)]
        with progress(f"{task.name}, {network}, seed {seed}", task.steps) as report:
            try:
                optimizer = torch.optim.SGD(model.parameters(), task.lr)
                fit(model, batches, task.loss_fn, optimizer, steps=task.steps, every=every, report=report)
            except RunError:
                diverged = rows[-1]["step"]
        error = None if task.test is None else wrong(model, *task.test)
    sides = deviations(model, task.loss_fn, batches(task.steps)) if network == BATCH and diverged is None else None
    return Training(rows, diverged, error, sides)


def watched(each: list[Look], rows: list[dict[str, Any]]) -> Callable[[int, nn.Module], dict[str, float]]:
    """All looks as one of `fit`'s `every`, which appends to the rows; RunError once there is nothing to look at."""

    def watch(step: int, model: nn.Module) -> dict[str, float]:
        if not all(is_finite(p) for p in model.parameters()):  # though the loss of the step before was
            raise RunError(f"weights are not finite after step {step}")
        row: dict[str, Any] = {"step": step}
        for look in each:
            row |= look(step, model)
        rows.append(row)
        return {}

    return watch


@torch.no_grad()
def wrong(model: nn.Module, inputs: Tensor, targets: Tensor) -> float:
    """The share of examples that a network has wrong as it is in training: by batches' own statistics, and with noise.

    So networks with noise are asked in the state that they were trained in: without it their layers' averages are off.
    """
    parts = torch.arange(len(targets)).chunk(max(1, len(targets) // EXAMPLES))  # of at least as many as in training
    return sum(int((model(inputs[part]).argmax(1) != targets[part]).sum()) for part in parts) / len(targets)


def finite(value: Any) -> Any:
    """Numbers that are none as null, which JSON has."""
    if isinstance(value, dict):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
