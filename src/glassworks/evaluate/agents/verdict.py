"""Whether a policy beats chance and its rivals, in a sentence or two; and what `eval` prints."""

from collections.abc import Mapping
from typing import Any

from glassworks.core.columns import aligned, fold
from glassworks.evaluate.labelled.intervals import UNKNOWN

WORDS = {"loses": "loses to", "ties": "ties with", "beats": "beats", UNKNOWN: f"has {UNKNOWN} beside"}


def number(value: float | None) -> str:
    """A return as it is shown; a dash where there is none.

    >>> number(475.123), number(-0.5), number(None)
    ('475.1', '-0.50', '–')
    """
    if value is None:
        return "–"
    return f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}"


def shown(found: Mapping[str, float | None]) -> str:
    """'475.1, from 470.2 to 480.0'; without an interval only the first."""
    if found.get("low") is None:
        return number(found["value"])
    return f"{number(found['value'])}, from {number(found['low'])} to {number(found['high'])}"


def verdict(result: Mapping[str, Any]) -> str:
    """How much the policy gets, whether that solves its environment, and which rivals it beats."""
    mine = result["metrics"]["return"]
    said = f"The policy returns {shown(mine)} on the mean of {result['episodes']:,} episodes"
    goal = result.get("goal")
    if goal is not None:
        said += f", which is {'' if mine['value'] >= goal else 'less than '}the {number(goal)} that solve it"
        said = said.replace("which is the", "at or above the")
    ranked = sorted(result["rivals"], key=lambda rival: -rival["metrics"]["return"]["value"])
    clauses = []
    for word, words in WORDS.items():
        group = [rival for rival in ranked if rival["difference"]["return"]["verdict"] == word]
        named = [f"{rival['name']} ({number(rival['metrics']['return']['value'])})" for rival in group]
        if named:
            clauses.append(f"{words} {' and '.join(named)}")
    return f"{said}. It {' and '.join(clauses)}."


def conclusions(result: Mapping[str, Any]) -> list[str]:
    """The verdict."""
    return [result["verdict"]]


def table(result: Mapping[str, Any], width: int | None = None) -> str:
    """What `evaluate_agent` found, in lines of `width`: every return with its interval, and the differences."""
    rows = [["", "return, 95 %", "policy − row", ""]]
    for row in [{"name": "policy", **result}, *result["rivals"]]:
        apart = (row.get("difference") or {}).get("return") or {}
        known = apart.get("low") is not None
        between = f"{number(apart['low'])} to {number(apart['high'])}" if known else ""
        rows.append([row["name"], shown(row["metrics"]["return"]), between, str(apart.get("verdict", ""))])
    cut = f", {result['cut_off']:.0%} of them cut off by the limit of time" if result["cut_off"] else ""
    notes = [
        f"{result['environment']}: {result['episodes']:,} episodes of {result['length']:,.1f} steps on the mean{cut}; "
        f"the least return is {number(result['least'])}",
        *(f"{rival['name']}: {rival['note']}" for rival in result["rivals"]),
    ]
    folded = [line for text in (*notes, "", *conclusions(result)) for line in fold(text, width)]
    return "\n".join([*aligned(rows, width=width), "", *folded])
