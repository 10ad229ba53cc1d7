"""What a page names: a run, a model folder among the runs, or one that was given as the studio was started."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from glassworks.core.errors import FileDamaged, GlassworksError, RunError
from glassworks.core.files import read_json
from glassworks.core.places import is_model
from glassworks.core.runs import Run
from glassworks.studio.listing import leads_out, outside
from glassworks.studio.studio import Studio, changed

Kind = Literal["text", "pairs", "images"]
KINDS: dict[Any, Kind] = {"marian": "pairs", "glassworks-vision": "images"}
"""By the model_type in config.json; of all others a language model is expected."""


@dataclass(frozen=True)
class Named:
    """A run, or a folder in the Hugging Face layout."""

    path: Path
    run: Run | None

    @property
    def state(self) -> tuple[int, ...]:
        """When its weights changed last; see `changed`."""
        if self.run is not None:
            return changed(self.run)
        return tuple(path.stat().st_mtime_ns for path in (self.path, *sorted(self.path.glob("*.safetensors"))))


def named(studio: Studio, name: str) -> Named:
    """The run or model folder of that name; RunError for anything else, and for links that lead elsewhere.

    A folder that was given to the studio is its user's choice: links in it are followed.
    """
    if (given := studio.folders.get(name) if isinstance(name, str) else None) is not None:
        return Named(given, None)
    try:
        run = studio.whole(name)
    except RunError:
        path = studio.root / studio.checked(name)
        elsewhere = outside(studio.root, path) or leads_out(studio.root, path)
        if elsewhere or (path / "run.json").exists() or not is_model(path):
            raise
        return Named(path, None)
    return Named(run.path, run)


def all_of(studio: Studio, kind: Kind) -> Iterator[tuple[str, Named]]:
    """Every run and model folder of a kind by its name: those that were given first, then the newest first.

    What is damaged, or deleted meanwhile, is left out: the list of runs says so.
    """
    names = {path.name: path for path in studio.root.glob("*")}
    there = sorted(names, key=lambda name: -mtime(names[name]))
    for name in [*studio.folders, *(name for name in there if name not in studio.folders)]:
        try:
            found = named(studio, name)
            if (found.run.kind_name if found.run else kind_of(found.path)) == kind:
                yield name, found
        except (GlassworksError, OSError):
            continue


def kind_of(folder: Path) -> Kind:
    """What the network of a model folder reads."""
    try:
        values = read_json(folder / "config.json")
    except (OSError, FileDamaged):
        return "text"  # as a GGUF file is
    return KINDS.get(values.get("model_type"), "text") if isinstance(values, dict) else "text"


def mtime(path: Path) -> float:
    """When it changed last; 0 where it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
