"""What a store's choices say of those who made them: agreement, position bias, consistency, time; and of a model.

Each figure stands beside what chance gives: an option that is preferred by its place alone would be as often first as
any other, and annotators who press keys at random agree, too.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from glassworks.data.choices.agreement import alpha_interval, cohen, fleiss, krippendorff, raw, wilson
from glassworks.data.choices.comparison import MOST_OPTIONS, VERDICTS
from glassworks.data.choices.ledger import Ledger

TIE, BAD = MOST_OPTIONS, MOST_OPTIONS + 1
"""Categories beside "option 0 is best" to "option 8 is best"."""
CATEGORIES = MOST_OPTIONS + 2
SKIP = VERDICTS.index("skip")


@dataclass(frozen=True)
class Columns:
    """The choices that stand, in order, but those that were skipped. Letter: N choices."""

    comparison: Int[np.ndarray, " N"]
    annotator: Int[np.ndarray, " N"]
    label: Int[np.ndarray, " N"]
    """The best option, or TIE, or BAD."""
    place: Int[np.ndarray, " N"]
    strength: Int[np.ndarray, " N"]
    seconds: Float[np.ndarray, " N"]
    options: Int[np.ndarray, " N"]
    first: Bool[np.ndarray, " N"]
    """Whether it is what its annotator said of the comparison for the first time."""
    random: Bool[np.ndarray, " N"]
    """Whether the comparison was asked at random, and nothing about it decided that it was."""


def columns_of(ledger: Ledger) -> Columns:
    """The columns of a ledger as they are now."""
    with ledger.lock:
        verdict, sizes = np.array(ledger.verdict), ledger.sizes
        keep = np.array(ledger.stands, bool) & (verdict != SKIP)
        columns = ("comparison", "annotator", "best", "place", "strength", "seconds", "random")
        kinds = [np.float64 if name == "seconds" else np.int64 for name in columns]
        of = {name: np.array(getattr(ledger, name), kind)[keep] for name, kind in zip(columns, kinds, strict=True)}
    verdict, best, comparison, annotator = verdict[keep], of["best"], of["comparison"], of["annotator"]
    label = np.where(best >= 0, best, np.where(verdict == VERDICTS.index("bad"), BAD, TIE))
    _, firsts = np.unique(np.stack([annotator, comparison]), axis=1, return_index=True)
    first = np.zeros(len(label), bool)
    first[firsts] = True
    options = sizes[comparison - 1] if len(comparison) else comparison
    random = of["random"].astype(bool)
    return Columns(comparison, annotator, label, of["place"], of["strength"], of["seconds"], options, first, random)


def figures(ledger: Ledger) -> dict[str, Any]:
    """All figures of a store, as a page and a terminal show them."""
    ledger.read()
    columns = columns_of(ledger)
    return {
        "comparisons": len(ledger.sizes),
        "choices": len(columns.label),
        "annotators": [about(ledger, columns, i) for i in range(len(ledger.names))],
        "agreement": agreement(columns),
        "consistency": consistency(columns),
        "position": position(columns),
    }


def about(ledger: Ledger, columns: Columns, annotator: int) -> dict[str, Any]:
    """One annotator: how many choices, how long each took, ties and skips, place and consistency."""
    own = columns.annotator == annotator
    seconds = columns.seconds[own & ~np.isnan(columns.seconds)]
    with ledger.lock:
        skipped = sum(
            ledger.stands[row] and ledger.verdict[row] == SKIP for row in ledger.whole[ledger.names[annotator]]
        )
    return {
        "name": ledger.names[annotator],
        "choices": int(own.sum()),
        "skipped": int(skipped),
        "ties": int((columns.label[own] == TIE).sum()),
        "bad": int((columns.label[own] == BAD).sum()),
        "seconds": quartiles(seconds),
        "position": position(columns, own),
        "consistency": consistency(columns, own),
    }


def quartiles(values: Float[np.ndarray, " N"]) -> list[float] | None:
    """A quarter, half and three quarters of the values are below; None of none."""
    return np.quantile(values, [0.25, 0.5, 0.75]).tolist() if len(values) else None


def share(right: int, of: int) -> dict[str, Any]:
    """A share with its interval; its value is None of nothing."""
    low, high = wilson(right, of)
    return {"value": right / of if of else None, "low": low, "high": high, "of": of}


def agreement(columns: Columns) -> dict[str, Any]:
    """How far annotators agree on the comparisons that several of them decided.

    `raw` is the share of pairs of annotators of a comparison who said the same, `decisive` that where both named a
    best: it is how often one annotator foretells another, and so the most that a reward model can be expected to.
    `kappa` is Cohen's where two annotators met, or else Fleiss'; `ordinal` is alpha on a scale from "the one is much
    better" over a tie to "the other is much better", of comparisons of two.
    """
    counts, raters = counts_of(columns, columns.label, CATEGORIES)
    decisive, _ = counts_of(columns, columns.label, CATEGORIES, columns.label < TIE)
    signed = np.where(columns.label < TIE, np.maximum(columns.strength, 1) * np.where(columns.label == 0, -1, 1), 0)
    scale = (columns.options == 2) & (columns.label != BAD)
    ordered, _ = counts_of(columns, signed + 3, 7, scale)
    low, high = alpha_interval(counts)
    return {
        "comparisons": len(counts),
        "raters": len(raters),
        "raw": share(*raw(counts)),
        "by_chance": by_chance(counts),
        "decisive": share(*raw(decisive)),
        "alpha": known(krippendorff(counts)) if len(counts) else None,
        "alpha_low": known(low),
        "alpha_high": known(high),
        "ordinal": known(krippendorff(ordered, level="ordinal")) if len(ordered) else None,
        "kappa": known(kappa(columns, counts, raters)),
        "kappa_is": "Cohen" if len(raters) == 2 else "Fleiss",
    }


def counts_of(
    columns: Columns, values: Int[np.ndarray, " N"], categories: int, which: Bool[np.ndarray, " N"] | None = None
) -> tuple[Int[np.ndarray, "U K"], Int[np.ndarray, " R"]]:
    """How many annotators gave each comparison each value, of those that two or more gave one; and these annotators."""
    keep = columns.first if which is None else columns.first & which
    units, unit = np.unique(columns.comparison[keep], return_inverse=True)
    counts = np.zeros((len(units), categories), np.int64)
    np.add.at(counts, (unit, values[keep]), 1)
    several = counts.sum(1) > 1
    return counts[several], np.unique(columns.annotator[keep][several[unit]]) if len(units) else np.zeros(0, np.int64)


def by_chance(counts: Int[np.ndarray, "U K"]) -> float | None:
    """The raw agreement of annotators who say as often what they say, and know nothing of each other."""
    totals = counts.sum(0)
    of = totals.sum()
    return float((totals * (totals - 1)).sum() / (of * (of - 1))) if of > 1 else None


def kappa(columns: Columns, counts: Int[np.ndarray, "U K"], raters: Int[np.ndarray, " R"]) -> float:
    """Cohen's of two, Fleiss' of more."""
    if len(raters) != 2:
        return fleiss(counts)
    said = [{} for _ in raters]  # type: list[dict[int, int]]
    for of, rater in zip(said, raters, strict=True):
        own = columns.first & (columns.annotator == rater)
        of.update(zip(columns.comparison[own].tolist(), columns.label[own].tolist(), strict=True))
    both = np.array([(said[0][unit], said[1][unit]) for unit in said[0].keys() & said[1].keys()]).reshape(-1, 2)
    table = np.zeros((CATEGORIES, CATEGORIES), np.int64)
    np.add.at(table, tuple(both.T), 1)
    return cohen(table)


def consistency(columns: Columns, own: Bool[np.ndarray, " N"] | None = None) -> dict[str, Any]:
    """The share of repeats that were answered as at first, not knowing that they were repeats."""
    keep = np.ones(len(columns.label), bool) if own is None else own
    key = columns.annotator * (int(columns.comparison.max(initial=0)) + 1) + columns.comparison
    at_first = keep & columns.first
    keys, order = np.unique(key[at_first], return_index=True)
    labels = columns.label[at_first][order]
    again = keep & ~columns.first
    before = labels[np.searchsorted(keys, key[again])] if again.any() else labels[:0]
    return share(int((before == columns.label[again]).sum()), int(again.sum()))


def position(columns: Columns, own: Bool[np.ndarray, " N"] | None = None) -> dict[str, Any]:
    """How often the option in each place was best, of comparisons with as many options as most have."""
    keep = (columns.place >= 0) & (True if own is None else own)
    sizes = np.bincount(columns.options[keep], minlength=3)
    size = int(sizes.argmax()) if keep.any() else 2
    places = np.bincount(columns.place[keep & (columns.options == size)], minlength=size)
    return {
        "counts": places.tolist(),
        "first": share(int(places[0]), int(places.sum())),
        "by_chance": 1 / size,
    }


def known(value: float) -> float | None:
    """A number, or None for what is none."""
    return None if np.isnan(value) else float(value)
