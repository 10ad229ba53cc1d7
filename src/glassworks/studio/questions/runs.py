"""The runs: all of them, one in full, how some differ."""

from typing import Any

from glassworks.core.facts import facts
from glassworks.core.runs import Run
from glassworks.studio.listing import about
from glassworks.studio.studio import Studio


def runs(studio: Studio) -> list[dict[str, Any]]:
    """Every run, the newest first."""
    _, found, _ = studio.listing.since(0)
    return sorted(found, key=lambda one: one.get("created") or "", reverse=True)


def run(studio: Studio, name: str) -> dict[str, Any]:
    """One run: its facts, its checkpoints' steps, which traces and evaluations it has."""
    found = studio.run(name)
    return {
        **about(studio.root, name),
        "checkpoints": steps(found),
        "evals": sorted(path.stem for path in (found.path / "evals").glob("*.json")),
        "traces": sorted(path.stem for path in (found.path / "traces").glob("*.json")),
        "report": (found.path / "report.html").is_file(),
    }


def compare(studio: Studio, names: list[str]) -> list[list[str]]:
    """A row for each setting in which the runs differ: its name, and its value in each."""
    from glassworks.report.differences import differing

    return differing([facts(studio.run(name)) for name in names])


def steps(run: Run) -> list[int]:
    """The steps of its complete checkpoints, in order."""
    found = (path.parent.name for path in (run.path / "checkpoints").glob("step_*/meta.json"))
    return sorted(int(step) for name in found if (step := name.removeprefix("step_")).isdecimal())
