"""The figures that the lectures print, and the rows that set ours beside them."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from glassworks.data.text.words import Words
from glassworks.reproductions.char_models import CHAIN_LOSSES, SATURATED, SPREAD
from glassworks.reproductions.finding import Finding, Row

Results = Mapping[str, Mapping[str, Any]]

TITLE = "makemore: next-character models from a bigram to a WaveNet-style tree"
SOURCE = "Karpathy, Neural Networks: Zero to Hero, lectures 2 to 6 (makemore parts 1 to 5)"
URL = "https://github.com/karpathy/nn-zero-to-hero"

LOSSES = {
    **{name: (f"4: {label}", train, dev) for name, (label, train, dev) in CHAIN_LOSSES.items()},
    "by_hand": ("5: trained by hand-written gradients", 2.0705, 2.1099),
    "flat_3": ("6: 3 characters, flat", 2.058, 2.105),
    "flat_8": ("6: 8 characters, flat", 1.918, 2.027),
    "tree_bug": ("6: 8 characters, tree, its batch norm wrong", 1.941, 2.029),
    "tree": ("6: 8 characters, tree", 1.912, 2.022),
    "tree_76k": ("6: the tree, wider", 1.769, 1.993),
}
"""Each variant's name in the table, train and dev loss."""

FIRST_LOSS = {"batch_norm": 3.3239, "tree_76k": 3.3167}
"""Of the first batch, untrained. As it depends on no training, it shows that weights and batches are the lecture's."""

DEEP_SATURATED = (0.0278, 0.0256, 0.0225, 0.0169, 0.0188)
DEEP_GRADIENT = (2.640702e-3, 2.245584e-3, 2.045742e-3, 1.983134e-3, 1.952382e-3)
DEEP_UPDATE = (8.012630e-4, 4.881091e-3, 6.964619e-3, 6.073741e-3, 5.631483e-3, 5.570125e-3, 1.160106e-2)
"""Gradient over weights, as printed, times the learning rate of 0.1."""


def finding(results: Results, words: Words, *, steps: int, full: bool, own_seeds: bool) -> Finding:
    """All rows.

    Args:
        results: what each part of makemore.py measured.
        words: the data; only with the lectures' names are figures compared at all.
        steps: of each training.
        full: whether that is as many as in the lectures.
        own_seeds: whether seeds are the lectures' own; single batches are compared only then.
    """
    names = words.are_names
    exact, trained = names and own_seeds, SPREAD if names and full else None
    rows = [
        Row(
            "any: guessing uniformly, ln V", 3.2958, math.log(words.vocab_size), "nats", "same", 1e-4 if names else None
        ),
        *bigram_rows(results["bigram"], compared=names),
        *trained_rows(results, "3", trained, exact=exact),
        *trained_rows(results, "4", trained, exact=exact),
        *deep_rows(results["deep"], exact=exact),
        *gradient_rows(results["gradients"]),
        *trained_rows(results, "5", trained, exact=exact),
        *trained_rows(results, "6", trained, exact=exact),
    ]
    return Finding(TITLE, SOURCE, URL, tuple(rows), quick=not full, notes=tuple(notes(words, steps, full, own_seeds)))


def notes(words: Words, steps: int, full: bool, own_seeds: bool) -> Iterator[str]:
    """What a reader of the table must know."""
    if not words.are_names:
        yield (
            f"OTHER DATA: {len(words.words):,} words of {words.vocab_size - 1} characters, not the lectures' names.txt "
            "(32,033 names): the published figures are of those, and only gradients are compared."
        )
    if unlike := words.unlike_names:
        yield f"NO NAMES: {unlike}."
    if not full:
        yield f"Each network was trained for {steps:,} steps, not 200,000: its train and dev losses are not compared."
    yield "A figure begins with its lecture's number. Losses are over a whole split: train 80 %, dev 10 % of the words."
    if words.are_names and full:
        yield f"A trained loss agrees within {SPREAD} nats: other random numbers move it about as far."
    if not own_seeds:
        yield "Seeds are not the lectures' own, so what they print of a single batch is not compared."


def bigram_rows(result: Mapping[str, float], *, compared: bool) -> Iterator[Row]:
    """Lecture 2: on all words, no split."""
    yield Row(
        "2: bigram by counts + 1",
        2.4765,
        result["counts"],
        better="same",
        tolerance=1e-4 if compared else None,
        note="printed with a grad_fn: of a table being trained, not of these counts",
    )
    yield Row(
        "2: bigram by gradient, with penalty",
        2.4818,
        result["penalised"],
        better="same",
        tolerance=1e-3 if compared else None,
        note="300 steps; the lecture does not tell how many",
    )
    yield Row("2: bigram by gradient", None, result["gradient"], note="the same without the penalty")


def trained_rows(results: Results, lecture: str, tolerance: float | None, *, exact: bool) -> Iterator[Row]:
    """Train and dev loss of each network of a lecture, and what its first batch shows before any training."""
    if lecture == "3":
        note = "its batches were unseeded and its split another; ours is the first of lecture 4"
        for split, published in (("train", 2.1260), ("dev", 2.1701)):
            yield Row(f"3: MLP: {split}", published, results["original"][split], tolerance=tolerance, note=note)
    for name, (label, train, dev) in LOSSES.items():
        if not label.startswith(lecture):
            continue
        result, first = results[name], FIRST_LOSS.get(name)
        if lecture == "4" or first is not None:
            near = 2e-4 if exact and first is not None else None
            yield Row(
                f"{label}: first batch", first, result["first_loss"], better="same", tolerance=near, note="untrained"
            )
        if lecture == "4":
            note = f"share of |tanh| > {SATURATED}, untrained"
            yield Row(f"{label}: saturated units", None, result["saturated"], "share", note=note)
        note = f"{result['params']:,.0f} parameters"
        yield Row(f"{label}: train", train, result["train"], tolerance=tolerance, note=note)
        yield Row(f"{label}: dev", dev, result["dev"], tolerance=tolerance)


def deep_rows(result: Mapping[str, float], *, exact: bool) -> Iterator[Row]:
    """Lecture 4's health of five batch-normalised layers after 1,001 steps; all but the losses are of the last step."""
    label = "4: five layers, 1,001 steps"
    for name, text, published, near in (
        ("first_loss", "first batch", 3.2870, 2e-4),
        ("train", "train", 2.4003, SPREAD),
        ("dev", "dev", 2.3982, SPREAD),
    ):
        yield Row(f"{label}: {text}", published, result[name], better="same", tolerance=near if exact else None)
    for i, published in enumerate(DEEP_SATURATED):
        text = f"{label}: saturated units of layer {i + 1}"
        yield Row(text, published, result[f"saturated_{i}"], "share", "same", 0.01 if exact else None)
    for i, published in enumerate(DEEP_GRADIENT):
        text, near = f"{label}: gradient at layer {i + 1}", 0.1 * published
        yield Row(text, published, result[f"gradient_{i}"], "std", "same", near if exact else None)
    for i, published in enumerate(DEEP_UPDATE):
        text, near = f"{label}: update of {'embedding' if i == 0 else f'matrix {i}'}", 0.1 * published
        yield Row(text, published, result[f"update_{i}"], "of its norm", "same", near if exact else None)


def gradient_rows(result: Mapping[str, float]) -> Iterator[Row]:
    """Lecture 5: the largest difference between derivatives by hand and autograd's; at most 1e-9 is rounding.

    So are the lecture's own, in float32: no less than them is better.
    """
    for name, label, published in (
        ("stepwise", "every intermediate and weight", 0.0),
        ("cross_entropy", "cross-entropy in one formula", 5.122e-9),
        ("batch_norm", "batch norm in one formula", 9.313e-10),
        ("closed_form", "all weights by both formulas", None),
    ):
        ours = result[name]
        note = "float64; the lecture's is float32" + ("" if ours <= 1e-9 else "; ABOVE 1e-9")
        near = max(1e-9, published or 0.0)
        yield Row(f"5: by hand - autograd: {label}", published, ours, "largest", "lower", near, note)
