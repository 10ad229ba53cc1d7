"""Zeiler and Fergus's debugging story at our size: what a first layer does wrong is seen, measured and mended.

Networks of the paper's form are trained with its two first layers, each with and without clipped filters; the mended
one also without some of its layers. Of the networks, filters, projections, features over the training and
correspondence of parts are looked at.

Source: Zeiler & Fergus 2013, sections 3.1, 4.1, 4.3, 5.1. Limits: theirs are 1.3 million photographs at 224 × 224; ours
are drawn creatures at 64 × 64, whose fine fur is made so that what a stride of 4 loses matters. Other data can be
given: then what the mend is worth is theirs to say.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.core.errors import RunError
from glassworks.core.files import locked
from glassworks.core.runs import Run
from glassworks.data.labelled.open import open_source
from glassworks.data.labelled.prepare import Labelled, prepare
from glassworks.interpret.images.removal import Variant
from glassworks.reproductions.deconvnet import looks
from glassworks.reproductions.deconvnet.creatures import write_creatures
from glassworks.reproductions.deconvnet.network import AS_BEGUN, MENDED, READERS, REMOVED, SIZE, WHOLE
from glassworks.reproductions.deconvnet.rows import finding
from glassworks.reproductions.deconvnet.training import Trained, checkpoints, trained, untrained
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.folder import on_two_cores, open_or_create
from glassworks.trace.trace import Trace

DEFAULT = "creatures"
EXAMPLES = (6000, 2000)
"""Of creatures, to train on and to test."""
STEPS, QUICK_STEPS = 1500, 800
SEEDS, QUICK_SEEDS = (3, 2), (2, 1)
"""Of networks that read in other ways, and of those without some layers."""
MINUTES, MINUTES_A_STEP = 0.7, 1.6e-4
"""On two quiet cores; a step of any of the networks."""
LOOKED_AT = 1000
"""Test images that first layers are measured on, and whose strongest are shown, at most."""


def run(
    data: str = DEFAULT,
    *,
    quick: bool = False,
    folder: Path = Path("runs/deconvnet"),
    seed: int | None = None,
    steps: int | None = None,
    command: Sequence[str] = (),
) -> Finding:
    """Train all networks, look at them, and save finding.json and the traces in the run directory `folder`.

    Each finished network is kept there, so the same call goes on where an earlier one was stopped. Progress is told on
    stderr.

    Args:
        data: "creatures", which are drawn; or images of classes as `data.labelled.open` opens them, brought to 64 × 64.
        quick: fewer steps and fewer seeds.
        folder: a new run's folder, or that of an unfinished one with the same data and settings.
        seed: of weights, batches and creatures: the first of those that are trained with. None = 0.
        steps: of each training; None = 1,500, or 800 if quick.
        command: what the user typed, for run.json.

    Raises:
        ValueError: data or settings that cannot be used.
        RunError: the folder holds something else, or another process is at work in it, or a training diverged.
        KeyboardInterrupt: on ctrl-C or SIGTERM; what is done is kept.
    """
    if steps is not None and steps < 2:
        raise ValueError(f"steps (={steps}) must be at least 2")
    if seed is not None and not 0 <= seed < 2**31:
        raise ValueError(f"seed (={seed}) must be at least 0 and below 2**31")
    steps, first = steps or (QUICK_STEPS if quick else STEPS), seed or 0
    numbers = QUICK_SEEDS if quick else SEEDS
    seeds = [range(first, first + number) for number in numbers]
    settings = {"name": "deconvnet", "data": data, "steps": steps, "seed": first, "seeds": list(numbers)}
    jobs = [(name, each) for names, of in zip((READERS, REMOVED), seeds, strict=True) for each in of for name in names]
    with locked(Run(folder).lock, wait=False) as ours:
        if not ours:
            raise RunError(f"another process is at work in {folder}: wait for it, or choose another --name")
        examples = None if data == DEFAULT else opened(data, folder.parent)
        minutes = MINUTES + MINUTES_A_STEP * steps * len(jobs)
        begun = open_or_create(folder, settings, command, on_two_cores(minutes))
        examples = examples or drawn_creatures(folder, first)
        networks = {job: network(folder, *job, examples, steps) for job in jobs}
        readers, removed = (
            {name: variant([networks[name, each] for each in of]) for name in names}
            for names, of in zip((READERS, REMOVED), seeds, strict=True)
        )
        whole = variant([networks[MENDED, each] for each in seeds[1]])
        found = traces(begun, examples, networks, readers, {WHOLE: whole, **removed}, seeds[0], drawn=data == DEFAULT)
        result = finding(found, readers, data=data, steps=steps, quick=quick)
        result.save(folder / "finding.json")
    return result


def opened(data: str, root: Path) -> Labelled:
    """The images, read once; ValueError for what is no images of classes."""
    source = open_source(data, size=(SIZE, SIZE))
    if source.kind != "images" or source.task != "classes":
        raise ValueError(f"data (={data!r}) is {source.what}: give images of classes")
    return prepare(source, root / ".examples")


def drawn_creatures(folder: Path, seed: int) -> Labelled:
    """The creatures of a seed, drawn into the folder if they are not there."""
    if not (folder / DEFAULT).exists():
        write_creatures(folder / DEFAULT, *EXAMPLES, seed)
    return opened(str(folder / DEFAULT), folder)


def network(folder: Path, name: str, seed: int, data: Labelled, steps: int) -> Trained:
    """The network of a name and a seed, trained or read."""
    shape = {**READERS, **REMOVED}[name]
    return trained(network_path(folder, name, seed), f"{name}, seed {seed}", shape, data, steps=steps, seed=seed)


def variant(runs: Sequence[Trained]) -> Variant:
    """How well a network did, over its seeds."""
    return Variant.of(np.stack([run.correct for run in runs]), runs[0].parameters)


def network_path(folder: Path, name: str, seed: int) -> Path:
    """A network's folder: letters, digits and hyphens."""
    words = "".join(letter if letter.isalnum() else " " for letter in name.replace("×", "x")).split()
    return folder / "networks" / "-".join([*words, "seed", str(seed)])


def traces(
    run: Run,
    data: Labelled,
    networks: Mapping[tuple[str, int], Trained],
    readers: Mapping[str, Variant],
    removed: Mapping[str, Variant],
    seeds: Sequence[int],
    *,
    drawn: bool,
) -> dict[str, Trace]:
    """Everything that is looked at, each in traces/ of the reproduction; those that are there already are read."""
    seed = seeds[0]
    images = pixels(data, min(LOOKED_AT, len(data.test)))
    before, after = (networks[name, seed].model for name in (AS_BEGUN, MENDED))
    fresh = {name: untrained(shape, data, seed) for name, shape in READERS.items()}
    path = network_path(run.path, MENDED, seed)

    def history() -> list[tuple[str, nn.Sequential]]:
        return checkpoints(path, READERS[MENDED], data, seed)

    of_all_seeds = {name: [networks[name, each].model for each in seeds] for name in READERS}
    makers: dict[str, Callable[[], Trace]] = {
        "first_filters": lambda: looks.first_filters(before, after, images),
        "first_layers": lambda: looks.first_layers(of_all_seeds, fresh, images, readers),
        "strongest_before": lambda: looks.strongest(before, fresh[AS_BEGUN], images, seed),
        "strongest_after": lambda: looks.strongest(after, fresh[MENDED], images, seed),
        "evolution_low": lambda: looks.evolving(history(), images, "relu1", seed),
        "evolution_high": lambda: looks.evolving(history(), images, "relu5", seed),
        "removal": lambda: looks.removal(removed),
    }
    if drawn:
        makers["correspondence"] = lambda: looks.parts_of_creatures(after, fresh[MENDED], seed)
    return {name: cached(run.path / "traces" / name, make) for name, make in makers.items()}


def cached(stem: Path, make: Callable[[], Trace]) -> Trace:
    """A trace from its files, which are written if they are not there."""
    if stem.with_suffix(".json").exists():
        return Trace.load(stem)
    trace = make()
    stem.parent.mkdir(exist_ok=True)
    trace.save(stem)
    return trace


def pixels(data: Labelled, count: int) -> Float[Tensor, "N C H W"]:
    """The first test images, their pixels from 0 to 1."""
    return torch.from_numpy(np.ascontiguousarray(data.test.inputs(np.arange(count)))).float() / 255
