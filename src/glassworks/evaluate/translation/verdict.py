"""Whether an encoder-decoder beats its rivals, in one sentence; what to do next; and both as `eval` prints them."""

from collections.abc import Mapping
from typing import Any

from glassworks.core.characters import on_one_line, shortened
from glassworks.core.columns import aligned, fold
from glassworks.evaluate.labelled.intervals import UNKNOWN
from glassworks.evaluate.translation.figures import MEASURES, interval_shown

JUDGED_BY = "bleu"
WORDS = {"loses": "loses to", "ties": "ties with", "beats": "beats", UNKNOWN: f"has {UNKNOWN} beside"}
GOOD = 0.9
"""Exact match, or BLEU / 100, on its own training pairs of a network that has learned them."""
SHOWN, LONGEST = 3, 80
"""Mistakes that are printed, and characters of each of their texts."""
MISTAKE = ("source", "says", "target")


def verdict(result: Mapping[str, Any]) -> str:
    """Say how good the network is, and which rivals it beats, ties with or loses to, by BLEU."""
    exact, bleu = (interval_shown(result["metrics"][name], name) for name in ("exact", "bleu"))
    network = f"The network is right to the letter in {exact} (BLEU {bleu})"
    ranked = sorted(result["rivals"], key=lambda rival: -rival["metrics"][JUDGED_BY]["value"])
    if not ranked:
        return f"{network}; it has no rival to be judged by."
    clauses = []
    for word, words in WORDS.items():
        group = [rival for rival in ranked if rival["difference"][JUDGED_BY]["verdict"] == word]
        named = [f"{rival['name']} (BLEU {rival['metrics'][JUDGED_BY]['value']:.1f})" for rival in group]
        if named:
            clauses.append(f"{words} {' and '.join(named)}")
    return f"{network}; it {' and '.join(clauses)}."


def advice(result: Mapping[str, Any]) -> str | None:
    """What to do next about a network that is not as good as it could be; None where there is nothing to say."""
    training = result["training"]
    if training is None or result["metrics"]["exact"]["value"] >= GOOD:
        return None
    there, here = training["bleu"], result["metrics"]["bleu"]["value"]
    said = f"BLEU {there:.1f} on pairs that it was trained on, {here:.1f} on others"
    if max(training["exact"], there / 100) >= GOOD:
        return f"Next: more pairs, more dropout or a smaller network; it knows its own pairs by heart ({said})."
    return f"Next: train longer, or a larger network; it has learned too little of its own pairs ({said})."


def conclusions(result: Mapping[str, Any]) -> list[str]:
    """The verdict; and what to do next, where the network is weak."""
    return list(filter(None, [result["verdict"], result.get("advice")]))


def table(result: Mapping[str, Any], width: int | None = None) -> str:
    """What `evaluate_pairs` found, in lines of `width`: every figure with its interval, and the differences."""
    rows = [["", "exact match, 95 %", "BLEU, 95 %", "network − row, BLEU", ""]]
    named = [{"name": "network", **result}, {"name": "network, greedily", **result["greedy"]}, *result["rivals"]]
    for row in named:
        difference = (row.get("difference") or {}).get(JUDGED_BY) or {}
        known = difference.get("low") is not None
        between = f"{difference['low']:+.1f} to {difference['high']:+.1f}" if known else ""
        cells = [interval_shown(row["metrics"][name], name) for name in MEASURES]
        rows.append([row["name"], *cells, between, str(difference.get("verdict", "")).removesuffix(" to tell")])
    how = result["decoding"]
    notes = [
        f"{result['examples']:,} pairs; by a beam of {how['beams']}, length penalty {how['alpha']:g}",
        *(f"{rival['name']}: {rival['note']}" for rival in result["rivals"]),
        *result["notes"],
    ]
    texts = [[shortened(on_one_line(m[key]), LONGEST) for key in MISTAKE] for m in result["mistakes"][:SHOWN]]
    wrong = [f"{source} → {says or 'nothing'} (it is {target})" for source, says, target in texts]
    mistakes = [f"Surest mistakes: {'; '.join(wrong)}."] if wrong else []
    folded = [line for text in (*notes, "", *conclusions(result), *mistakes) for line in fold(text, width)]
    return "\n".join([*aligned(rows, width=width), "", *folded])
