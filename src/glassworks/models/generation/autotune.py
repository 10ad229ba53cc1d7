"""Which of several ways to do the same is sooner just now."""

import math
from typing import Generic, TypeVar

Way = TypeVar("Way")

SPELL = 0.03
"""Seconds of work that are compared: some of the turns that a system gives to those who want a core."""

RARELY = 32
"""After so many spells, at the latest, the other way is tried for one."""

SLOWER = 1.5
"""Times as long a piece of the first way may take as it once did before other ways are tried."""

ASLEEP = 1.0
"""Seconds a piece after which the process, or the machine, must have been stopped: it takes milliseconds."""


class Autotune(Generic[Way]):
    """Pieces of work of one kind, done in the way that was soonest lately. The first way is that of a quiet machine.

    Threads that wait for one another are soonest, unless something else on the machine holds one of them up. Each other
    way is tried for a spell at the start; after that ever more rarely, and not as long as the first way is best and as
    fast as it was. This is for work whose result does not depend on it, to the last bit.
    """

    def __init__(self, *ways: Way) -> None:
        self.ways = ways
        self.now = self.best = self.other = 0
        self.seconds: dict[int, float] = {}  # of a piece in each way, lately
        self.spell = (0, 0.0)  # pieces and seconds of this one
        self.spells, self.wait = 0, 1
        self.fastest = math.inf  # spell of the first way, for a piece

    @property
    def way(self) -> Way:
        """How the next piece is to be done."""
        return self.ways[self.now]

    def took(self, seconds: float, pieces: int = 1) -> None:
        """Take note of how long some pieces took."""
        if len(self.ways) == 1 or seconds > ASLEEP * pieces:
            return
        pieces, seconds = self.spell[0] + pieces, self.spell[1] + seconds
        self.spell = pieces, seconds
        if seconds < SPELL:
            return
        now, tried = seconds / pieces, self.now != self.best
        self.seconds[self.now] = now if tried else (self.seconds.get(self.now, now) + now) / 2
        self.spell, self.spells = (0, 0.0), self.spells + 1
        soonest = min(self.seconds, key=self.seconds.__getitem__)
        if soonest != self.best:
            self.best, self.spells, self.wait = soonest, 0, 1
        elif tried:
            self.spells, self.wait = 0, min(2 * self.wait, RARELY)
        if self.now == 0:
            self.fastest = min(self.fastest, now)
        quiet = self.best == 0 and len(self.seconds) == len(self.ways) and self.seconds[0] < SLOWER * self.fastest
        self.now = self.best if quiet or self.spells < self.wait else self.another()

    def another(self) -> int:
        """The next way to be tried: each in its turn."""
        self.other = next(way for i in range(1, 3) if (way := (self.other + i) % len(self.ways)) != self.best)
        return self.other
