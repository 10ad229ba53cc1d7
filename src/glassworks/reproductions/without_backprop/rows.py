"""The rows of the finding: published figures beside ours."""

from collections.abc import Iterator, Sequence

import numpy as np

from glassworks.reproductions.finding import Finding, Row
from glassworks.reproductions.without_backprop.contest import Entry
from glassworks.reproductions.without_backprop.language import Tuned
from glassworks.reproductions.without_backprop.suite import FAMILIES, stops
from glassworks.trace.trace import Trace

PUBLISHED = {
    "openai_es": (3.0, "evosax's example: a CNN of 128,874 weights, 60,000 digits, 512 generations of 256"),
    "snes": (2.0, "Lenc et al. 2019: 98 % and more, 10,000 generations of 1,000"),
    "forward_gradient": (9.1, "orobix/fwdgrad: an MLP"),
    "feedback_alignment": (1.70, "biotorch: LeNet"),
    "direct_feedback_alignment": (1.61, "biotorch: LeNet"),
    "sign_symmetric": (0.94, "biotorch: LeNet, uSF"),
    "sgd": (0.91, "biotorch: LeNet by backpropagation"),
    "forward_forward": (1.36, "Hinton 2022: four layers of 2,000; the most copied implementation has 6.84"),
}
"""Errors of MNIST's 10,000 test digits, in %, of other networks on 60,000 digits: they stand beside ours uncompared."""
FEW = 0
STOPS = "dimensions up to which half of the problems are solved to 90 %: "


def finding(
    ways: Sequence[tuple[Trace, Sequence[Entry]]], suite: Trace, tuned: Tuned | None, *, data: str, quick: bool
) -> Finding:
    """All rows, from what was measured: `ways` of the network, and of the small one."""
    (contest, entries), (small, small_entries) = ways
    of_contest = [*contest_rows(contest), *contest_rows(small, of=f" of {small.meta['weights']} weights")]
    rows = [*suite_rows(suite), *([] if tuned is None else language_rows(tuned)), *of_contest]
    notes = (
        f"On {data}: {contest.meta['seeds']} seeds of each method, batches of {contest.meta['batch']}. "
        + " ".join(
            f"A network of {facts['weights']:,} weights, {facts['passes']:,} passes over a batch, and "
            f"{facts['seconds']:g} seconds of the processor."
            for facts in (contest.meta, small.meta)
        ),
        "The learning rate of each is the best of as many on the validation split. ± is 1.96 standard errors over "
        "seeds and test examples. A pass is a batch's loss; steps of gradients and rules count as many as their "
        "multiplications are worth.",
        "Published errors are of other networks and 60,000 digits, and stand beside ours without being compared.",
        *(f"{entry.name} was refused: {entry.refused}." for entry in entries if entry.refused),
        *(f"With few weights {entry.name} was refused: {entry.refused}." for entry in small_entries if entry.refused),
    )
    return Finding(
        "Learning without backpropagation",
        "Rios & Sahinidis 2013; Salimans et al. 2017; Malladi et al. 2023; Hinton 2022 and others",
        "https://arxiv.org/abs/2305.17333",
        tuple(rows),
        quick,
        notes,
    )


def claim(what: str, holds: bool, note: str) -> Row:
    """Something that a paper says happens."""
    return Row(what, 1.0, float(holds), "1 = yes", "higher", 0.0, note)


def contest_rows(contest: Trace, *, of: str = "") -> Iterator[Row]:
    """Each method's errors; published ones of the large network, which is `of` nothing."""
    for array, what in (("by_passes", "as many passes"), ("by_time", "as much time")):
        for name, error, spread in zip(
            contest.labels["method"], contest.arrays[array], contest.arrays[f"{array}_error"], strict=True
        ):
            if np.isnan(error):  # a single step takes longer
                continue
            compared = array == "by_passes" and not of
            published, where = PUBLISHED.get(name, (None, "")) if compared else (None, "")
            said = f"±{196 * spread:.1f}" + (f"; published: {where}" if where else "")
            yield Row(
                f"error after {what}{of}: {name}",
                published,
                100 * float(error),
                "%",
                note=said,
            )


def suite_rows(suite: Trace) -> Iterator[Row]:
    """Whether methods without a gradient solve less as dimensions grow, and what each of them does."""
    solved, methods = suite.arrays["solved_coarsely"], suite.labels["method"]
    tried = [i for i in range(len(methods)) if not np.isnan(solved[i]).all()]
    searches = [i for i in tried if methods[i] not in ("adamw", "random_search")]
    falls = [bool(solved[i][FEW] >= last(solved[i])) for i in searches]
    note = f"{sum(falls)} of {len(falls)} methods solve no more problems in the most dimensions than in the fewest"
    yield claim("the share of problems solved falls with dimension", all(falls), f"Rios & Sahinidis 2013; {note}")
    yield from family_rows(suite)
    for i in tried:
        each = ", ".join(
            f"{d}: {'refused' if np.isnan(share) else f'{share:.0%}'}"
            for d, share in zip(suite.labels["dimension"], solved[i], strict=True)
        )
        yield Row(
            f"problems solved to 90 % in the fewest dimensions: {methods[i]}",
            None,
            100 * float(solved[i][FEW]),
            "%",
            "higher",
            note=each,
        )


def family_rows(suite: Trace) -> Iterator[Row]:
    """Up to how many dimensions the best of each family solves half of the problems."""
    methods, dimensions = suite.labels["method"], suite.labels["dimension"]
    for family, members in FAMILIES.items():
        best = {
            name: stops(suite.arrays["solved_coarsely"][methods.index(name)]) for name in members if name in methods
        }
        if not best:
            continue
        far = max((place for place in best.values() if place is not None), default=None)
        named = ", ".join(name for name, place in best.items() if place == far)
        yield Row(
            f"{STOPS}{family}",
            None,
            0.0 if far is None else float(dimensions[far].replace(",", "")),
            "dimensions",
            "higher",
            note="in none of those tried" if far is None else named,
        )


def last(shares: np.ndarray) -> float:
    """The share in the most dimensions that were not refused."""
    known = shares[~np.isnan(shares)]
    return float(known[-1]) if known.size else 0.0


def language_rows(tuned: Tuned) -> Iterator[Row]:
    """What MeZO gains, and in what memory."""
    after, memory = tuned.after, tuned.memory
    said = f"loss {tuned.before:.3f} before, {after['mezo']:.4f} by MeZO, {after['adamw']:.4f} by AdamW, nats an answer"
    yield Row(
        "loss that MeZO gains, over what backpropagation gains",
        0.99,
        tuned.share_of_gain,
        "share",
        "higher",
        0.0,
        f"{said}; published: within 1 % on 7 of 11 tasks",
    )
    steps = ", ".join(f"{name} {number:,}" for name, number in tuned.steps.items())
    yield Row("answers right, MeZO", None, tuned.right["mezo"], "share", "higher", note=f"steps: {steps}")
    yield Row("answers right, AdamW", None, tuned.right["adamw"], "share", "higher")
    yield Row(
        "memory of a step of MeZO, over inference's",
        1.0,
        memory["mezo"] / memory["inference"],
        "ratio",
        "lower",
        0.1,
        f"{memory['inference'] / 1e6:,.0f} MB beside the model",
    )
    yield Row(
        "memory of a step of AdamW, over MeZO's",
        12.0,
        memory["adamw"] / memory["mezo"],
        "ratio",
        "same",
        note="theirs: of a model of 2.7 to 30 billion weights, the model itself counted",
    )
