"""The runs: all of them, one in full, how some differ."""

from typing import Any

from glassworks.core.errors import GlassworksError
from glassworks.core.facts import facts
from glassworks.core.runs import Run, all_runs
from glassworks.studio.studio import Studio


def runs(studio: Studio) -> list[dict[str, Any]]:
    """Every run, the newest first."""
    return [about(run) for run in reversed(all_runs(studio.root))]


def run(studio: Studio, name: str) -> dict[str, Any]:
    """One run: its facts, its checkpoints' steps, which traces and evaluations it has."""
    found = studio.run(name)
    return {
        **about(found),
        "checkpoints": steps(found),
        "evals": sorted(path.stem for path in (found.path / "evals").glob("*.json")),
        "traces": sorted(path.stem for path in (found.path / "traces").glob("*.json")),
        "report": (found.path / "report.html").is_file(),
    }


def compare(studio: Studio, names: list[str]) -> list[list[str]]:
    """A row for each setting in which the runs differ: its name, and its value in each."""
    from glassworks.report.differences import differing

    return differing([facts(studio.run(name)) for name in names])


def about(run: Run) -> dict[str, Any]:
    """A run's facts, and what can be done with it."""
    found = facts(run)
    try:
        found |= {"kind": run.kind_name, "what": run.kind.what, "commands": list(run.kind.commands)}
    except GlassworksError as error:
        found |= {"kind": None, "what": str(error), "commands": []}
    return found


def steps(run: Run) -> list[int]:
    """The steps of its complete checkpoints, in order."""
    found = (path.parent.name for path in (run.path / "checkpoints").glob("step_*/meta.json"))
    return sorted(int(name.removeprefix("step_")) for name in found)
