"""Learning without backpropagation, every way of it: `run(...)` trains, tries, tunes, and compares."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from glassworks.core.errors import RunError
from glassworks.core.files import locked
from glassworks.core.runs import Run
from glassworks.data.labelled.open import open_source
from glassworks.data.labelled.prepare import Labelled, prepare
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.optim.catalogue import METHODS
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.folder import on_two_cores, open_or_create
from glassworks.reproductions.without_backprop import language, rows
from glassworks.reproductions.without_backprop.contest import Budget, Entry, contest, wrong
from glassworks.reproductions.without_backprop.suite import GRADIENT, suite
from glassworks.reproductions.without_backprop.traces import contest_trace, suite_trace
from glassworks.trace.trace import Trace

DEFAULT = "digits"
HIDDEN = 32
SMALL_SIDE, SMALL_HIDDEN, SMALL_SHARE = 3, 4, 0.25
"""Pixels a side and hidden units of a network for methods of a hundred weights, and its share of passes and time."""
PASSES, QUICK_PASSES = 5_000, 600
SECONDS, QUICK_SECONDS = 2.0, 0.3
SEEDS, QUICK_SEEDS = 2, 1
EVALUATIONS, QUICK_EVALUATIONS, STARTS = 2_500, 500, 1
"""Of each problem: 2,500 evaluations, as Rios & Sahinidis 2013 allowed."""
DIMENSIONS, QUICK_DIMENSIONS = (2, 10, 100, 1_000, 10_000), (2, 10, 100)
MINUTES = 2.5
"""That the language model is trained for, as the demo's is."""
TUNING = 2_500
"""Steps of MeZO; AdamW takes a tenth."""
MEASURED, QUICK_MEASURED = 30.0, 3.0
"""Minutes of it all, on two quiet cores."""


def run(
    data: str = DEFAULT,
    *,
    quick: bool = False,
    folder: Path = Path("runs/without-backprop"),
    seed: int | None = None,
    steps: int | None = None,
    command: Sequence[str] = (),
) -> Finding:
    """Train a network in every way, try every search on test functions, tune a language model; save it in `folder`.

    Each finished method is kept there, so the same call goes on where an earlier one was stopped. Progress is told on
    stderr. A quick run leaves the language model out.

    Args:
        data: images or a table of classes, as `data.labelled.open` opens them.
        quick: fewer passes, seeds and dimensions.
        folder: a new run's folder, or that of an unfinished one with the same data and settings.
        seed: of the language model and its tuning. None = 0.
        steps: passes over a batch that each training may take, and its time goes with them. None = 5,000, or 600 if
            quick.
        command: what the user typed, for run.json.

    Raises:
        ValueError: data or settings that cannot be used.
        RunError: the folder holds something else, or another process is at work in it.
        KeyboardInterrupt: on ctrl-C or SIGTERM; what is done is kept.
    """
    if steps is not None and steps < 3:
        raise ValueError(f"steps (={steps}) must be at least 3: they are passes over a batch")
    if seed is not None and not 0 <= seed < 2**31:
        raise ValueError(f"seed (={seed}) must be at least 0 and below 2**31")
    budget = Budget(PASSES, SECONDS, SEEDS) if not quick else Budget(QUICK_PASSES, QUICK_SECONDS, QUICK_SEEDS, 1)
    if steps is not None:  # time goes with passes
        budget = dataclasses.replace(budget, passes=steps, seconds=budget.seconds * steps / budget.passes)
    settings = {"name": "without-backprop", "data": data, "quick": quick, "seed": seed or 0, "steps": budget.passes}
    with locked(Run(folder).lock, wait=False) as ours:
        if not ours:
            raise RunError(f"another process is at work in {folder}: wait for it, or choose another --name")
        examples = opened(data, folder.parent)
        open_or_create(folder, settings, command, on_two_cores(QUICK_MEASURED if quick else MEASURED))
        result = measured(folder, data, examples, budget, quick, seed or 0)
        result.save(folder / "finding.json")
    return result


def measured(folder: Path, data: str, examples: Labelled, budget: Budget, quick: bool, seed: int) -> Finding:
    """All parts, from what is in the folder already, and their traces."""
    small = opened(data, folder.parent, SMALL_SIDE)
    passes = max(3, round(budget.passes * SMALL_SHARE))
    spare = dataclasses.replace(budget, passes=passes, seconds=budget.seconds * SMALL_SHARE)
    ways = [
        compared(folder, "contest", examples, HIDDEN, budget),
        compared(folder, "contest_small", small, SMALL_HIDDEN, spare),
    ]
    searches = [name for name, method in METHODS.items() if method.kind == "search" or name == GRADIENT]
    dimensions = QUICK_DIMENSIONS if quick else DIMENSIONS
    evaluations = QUICK_EVALUATIONS if quick else EVALUATIONS
    tried = suite(folder / "suite", searches, dimensions, evaluations, STARTS, tuned=not quick)
    functions = suite_trace(tried, evaluations)
    (folder / "traces").mkdir(exist_ok=True)
    for trace in (*(trace for trace, _ in ways), functions):
        trace.save(folder / "traces" / trace.method)
    tuned = None if quick else language.tuned(folder, minutes=MINUTES, steps=TUNING, seed=seed)
    return rows.finding(ways, functions, tuned, data=data, quick=quick)


def compared(folder: Path, name: str, examples: Labelled, hidden: int, budget: Budget) -> tuple[Trace, list[Entry]]:
    """All methods with one network, in the folder of that name: the trace of what was measured, and the entries."""
    config = VisionConfig("mlp", examples.shape, len(examples.classes), width=hidden, depth=1)
    entries = contest(folder / name, list(METHODS), examples, config, budget)
    model = make_model(config, mean=examples.mean, std=examples.std)
    weights, untrained = sum(p.numel() for p in model.parameters()), wrong(model, examples.test, examples)
    trace = contest_trace(name, entries, budget, weights=weights, test=len(examples.test), untrained=untrained)
    return trace, entries


def opened(data: str, root: Path, side: int | None = None) -> Labelled:
    """The examples, read once, images brought to so many pixels a side; ValueError for what has no classes."""
    source = open_source(data)
    if side is not None and len(source.shape) == 3:
        source = open_source(data, size=(side, side))
    if source.task != "classes":
        raise ValueError(f"data (={data!r}) is {source.what}: give examples of classes")
    return prepare(source, root / ".examples")
