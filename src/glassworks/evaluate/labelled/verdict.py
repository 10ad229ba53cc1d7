"""Whether a network beats its rivals, in one sentence; and what to do next where it does not."""

from collections.abc import Mapping, Sequence
from typing import Any

from glassworks.evaluate.labelled.figures import JUDGED_BY, MEASURES
from glassworks.evaluate.labelled.intervals import LEAST, UNKNOWN

BY_HEART = {"classes": 0.5, "number": 0.8}
"""Of its errors on other examples, those on its own training examples are less than this for a network that knows them
by heart: of the share that it gets wrong, or of the RMSE."""
WORDS = {"loses": "loses to", "ties": "ties with", "beats": "beats"}
"""Verdicts, in the order in which they are told, and how they go on."""


def verdict(result: Mapping[str, Any], remedy: str = "hold out more") -> str:
    """Say whether the network beats the rivals, by how much the strongest, and which it ties with or loses to.

    By accuracy, or the RMSE of numbers. A rival is tied with where the 95 % interval of the difference holds 0, unless
    there are so few examples that it is wide for that alone: then the sentence says which is better, and that this may
    be chance; `remedy` is what would tell.
    """
    name = JUDGED_BY[result["task"]]
    sign = 1 if MEASURES[name].higher_is_better else -1
    ranked = sorted(result["rivals"], key=lambda rival: -sign * rival["metrics"][name]["value"])
    found = {word: [r for r in ranked if r["difference"][name]["verdict"] == word] for word in WORDS}
    unsure = [rival for rival in ranked if rival["difference"][name]["verdict"] == UNKNOWN]
    title = "" if MEASURES[name].unit == "share" else f"{MEASURES[name].title} "
    network = f"The network ({title}{shown(result['metrics'][name], name)})"
    if not ranked:
        return f"{network} has no rival to be judged by."
    clauses = [f"{words} {scored(group, name)}" for word, words in WORDS.items() if (group := found[word])]
    if len(found["beats"]) == len(ranked):
        best = ranked[0]["difference"][name]
        by = away(best, name)
        every = "its only rival," if len(ranked) == 1 else "every rival, the strongest,"
        clauses = [f"beats {every} {scored(ranked[:1], name)}, by {by}"]
    sentences = [" and ".join(filter(None, [", ".join(clauses[:-1]), clauses[-1]]))] if clauses else []
    if unsure:
        better = {
            "better than": [rival for rival in unsure if sign * (rival["difference"][name]["value"] or 0) > 0],
            "no better than": [rival for rival in unsure if sign * (rival["difference"][name]["value"] or 0) <= 0],
        }
        words = [f"{word} {scored(group, name)}" for word, group in better.items() if group]
        sentences.append(f"is {' and '.join(words)}, with {UNKNOWN} whether by chance: {remedy}")
    return f"{network} {'; it '.join(sentences)}."


def scored(rivals: Sequence[Mapping[str, Any]], name: str) -> str:
    """'logistic regression (95.0 %), majority (10.2 %)'."""
    return ", ".join(f"{rival['name']} ({number(rival['metrics'][name]['value'], name)})" for rival in rivals)


def number(value: float | None, name: str) -> str:
    """A figure as it is shown: '97.2 %', '0.1234', '3.21', '12,345'; a dash where there is none."""
    if value is None:
        return "–"
    unit = MEASURES[name].unit
    return f"{100 * value:.1f} %" if unit == "share" else f"{value:.4f}" if unit == "number" else digits(value)


def digits(value: float, sign: str = "") -> str:
    """A number in the target's units, by its first four digits, or to the whole where there are more before the point.

    >>> digits(0.01234), digits(12345.6), digits(1.5, "+"), digits(3e15)
    ('0.01234', '12,346', '+1.5', '3e+15')
    """
    return f"{value:{sign},.0f}" if 1000 <= abs(value) < 1e12 else f"{value:{sign}.4g}"


def shown(interval: Mapping[str, float | None], name: str) -> str:
    """'97.2 %, from 96.1 to 98.1'; of a figure without an interval only the first."""
    value, low, high = (number(interval[end], name) for end in ("value", "low", "high"))
    return value if interval["low"] is None else f"{value}, from {low.removesuffix(' %')} to {high.removesuffix(' %')}"


def away(difference: Mapping[str, Any], name: str) -> str:
    """How far two figures are apart, and its interval in the same direction: '2.2 points (1.0 to 3.4)'.

    An interval that holds 0 begins below it: '0.2 points (-1.0 to 1.4)'.
    """
    value, low, high = (difference[end] for end in ("value", "low", "high"))
    low, high = (low, high) if value >= 0 else (-high, -low)
    if MEASURES[name].unit == "share":
        return f"{100 * abs(value):.1f} points ({100 * low:.1f} to {100 * high:.1f})"
    return f"{digits(abs(value))} ({digits(low)} to {digits(high)})"


def advice(result: Mapping[str, Any], optimizer: str = "") -> str | None:
    """What to do next about a network that does not beat every rival; None for one that does, or where it is unknown.

    By how it does on its own training examples: much better there, it knows them by heart; else it has learned too
    little of them. Of fewer than `LEAST` mistakes nothing follows. `optimizer` is what it was trained by, if that is
    known: of an extreme learning machine, whose answer is there after an epoch, more steps are no remedy.
    """
    name, training = JUDGED_BY[result["task"]], result["training"]
    ours, there = result["metrics"][name]["value"], training[name]
    wrong, wrong_there = (1 - ours, 1 - there) if result["task"] == "classes" else (ours, there)
    few = result["task"] == "classes" and round(wrong * result["examples"]) < LEAST
    if few or not wrong or not {rival["difference"][name]["verdict"] for rival in result["rivals"]} & {"loses", "ties"}:
        return None
    said = f"{number(there, name)} on what it was trained on, {number(ours, name)} on what it has not seen"
    if wrong_there < BY_HEART[result["task"]] * wrong:
        return f"Next: more examples, augmentation, or a smaller network; it knows its own examples by heart ({said})."
    longer = "a wider network" if optimizer == "extreme_learning_machine" else "train longer, or a larger network"
    return f"Next: {longer}; it has learned too little of its own examples ({said})."


def conclusions(result: Mapping[str, Any]) -> list[str]:
    """The verdict; and what to do next, where the network is weak."""
    return list(filter(None, [result["verdict"], result.get("advice")]))
