"""The rows of the induction-head reproduction: what the papers say of two layers and one, and what ours do.

Most of what the papers say is that something happens. Such a claim is a row of its own, 1 where it holds, with the
numbers that decide it in the note. The window of the change is where the mean score of the induction heads goes from a
tenth to nine tenths of what it ends on.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from glassworks.core.trace import Trace
from glassworks.reproductions.finding import Finding, Row
from glassworks.reproductions.induction_measures import INDUCTION
from glassworks.reproductions.induction_training import SYNTHETIC

TITLE = "induction: two layers of attention alone form induction heads, one layer does not"
SOURCE = "Olsson et al. 2022, In-context Learning and Induction Heads; Elhage et al. 2021, A Mathematical Framework"
URL = "https://transformer-circuits.pub/2022/in-context-learning-and-induction-heads"

ONE, TWO = "one layer", "two layers"


class Change(NamedTuple):
    """The looks between which induction heads form."""

    first: int
    last: int


def finding(found: Mapping[str, Trace], *, data: str, steps: int, quick: bool) -> Finding:
    """All rows, from the traces by their names."""
    rows = [
        *forming_rows(found["formation"], found["head_scores"], chosen(found["ablation"])),
        *learning_rows(found["formation"], chosen(found["ablation"])),
        *ablation_rows(found["ablation"]),
        *composition_rows(found["composition"], found["ablation"]),
    ]
    return Finding(TITLE, SOURCE, URL, tuple(rows), quick=quick, notes=tuple(notes(found, data, steps)))


def notes(found: Mapping[str, Trace], data: str, steps: int) -> Iterator[str]:
    """What a reader of the table must know."""
    yield (
        f"Both networks were trained for {steps:,} steps on {data}; one row of a batch in {SYNTHETIC} is random tokens "
        "that come again, which brings the change forward. Theirs read text alone, with other tokens, in contexts of "
        "8192: how many nats a context tells is not comparable, by which heads and in which order it tells them is."
    )
    yield "A claim is 1 where it holds. Scores are attention on random tokens that come twice; 1 is all of a head's."
    steps_of = found["formation"].labels["step"]
    window = change(found["formation"], chosen(found["ablation"]))
    yield (
        f"The change: steps {steps_of[window.first]} to {steps_of[window.last]}, where the induction heads' mean score "
        "goes from a tenth to nine tenths of its last."
    )


def chosen(ablated: Trace) -> list[str]:
    """The induction heads of two layers, as "1.3", the best first."""
    return str(ablated.meta["induction_heads"]).split(", ")


def change(formed: Trace, heads: list[str]) -> Change:
    """When these heads of two layers form."""
    mean = np.mean([head_score(formed, "induction", f"{TWO} {head}") for head in heads], axis=0)
    above = [int(np.argmax(mean >= share * mean[-1])) for share in (0.1, 0.9)]
    return Change(max(0, above[0] - 1), max(above[1], 1))


def head_score(formed: Trace, pattern: str, head: str) -> np.ndarray:
    """One head's score over the looks."""
    found: np.ndarray = formed.arrays[pattern][formed.labels["head"].index(head)]
    return found


def claim(what: str, holds: bool | np.bool_, note: str) -> Row:
    """Something that the paper says happens."""
    return Row(what, 1.0, float(holds), "1 = yes", "higher", 0.0, note)


# ----------------------------------------------------------------------------------------------------------------------


def forming_rows(formed: Trace, scored: Trace, heads: list[str]) -> Iterator[Row]:
    """Which heads form, and how fast."""
    names = formed.labels["head"]
    ever = max(head_score(formed, "induction", name).max() for name in names if name.startswith(ONE))
    best = head_score(formed, "induction", f"{TWO} {heads[0]}")
    floor, uniform = (float(scored.arrays["score"][i, 2].max()) for i in (1, 2))
    yield claim(
        "two layers form induction heads", best[-1] >= INDUCTION, f"heads {', '.join(heads)}: {INDUCTION} or more"
    )
    yield claim("one layer never does", ever < INDUCTION, f"best score of any head at any step {ever:.2f}")
    yield Row("induction score of the best head, two layers", None, float(best[-1]), "attention", "higher")
    yield Row("the same, untrained", None, floor, "attention", note=f"attention to everything equally: {uniform:.3f}")
    steps, window = looks(formed), change(formed, heads)
    took = (steps[window.last] - steps[window.first]) / steps[-1]
    note = "the paper's window is 2.5 to 5 of its 10 billion tokens"
    yield Row("share of training that the change takes", 0.25, float(took), "share", "lower", 0.05, note)
    below = previous_heads(formed)
    if below:
        name, score = max(below.items(), key=lambda item: item[1][-1])
        early = score[window.first]
        note = f"head {name}; {early:.2f} when the change begins"
        yield Row(
            "previous-token score of the best head below", None, float(score[-1]), "attention", "higher", note=note
        )


def looks(formed: Trace) -> list[int]:
    """The steps of the looks."""
    return [int(step) for step in formed.labels["step"]]


def previous_heads(formed: Trace) -> dict[str, np.ndarray]:
    """Previous-token scores of the first of two layers."""
    prefix = f"{TWO} 0."
    names = [name for name in formed.labels["head"] if name.startswith(prefix)]
    return {name.removeprefix(f"{TWO} "): head_score(formed, "previous", name) for name in names}


def learning_rows(formed: Trace, heads: list[str]) -> Iterator[Row]:
    """What happens to losses meanwhile."""
    window, steps = change(formed, heads), looks(formed)
    one, two = (formed.labels["network"].index(name) for name in (ONE, TWO))
    told, loss, second = (formed.arrays[name] for name in ("in_context", "text_loss", "second_half"))
    yield Row(
        "in-context score before the change, two layers",
        0.15,
        float(told[two, window.first]),
        better="same",
        note="theirs: less than 0.15",
    )
    yield Row(
        "in-context score at the end, two layers", 0.4, float(told[two, -1]), better="same", note="theirs: about 0.4"
    )
    yield Row(
        "in-context score at the end, one layer", None, float(told[one, -1]), better="same", note="theirs: not much"
    )
    formed_in = float((told[two, window.last] - told[two, window.first]) / told[two, -1])
    yield Row("share of it that forms in the change", 0.75, formed_in, "share", "higher", 0.0, "theirs: over 75 %")
    gap = loss[one] - loss[two]
    part = float((gap[window.last] - gap[window.first]) / gap[-1])
    note = f"one layer less two: {gap[window.first]:.3f} before, {gap[window.last]:.3f} after, {gap[-1]:.3f} at the end"
    yield claim("the loss curves part in the change", part > 0.5, note)
    before, within, after = slopes(steps, loss[two], window)
    note = f"text loss falls by {1000 * before:.2f}, {1000 * within:.2f}, {1000 * after:.2f} nats in 1,000 steps"
    yield claim(
        "bump: two layers' loss falls faster in the change than before and after", within > max(before, after), note
    )
    yield Row(
        "second half of repeats, two layers",
        None,
        float(second[two, -1]),
        note=f"{formed.arrays['first_half'][two, -1]:.2f} in the first half",
    )
    yield Row(
        "second half of repeats, one layer",
        None,
        float(second[one, -1]),
        note=f"{formed.arrays['first_half'][one, -1]:.2f} in the first half",
    )


def slopes(steps: list[int], loss: np.ndarray, window: Change) -> tuple[float, float, float]:
    """How fast a loss falls, in nats a step, before the window (over as many steps), in it, and after (likewise)."""
    begin, end = steps[window.first], steps[window.last]
    edges = [max(steps[1], 2 * begin - end), begin, end, min(2 * end - begin, steps[-1])]
    values = np.interp(edges, steps, loss)
    falls = [(values[i] - values[i + 1]) / max(edges[i + 1] - edges[i], 1) for i in range(3)]
    return falls[0], falls[1], falls[2]


def ablation_rows(ablated: Trace) -> Iterator[Row]:
    """What is lost with the induction heads, and with others."""
    zero = ablated.labels["kind"].index("zero")
    places = {name: ablated.labels["ablated"].index(name) for name in ("induction heads", "others")}
    told, second = ablated.arrays["in_context"][zero], ablated.arrays["second_half"][zero]
    plain = float(ablated.arrays["plain_in_context"])
    lost = {name: -told[i] / plain for name, i in places.items()}
    rise = {name: second[i] for name, i in places.items()}
    sets = f"mean of {ablated.meta['other_sets']} sets of as many other heads"
    yield Row(
        "in-context score lost without the induction heads",
        None,
        float(lost["induction heads"]),
        "share",
        "higher",
        note="theirs: almost all",
    )
    yield Row("the same without others", None, float(lost["others"]), "share", note=sets)
    yield claim(
        "without induction heads the in-context score falls most",
        lost["induction heads"] > 2 * max(lost["others"], 0.0) and lost["induction heads"] > 0,
        f"by {lost['induction heads']:.0%}, without others by {lost['others']:.0%}",
    )
    yield Row(
        "rise of the second half's loss without the induction heads",
        None,
        float(rise["induction heads"]),
        better="higher",
    )
    yield Row("the same without others", None, float(rise["others"]), note=sets)


def composition_rows(composed: Trace, ablated: Trace) -> Iterator[Row]:
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
    yield claim("the previous-token head acts through the keys", falls["keys"] > 2 * max(rest, 0.0), "K-composition")
