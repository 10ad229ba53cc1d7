"""A run is a directory. This module names its files, and finishes each of them before anybody can see it.

runs/<name>/
  run.json          command, recipe, plan, seed, versions, git state, parent (a run or a model) and its step
  model/            Hugging Face layout
  checkpoints/      step_000100/, each complete or absent
  metrics.jsonl     one JSON object a line        samples.jsonl
  evals/<task>.json        traces/<method>.{json,npz}        report.html
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any

from glassworks.core.called import again, command
from glassworks.core.config import check_shape
from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.files import (
    atomic_file,
    end_line,
    is_locked,
    last_line,
    locked,
    named,
    read_json,
    sweep,
    write_json,
)
from glassworks.core.kinds import KINDS, Kind
from glassworks.core.record import RECORD
from glassworks.core.text import check_text, writable
from glassworks.core.versions import git_state, versions

ROOT = Path("runs")


@dataclass(frozen=True)
class Run:
    """One run's folder. Create a new one with `Run.create`, open an old one with `Run.open`."""

    path: Path
    follow: Callable[[Mapping[str, Any]], object] | None = field(default=None, repr=False, compare=False)
    """Told each row of metrics, once it is written."""

    @classmethod
    def create(cls, path: Path, **record: Any) -> "Run":
        """Make the folder and its run.json: `record` (plain JSON values) plus versions, git state and the time."""
        refuse_existing(path)
        path.mkdir(parents=True, exist_ok=True)
        run = cls(path)
        if "command" in record:  # paths in it may be any bytes
            record["command"] = list(map(writable, record["command"]))
        run.update(
            **record,
            created=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            versions=versions(),
            git=git_state(),
        )
        return run

    @classmethod
    def open(cls, path: Path | str, use: str | None = None) -> "Run":
        """Open a run by its path, or by its name under runs/; refused if `use`, a command, cannot use its kind."""
        if path == "":
            raise RunError(f"a run has a name: `{command('runs')}` lists what there is")
        for candidate in (Path(path), ROOT / path):
            if (candidate / "run.json").is_file():
                run = cls(candidate)
                check_run(run, use)
                return run
        names = [run.path.name for run in all_runs()]
        near = get_close_matches(Path(path).name, names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"`{command('runs')}` lists what there is"
        raise RunError(f"{path} is not a run (no run.json in it): {hint}")

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @property
    def record(self) -> dict[str, Any]:
        """What run.json says; FileDamaged names the first field that is not as it was written."""
        path = self.path / "run.json"
        record = read_json(path)
        if not isinstance(record, dict):
            raise FileDamaged(f"{path} does not hold a JSON object: restore it")
        try:
            check_shape(record, RECORD, "")
        except ValueError as error:
            raise FileDamaged(f"{path}: {error}: restore it") from None
        return record

    @property
    def kind_name(self) -> str:
        """The name of its kind, one of `core.kinds.KINDS` if this version knows it."""
        record = self.record
        name: str = record.get("kind") or record.get("reproduction", {}).get("name", "text")
        return name

    @property
    def kind(self) -> Kind:
        """What is known of its kind; RunError where nothing is."""
        name = self.kind_name
        if name not in KINDS:
            raise RunError(
                f"{self.path} is of a kind (={name!r}) that this version does not know: take a newer one, or give "
                "one of your own its entry in glassworks.core.kinds.KINDS"
            )
        return KINDS[name]

    @property
    def steps(self) -> int | None:
        """How many steps it takes in all, as its plan was last revised; None where there is no plan."""
        steps: int | None = [self.plan, *self.revisions][-1].get("steps")
        return steps

    @property
    def lock(self) -> Path:
        """The file whose lock is held by the process that trains the run, as long as it does."""
        return self.path / ".lock"

    @property
    def is_held(self) -> bool:
        """Whether a process is at work on it now."""
        return is_locked(self.lock)

    @property
    def plan(self) -> dict[str, Any]:
        """What was planned; empty where there is no plan."""
        plan: dict[str, Any] = self.record.get("plan", {})
        return plan

    @property
    def revisions(self) -> list[dict[str, Any]]:
        """How its plan was revised on the way, the last one last."""
        revisions: list[dict[str, Any]] = self.record.get("revisions", [])
        return revisions

    @property
    def is_trained(self) -> bool:
        """Whether all its steps are done, and its model is there."""
        record, steps = self.record, self.steps
        is_whole = all((self.path / name).is_file() for name in self.kind.model)
        return is_whole and steps is not None and record.get("result", {}).get("step") == steps

    @property
    def unmade(self) -> list[str]:
        """What its kind's measures are called of which something is missing."""
        measures = self.kind.measures
        return [name for name, one in measures.items() if not all((self.path / file).is_file() for file in one.files)]

    def forget_measures(self) -> None:
        """Delete what was measured of earlier weights, before there are others."""
        for file in chain.from_iterable(measure.files for measure in self.kind.measures.values()):
            (self.path / file).unlink(missing_ok=True)

    def next_move(self) -> str:
        """What to do with a reproduction or a training that is here, in words."""
        if self.is_held:
            return "wait for the process that is at work on it"
        record, page, commands = self.record, self.path / "report.html", self.kind.commands
        if "reproduction" in record:
            if (self.path / "finding.md").exists():
                return f"read {self.path / 'finding.md'}{f', or open {page}' if page.exists() else ''}"
        elif self.is_trained and not self.unmade:
            return f"open its report, {page}" if page.exists() else f"use it by: {command(commands[0], self.path)}"
        elif "train --resume" in commands:
            return f"go on with it by: {command('train', '--resume', self.path)}"
        return f"go on with it by: {again(record.get('command', []))}"

    def update(self, **record: Any) -> None:
        """Add fields to run.json, atomically: whoever else adds some at the same time waits."""
        with locked(self.path / ".run.json.lock"):
            old = self.record if (self.path / "run.json").exists() else {}
            write_json(self.path / "run.json", {**old, **record})

    # ------------------------------------------------------------------------------------------------------------------
    # Append-only tables

    def append(self, table: str, row: Mapping[str, Any]) -> None:
        """Append one JSON object to metrics.jsonl or samples.jsonl; NaN and infinity become null."""
        clean = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        line = json.dumps(clean, ensure_ascii=False, allow_nan=False) + "\n"
        check_text(line, f"{table}.jsonl: row")
        path = self.path / f"{table}.jsonl"
        with named(path), path.open("ab+") as file:
            end_line(file)
            file.write(line.encode())
        if table == "metrics" and self.follow is not None:
            self.follow(clean)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table; a last line cut off by a kill is left out."""
        path = self.path / f"{table}.jsonl"
        if not path.exists():
            return []
        rows = []
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line) if line else None
            except (ValueError, RecursionError) as error:
                if number < len(lines):  # every whole line ends in a newline, so the last piece is the torn one
                    raise FileDamaged(f"{path}, line {number}, is not JSON: delete that line") from error
                continue
            if isinstance(row, dict):
                rows.append(row)
            elif line and number < len(lines):
                raise FileDamaged(f"{path}, line {number}, is not a JSON object: delete that line")
        return rows

    def last(self, table: str) -> dict[str, Any]:
        """The last whole row of a table, of which only the end is read; empty where there is none."""
        path = self.path / f"{table}.jsonl"
        try:
            row = json.loads(last_line(path) or b"{}") if path.exists() else {}
        except (ValueError, RecursionError) as error:
            raise FileDamaged(f"{path}, last line, is not JSON: delete that line") from error
        if not isinstance(row, dict):
            raise FileDamaged(f"{path}, last line, is not a JSON object: delete that line")
        return row

    def rewind(self, step: int) -> None:
        """Forget the rows beyond `step` and what a kill left half-written, before a resumed run goes on."""
        sweep(self.path)
        sweep(self.path / "checkpoints")
        for table in ("metrics", "samples"):
            path = self.path / f"{table}.jsonl"
            if path.exists():
                kept = [row for row in self.rows(table) if row.get("step", 0) <= step]
                with atomic_file(path) as temporary:
                    temporary.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept), "utf-8")

    # ------------------------------------------------------------------------------------------------------------------
    # Named files

    def eval_path(self, task: str) -> Path:
        """Where a task's result lies."""
        return self.path / "evals" / f"{task}.json"

    def read_eval(self, task: str) -> dict[str, Any] | None:
        """A task's result, or None if it was not evaluated yet; FileDamaged for a file that holds no object."""
        path = self.eval_path(task)
        found = read_json(path) if path.exists() else None
        if found is not None and not isinstance(found, dict):
            raise FileDamaged(f"{path} holds no object: delete it and evaluate the run again")
        return found


def started_from(record: Mapping[str, Any]) -> str | None:
    """What a run went on from, in words, by its run.json: a run and the step it stood at, or a model; None = nothing.

    >>> started_from({"parent": "/home/me/runs/base", "parent_step": 1000})
    'base, step 1,000'
    """
    if record.get("parent") is None:
        return None
    path, step = Path(record["parent"]), record.get("parent_step")
    name = path.parent.name if path.name == "model" else path.name  # a run's folder is not named after what it is
    return name if step is None else f"{name}, step {step:,}"


def check_run(run: Run, use: str | None = None) -> None:
    """ValueError for what is no run, its name perhaps; RunError where `use`, a command, cannot use its kind."""
    if not isinstance(run, Run):
        raise ValueError(f"run (={run!r}) must be a Run: open one by Run.open, by its path or name")
    if use is not None and use not in run.kind.commands:
        further = f"; {run.next_move()}" if "reproduction" in run.record else ""
        raise RunError(f"{run.path} is {run.kind.what}: {run.kind.refusal(use)}{further}")


def being_trained(run: Run) -> RunError:
    """The refusal of a run that another process is training."""
    return RunError(f"{run.path} is being trained by another process: wait for it, or stop it first")


def refuse_existing(path: Path) -> None:
    """RunError if there is a run in this folder, or anything else not put there by us; ValueError if it is no text."""
    check_text(path.name, "name", "give the name in UTF-8")
    if (path / "run.json").exists():
        raise RunError(f"{path} exists already: choose another --name, or {Run(path).next_move()}")
    if path.is_dir() and any(not inside.name.startswith(".") for inside in path.iterdir()):
        raise RunError(f"{path} holds other files: choose another --name")


def all_runs(root: Path | None = None) -> list[Run]:
    """Every run below `root` (runs/), oldest first."""
    found = filter(Path.is_file, (root or ROOT).glob("*/run.json"))
    return [Run(path.parent) for path in sorted(found, key=lambda path: path.stat().st_mtime)]


def free_name(stem: str, root: Path | None = None) -> Path:
    """`root/stem`, or `root/stem-2` and so on: the first that is not taken."""
    root, number = root or ROOT, 1
    while (path := root / (stem if number == 1 else f"{stem}-{number}")).exists():
        number += 1
    return path
