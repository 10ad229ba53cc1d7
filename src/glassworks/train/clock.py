"""The time of a training: what its steps took, and what is still to come of them and of what is done beside them."""

import statistics
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from glassworks.core.machine.awake import awake
from glassworks.core.progress import time_left
from glassworks.train.pace import Often, times_left

LATELY = 9
"""Times that something was done which say how long it takes, as their median."""


class Clock:
    """Seconds of training, without what is done now and then beside it, and without gaps: see `core.awake`."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.began = seconds, awake()
        self.recent: deque[tuple[float, int]] = deque()
        self.beside: dict[int, deque[float]] = {}
        """Seconds that each function took lately."""

    def stop(self) -> float:
        """Seconds until now; they go on from `go`."""
        self.seconds += awake() - self.began
        return self.seconds

    def go(self) -> None:
        """Training goes on."""
        self.began = awake()

    @contextmanager
    def doing(self, number: int) -> Iterator[None]:
        """The block is what the function of this number does now and then."""
        began = awake()
        yield
        self.beside.setdefault(number, deque(maxlen=LATELY)).append(awake() - began)

    def seconds_left(self, often: list[Often], step: int, steps: int) -> float | None:
        """Seconds until the last step is done, and all that is done now and then, as far as it was done before.

        None as long as nothing of that was, or a single stretch of steps.
        """
        training = time_left(self.recent, self.seconds, step, steps)
        beside = [(often[n], statistics.median_low(took)) for n, took in self.beside.items() if often[n] != 1]
        if training is None or not beside:
            return None
        return training + sum(times_left(n, step - 1, steps) * took for n, took in beside)
