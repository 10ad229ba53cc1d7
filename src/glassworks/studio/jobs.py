"""Trainings that the studio starts: `glassworks train` and nothing else, each a process of its own that outlives it.

    <runs>/.jobs/<name>.log    what it prints; the process holds this file's lock as long as it lives
    <runs>/.jobs/<name>.json   its process and its command

A later start of the studio finds both. Whether a process goes on is what the lock says: no number of one that ended,
which another may have by now, is ever sent a signal.
"""

import os
import re
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen, TimeoutExpired
from typing import Any

from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.files import is_locked, read_json, take, write_json
from glassworks.studio.studio import Studio

FOLDER = ".jobs"
TAIL = 2**15
"""Bytes of what a training printed that are shown."""
LEAVING = 10.0
"""Seconds that a process which has let go of its lock is given to be gone."""
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


def begin(studio: Studio, name: str, words: Sequence[str]) -> None:
    """Call `glassworks train WORDS...` for the run of that name; RunError if one goes on.

    It has a session of its own, so that neither ctrl-C in the studio's terminal nor its end is for it.
    """
    log = log_of(studio, name)
    log.parent.mkdir(parents=True, exist_ok=True)
    command = ["train", *words]
    with log.open("ab") as file:
        if not take(file):
            raise RunError(f"{name} is being trained already: wait for it, or stop it first")
        file.truncate(0)
        log.with_suffix(".json").unlink(missing_ok=True)  # the process of the job before has ended
        child = Popen(
            [sys.executable, "-m", "glassworks", *command],
            stdin=DEVNULL,
            stdout=file,  # which it inherits with its lock
            stderr=STDOUT,
            start_new_session=True,
        )
    studio.children[name] = child
    write_json(log.with_suffix(".json"), {"pid": child.pid, "command": ["glassworks", *command]})


def stop(studio: Studio, name: str) -> None:
    """Ask a training to end at a checkpoint, as ctrl-C would; RunError where the studio has started none."""
    if not is_on(studio, name):
        raise RunError(f"{name} is not trained by a process of the studio: stop it by ctrl-C in its own terminal")
    pid = about(studio, name).get("pid")
    if pid is None:
        raise RunError(f"{name} is only just being started: try again in a moment")
    os.kill(pid, signal.SIGTERM)  # a shell may have left ctrl-C's own signal ignored


def is_on(studio: Studio, name: str) -> bool:
    """Whether a process that a studio started for that run is alive."""
    on = is_locked(log_of(studio, name))
    if (child := studio.children.get(name)) is not None:
        with suppress(TimeoutExpired):
            child.wait(0 if on else LEAVING)  # nobody else waits for it
            studio.children.pop(name, None)  # of two questions at once the first has
    return on


def terminal(studio: Studio, name: str) -> dict[str, Any] | None:
    """What a training has printed, its newest part, and the line it failed with; None where a studio started none."""
    log, on = log_of(studio, name), is_on(studio, name)
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            printed = file.read(TAIL).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    lines = [CONTROL.sub("", line.split("\r")[-1]) for line in printed.replace("\r\n", "\n").split("\n")]
    lines = lines[1:] if size > TAIL else lines
    last = next((line for line in reversed(lines) if line.strip()), "")
    failed = last.removeprefix("glassworks: ") if not on and has_failed(last, lines) else None
    command = about(studio, name).get("command", [])
    return {"on": on, "lines": lines, "failed": failed, "command": [str(word) for word in command]}


def has_failed(last: str, lines: Sequence[str]) -> bool:
    """Whether what was printed ends in an error: one of the user's, in a line, or a bug's with its traceback."""
    is_bug = any(line.startswith("Traceback (most recent call last)") for line in lines)
    return is_bug or (last.startswith("glassworks: ") and last != "glassworks: interrupted")


def about(studio: Studio, name: str) -> dict[str, Any]:
    """What was written of a job as it began."""
    try:
        found = read_json(log_of(studio, name).with_suffix(".json"))
    except (OSError, FileDamaged):
        return {}
    return found if isinstance(found, dict) else {}


def log_of(studio: Studio, name: str) -> Path:
    """Where what it prints is kept."""
    return studio.inside(studio.root / FOLDER / f"{studio.checked(name)}.log")
