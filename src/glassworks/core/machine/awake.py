"""A clock that stands still while this process is stopped, by a signal or with the machine it runs on.

Whoever runs is seen again and again (`core.company` looks four times a second). If nobody was for seconds, in which the
process used no processor time either, it was not running: that is told from slow work, from waiting for a disk and from
a busy machine, where somebody of it wakes all the same.
"""

import os
import threading
import time

LONG = 2.0
"""Seconds in which nobody was seen, from which on the process may have been stopped."""
BUSY = 0.01
"""Share of them that the process must not have run for."""


class Awake:
    """Seconds, from some moment on, of this process not being stopped."""

    def __init__(self) -> None:
        self.lock, self.stopped = threading.Lock(), 0.0
        self.begin()

    def begin(self) -> None:
        """Nobody was seen before."""
        self.seen: tuple[float, float] | None = None

    def __call__(self) -> float:
        """Be seen if others are, and tell the time."""
        with self.lock:
            now = time.perf_counter()
            if self.seen is not None:
                self.see(now)
            return now - self.stopped

    def beat(self) -> None:
        """Be seen, as somebody who is again and again from now on."""
        with self.lock:
            self.see(time.perf_counter())

    def see(self, now: float) -> None:
        """Take note of the time, and of what was missed of it."""
        ran = time.process_time()
        if self.seen is not None:
            gap = now - self.seen[0]
            if gap > LONG and ran - self.seen[1] < BUSY * gap:
                self.stopped += gap
        self.seen = now, ran


awake = Awake()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=awake.begin)  # who beats is left behind
