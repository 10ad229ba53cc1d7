"""The rows of the finding: the lecture's and the papers' figures, and the theory's, beside ours."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from glassworks.data.text.words import Words
from glassworks.reproductions.char_models import CHAIN_LOSSES, SATURATED, SPREAD
from glassworks.reproductions.finding import Finding, Row
from glassworks.reproductions.initialisation.deep import LEVEL, WIDTH
from glassworks.reproductions.initialisation.mean_field import TIMES
from glassworks.trace.trace import Trace

TITLE = "Initialisation: a chain of fixes, and the depth at which each scheme stops training"
SOURCE = "Karpathy, Zero to Hero, lecture 4; Schoenholz et al. 2017; Zhang et al. 2019"
URL = "https://arxiv.org/abs/1611.01232"
NAMES = {"default": "torch's default", "glorot": "Glorot", "he": "He", "orthogonal": "orthogonal", "lsuv": "LSUV"}
FUNCTION = {"tanh": "tanh", "relu": "ReLU"}
NEAR = 0.1
"""Of a factor a layer: what networks of `WIDTH` neurons may differ by from infinitely wide ones."""
NO_END = 5000
"""Layers, beyond which a depth that theory foretells is no depth."""
FIXUP, BATCH_NORM = "fixup", "he with batch norm"


def finding(
    results: Mapping[str, Any],
    traces: Mapping[str, Trace],
    words: Words | None,
    *,
    steps: int,
    full: bool,
    quick: bool,
) -> Finding:
    """All rows.

    Args:
        results: what each part measured.
        traces: those of deep networks.
        words: the chain's data; None = it was left out, and so are its rows.
        steps: of each training of the chain.
        full: whether these are the lecture's.
        quick: whether less was computed of deep networks.
    """
    chain = () if words is None else chain_rows(results, SPREAD if full and words.are_names else None)
    rows = (
        *chain,
        *factor_rows(traces["signals"]),
        *depth_rows(traces["depths"]),
        *variance_rows(traces["variances"]),
        *shortcut_rows(traces["shortcuts"]),
    )
    return Finding(TITLE, SOURCE, URL, rows, quick, tuple(notes(words, steps, full, traces["depths"])))


def notes(words: Words | None, steps: int, full: bool, depths: Trace) -> Iterator[str]:
    """What a reader of the table must know."""
    if words is None:
        yield "Without the chain of fixes: give a file of words, such as the lecture's names.txt."
    elif not words.are_names:
        yield f"OTHER DATA: {len(words.words):,} words, not the lecture's 32,033 names: its losses are not compared."
    if words is not None and not full:
        yield f"Each network of the chain was trained for {steps:,} steps, not 200,000: its losses are not compared."
    yield (
        f"Factors and depths in the column “published” are the mean-field theory's, of infinitely wide networks; ours "
        f"have {WIDTH} neurons a layer. A network trains if its loss on digits falls below {LEVEL} nats within "
        f"{depths.meta['steps']} steps with any of {depths.meta['rates']} learning rates; the theory's depth is "
        f"{TIMES} depth scales, which Schoenholz et al. read off their figure 5."
    )


def claim(what: str, holds: bool, note: str) -> Row:
    """Something that a paper says happens."""
    return Row(what, 1.0, float(holds), "1 = yes", "higher", 0.0, note)


def chain_rows(results: Mapping[str, Any], tolerance: float | None) -> Iterator[Row]:
    """Train and dev loss of the lecture's five networks, and what each has untrained."""
    for name, (label, train, dev) in CHAIN_LOSSES.items():
        part = results.get(f"chain_{name}", {})
        yield Row(f"{label}: first batch", None, part.get("first_loss"), note="untrained")
        yield Row(f"{label}: saturated units", None, part.get("saturated"), "share", note=f"|tanh| > {SATURATED}")
        yield Row(f"{label}: train", train, part.get("train"), tolerance=tolerance)
        yield Row(f"{label}: dev", dev, part.get("dev"), tolerance=tolerance)
    if all(f"chain_{name}" in results for name in CHAIN_LOSSES):
        devs = [results[f"chain_{name}"]["dev"] for name in ("original", "softmax", "tanh")]
        yield claim(
            "each of the first two fixes lowers the dev loss",
            devs[0] > devs[1] > devs[2],
            ", ".join(f"{loss:.4f}" for loss in devs),
        )


def factor_rows(signals: Trace) -> Iterator[Row]:
    """What the gradient's variance is multiplied by, a layer back, in the deeper half of each network."""
    for a, activation in enumerate(signals.labels["activation"]):
        for s, scheme in enumerate(signals.labels["scheme"]):
            ours, theory = (middle_factor(signals.arrays[name][a, s]) for name in ("backward", "backward_theory"))
            yield Row(
                f"gradient, factor a layer: {FUNCTION[activation]}, {NAMES[scheme]}",
                theory,
                ours,
                "ratio",
                "same",
                None if theory is None or ours is None else NEAR * theory,
            )


def middle_factor(backward: np.ndarray) -> float | None:
    """The geometric mean of the factor a layer, from three quarters of the depth to one quarter; None of what is 0."""
    first, last = len(backward) // 4, 3 * len(backward) // 4
    if not backward[first] > 0 or not backward[last] > 0:
        return None
    return float((backward[first] / backward[last]) ** (1 / (last - first)))


def depth_rows(depths: Trace) -> Iterator[Row]:
    """The deepest network of each scheme that trains."""
    largest = int(depths.labels["depth"][-1])
    found, theory = depths.arrays["deepest"], depths.arrays["foretold"]
    for a, activation in enumerate(depths.labels["activation"]):
        for s, scheme in enumerate(depths.labels["scheme"]):
            seeds = sorted(found[a, s])
            note = f"of {largest} at most{no_end(theory[a, s])}"
            note += f"; {seeds[0]:.0f} to {seeds[-1]:.0f} over seeds" if len(seeds) > 1 else ""
            yield Row(
                f"deepest that trains: {FUNCTION[activation]}, {NAMES[scheme]}",
                None if theory[a, s] > NO_END else float(theory[a, s]),
                float(np.median(found[a, s])),
                "layers",
                "same",
                note=note,
            )
    medians = np.median(found, axis=-1)
    tanh, schemes = medians[depths.labels["activation"].index("tanh")], depths.labels["scheme"]
    turned, drawn = tanh[schemes.index("orthogonal")], tanh[schemes.index("glorot")]
    yield claim(
        "rotations train tanh at least as deep as random numbers of the same variance",
        bool(turned >= drawn),
        f"{turned:.0f} layers beside {drawn:.0f} of Glorot's; Saxe et al. 2013: all directions are kept alike, where "
        "the theory of means sees no difference",
    )
    ends = np.minimum(theory, largest)
    order = rank_agreement(medians.ravel(), ends.ravel())
    yield claim(
        "networks train deeper where theory says that they may",
        order > 0.75,
        f"of pairs of schemes that it puts apart, {order:.0%} are so; by chance 50 %",
    )


def no_end(layers: float) -> str:
    """A clause where theory foretells no depth beyond which networks do not train."""
    return "; theory: no end" if layers > NO_END else ""


def rank_agreement(ours: np.ndarray, theory: np.ndarray) -> float:
    """Of the pairs that theory puts in an order, the share that is in the same; a tie of ours counts half."""
    pairs = [(i, j) for i in range(len(theory)) for j in range(len(theory)) if theory[i] < theory[j]]
    return float(np.mean([1.0 if ours[i] < ours[j] else 0.5 if ours[i] == ours[j] else 0.0 for i, j in pairs]))


def variance_rows(variances: Trace) -> Iterator[Row]:
    """How deep networks with tanh may be, over the variance of weights."""
    labels, found, theory = variances.labels["variance"], variances.arrays["deepest"], variances.arrays["foretold"]
    largest = int(variances.labels["depth"][-1])
    for variance, ours, said in zip(labels, found, theory, strict=True):
        what, note = f"deepest that trains: tanh, σ² = {variance}", f"of {largest} at most{no_end(said)}"
        yield Row(what, None if said > NO_END else float(said), float(ours), "layers", "same", note=note)
    best = ", ".join(label for label, ours in zip(labels, found, strict=True) if ours == found.max())
    edge = labels[int(np.argmax(theory))]
    holds = bool(found[labels.index(edge)] == found.max())
    yield claim("the deepest train at the edge of chaos", holds, f"σ² = {edge}; ours at σ² = {best}")


def shortcut_rows(shortcuts: Trace) -> Iterator[Row]:
    """Losses of residual networks of the most blocks, and what is said of Fixup."""
    names, blocks = shortcuts.labels["network"], shortcuts.labels["blocks"]
    loss = dict(zip(names, shortcuts.arrays["loss"], strict=True))
    for name in names:
        ours = float(loss[name][-1])
        note = "" if math.isfinite(ours) else "no loss was finite, with any learning rate"
        yield Row(f"loss, {blocks[-1]} blocks: {name}", None, ours if math.isfinite(ours) else None, note=note)
    both = [float(loss[name][-1]) for name in (FIXUP, BATCH_NORM)]
    yield claim(
        "Fixup trains at every depth at which batch norm does",
        bool(np.all((loss[FIXUP] < LEVEL) | ~(loss[BATCH_NORM] < LEVEL))),
        f"{blocks[-1]} blocks: {both[0]:.3f} beside {both[1]:.3f}",
    )
    yield claim(
        "He alone does not train the deepest",
        not loss["he"][-1] < LEVEL,
        "residual branches add up: without a norm or Fixup what passes doubles a block",
    )
