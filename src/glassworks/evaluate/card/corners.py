"""Whether a corner of images alone tells their class: a mark, a date, a scanner's stamp.

Where each class is of a scene of its own, every part of an image tells it. So a corner is held against the best of
eight other places as large, four in the middle and four at the edges, class by class, and against a shuffled target.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from glassworks.data.labelled.source import Task
from glassworks.evaluate.card.alone import Alone, alone
from glassworks.evaluate.card.findings import Finding, percent
from glassworks.evaluate.labelled.features import shrunk

Array = np.ndarray
CORNERS = ("top left", "top right", "bottom left", "bottom right")
MUCH, ONE_CLASS = 0.5, 0.85
"""Skill from which a corner is told, and the F1 of one class."""
AHEAD = 0.05
"""How far it must be ahead of every other place at the least, and by two standard errors."""


def corner_findings(
    pixels: Float[Array, "n C H W"], targets: Shaped[Array, " n"], task: Task, classes: tuple[str, ...], seed: int
) -> tuple[list[Finding], dict[str, Any]]:
    """What each corner tells that no other place does, in a sentence, and the figures of all."""
    side = max(1, min(pixels.shape[2:]) // 8)
    found = {name: alone(features(patch), targets, task, seed, linear=True) for name, patch in corners(pixels, side)}
    others = [alone(features(patch), targets, task, seed, linear=True) for patch in elsewhere(pixels, side)]
    best = Alone(
        max(one.skill for one in others),
        max(one.control for one in others),
        np.max([one.f1 for one in others], 0),
        np.max([one.control_f1 for one in others], 0),
    )
    numbers = {
        "corners": {name: figures(one) for name, one in found.items()},
        "elsewhere": figures(best),
        "corner_pixels": side,
    }
    told = [leak for name, one in found.items() for leak in leaks(name, one, best, targets, classes)]
    if told:
        return [serious(told, best)], numbers
    name, one = max(found.items(), key=lambda pair: pair[1].skill)
    return ([scene(name, one, best, task)] if one.skill >= max(MUCH, one.control + 0.2) else []), numbers


def leaks(
    name: str, one: Alone, best: Alone, targets: Shaped[Array, " n"], classes: tuple[str, ...]
) -> list[tuple[str, str]]:
    """The corner, and what it tells that no other place does: single classes, or else the target as a whole."""
    if len(one.f1):
        counts = np.maximum(np.bincount(targets, minlength=len(one.f1)), 1)
        far = AHEAD + 2 * np.sqrt((one.f1 * (1 - one.f1) + best.f1 * (1 - best.f1)) / counts)
        clear = np.flatnonzero((one.f1 >= ONE_CLASS) & (one.f1 >= best.f1 + far))
        if 0 < len(clear) <= len(classes) // 2:
            return [(name, f"class {classes[k]!r} (F1 {one.f1[k]:.2f}, elsewhere {best.f1[k]:.2f})") for k in clear]
    if one.skill >= max(MUCH, one.control + 0.2) and one.skill >= best.skill + 2 * AHEAD:
        what = "of the way from chance to certainty" if len(one.f1) else "of the target's variance"
        return [(name, f"{percent(one.skill)} {what} (elsewhere {percent(best.skill)})")]
    return []


def serious(told: list[tuple[str, str]], best: Alone) -> Finding:
    """The sentence on corners that tell what no other place does."""
    places = {name: ", ".join(what for where, what in told if where == name) for name, _ in told}
    said = "; ".join(f"the {name} corner alone tells {what}" for name, what in places.items())
    return Finding(
        "serious", "border", f"{said[0].upper()}{said[1:]}.",
        "Elsewhere is the best of eight other places as large. With shuffled targets the best of them: "
        f"{percent(best.control)}{f', F1 {best.control_f1.max():.2f}' if len(best.control_f1) else ''}.",
        f"Look at the {' and '.join(places)} corner of images of each class for marks or dates; crop or cover it, and "
        "judge on images without it.",
        {"corners": [list(pair) for pair in told]},
    )  # fmt: skip


def scene(name: str, one: Alone, best: Alone, task: Task) -> Finding:
    """The sentence on corners that tell much, as every other place does."""
    what = "of the target's variance" if task == "number" else "of the way from chance to certainty"
    return Finding(
        "look", "border", f"A corner alone ({name}) tells {percent(one.skill)} {what}, as other places do.",
        f"The best of eight other places as large: {percent(best.skill)}. With shuffled targets: "
        f"{percent(one.control)}.",
        "Nothing stands in the corners that is not all over: classes differ in background or brightness. See that the "
        "network is to tell them by that.",
        {"skill": one.skill, "control": one.control, "elsewhere": best.skill},
    )  # fmt: skip


def figures(found: Alone) -> dict[str, float]:
    """The figures of a place."""
    named = {"best_class_f1": float(found.f1.max()), "control_f1": float(found.control_f1.max())}
    return {"skill": found.skill, "control": found.control, **(named if len(found.f1) else {})}


# ----------------------------------------------------------------------------------------------------------------------


def corners(pixels: Float[Array, "n C H W"], side: int) -> list[tuple[str, Array]]:
    """The four corners, of so many pixels a side."""
    down, right = (size - side for size in pixels.shape[2:])
    return list(zip(CORNERS, cut(pixels, side, [(0, 0), (0, right), (down, 0), (down, right)]), strict=True))


def elsewhere(pixels: Float[Array, "n C H W"], side: int) -> list[Array]:
    """Eight other places as large: the quarters of the middle, and the middles of the edges."""
    down, right = (size - side for size in pixels.shape[2:])
    top, left = down // 2, right // 2
    quarters = [(max(0, top + i), max(0, left + j)) for i in (-side // 2, side // 2) for j in (-side // 2, side // 2)]
    return cut(pixels, side, [*quarters, (0, left), (down, left), (top, 0), (top, right)])


def cut(pixels: Float[Array, "n C H W"], side: int, places: list[tuple[int, int]]) -> list[Array]:
    """The squares whose upper left pixels are given."""
    return [pixels[:, :, top : top + side, left : left + side] for top, left in places]


def features(patch: Float[Array, "n C h w"]) -> Float[Array, "n F"]:
    """Of 4 x 4 means at most, and how dark and bright its extremes are."""
    means = shrunk(patch, -(-patch.shape[2] // 4)).reshape(len(patch), -1)
    return np.concatenate([means, patch.min((2, 3)), patch.max((2, 3))], 1)
