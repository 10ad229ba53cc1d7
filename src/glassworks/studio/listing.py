"""The runs of a folder as they are now: looked at once for all pages that watch, and read only where they changed."""

import os
import threading
import time
from pathlib import Path
from typing import Any

from glassworks.core.errors import GlassworksError
from glassworks.core.facts import facts
from glassworks.core.runs import Run

EVERY = 0.25
"""Seconds between looks."""
REST, LONGEST = 50, 2.0
"""How many times as long as a look computes nobody looks, and the most seconds that is: hundreds are cheap, too."""


class Listing:
    """What is known of every run, with the look at which it was last found to have changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = threading.Lock()
        self.looks = 0
        self.due = 0.0
        self.marks: dict[str, tuple[Any, ...]] = {}
        self.known: dict[str, dict[str, Any]] = {}
        self.changed: dict[str, int] = {}
        """The look at which a run changed, or went."""

    def since(self, look: int) -> tuple[int, list[dict[str, Any]], list[str]]:
        """The newest look; what is known of the runs that changed after an earlier one (0 = all), and which went.

        Who wants all has just come, and is told what there is now.
        """
        with self.lock:
            if not look or time.monotonic() >= self.due:
                spent = self.look()
                self.due = time.monotonic() + min(LONGEST, max(EVERY, REST * spent))
            names = [name for name, at in self.changed.items() if at > look]
            there = [self.known[name] for name in names if name in self.known]
            return self.looks, there, sorted(name for name in names if name not in self.known and look)

    def look(self) -> float:
        """Look at every folder's marks, and read those that changed; the seconds that looking alone computed."""
        self.looks += 1
        begin = time.thread_time()
        now = {path.name: marks(path) for path in folders(self.root)}
        spent = time.thread_time() - begin
        for name in [name for name, mark in now.items() if self.marks.get(name) != mark]:
            self.known[name], self.changed[name] = about(self.root, name), self.looks
        for name in self.marks.keys() - now.keys():
            del self.known[name]
            self.changed[name] = self.looks
        self.marks = now
        return spent


def about(root: Path, name: str) -> dict[str, Any]:
    """A run's facts and what can be done with it; why not, of one that is damaged or elsewhere."""
    run = Run(root / name)
    if (away := outside(root, run.path / "run.json")) is not None:
        return {"name": name, "path": str(run.path), "state": "damaged", "why": away, "commands": []}
    found = {**facts(run), "name": name}  # a link's own name, by which it is asked for
    try:
        return found | {"kind": run.kind_name, "what": run.kind.what, "commands": list(run.kind.commands)}
    except (GlassworksError, OSError) as error:
        return found | {"kind": None, "what": str(error), "commands": []}


def outside(root: Path, path: Path) -> str | None:
    """Why a path may not be read, if it leads out of the folder of runs by a link; None = it does not."""
    try:
        if path.resolve().is_relative_to(root.resolve()):
            return None
    except (OSError, RuntimeError):  # a circle of links
        pass
    return f"{path} is a link to outside of {root}: start the studio with --runs there"


def steps_of(run: Run) -> list[int]:
    """The steps of its complete checkpoints, in order."""
    complete = (path.parent.name for path in (run.path / "checkpoints").glob("step_*/meta.json"))
    return sorted(int(step) for name in complete if (step := name.removeprefix("step_")).isdecimal())


def leads_out(root: Path, folder: Path) -> str | None:
    """Why what lies in a folder may not be read, if a link in it, at any depth, leads out of the folder of runs."""
    waiting, seen = [folder.resolve()], set[Path]()
    while waiting:
        here = waiting.pop()
        seen.add(here)
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    is_link, path = entry.is_symlink(), here / entry.name
                    if is_link and (away := outside(root, path)) is not None:
                        return away
                    if entry.is_dir() and (found := path.resolve() if is_link else path) not in seen:
                        waiting.append(found)
        except OSError:  # a checkpoint that was finished, or deleted, meanwhile; what cannot be listed is not read
            continue
    return None


def folders(root: Path) -> list[Path]:
    """The folders of runs."""
    try:
        return sorted(path.parent for path in root.glob("*/run.json"))
    except OSError:
        return []


def marks(path: Path) -> tuple[Any, ...]:
    """What changes when what is known of a run does."""
    found: list[Any] = [Run(path).is_held]
    for name in ("run.json", "metrics.jsonl", "report.html", "finding.json", "evals", "checkpoints", "model"):
        try:
            status = (path / name).stat()
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
        except OSError:
            found.append(None)
    return tuple(found)
