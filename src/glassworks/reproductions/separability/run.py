"""Random layers and two sets of points: `run(...)` measures how often they become separable, and compares."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from glassworks.core.errors import RunError
from glassworks.core.files import locked
from glassworks.core.progress import tracked
from glassworks.core.runs import Run
from glassworks.data.labelled.open import open_source
from glassworks.data.labelled.prepare import prepare
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.folder import on_two_cores, open_or_create
from glassworks.reproductions.separability.advice import Advice, advice
from glassworks.reproductions.separability.legends import COVER, REACH, WIDTHS
from glassworks.reproductions.separability.measure import Measured, of_reaches, of_widths
from glassworks.reproductions.separability.points import Points, halves, spheres
from glassworks.reproductions.separability.rows import finding
from glassworks.reproductions.separability.separate import cover
from glassworks.trace.legend import Legend
from glassworks.trace.trace import Trace

Facts = dict[str, str | float | int]
DEFAULT = "digits"
TRIALS, QUICK_TRIALS = 100, 30
EACH = 100
"""Points of a sphere; half as many more of a side of the data, so that all sets have as many."""
LOW, QUICK_LOW = tuple(range(10, 81, 5)), (20, 30, 40, 60)
HIGH, QUICK_HIGH = tuple(range(100, 171, 10)), (110, 120, 130, 150, 170)
SHARES, QUICK_SHARES = tuple(np.arange(0.1, 0.58, 0.05).round(2).tolist()), (0.1, 0.2, 0.3, 0.4)
"""Widths for the data, as shares of the number of points."""
REACHES, QUICK_REACHES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5), (0.0, 0.5, 1.0, 1.5)
REACH_WIDTH = 30
RANKS = 20
"""Trials of a width, for the rank of features."""
MINUTES_A_TRIAL = 0.05
"""On two quiet cores, for all widths of a full run; a quick one has less than half of them."""


def run(
    data: str = DEFAULT,
    *,
    quick: bool = False,
    folder: Path = Path("runs/separability"),
    seed: int | None = None,
    steps: int | None = None,
    command: Sequence[str] = (),
) -> Finding:
    """Measure separation by width for rings, spheres and data, and save finding.json and the traces in `folder`.

    Each finished width is kept there, so the same call goes on where an earlier one was stopped. Progress is told on
    stderr.

    Args:
        data: examples of classes, as `data.labelled.open` opens them: half of the classes against the others.
        quick: fewer networks and widths.
        folder: a new run's folder, or that of an unfinished one with the same data and settings.
        seed: of points and networks. None = 0.
        steps: random networks of each width. None = 100, or 30 if quick.
        command: what the user typed, for run.json.

    Raises:
        ValueError: data or settings that cannot be used.
        RunError: the folder holds something else, or another process is at work in it.
        KeyboardInterrupt: on ctrl-C; what is done is kept.
    """
    if steps is not None and steps < 2:
        raise ValueError(f"steps (={steps}) must be at least 2: they are random networks of each width")
    if seed is not None and not 0 <= seed < 2**31:
        raise ValueError(f"seed (={seed}) must be at least 0 and below 2**31")
    trials, first = steps or (QUICK_TRIALS if quick else TRIALS), seed or 0
    settings = {"name": "separability", "data": data, "quick": quick, "trials": trials, "seed": first}
    with locked(Run(folder).lock, wait=False) as ours:
        if not ours:
            raise RunError(f"another process is at work in {folder}: wait for it, or choose another --name")
        sets = {"low": spheres(2, EACH, first), "high": spheres(100, EACH, first)}
        sets["data"] = opened(data, folder.parent, first)
        minutes = MINUTES_A_TRIAL * trials * (0.4 if quick else 1)
        open_or_create(folder, settings, command, on_two_cores(minutes))
        result = measured(folder, sets, trials, first, quick)
        result.save(folder / "finding.json")
    return result


def opened(data: str, root: Path, seed: int) -> Points:
    """The data as two sets; ValueError for what has no classes."""
    source = open_source(data)
    if source.task != "classes":
        raise ValueError(f"data (={data!r}) is {source.what}: give examples of classes")
    name = "digits" if data == DEFAULT else Path(data).name
    return halves(prepare(source, root / ".examples"), name, EACH * 3 // 2, seed)


def measured(folder: Path, sets: dict[str, Points], trials: int, seed: int, quick: bool) -> Finding:
    """All cells, from what is in the folder already, and their traces."""
    count = len(sets["data"].x)
    widths = {
        "low": QUICK_LOW if quick else LOW,
        "high": QUICK_HIGH if quick else HIGH,
        "data": tuple(max(1, round(count * share)) for share in (QUICK_SHARES if quick else SHARES)),
    }
    reaches = QUICK_REACHES if quick else REACHES
    found: dict[str, Trace] = {}
    with tracked("widths", sum(map(len, widths.values())) + len(reaches)) as report:
        done = 0
        for name, points in sets.items():
            table = of_widths(folder / "cells" / name, points, widths[name], trials, seed, report, done)
            found[name] = width_trace(name, points, table)
            done += len(widths[name])
        low = sets["low"]
        table = of_reaches(folder / "cells" / "reach", low, REACH_WIDTH, reaches, trials, seed, report, done)
        meta: Facts = {"width": REACH_WIDTH, "set": low.name}
        found["reach"] = trace("reach", table, table.shares, table.intervals, "reach", REACH, meta)
    (folder / "traces").mkdir(exist_ok=True)
    for one in found.values():
        one.save(folder / "traces" / one.method)
    advised = {name: both_ways(points, seed) for name, points in sets.items()}
    return finding(found, advised, quick=quick)


def both_ways(points: Points, seed: int) -> dict[str, Advice]:
    """What theory advises for a layer with biases that reach as far as the points, and for one without."""
    return {
        "with biases": advice(points, points.radius, RANKS, seed),
        "no biases": advice(points, 0.0, RANKS, seed),
    }


def width_trace(name: str, points: Points, table: Measured) -> Trace:
    """Shares by width, Cover's count the last row: it is exact."""
    exact = np.array([[cover(len(points.x), int(width)) for width in table.places]])
    shares = np.concatenate([table.shares, exact])
    intervals = np.concatenate([table.intervals, np.stack([exact, exact])], axis=1)
    meta: Facts = {"points": len(points.x), "set": points.name, "close": table.close}
    return trace(name, table, shares, intervals, "width", WIDTHS, meta, (COVER,))


def trace(
    name: str,
    table: Measured,
    shares: np.ndarray,
    intervals: np.ndarray,
    axis: str,
    legend: Legend,
    meta: Facts,
    more: tuple[str, ...] = (),
) -> Trace:
    """A table with its intervals."""
    low, high = intervals
    arrays = {"separable": shares, "error": (high - low) / (2 * 1.96), "low": low, "high": high}
    labels = {"network": [*table.names, *more], axis: [f"{place:g}" for place in table.places]}
    return Trace(
        name,
        arrays,
        dict.fromkeys(arrays, ("network", axis)),
        labels,
        {"trials": table.trials, **meta},
        legend=legend,
    )
