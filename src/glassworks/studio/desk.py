"""A store of choices as pages have it open: what lies before whom, what was said, and what reward models make of it.

What is offered is held in memory alone: a studio that is killed forgets it, and nothing else.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glassworks.core.errors import GlassworksError
from glassworks.data.choices.comparison import Choice, Comparison, Undo
from glassworks.data.choices.figures import columns_of, figures
from glassworks.data.choices.judges import Judge, accuracy, disagreement
from glassworks.data.choices.ledger import Ledger, Offer
from glassworks.data.choices.runs import store_of
from glassworks.data.choices.store import Event
from glassworks.studio.studio import Studio

KEPT_FOR = 600.0
"""Seconds for which what lies open on a page is asked of nobody else."""
AT_ONCE = 64
"""Comparisons that a judge looks at together."""
RECENT = 50
"""Choices whose times say how long the rest will take."""
Tab = tuple[str, str]
"""An annotator, and a page of theirs."""


class Desk:
    """One store."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.store = ledger, ledger.store
        self.id = str(self.store.settings["id"])
        self.lock = threading.Lock()
        self.offers: dict[Tab, tuple[Offer, float]] = {}
        self.seat: Seat | None = None
        ledger.read()

    def hear(self, judge: Judge | None, named: str = "", trained: Callable[[Comparison], bool] | None = None) -> None:
        """Let a judge look at every comparison from now on, in the place of the one before; None = nobody.

        `trained` says which comparisons it was trained on: on these it is not judged itself.
        """
        with self.lock:
            if self.seat is not None:
                self.seat.left.set()
            self.seat = None if judge is None else Seat(judge, named, trained or (lambda _: False))
        if self.seat is not None:
            threading.Thread(target=self.look, args=(self.seat,), daemon=True).start()

    def next(self, tab: Tab) -> Offer | None:
        """What this page asks next, which no other page does meanwhile, unless nothing else is left."""
        with self.lock:
            now = time.monotonic()
            others = {of: held for of, held in self.offers.items() if of != tab and now - held[1] < KEPT_FOR}
            shared = self.ledger.shared
            busy = frozenset(
                offer.comparison
                for (whose, _), (offer, _) in others.items()
                if whose == tab[0] or not shared[offer.comparison - 1]
            )
            self.offers = dict(others)
            scores = None if self.seat is None else padded(self.seat.scores, len(self.ledger.sizes))
            offer = self.ledger.next(tab[0], busy, scores) or self.ledger.next(tab[0])
            if offer is not None:
                self.offers[tab] = (offer, now)
            return offer

    def again(self, tab: Tab, choice: Choice) -> Offer:
        """A comparison whose choice was taken back, in the order in which it was shown."""
        shown = choice.shown or tuple(range(int(self.ledger.sizes[choice.comparison - 1])))
        offer = Offer(choice.comparison, shown, choice.why)
        with self.lock:
            self.offers[tab] = (offer, time.monotonic())
        return offer

    def say(self, events: Sequence[Event]) -> list[dict[str, str]]:
        """Store what was said; of what no store can take, the id and why. What others say is not held up by it."""
        refused = []
        try:
            self.store.append(events)
        except ValueError:
            for event in events:
                try:
                    self.store.append([event])
                except ValueError as error:
                    refused.append({"id": event.id, "why": str(error)})
        self.ledger.read()
        return refused

    def progress(self, annotator: str) -> dict[str, Any]:
        """How much an annotator has done, how much is left for them, and how long one takes them."""
        with self.ledger.lock:
            rows, mine = self.ledger.whole.get(annotator, [])[-RECENT:], self.ledger.mine.get(annotator)
            seconds = [self.ledger.seconds[row] for row in rows if self.ledger.stands[row]]
            left = int(self.ledger.open_to(annotator).sum())
        return {
            "done": 0 if mine is None else int(mine.sum()),
            "left": round(left * (1 + self.ledger.repeats)) if left else 0,
            "seconds": float(np.nanmedian(seconds)) if any(of >= 0 for of in seconds) else None,
            "last": self.ledger.latest(annotator),
        }

    def figures(self) -> dict[str, Any]:
        """The store's figures, and how often the judge foretold what was chosen, beside how often people agree."""
        found = figures(self.ledger)
        if (seat := self.seat) is None:
            return found | {"judge": None}
        size = len(self.ledger.sizes)
        says, held_out = padded(seat.says, size), padded(seat.held_out, size) == 1
        looked = int((~np.isnan(says)).sum())
        return found | {
            "judge": {"name": seat.named, "looked": looked, **accuracy(columns_of(self.ledger), says, held_out)}
        }

    def look(self, seat: "Seat") -> None:
        """Let a judge look at all comparisons, the ones that come soonest first, and at new ones as they come."""
        while not seat.left.is_set():
            seat.grow(len(self.ledger.sizes))
            numbers = np.flatnonzero(np.isnan(seat.scores)) + 1
            if not len(numbers):
                seat.left.wait(1)
                continue
            part = numbers[np.argsort(-self.ledger.luck[numbers - 1])][:AT_ONCE]
            try:
                seat.take(self.store.comparisons(part.tolist()))
            except (GlassworksError, OSError, ValueError) as error:  # the store is gone, or held up; or the judge fails
                seat.failed = str(error)
                seat.left.wait(2)


class Seat:
    """A judge, and what it said so far, by comparison; NaN = it has not looked."""

    def __init__(self, judge: Judge, named: str, trained: Callable[[Comparison], bool]) -> None:
        self.judge, self.named, self.trained = judge, named, trained
        self.left = threading.Event()
        self.failed = ""
        self.scores = np.zeros(0)
        """How far its members disagree."""
        self.says = np.zeros(0)
        """Which option is best to it; -1 = it says none."""
        self.held_out = np.zeros(0)
        """1 where it was not trained on the comparison."""

    def grow(self, size: int) -> None:
        """Have room for so many comparisons."""
        self.scores, self.says, self.held_out = (padded(of, size) for of in (self.scores, self.says, self.held_out))

    def take(self, comparisons: Sequence[Comparison]) -> None:
        """Note what the judge makes of some comparisons; where it says no number they are never ahead, nor right."""
        for one, rewards in zip(comparisons, self.judge(comparisons), strict=True):
            means, at = np.nan_to_num(rewards, nan=-np.inf).mean(0), one.number - 1
            self.held_out[at] = float(not self.trained(one))
            self.says[at] = means.argmax() if np.isfinite(means).any() else -1
            self.scores[at] = np.nan_to_num(disagreement(rewards), nan=-1.0)


def padded(values: np.ndarray, size: int) -> np.ndarray:
    """As many values as there are comparisons now, NaN for new ones."""
    return np.append(values, np.full(max(0, size - len(values)), np.nan))


def desk_of(studio: Studio, run: str) -> Desk:
    """The store of a run, opened once; RunError where the run has none, or is another one by now."""
    found = studio.whole(run)
    with studio.desks_lock:
        known = studio.desks.get(run)
        if known is not None and is_there(known):
            return known
        made = Desk(Ledger(store_of(found)))
        studio.desks[run] = made
        return made


def is_there(desk: Desk) -> bool:
    """Whether a store is the one that was opened: another may have taken its run's name."""
    try:
        return desk.store.settings.get("id") == desk.id
    except (GlassworksError, OSError):
        return False


def event_from(of: Any, annotator: str) -> Event:
    """What a page sends as a choice or an undo; ValueError for what is neither."""
    if not isinstance(of, dict) or not isinstance(of.get("id"), str) or not isinstance(annotator, str):
        raise ValueError("a choice is an object with its id: reload the page")
    if "undo" in of:
        return Undo(of["id"], str(of["undo"]), annotator)
    try:
        shown, seconds, strength = of["shown"], of.get("seconds"), of.get("strength")
        return Choice(
            of["id"],
            int(of["comparison"]),
            annotator,
            str(of["verdict"]),
            tuple(tuple(int(place) for place in group) for group in of.get("ranking", [])),
            tuple(int(place) for place in shown),
            None if strength is None else int(strength),
            str(of.get("reason", "")),
            str(of.get("rewrite", "")),
            None if seconds is None else float(seconds),
            str(of.get("why", "")),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"a choice lacks {error}, or has it wrongly: reload the page") from None
