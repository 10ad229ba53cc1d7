"""The runs: all of them, one in full, how some differ, and their logged numbers as columns."""

from pathlib import Path
from typing import Any

import numpy as np

from glassworks.core.errors import GlassworksError, RunError
from glassworks.core.facts import facts
from glassworks.core.kinds import found
from glassworks.core.runs import Run
from glassworks.studio.listing import about, steps_of
from glassworks.studio.studio import Studio

WIDTH = 110
"""Characters of a line of a table of scores."""


def runs(studio: Studio) -> list[dict[str, Any]]:
    """Every run, the newest first."""
    _, known, _ = studio.listing.since(0)
    return sorted(known, key=lambda one: one.get("created") or "", reverse=True)


def run(studio: Studio, name: str) -> dict[str, Any]:
    """One run: its facts and family, its checkpoints' steps, which traces and evaluations it has."""
    one = studio.run(name)
    return {
        **about(studio.root, name),
        "checkpoints": steps_of(one),
        "evals": sorted(path.stem for path in (one.path / "evals").glob("*.json")),
        "traces": sorted(path.stem for path in (one.path / "traces").glob("*.json")),
        "report": (one.path / "report.html").is_file(),
        **family(studio, one),
    }


def family(studio: Studio, one: Run) -> dict[str, Any]:
    """The run in this folder that it went on from, where there is one, and those that went on from it."""
    _, known, _ = studio.listing.since(0)
    path = one.path.resolve()
    homes = {home: other for other in known if (home := resolved(other["path"])) is not None}
    try:
        begun = one.record.get("parent")
    except (GlassworksError, OSError):  # damaged: the page says so
        begun = None
    home = resolved(begun)
    parent = None if home is None else homes.get(home)
    children = [other for other in known if resolved(other.get("parent")) == path]
    return {
        "parent_run": None if parent is None else parent["name"],
        "children": [{"name": other["name"], "step": other.get("parent_step")} for other in children],
    }


def resolved(path: str | None) -> Path | None:
    """Where a path that a run names leads; None for none, and for what no file system can have."""
    try:
        return Path(path).resolve() if path else None
    except (OSError, RuntimeError, ValueError):
        return None


def compare(studio: Studio, names: list[str]) -> list[list[str]]:
    """A row for each setting in which the runs differ: its name, and its value in each."""
    from glassworks.report.differences import differing

    return differing([facts(studio.run(name)) for name in names])


def curves(studio: Studio, names: list[str], columns: list[str]) -> list[dict[str, Any]]:
    """The logged numbers of some runs.

    Returns: for each run `names` of all that it logs, `columns` with those asked for (float32, (rows,), NaN where a row
    has none), and how far it was read: `to` bytes of `file`.
    """
    answers = []
    for name in names:
        table = studio.columns(name)
        with table.lock:
            wanted = [column for column in columns if column in table.columns]
            answers.append(
                {
                    "name": name,
                    "names": list(table.columns),
                    "columns": {column: np.array(table.columns[column], np.float32) for column in wanted},
                    "rows": table.rows,
                    "to": table.read_to,
                    "file": table.file,
                }
            )
    return answers


def score(studio: Studio, name: str, task: str) -> dict[str, Any]:
    """An evaluation: its own table as the terminal prints it and what it comes to; of others the plain facts."""
    one = studio.run(name)
    path = one.eval_path(task)
    if Path(task).name != task or not path.is_file():
        raise RunError(f"{name} has no evaluation {task!r}: reload the page")
    studio.inside(path)
    result = one.read_eval(task) or {}
    own = one.kind.score
    if own is None or own.task != task:
        plain = {key: value for key, value in result.items() if isinstance(value, int | float | str)}
        return {"facts": plain, "table": None, "says": []}
    try:
        return {"facts": {}, "table": found(own.table)(result, WIDTH), "says": found(own.conclusions)(result)}
    except (KeyError, TypeError) as error:
        raise RunError(f"{path} is not as it was written ({error!r}): evaluate the run again") from None


def trace(studio: Studio, name: str, method: str) -> dict[str, Any]:
    """A trace, as the house draws any: its HTML brings its style along."""
    from glassworks.trace.notebook import name_of, trace_html
    from glassworks.trace.trace import Trace

    stem = studio.run(name).path / "traces" / method
    if Path(method).name != method or not stem.with_name(f"{method}.json").is_file():
        raise RunError(f"{name} has no trace {method!r}: reload the page")
    for ending in (".json", ".npz"):
        studio.inside(stem.with_name(f"{method}{ending}"))
    drawn = Trace.load(stem)
    return {"title": name_of(drawn), "html": str(trace_html(drawn))}
