"""The time of a training: what its steps took without the gaps between them, and what is still to come.

A laptop that sleeps, or a process that is stopped, makes one step take minutes. That is no slowness: taken for it, a
plan for so many minutes would be cut short. A gap is told from a machine that has become busy by what comes after it:
steps that are as they were before.
"""

import statistics
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from glassworks.core.progress import time_left
from glassworks.train.pace import Often, times_left

FAR = 5.0
"""Times as long as it usually took lately, after which a stretch of steps may have had a gap in it."""
ASLEEP = 1.0
"""Seconds that a gap has at least."""
LATELY = 9
"""Stretches that say what is usual, as their median; from three on."""


class Clock:
    """Seconds of training; beside them, what is done now and then."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.lately: deque[float] = deque(maxlen=LATELY)
        """Seconds a step of each stretch."""
        self.doubtful: float | None = None
        """What was left out of the stretch before, if it was long; None where it was as usual."""
        self.recent: deque[tuple[float, int]] = deque()
        self.beside: dict[int, deque[float]] = {}
        """Seconds that each function took lately."""

    def spend(self, seconds: float, steps: int) -> float:
        """Take note of a stretch of some steps; the seconds of training in all, without gaps.

        A stretch that is far too long counts as what is usual. If the next one is, too, the machine is busy, and both
        count whole.
        """
        usual = steps * statistics.median(self.lately) if len(self.lately) > 2 else seconds
        self.lately.append(seconds / steps)
        is_long = seconds > FAR * usual and seconds - usual > ASLEEP
        if is_long and self.doubtful is None:
            self.doubtful = seconds - usual
            self.seconds += usual
        else:
            self.seconds += seconds + (self.doubtful or 0.0) * is_long
            self.doubtful = 0.0 if is_long else None
        return self.seconds

    @contextmanager
    def doing(self, number: int) -> Iterator[None]:
        """The block is what the function of this number does now and then."""
        began = time.perf_counter()
        yield
        self.beside.setdefault(number, deque(maxlen=LATELY)).append(time.perf_counter() - began)

    def left(self, often: list[Often], step: int, steps: int) -> float | None:
        """Seconds until the last step is done, and all that is done now and then, as far as it was done before.

        None as long as nothing of that was, or a single stretch of steps.
        """
        rest = time_left(self.recent, self.seconds, step, steps)
        known = [(often[n], statistics.median_low(took)) for n, took in self.beside.items() if often[n] != 1]
        if rest is None or not known:
            return None
        return rest + sum(times_left(n, step - 1, steps) * took for n, took in known)
