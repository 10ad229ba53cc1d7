"""Pace: how many steps a run takes, counted anew as it goes if it was given minutes.

A plan of so many steps in so many minutes holds as long as the machine is as busy as when it was made. So at every row
that a training logs, the steps left are compared with the time left, by what steps took lately. If they no longer go
together, the plan is revised: from this step on there are as many steps as the time will do.

The learning rate never jumps for it. A schedule is followed over the steps of the first plan; a revised run goes on
from where it is in it, in longer or shorter strides, and its last step is the schedule's last. A warm-up is no part of
that: it has as many steps in a run that became longer.

Revisions depend on the clock, so they are written down before they hold, and a run that is resumed repeats them: up to
the last step that was known of it before (`settled`) it does as it did, and decides anew from there.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SLACK = 0.05
"""The share of the minutes by which the expected end may be off before the plan is revised."""
RECENT = 0.05
"""What steps took lately is taken from this share of the minutes, and from at least two seconds."""


@dataclass(frozen=True)
class Revision:
    """After `step` steps the run was found to have time for `steps` in all."""

    step: int
    steps: int
    seconds: float
    """Of training, when it was found."""


class Times:
    """So many times in a run, evenly over its plan, however that is revised; or after every step, if they are fewer."""

    def __init__(self, pace: "Pace", number: int) -> None:
        self.pace, self.number = pace, number

    def passed(self, step: int) -> int:
        """How many are due by this step."""
        return int(self.number * self.pace.exact(step) / self.pace.first + 1e-9)


Often = int | Times
"""After every n-th step, or so many times in all; and after the last step."""


def is_due(often: Often, step: int) -> bool:
    """Whether it is after this step, the last one apart."""
    return step % often == 0 if isinstance(often, int) else often.passed(step) > often.passed(step - 1)


def times_left(often: Often, step: int, steps: int) -> int:
    """How often it is due between this step and the last one, which is one of them."""
    if isinstance(often, int):
        return (steps - 1) // often - step // often + (step < steps)
    return min(steps - step, often.number - often.passed(step))


class Pace:
    """The number of steps, as it is now; and how far along the schedule each of them is."""

    def __init__(
        self,
        steps: int,
        *,
        budget: float | None = None,
        warmup: int = 0,
        revisions: Sequence[Revision] = (),
        settled: int = 0,
        write: Callable[[list[Revision]], None] = lambda revisions: None,
        agree: Callable[[int], int] = lambda steps: steps,
    ) -> None:
        """A plan of so many steps.

        Args:
            steps: of the first plan, which the schedule is followed over.
            budget: seconds of training that the run may take; None = its steps are its steps.
            warmup: steps at the beginning which a longer run has no more of.
            revisions: those made before, in order, when resuming.
            settled: up to this step everything was decided before.
            write: keeps all revisions, before the last of them holds.
            agree: what rank 0 found, on all ranks.
        """
        if steps < 0:
            raise ValueError(f"steps (={steps}) must be at least 0")
        self.first = self.steps = steps
        self.warmup = warmup
        self.budget, self.settled, self.write, self.agree = budget, settled, write, agree
        self.pending = deque(revisions)
        """Those that are still to be repeated."""
        self.revisions: list[Revision] = []
        self.anchor = (0.0, 0.0)
        """A step, and where in the first plan it is; from there on strides are equal, and to there they are 1."""
        self.recent: deque[tuple[int, float]] = deque()

    def repeat(self, step: int) -> None:
        """What was decided before, after `step` steps or fewer, holds."""
        while self.pending and self.pending[0].step <= step:
            self.revise(self.pending.popleft())

    def position(self, step: int) -> int:
        """The step of the first plan that is as far along as this one: what a schedule is asked for."""
        return int(self.exact(step) + 1e-9)

    def exact(self, step: int) -> float:
        """The same before it is rounded down; the last step is the first plan's last."""
        since, at = self.anchor
        if not self.revisions:
            return float(step)
        if self.steps - 1 <= since:
            return self.first - 1.0
        if step <= since:
            return at + step - since
        return at + (step - since) * (self.first - 1 - at) / (self.steps - 1 - since)

    def look(self, step: int, seconds: float) -> None:
        """After `step` steps and so many seconds of training: revise the number of steps if it will not do."""
        if self.budget is None:
            return
        self.recent.append((step, seconds))
        while len(self.recent) > 2 and seconds - self.recent[1][1] >= max(2.0, RECENT * self.budget):
            self.recent.popleft()
        if step <= self.settled:
            return
        steps = self.agree(self.affordable(step, seconds))
        if steps != self.steps:
            revision = Revision(step, steps, seconds)
            self.write([*self.revisions, revision])
            self.revise(revision)

    def affordable(self, step: int, seconds: float) -> int:
        """How many steps there is time for; as many as there are, if they end about when they should."""
        assert self.budget is not None
        then, at = self.recent[0]
        left = self.steps - step
        if step == then or left <= 0:
            return self.steps
        each = (seconds - at) / (step - then)
        if abs(seconds + left * each - self.budget) <= SLACK * self.budget:
            return self.steps
        return step + max(1, round((self.budget - seconds) / max(each, 1e-9)))

    def end(self, step: int, seconds: float) -> None:
        """After `step` steps: one more is the last, whatever time there is."""
        if step > self.settled and step + 1 < self.steps:
            revision = Revision(step, step + 1, seconds)
            self.write([*self.revisions, revision])
            self.revise(revision)
            self.budget = None

    def revise(self, revision: Revision) -> None:
        """From here on there are so many steps; what is left of a warm-up is not stretched over them."""
        at = self.exact(revision.step)
        is_longer = revision.steps - revision.step > self.first - at
        left = max(0.0, self.warmup - at) if is_longer else 0.0
        self.anchor = (revision.step + left, at + left)
        self.revisions.append(revision)
        self.steps = revision.steps
