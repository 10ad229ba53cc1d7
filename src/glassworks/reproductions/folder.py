"""The folder of a reproduction: a run that says which reproduction it is, and with which settings it was begun."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from glassworks.core.errors import RunError
from glassworks.core.progress import tell
from glassworks.core.runs import Run


def open_or_create(
    folder: Path, settings: dict[str, Any], command: Sequence[str], takes: str, recipe: dict[str, Any] | None = None
) -> Run:
    """The run to work in, after telling how long it all takes; RunError if the folder is taken by something else.

    `recipe` is that of its network, if it trains one in the folder itself.
    """
    opened = opened_or_created(folder, settings, command, recipe or {})
    if not (folder / "finding.json").exists():
        tell(f"{settings['name']} takes {takes} from its beginning; what is done is kept when it is stopped")
    return opened


def on_two_cores(minutes: float) -> str:
    """About how long something takes, in words."""
    rounded = max(1, round(minutes))
    return f"about {rounded} minute{'s' * (rounded != 1)} on two quiet cores"


def opened_or_created(folder: Path, settings: dict[str, Any], command: Sequence[str], recipe: dict[str, Any]) -> Run:
    """The run; RunError if the folder is taken by something else."""
    recipe = json.loads(json.dumps(recipe))  # as it is read again
    if not (folder / "run.json").exists():
        about = {"recipe": recipe} if recipe else {}
        return Run.create(folder, command=list(command), reproduction=settings, **about)
    opened = Run(folder)
    other = opened.record.get("reproduction")
    if not isinstance(other, dict):
        raise RunError(f"{folder} is a run of another kind: choose another --name")
    if other.get("name") != settings["name"]:
        raise RunError(f"{folder} is a reproduction of {other.get('name')}: choose another --name")
    begun = {**opened.record.get("recipe", {}), **{key: other.get(key) for key in settings}}
    if odd := list(changed(begun, {**recipe, **settings})):
        raise RunError(f"{folder} was begun with other settings ({'; '.join(odd)}): choose another --name")
    return opened


def changed(old: Mapping[str, Any], new: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """What is not as it was, of what both say."""
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            yield from changed(old[key], value, f"{where}{key}.")
        elif key in old and old[key] != value:
            yield f"{where}{key} {old[key]}, now {value}"
