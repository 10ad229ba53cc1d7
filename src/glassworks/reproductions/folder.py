"""The folder of a reproduction: a run that says which reproduction it is, and with which settings it was begun."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glassworks.core.errors import RunError
from glassworks.core.progress import tell
from glassworks.core.runs import Run


def open_or_create(folder: Path, settings: dict[str, Any], command: Sequence[str], takes: str) -> Run:
    """The run to work in, after telling how long it all takes; RunError if the folder is taken by something else."""
    opened = opened_or_created(folder, settings, command)
    if not (folder / "finding.json").exists():
        tell(f"{settings['name']} takes {takes} from its beginning; what is done is kept when it is stopped")
    return opened


def on_two_cores(minutes: float) -> str:
    """About how long something takes, in words."""
    rounded = max(1, round(minutes))
    return f"about {rounded} minute{'s' * (rounded != 1)} on two quiet cores"


def opened_or_created(folder: Path, settings: dict[str, Any], command: Sequence[str]) -> Run:
    """The run; RunError if the folder is taken by something else."""
    if not (folder / "run.json").exists():
        return Run.create(folder, command=list(command), reproduction=settings)
    opened = Run(folder)
    other = opened.record.get("reproduction")
    if not isinstance(other, dict):
        raise RunError(f"{folder} is a run of another kind: choose another --name")
    if other.get("name") != settings["name"]:
        raise RunError(f"{folder} is a reproduction of {other.get('name')}: choose another --name")
    odd = {key: f"{key} {other.get(key)}, now {value}" for key, value in settings.items() if other.get(key) != value}
    if len(odd) > 1:
        odd.pop("recipe", None)  # a digest, which says nothing beside what has changed in it
    if odd:
        raise RunError(f"{folder} was begun with other settings ({'; '.join(odd.values())}): choose another --name")
    return opened
