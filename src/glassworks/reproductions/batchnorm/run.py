"""What batch normalization does: networks with and without it trained side by side, measured as the paper measures.

Source: Santurkar, Tsipras, Ilyas & Madry 2018 (https://arxiv.org/abs/1805.11604). Limits: theirs are a VGG on CIFAR-10
and a deep linear network; ours are a small VGG on small images, at two learning rates, and as deep a
linear network.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from glassworks.core.errors import RunError
from glassworks.core.files import locked
from glassworks.core.runs import Run
from glassworks.data.labelled.open import open_source
from glassworks.data.labelled.prepare import Labelled, prepare
from glassworks.reproductions.batchnorm.networks import (
    BATCH,
    LINEAR,
    LOWER,
    NONE,
    ORDERS,
    SIDE_BY_SIDE,
    VGG,
    Task,
    deep_linear,
    vgg,
)
from glassworks.reproductions.batchnorm.rows import finding
from glassworks.reproductions.batchnorm.traces import Seen, by_layer, curves
from glassworks.reproductions.batchnorm.training import Training, trained
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.folder import on_two_cores, open_or_create
from glassworks.trace.trace import Trace

DEFAULT = "digits"
STEPS, QUICK_STEPS = {VGG: 150, LOWER: 150, LINEAR: 400}, {VGG: 80, LOWER: 80, LINEAR: 120}
RATES = {VGG: 0.5, LOWER: 0.1, LINEAR: 0.03}
"""Of the VGG one at which the network without norms hardly trains, and one at which it does."""
SEEDS, QUICK_SEEDS = 5, 3
LOOKS, QUICK_LOOKS = 10, 4
"""How often networks are looked at."""
MEASURED, QUICK_MEASURED = 10.0, 2.5
"""Minutes of it all, on two quiet cores."""
SMALL = 64
"""Pixels of the default images."""


def run(
    data: str = DEFAULT,
    *,
    quick: bool = False,
    folder: Path = Path("runs/batchnorm"),
    seed: int | None = None,
    steps: int | None = None,
    command: Sequence[str] = (),
) -> Finding:
    """Train all networks, watched, and save finding.json and the traces in the run directory `folder`.

    What was seen of each finished training is kept there, so the same call goes on where an earlier one was stopped.
    Progress is told on stderr.

    Args:
        data: images of classes as `data.labelled.open` opens them.
        quick: fewer steps, seeds and looks.
        folder: a new run's folder, or that of an unfinished one with the same data and settings.
        seed: of weights, batches and noise: the first of those that are trained with. None = 0.
        steps: of each training; None = 150 of the VGG and 400 of the deep linear network, or fewer if quick.
        command: what the user typed, for run.json.

    Raises:
        ValueError: data or settings that cannot be used.
        RunError: the folder holds something else, or another process is at work in it.
        KeyboardInterrupt: on ctrl-C or SIGTERM; what is done is kept.
    """
    if steps is not None and steps < 2:
        raise ValueError(f"steps (={steps}) must be at least 2")
    if seed is not None and not 0 <= seed < 2**31:
        raise ValueError(f"seed (={seed}) must be at least 0 and below 2**31")
    settings = {"name": "batchnorm", "data": data, "quick": quick, "seed": seed or 0, "steps": steps}
    with locked(Run(folder).lock, wait=False) as ours:
        if not ours:
            raise RunError(f"another process is at work in {folder}: wait for it, or choose another --name")
        examples = opened(data, folder.parent)
        open_or_create(folder, settings, command, on_two_cores(minutes(examples, quick)))
        count = {name: steps or number for name, number in (QUICK_STEPS if quick else STEPS).items()}
        tasks = (
            *(vgg(name, examples, lr=RATES[name], steps=count[name]) for name in (VGG, LOWER)),
            deep_linear(lr=RATES[LINEAR], steps=count[LINEAR]),
        )
        of = range(seed or 0, (seed or 0) + (QUICK_SEEDS if quick else SEEDS))
        looks = QUICK_LOOKS if quick else LOOKS
        found = all_of(folder, tasks, of, looks)
        (folder / "traces").mkdir(exist_ok=True)
        for name, trace in traces(found).items():
            trace.save(folder / "traces" / name)
        result = finding(found, data=data, quick=quick)
        result.save(folder / "finding.json")
    return result


def opened(data: str, root: Path) -> Labelled:
    """The images, read once; ValueError for what is no images of classes."""
    source = open_source(data)
    if source.kind != "images" or source.task != "classes":
        raise ValueError(f"data (={data!r}) is {source.what}: give images of classes")
    return prepare(source, root / ".examples")


def minutes(examples: Labelled, quick: bool) -> float:
    """About how long it takes on two quiet cores: larger images take longer."""
    return (QUICK_MEASURED if quick else MEASURED) * max(1.0, examples.shape[1] * examples.shape[2] / SMALL)


def all_of(folder: Path, tasks: Sequence[Task], seeds: Sequence[int], looks: int) -> dict[str, tuple[Task, Seen]]:
    """What was seen of all networks, trained or read; all of a seed come before those of the next."""
    found: dict[str, dict[str, list[Training]]] = {task.name: {name: [] for name in task.networks} for task in tasks}
    for seed in seeds:
        for task in tasks:
            for name in task.networks:
                words = f"{task.name} {name} seed {seed}".replace("∞", "inf").replace(" ", "-").lower()
                path = folder / "trainings" / f"{words}.json"
                found[task.name][name].append(trained(path, task, name, seed, looks))
    return {task.name: (task, found[task.name]) for task in tasks}


def traces(found: Mapping[str, tuple[Task, Seen]]) -> dict[str, Trace]:
    """Of each task: curves of networks side by side, covariate shift by layer, and of norms of other orders."""
    made = {}
    for (task, seen), name in zip(found.values(), ("vgg", "lower", "linear"), strict=True):
        made[f"{name}_curves"] = curves(task, seen, SIDE_BY_SIDE)
        made[f"{name}_layers"] = by_layer(task, seen)
        if ORDERS[0] in seen:
            made[f"{name}_orders"] = curves(task, seen, (BATCH, NONE, *ORDERS))
    return made
