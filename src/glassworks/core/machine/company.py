"""Computing in company: cores that others want, too, are not spent on waiting.

An operation that torch shares out among its threads ends when the last of them is done, and the others wait for it.
OpenMP's wait by spinning, which on a machine of our own saves the time of waking them: up to a third of a small step.
Beside other work it is ruinous: the thread that spins holds the core that the last one is waiting for. So they spin
while we are alone, and sleep as long as there is company (`openmp.crowd`). docs/decisions.md has what that is worth.

Linux says of every thread how long it ran, and how long it was ready to and had no core. Alone, the second is a
hundredth of both together; beside one busy process on two cores it is a third, spinning or not.

Not covered: other systems and other OpenMPs, a container's share of processor time, and libraries with threads of
their own, such as NumPy's BLAS.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from glassworks.core.machine import openmp
from glassworks.core.machine.awake import awake

PERIOD = 0.25
"""Seconds between two looks."""
COMPANY, ALONE = 0.1, 0.04
"""The share of the time wanted that was waited: from the one up there is company, from the other down there is none."""
LEAST = 0.02
"""Seconds that our threads must have wanted of a period for it to say anything."""

Times = dict[str, tuple[int, int]]
"""Of each thread, by its number: nanoseconds that it ran, and that it waited for a core."""

TASKS = Path("/proc/self/task")
starting = threading.Lock()
watcher: threading.Thread | None = None


def watch() -> None:
    """See to it, in a thread of its own from now on, that this process computes well in company. Once is enough."""
    global watcher
    with starting:
        if watcher is None or not watcher.is_alive():  # a forked process has no threads but one
            watcher = threading.Thread(target=look_again_and_again, name="glassworks-company", daemon=True)
            watcher.start()


def look_again_and_again() -> None:
    """Until the process ends, or at once where nothing is told of threads."""
    company = Company(times())
    while company.before:
        awake.beat()
        time.sleep(PERIOD)
        company.look(times())


class Company:
    """Whether there is company, by the last look; and what is done about it."""

    def __init__(self, before: Times) -> None:
        self.before = before
        self.leave: Callable[[], None] | None = None
        """Ends the idle threads that are kept while there is company."""

    def look(self, now: Times) -> None:
        """Compare the times with those of the last look."""
        both = now.keys() & self.before.keys()
        ran, waited = (sum(now[task][i] - self.before[task][i] for task in both) / 1e9 for i in (0, 1))
        self.before = now
        if ran + waited < LEAST:
            return
        share = waited / (ran + waited)
        if self.leave is None and share >= COMPANY:
            library = openmp.openmp()
            self.leave = openmp.crowd(library) if library is not None else None
        elif self.leave is not None and share <= ALONE:
            self.leave()
            self.leave = None


def times() -> Times:
    """Of each thread of this process; empty where nothing says."""
    by_thread: Times = {}
    try:
        for task in TASKS.iterdir():
            try:
                ran, waited, _ = (task / "schedstat").read_bytes().split()
            except (FileNotFoundError, ProcessLookupError):  # it has ended
                continue
            by_thread[task.name] = int(ran), int(waited)
    except (OSError, ValueError):
        return {}
    return by_thread
