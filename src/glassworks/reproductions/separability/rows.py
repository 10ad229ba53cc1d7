"""The rows of the finding: what theory and the published experiment say, beside what is measured."""

from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Float

from glassworks.reproductions.finding import Finding, Row
from glassworks.reproductions.separability.advice import Advice
from glassworks.reproductions.separability.legends import COVER, LABELS
from glassworks.reproductions.separability.points import RADII
from glassworks.trace.trace import Trace

ONE, TWO = "one layer", "two layers"
CODE = ", the code's biases"
WANTED = 0.95
Z = 1.96


def finding(traces: Mapping[str, Trace], advised: Mapping[str, Mapping[str, Advice]], *, quick: bool) -> Finding:
    """All rows, from what was measured."""
    widths = {name: trace for name, trace in traces.items() if name != "reach"}
    low = next(iter(widths.values()))
    rows = (
        *claims(widths, low),
        *(row for trace in widths.values() for row in width_rows(trace)),
        *advice_rows(widths, advised),
    )
    notes = (
        f"{low.meta['trials']:,} random networks of each width; the points stay as they are, drawn once by the seed. "
        f"Spheres: radii {', '.join(f'{a:g} to {b:g}' for a, b, _ in RADII)}, the middle one against the others. "
        "Separable: a hyperplane has all points of each set strictly on its side, by linear program. Intervals: 95 %, "
        "Wilson's; of differences as if networks were independent, though they share their random numbers.",
        "Theirs: the paper could be read in its abstract, its code in full. The code draws biases from [0, 2 lambda], "
        "where its comment and the statement have [-lambda, lambda], and takes for separable what a support vector "
        "machine of soft margins has all right.",
    )
    return Finding(
        "How wide a random layer must be to separate two sets",
        "Ghosal, Mahankali and Sun 2022, Randomly Initialized One-Layer Neural Networks Make Data Linearly Separable",
        "https://arxiv.org/abs/2205.11716",
        rows,
        quick,
        notes,
    )


# ----------------------------------------------------------------------------------------------------------------------
# What is said


def claims(widths: Mapping[str, Trace], low: Trace) -> Iterator[Row]:
    """What the paper and its earlier abstract say, and what the law of the biases has to do with it."""
    for trace in widths.values():
        reached = width_for(trace, ONE) is not None
        yield claim(f"a wide enough layer separates: {trace.meta['set']}", reached, f"{WANTED:.0%} of the networks")
    for suffix, said in ((CODE, "by the code's biases"), ("", "by the stated biases")):
        gain, error = difference(low, TWO + suffix, ONE + suffix)
        yield claim(
            f"two layers separate more than one in two dimensions, {said}",
            gain > Z * error,
            f"{gain:+.3f} ± {Z * error:.3f} of the networks, mean over widths",
        )
    for trace in widths.values():
        gain, error = difference(trace, ONE, ONE + CODE)
        yield Row(
            f"more networks separate by the stated biases: {trace.meta['set']}",
            None,
            gain,
            "share",
            "higher",
            note=f"± {Z * error:.3f}; one layer, mean over widths",
        )


def claim(what: str, holds: bool, note: str) -> Row:
    """Something that the source says."""
    return Row(what, 1.0, float(holds), "1 = yes", "same", 0.0, note)


def difference(trace: Trace, one: str, other: str) -> tuple[float, float]:
    """How many more networks of one kind separate than of another, mean over widths, and its standard error.

    The error is that of independent networks, an upper bound where sharing random numbers makes both go together.
    """
    a, b = (share_of(trace, name) for name in (one, other))
    trials = float(trace.meta["trials"])
    variance = (a * (1 - a) + b * (1 - b)) / trials
    return float((a - b).mean()), float(np.sqrt(variance.sum())) / len(a)


def share_of(trace: Trace, network: str) -> Float[np.ndarray, " width"]:
    """A kind's share at each width."""
    found: np.ndarray = trace.arrays["separable"][trace.labels["network"].index(network)]
    return found


# ----------------------------------------------------------------------------------------------------------------------
# Widths


def width_rows(trace: Trace) -> Iterator[Row]:
    """From which width on each kind separates in 95 of 100 networks."""
    exact = width_for(trace, COVER)
    all_labels = "beyond that, too" if exact is None else f"{exact:.0f} neurons"
    for network in trace.labels["network"]:
        if network == COVER:
            continue
        found = width_for(trace, network)
        note = f"not up to {widths_of(trace)[-1]:g}" if found is None else "between the widths that were tried"
        if network == LABELS:
            note += f"; shuffled, sets as large as they are; all labellings, by Cover's count: {all_labels}"
        yield Row(f"width for {WANTED:.0%}: {network}, {trace.meta['set']}", None, found, "neurons", note=note)


def width_for(trace: Trace, network: str) -> float | None:
    """Where a kind's share crosses 95 %, between the widths that were tried; None where it does not."""
    shares, widths = np.maximum.accumulate(share_of(trace, network)), widths_of(trace)
    reached = np.flatnonzero(shares >= WANTED)
    if not len(reached):
        return None
    i = int(reached[0])
    if i == 0:
        return widths[0]
    part = (WANTED - shares[i - 1]) / (shares[i] - shares[i - 1])
    return float(widths[i - 1] + part * (widths[i] - widths[i - 1]))


def widths_of(trace: Trace) -> list[float]:
    """The widths that were tried."""
    return [float(label) for label in trace.labels["width"]]


# ----------------------------------------------------------------------------------------------------------------------
# Advice


def advice_rows(widths: Mapping[str, Trace], advised: Mapping[str, Mapping[str, Advice]]) -> Iterator[Row]:
    """What theory advises, with the least constant that nothing here contradicts, beside what was needed."""
    constant = fitted(advised)
    yield Row("C of the rank bound", None, constant, "ratio", "same", note="the least that all sets here allow")
    for name, trace in widths.items():
        for kind, network in (("with biases", ONE), ("no biases", f"{ONE}, no biases")):
            found, needed = advised[name][kind], width_for(trace, network)
            seen = "not seen" if found.rank_width is None else f"{found.rank_width:,}"
            yield Row(
                f"width advised, {kind}: {trace.meta['set']}",
                found.width(constant),
                needed,
                "neurons",
                "lower",
                note=f"least angle {found.theta:.2g}, rank full at {seen}; ours: needed for {WANTED:.0%}",
            )


def fitted(advised: Mapping[str, Mapping[str, Advice]]) -> float:
    """The largest of the constants that the widths of full rank ask for."""
    found = [one.constant for kinds in advised.values() for one in kinds.values()]
    return max((constant for constant in found if constant is not None), default=1.0)
