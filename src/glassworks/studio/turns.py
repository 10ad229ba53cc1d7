"""Whose turn it is to compute: one question at a time, for torch's threads are the machine's, and none waits for long.

Whoever has computed least so far is next. A question that takes long works at length: between two parts of its work it
lets those go first that have computed less, such as the ones that came meanwhile.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from glassworks.core.progress import BETWEEN

PART = 0.02
"""Seconds that a question which works at length computes before it lets others go first."""
PATIENCE = 2.0
"""Seconds after which one that waits is next, whatever it has computed: many quick ones do not keep it from its end."""


class Left(Exception):
    """Nobody waits for this answer any more."""


@dataclass(eq=False)
class Question:
    """One that is being answered."""

    left: threading.Event = field(default_factory=threading.Event)
    """Set once the page that asks it has left."""
    spent: float = 0.0
    """Seconds that it has computed."""
    since: float = 0.0
    """When it began to wait."""


ASKED: ContextVar[Question | None] = ContextVar("asked", default=None)
"""The question that this thread answers; None = of no page."""
HOLDS: ContextVar[Question | None] = ContextVar("holds", default=None)
"""The one whose turn it is, in the thread that computes it."""


class Turns:
    """Who computes, and who waits for it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.news = threading.Condition()
        self.at_work: Question | None = None
        self.began = 0.0
        self.waiting: list[Question] = []

    @contextmanager
    def turn(self, *, at_length: bool = False) -> Iterator[None]:
        """Computing alone until the end of the block; `at_length` = with pauses for others.

        Raises: Left where the page that asks has left meanwhile.
        """
        assert HOLDS.get() is None, "a turn within a turn would wait for itself"
        mine = ASKED.get() or Question()
        self.take(mine)
        holds, between = HOLDS.set(mine), BETWEEN.set(self.pause if at_length else None)
        try:
            yield
        finally:
            BETWEEN.reset(between)
            HOLDS.reset(holds)
            self.give(mine)

    def pause(self) -> None:
        """Between two parts of work at length: others go first if they have computed less."""
        mine = HOLDS.get()
        if mine is None or BETWEEN.get() is None:
            return
        if mine.left.is_set():
            raise Left
        if self.waiting and self.clock() - self.began >= PART:
            self.take(mine)

    def take(self, mine: Question) -> None:
        """Wait until it is one's turn, or is again."""
        with self.news:
            self.stop(mine)
            mine.since = self.clock()
            self.waiting.append(mine)
            self.choose()
            self.news.wait_for(lambda: self.at_work is mine)
        if mine.left.is_set():
            self.give(mine)
            raise Left

    def give(self, mine: Question) -> None:
        """Let the next one compute, if it was one's turn."""
        with self.news:
            self.stop(mine)
            self.choose()

    def stop(self, mine: Question) -> None:
        """Note how long it has computed."""
        if self.at_work is mine:
            mine.spent += self.clock() - self.began
            self.at_work = None

    def choose(self) -> None:
        """Say who is next, where nobody computes."""
        if self.at_work is None and self.waiting:
            now = self.clock()
            first = self.waiting[0]
            chosen = first if now - first.since >= PATIENCE else min(self.waiting, key=lambda one: one.spent)
            self.waiting.remove(chosen)
            self.at_work, self.began = chosen, now
            self.news.notify_all()
