"""What the studio holds: the folder of runs, what was opened of it, and whose turn it is to compute."""

import subprocess
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.studio.columns import Columns
from glassworks.studio.kept import Kept
from glassworks.studio.listing import Listing, leads_out, outside
from glassworks.studio.turns import HOLDS, Turns

if TYPE_CHECKING:
    from torch import nn

    from glassworks.studio.desk import Desk

TABLES = 64
"""Runs whose metrics are kept, the last ones asked for."""


def changed(run: Run) -> tuple[int, ...]:
    """When a run's record and its weights changed last: the state by which a model is kept.

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

    def __init__(self, root: Path, folders: Mapping[str, Path] | None = None) -> None:
        self.root = root
        self.folders = dict(folders or {})
        """Model folders anywhere on the machine that its user gave, by the names that pages have for them."""
        self.listing = Listing(root)
        self.seen = threading.Event()
        """Set once a page has come."""
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        """Trainings that this start of the studio has begun, which wait to be waited for."""
        self.tables: dict[str, Columns] = {}
        self.tables_lock = threading.Lock()
        self.kept = Kept()
        """Models, and what was made of them."""
        self.turns = Turns()
        self.shelves: dict[str, OrderedDict[Any, Any]] = {}
        """What pages keep that changes: trainings of the playground, which only who has the turn may touch."""
        self.held: dict[str, Any] = {}
        """Opened networks that Python gave itself, by name: they are of no run (`shown.show`)."""
        self.desks: dict[str, Desk] = {}
        self.desks_lock = threading.Lock()
        """Stores of choices that pages have open, by the names of their runs."""

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

    def keeps(self, key: Hashable, state: Hashable, make: Callable[[], Any]) -> Any:
        """What `make()` gives, made once for a key until the state changes, and kept as memory allows (`Kept`).

        It is asked for before a turn, not within one: who waits for it must not hold up the others.
        """
        assert HOLDS.get() is None, "what is kept is asked for before one's turn to compute"
        return self.kept.get(key, state, make)

    def columns(self, name: str) -> Columns:
        """A run's metrics as columns, as far as they were read."""
        with self.tables_lock:
            found = self.tables.pop(name, None) or Columns()
            self.tables[name] = found
            while len(self.tables) > TABLES:
                self.tables.pop(next(iter(self.tables)))
        found.read(self.inside(self.run(name).path / "metrics.jsonl"))
        return found

    def computing(self) -> AbstractContextManager[None]:
        """One's turn, for what takes a moment; what is asked by a page that has left is given up: `Left`."""
        return self.turns.turn()

    @contextmanager
    def at_length(self, *models: "nn.Module") -> Iterator[list[Any]]:
        """One's turn, for what takes longer: between its parts it lets others go first.

        The parts are the layers of the models that it is given in their place, which have the same weights and hooks of
        their own, and what the house's functions report as they go on (`core.progress.tracked`).
        """
        from glassworks.studio.networks.twin import twin

        with self.turns.turn(at_length=True):
            yield [twin(model, self.turns.pause) for model in models]
