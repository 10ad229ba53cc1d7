"""What the studio holds: the folder of runs, and the models that were opened last."""

import subprocess
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.studio.columns import Columns
from glassworks.studio.listing import Listing, leads_out, outside

TABLES = 64
"""Runs whose metrics are kept, the last ones asked for."""
KEPT = 3
"""Models kept open, the last ones asked for."""


LEFT: ContextVar[threading.Event | None] = ContextVar("left", default=None)
"""Set once the page that asks the question of this thread has left."""


class Left(Exception):
    """Nobody waits for this answer any more."""


def changed(run: Run) -> tuple[int, ...]:
    """When a run's record and its weights changed last: part of a model's key.

    It is opened anew as the run goes on, and where another run has taken the name, also at the same step.
    """
    found = []
    for name in ("run.json", "model", "checkpoints"):
        try:
            found.append((run.path / name).stat().st_mtime_ns)
        except OSError:
            found.append(0)
    return tuple(found)


class Studio:
    """One start of the studio."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.listing = Listing(root)
        self.seen = threading.Event()
        """Set once a page has come."""
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        """Trainings that this start of the studio has begun, which wait to be waited for."""
        self.tables: dict[str, Columns] = {}
        self.tables_lock = threading.Lock()
        self.shelves: dict[str, OrderedDict[Any, Any]] = {}
        """What is kept: models, and what a page keeps beside them."""
        self.held: dict[str, Any] = {}
        """Opened networks that Python gave itself, by name: they are of no run (`shown.show`)."""
        self.lock = threading.RLock()
        """Held while a model is opened or computes: torch's threads are the machine's, so one question at a time."""

    def run(self, name: str) -> Run:
        """The run of that name in this studio's folder; a path to anywhere else is no name."""
        path = self.root / self.checked(name)
        try:
            is_there = (path / "run.json").is_file()
        except OSError:  # longer than a name can be
            is_there = False
        if not is_there:
            raise RunError(f"there is no run {name} in {self.root}: was it deleted, or renamed?")
        self.inside(path / "run.json")
        return Run(path)

    def whole(self, name: str) -> Run:
        """The run of that name, of which anything may be read; RunError where a link in it leads out of the folder."""
        run = self.run(name)
        if (away := leads_out(self.root, run.path)) is not None:
            raise RunError(away)
        return run

    def checked(self, name: str) -> str:
        """A name that a run in this folder may have; RunError for what is none."""
        if not isinstance(name, str) or not name or Path(name).name != name or name in (".", "..") or "\0" in name:
            raise RunError(f"{name!r} is not the name of a run: choose one from the list")
        return name

    def inside(self, path: Path) -> Path:
        """A path below the folder of runs, as it is; RunError where a link leads out of it."""
        if (away := outside(self.root, path)) is not None:
            raise RunError(away)
        return path

    def opens(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """What `make()` gives, made once for a key: (what it is, run, step, ...), of which the last few are kept."""
        return self.keeps("models", key, make, KEPT)

    def keeps(self, shelf: str, key: Any, make: Callable[[], Any], most: int) -> Any:
        """What `make()` gives, made once for a key of a shelf, of which the last `most` asked for are kept."""
        with self.computing():
            kept = self.shelves.setdefault(shelf, OrderedDict())
            if key not in kept:
                kept[key] = make()
            kept.move_to_end(key)
            while len(kept) > most:
                kept.popitem(last=False)
            return kept[key]

    def columns(self, name: str) -> Columns:
        """A run's metrics as columns, as far as they were read."""
        with self.tables_lock:
            found = self.tables.pop(name, None) or Columns()
            self.tables[name] = found
            while len(self.tables) > TABLES:
                self.tables.pop(next(iter(self.tables)))
        found.read(self.inside(self.run(name).path / "metrics.jsonl"))
        return found

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Held while a model computes; a question whose page has left while it waited for that is given up: `Left`."""
        with self.lock:
            if (left := LEFT.get()) is not None and left.is_set():
                raise Left
            yield
