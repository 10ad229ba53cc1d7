"""The rows of the induction-head reproduction: what the papers say of two layers and one, and what ours do.

Most of what the papers say is that something happens. Such a claim is a row of its own, 1 where it holds, with the
numbers that decide it in the note. The window of the change is where the mean score of the induction heads goes from a
tenth to nine tenths of what it ends on; where no head becomes one there is no window, and no claim about it holds.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from glassworks.reproductions.finding import Finding, Row
from glassworks.reproductions.induction.measures import INDUCTION
from glassworks.reproductions.induction.training import SYNTHETIC
from glassworks.trace.trace import Trace

TITLE = "induction: two layers of attention alone form induction heads, one layer does not"
SOURCE = "Olsson et al. 2022, In-context Learning and Induction Heads; Elhage et al. 2021, A Mathematical Framework"
URL = "https://transformer-circuits.pub/2022/in-context-learning-and-induction-heads"

ONE, TWO = "one layer", "two layers"
FORMED, ONE_NEVER = "two layers form induction heads", "one layer never does"
NO_CHANGE = f"no head of two layers ends on {INDUCTION} or more, so there is no change"
NOT_SEEN = "the change begins before the first look at the network in training"


class Change(NamedTuple):
    """The looks between which induction heads form."""

    first: int
    last: int

    @property
    def seen_coming(self) -> bool:
        """Whether the trained network was looked at before it: else nothing can be said to happen in it and not before.

        Look 0 is the network that is not trained yet; its loss falls faster than any other's.
        """
        return self.first > 1


def finding(traces: Mapping[str, Trace], *, data: str, steps: int, quick: bool) -> Finding:
    """All rows, from the traces by their names."""
    window = change(traces["formation"], chosen(traces["ablation"]))
    rows = [
        *forming_rows(traces["formation"], traces["head_scores"], chosen(traces["ablation"]), window),
        *learning_rows(traces["formation"], window),
        *ablation_rows(traces["ablation"], formed=window is not None),
        *composition_rows(traces["composition"], traces["ablation"], formed=window is not None),
    ]
    return Finding(TITLE, SOURCE, URL, tuple(rows), quick=quick, notes=tuple(notes(traces, data, steps, window)))


def notes(traces: Mapping[str, Trace], data: str, steps: int, window: Change | None) -> Iterator[str]:
    """What a reader of the table must know."""
    yield (
        f"Both networks were trained for {steps:,} steps on {data}; one row of a batch in {SYNTHETIC} is random tokens "
        "that come again, which brings the change forward. Theirs read text alone, with other tokens, in contexts of "
        "8192: how many nats a context tells is not comparable, by which heads and in which order it tells them is."
    )
    yield "A claim is 1 where it holds. Scores are attention on random tokens that come twice; 1 is all of a head's."
    if window is None:
        yield f"{NO_CHANGE.capitalize()}: what the papers say of it is not seen here, and its rows are 0 or left out."
        return
    steps_of = traces["formation"].labels["step"]
    yield (
        f"The change: steps {steps_of[window.first]} to {steps_of[window.last]}, where the induction heads' mean score "
        "goes from a tenth to nine tenths of its last."
    )


def chosen(ablated: Trace) -> list[str]:
    """The induction heads of two layers, as "1.3", the best first; the best head alone if none is one."""
    return str(ablated.meta["induction_heads"]).split(", ")


def change(formed: Trace, heads: list[str]) -> Change | None:
    """When these heads of two layers form; None if they end below what an induction head scores."""
    mean = np.mean([head_score(formed, "induction", f"{TWO} {head}") for head in heads], axis=0)
    if mean[-1] < INDUCTION:
        return None
    above = [int(np.argmax(mean >= share * mean[-1])) for share in (0.1, 0.9)]
    return Change(max(0, above[0] - 1), max(above[1], 1))


def head_score(formed: Trace, pattern: str, head: str) -> np.ndarray:
    """One head's score over the looks."""
    score: np.ndarray = formed.arrays[pattern][formed.labels["head"].index(head)]
    return score


def claim(label: str, holds: bool | np.bool_, note: str) -> Row:
    """Something that the paper says happens."""
    return Row(label, 1.0, float(holds), "1 = yes", "higher", 0.0, note)


# ----------------------------------------------------------------------------------------------------------------------


def forming_rows(formed: Trace, scored: Trace, heads: list[str], window: Change | None) -> Iterator[Row]:
    """Which heads form, and how fast."""
    ever = best_ever(formed, ONE)
    best = head_score(formed, "induction", f"{TWO} {heads[0]}")
    floor, uniform = (float(scored.arrays["score"][i, 2].max()) for i in (1, 2))
    note = NO_CHANGE if window is None else f"heads {', '.join(heads)}: {INDUCTION} or more"
    yield claim(FORMED, window is not None, note)
    yield claim(ONE_NEVER, ever < INDUCTION, f"best score of any head at any step {ever:.2f}")
    yield Row("induction score of the best head, two layers", None, float(best[-1]), "attention", "higher")
    yield Row("the same, untrained", None, floor, "attention", note=f"attention to everything equally: {uniform:.3f}")
    if window is not None:
        steps = looks(formed)
        took = (steps[window.last] - steps[window.first]) / steps[-1]
        note = "the paper's window is 2.5 to 5 of its 10 billion tokens"
        yield Row("share of training that the change takes", 0.25, float(took), "share", "lower", 0.05, note)
    below = previous_heads(formed)
    if below:
        name, score = max(below.items(), key=lambda item: item[1][-1])
        note = f"head {name}" + ("" if window is None else f"; {score[window.first]:.2f} when the change begins")
        label = "previous-token score of the best head below"
        yield Row(label, None, float(score[-1]), "attention", "higher", note=note)


def best_ever(formed: Trace, network: str) -> float:
    """The highest induction score of any head of a network at any step."""
    names = [name for name in formed.labels["head"] if name.startswith(network)]
    return float(max(head_score(formed, "induction", name).max() for name in names))


def looks(formed: Trace) -> list[int]:
    """The steps of the looks."""
    return [int(step) for step in formed.labels["step"]]


def previous_heads(formed: Trace) -> dict[str, np.ndarray]:
    """Previous-token scores of the first of two layers."""
    prefix = f"{TWO} 0."
    names = [name for name in formed.labels["head"] if name.startswith(prefix)]
    return {name.removeprefix(f"{TWO} "): head_score(formed, "previous", name) for name in names}


def learning_rows(formed: Trace, window: Change | None) -> Iterator[Row]:
    """What happens to losses meanwhile."""
    one, two = (formed.labels["network"].index(name) for name in (ONE, TWO))
    in_context, second = formed.arrays["in_context"], formed.arrays["second_half"]
    if window is not None:
        early, note = float(in_context[two, window.first]), "theirs: less than 0.15"
        yield Row("in-context score before the change, two layers", 0.15, early, better="same", note=note)
    for name, i, published, note in ((TWO, two, 0.4, "theirs: about 0.4"), (ONE, one, None, "theirs: not much")):
        yield Row(f"in-context score at the end, {name}", published, float(in_context[i, -1]), better="same", note=note)
    yield from timed_rows(formed, window)
    for name, i in ((TWO, two), (ONE, one)):
        note = f"{formed.arrays['first_half'][i, -1]:.2f} in the first half"
        yield Row(f"second half of repeats, {name}", None, float(second[i, -1]), note=note)


def timed_rows(formed: Trace, window: Change | None) -> Iterator[Row]:
    """What happens in the change, and not before or after; 0 where there is no change, or nothing beside it."""
    steps = looks(formed)
    one, two = (formed.labels["network"].index(name) for name in (ONE, TWO))
    in_context, loss = formed.arrays["in_context"], formed.arrays["text_loss"]
    gap = loss[one] - loss[two]
    share, part, falls = 0.0, 0.0, None
    notes = [NO_CHANGE if window is None else NOT_SEEN] * 3
    if window is not None and window.seen_coming:
        share, part, falls = within(in_context[two], window), within(gap, window), slopes(steps, loss[two], window)
        before, after, end = gap[window.first], gap[window.last], gap[-1]
        notes = [
            "theirs: over 75 %",
            f"one layer less two: {before:.3f} before, {after:.3f} after, {end:.3f} at the end",
            "training ends with the change" if falls is None else f"text loss falls by {rates(falls)}",
        ]
    yield Row("share of it that forms in the change", 0.75, share, "share", "higher", 0.0, notes[0])
    yield claim("the loss curves part in the change", part > 0.5, notes[1])
    bump = falls is not None and falls[1] > max(falls[0], falls[2])
    yield claim("bump: two layers' loss falls faster in the change than before and after", bump, notes[2])
    if window is not None and falls is not None:
        yield from mixed_rows(formed, window)


def mixed_rows(formed: Trace, window: Change) -> Iterator[Row]:
    """The last two of these on what the networks are trained on. Not the paper's: the repeats alone would show both."""
    one, two = (formed.labels["network"].index(name) for name in (ONE, TWO))
    loss = smoothed(formed)
    falls = slopes(looks(formed), loss[two], window)
    assert falls is not None
    mix = f"the repeats, one row in {SYNTHETIC}, with the text"
    share = within(loss[one] - loss[two], window)
    yield Row(
        "training loss: share of the networks' gap that opens in the change", None, share, "share", "higher", note=mix
    )
    around = max(falls[0], falls[2])
    times = falls[1] / around if around > 0 else None
    label = "training loss: its fall in the change, times that before or after"
    yield Row(label, None, times, "ratio", "higher", note=f"it falls by {rates(falls)}")


def rates(falls: tuple[float, float, float]) -> str:
    """Before, in and after the change."""
    return ", ".join(f"{1000 * fall:.2f}" for fall in falls) + " nats in 1,000 steps before, in and after it"


def smoothed(formed: Trace) -> np.ndarray:
    """The training loss of each network at each look: its mean from the look before to the look after."""
    logged, steps = np.array(formed.labels["logged"], dtype=int), looks(formed)
    spans = zip([steps[0], *steps[:-1]], [*steps[1:], steps[-1]], strict=True)
    losses = formed.arrays["training_loss"]
    return np.stack([losses[:, (logged >= first) & (logged <= last)].mean(1) for first, last in spans], 1)


def within(curve: np.ndarray, window: Change) -> float:
    """The share of where a curve ends that comes in the window; 0 if it ends at or below zero."""
    return float((curve[window.last] - curve[window.first]) / curve[-1]) if curve[-1] > 0 else 0.0


def slopes(steps: list[int], loss: np.ndarray, window: Change) -> tuple[float, float, float] | None:
    """How fast a loss falls, in nats a step, before the window (over as many steps), in it, and after (likewise).

    None where the window leaves no stretch of training before it or after it.
    """
    begin, end = steps[window.first], steps[window.last]
    if not window.seen_coming or end == steps[-1]:
        return None
    edges = [max(steps[1], 2 * begin - end), begin, end, min(2 * end - begin, steps[-1])]
    values = np.interp(edges, steps, loss)
    falls = [(values[i] - values[i + 1]) / (edges[i + 1] - edges[i]) for i in range(3)]
    return falls[0], falls[1], falls[2]


def ablation_rows(ablated: Trace, *, formed: bool) -> Iterator[Row]:
    """What is lost with the induction heads, and with others."""
    zero = ablated.labels["kind"].index("zero")
    places = {name: ablated.labels["ablated"].index(name) for name in ("induction heads", "others")}
    plain = float(ablated.arrays["plain_in_context"])
    lost = {name: float(-ablated.arrays["in_context"][zero, i] / plain) for name, i in places.items() if plain > 0}
    rise = {name: float(ablated.arrays["second_half"][zero, i]) for name, i in places.items()}
    if not ablated.meta["other_size"]:
        del rise["others"]
        lost.pop("others", None)
    sets = other_sets(ablated)
    note = "theirs: almost all" if formed else f"{', '.join(chosen(ablated))} comes nearest to one"
    label = "in-context score lost without the induction heads"
    yield Row(label, None, lost.get("induction heads"), "share", "higher", note=note)
    yield Row("the same without others", None, lost.get("others"), "share", note=sets)
    label = "without induction heads the in-context score falls most"
    if formed and len(lost) == 2:
        ours, others = lost["induction heads"], lost["others"]
        yield claim(label, ours > 2 * max(others, 0.0), f"by {ours:.0%}, without others by {others:.0%}")
    else:
        yield claim(label, False, NO_CHANGE if not formed else "there is nothing to compare")
    label = "rise of the second half's loss without the induction heads"
    yield Row(label, None, rise["induction heads"], better="higher")
    yield Row("the same rise without others", None, rise.get("others"), note=sets)


def other_sets(ablated: Trace) -> str:
    """What the others are, in words: how many, and which are not among them."""
    size, sets = int(ablated.meta["other_size"]), int(ablated.meta["other_sets"])
    many = len(chosen(ablated))
    if size == 0:
        return "no other heads are left"
    heads = "1 other head" if size == 1 else f"{size} other heads"
    left = "" if size == many else f", all that are left beside {many}"
    return f"{'1 set' if sets == 1 else f'mean of {sets} sets'} of {heads}{left}; never the previous-token head"


def composition_rows(composed: Trace, ablated: Trace, *, formed: bool) -> Iterator[Row]:
    """K-composition: by which of its inputs the previous-token head makes the induction head."""
    head = str(ablated.meta["previous_token_head"])
    if head not in composed.labels["removed"]:
        return
    place, plain = composed.labels["removed"].index(head), float(composed.arrays["plain_score"])
    falls = dict(zip(composed.labels["through"], plain - composed.arrays["score"][place], strict=True))
    for name in ("keys", "queries", "values"):
        label = f"fall of the induction score without head {head} in its {name}"
        yield Row(label, None, float(falls[name]), "attention", "same", note=f"of {plain:.2f}")
    rest = max(falls["queries"], falls["values"])
    holds = formed and falls["keys"] > 2 * max(rest, 0.0)
    yield claim("the previous-token head acts through the keys", holds, "K-composition" if formed else NO_CHANGE)
