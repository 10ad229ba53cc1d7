"""A store as columns in memory, kept up with what is added to it by anybody, and what is to be asked next.

A hundred thousand choices are some ten megabytes here, and to ask for the next comparison reads none of them again.
"""

import hashlib
import threading
from array import array
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from glassworks.data.choices.comparison import VERDICTS, Choice, Undo
from glassworks.data.choices.store import Store

REPEATS, OVERLAP = 0.1, 0.2
"""Of what an annotator is asked, the share asked a second time; of comparisons, the share that everybody is asked."""
APART = 10
"""Choices that lie between a comparison and its repeat, at least."""
RECENT = 1000
"""Choices among which a repeat is looked for."""
AT_RANDOM = 0.25
"""Of comparisons that are chosen by disagreement, the share that is drawn at random all the same: a fair sample."""


@dataclass(frozen=True)
class Offer:
    """What to ask next."""

    comparison: int
    shown: tuple[int, ...]
    """The order of its options on the page, at random."""
    why: str
    """random, disagreement or repeat."""


class Ledger:
    """What is in a store, by columns: one entry a choice, also of those taken back."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.lock = threading.RLock()
        settings = store.settings
        self.seed = int(settings.get("seed", 0))
        self.repeats, self.overlap = (
            float(settings.get(n, d)) for n, d in (("repeats", REPEATS), ("overlap", OVERLAP))
        )
        self.last = 0
        self.sizes = np.zeros(0, np.int64)
        """(C,) how many options each comparison has."""
        self.luck = np.zeros(0)
        """(C,) in [0, 1), by its key and the seed: the order in which comparisons are asked where nothing else says."""
        self.shared = np.zeros(0, bool)
        """(C,) which of them everybody is asked."""
        self.asked = np.zeros(0, np.int64)
        """(C,) standing choices of anybody but files."""
        self.mine: dict[str, Int[np.ndarray, " C"]] = {}
        """Standing choices of each annotator."""
        self.names: list[str] = []
        self.rows: dict[str, int] = {}
        """The entry of each choice, by its id."""
        self.ids: list[str] = []
        self.whole: dict[str, list[int]] = {}
        """Each annotator's entries, in order."""
        self.number, self.comparison, self.annotator, self.verdict = (array("q") for _ in range(4))
        self.best, self.place, self.strength = array("q"), array("q"), array("q")
        """The option that is best, and its place on the page, from 0; -1 = none. Strength 0 = not said."""
        self.seconds = array("d")
        self.stands, self.imported, self.random = array("b"), array("b"), array("b")

    def read(self) -> None:
        """Take in what was added since."""
        with self.lock:
            outlines, events = self.store.since(len(self.sizes), self.last)
            if outlines:
                self.sizes = np.append(self.sizes, [one.options for one in outlines])
                self.luck = np.append(self.luck, [share(self.seed, one.key) for one in outlines])
                self.shared = self.luck * 7919 % 1 < self.overlap
                new = np.zeros(len(outlines), np.int64)
                self.asked = np.append(self.asked, new)
                self.mine = {name: np.append(counts, new) for name, counts in self.mine.items()}
            for event in events:
                self.undo(event) if isinstance(event, Undo) else self.take(event)
                self.last = event.number

    def take(self, one: Choice) -> None:
        """Note a choice."""
        if one.annotator not in self.mine:
            self.mine[one.annotator] = np.zeros(len(self.sizes), np.int64)
            self.names.append(one.annotator)
            self.whole[one.annotator] = []
        best = -1 if one.best is None else one.best
        self.whole[one.annotator].append(len(self.comparison))
        self.rows[one.id] = len(self.comparison)
        self.ids.append(one.id)
        self.number.append(one.number)
        self.comparison.append(one.comparison)
        self.annotator.append(self.names.index(one.annotator))
        self.verdict.append(VERDICTS.index(one.verdict))
        self.best.append(best)
        self.place.append(one.shown.index(best) if best >= 0 and one.shown is not None else -1)
        self.strength.append(one.strength or 0)
        self.seconds.append(float("nan") if one.seconds is None else one.seconds)
        self.stands.append(1)
        self.imported.append(one.why == "import")
        self.random.append(one.why == "random")
        self.count(len(self.comparison) - 1, 1)

    def undo(self, one: Undo) -> None:
        """Note that a choice was taken back."""
        row = self.rows[one.choice]
        if self.stands[row]:
            self.stands[row] = 0
            self.count(row, -1)

    def count(self, row: int, by: int) -> None:
        """Count an entry in or out."""
        at = self.comparison[row] - 1
        self.mine[self.names[self.annotator[row]]][at] += by
        if not self.imported[row]:
            self.asked[at] += by

    # ------------------------------------------------------------------------------------------------------------------

    def open_to(self, annotator: str) -> Bool[np.ndarray, " C"]:
        """Which comparisons this annotator may be asked: what nobody has answered, and of what is shared the rest."""
        mine = self.mine.get(annotator)
        unseen = np.ones(len(self.sizes), bool) if mine is None else mine == 0
        return np.asarray(unseen & ((self.asked == 0) | self.shared))

    def next(
        self, annotator: str, busy: frozenset[int] = frozenset(), scores: Float[np.ndarray, " C"] | None = None
    ) -> Offer | None:
        """What to ask an annotator next; None where there is nothing left.

        Args:
            annotator: their name.
            busy: comparisons that lie open on other pages.
            scores: how far reward models disagree on each comparison, NaN where they were not asked; None = there are
                none, and the order is random.
        """
        with self.lock:
            count = len(self.whole.get(annotator, []))
            chance = np.random.default_rng(number_of(self.seed, annotator, count))
            if chance.random() < self.repeats and (again := self.repeatable(annotator, busy)):
                number = int(again[chance.integers(len(again))])
                return Offer(number, self.order(chance, number), "repeat")
            free = self.open_to(annotator)
            free[[number - 1 for number in busy]] = False
            if not free.any():
                return None
            rank, why = np.where(free, self.luck, -1), "random"
            if scores is not None and chance.random() >= AT_RANDOM:
                known = free & ~np.isnan(scores)
                if known.any():
                    rank, why = np.where(known, scores, -np.inf), "disagreement"
            number = int(rank.argmax()) + 1
            return Offer(number, self.order(chance, number), why)

    def order(self, chance: np.random.Generator, number: int) -> tuple[int, ...]:
        """A random order of a comparison's options."""
        return tuple(chance.permutation(self.sizes[number - 1]).tolist())

    def repeatable(self, annotator: str, busy: frozenset[int]) -> list[int]:
        """Comparisons that an annotator decided once, some time ago."""
        rows, mine = self.whole.get(annotator, [])[-RECENT:-APART], self.mine.get(annotator)
        decided = [row for row in rows if self.stands[row] and self.verdict[row] != VERDICTS.index("skip")]
        numbers = [self.comparison[row] for row in decided if not self.imported[row]]
        return [number for number in numbers if mine is not None and mine[number - 1] == 1 and number not in busy]

    def choice(self, id: str) -> Choice:
        """A choice by its id, read from the store."""
        found = self.store.event(self.number[self.rows[id]])
        assert isinstance(found, Choice)
        return found

    def latest(self, annotator: str) -> str | None:
        """The id of an annotator's last choice that stands; None where there is none."""
        rows = (row for row in reversed(self.whole.get(annotator, [])) if self.stands[row])
        row = next(rows, None)
        return None if row is None else self.ids[row]


def share(seed: int, key: str) -> float:
    """A number in [0, 1) that only the seed and a key decide."""
    return number_of(seed, key) / 2**64


def number_of(*of: object) -> int:
    """64 bits that only these decide."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, of)).encode()).digest()[:8], "big")
