"""Whether the border or the corners of images alone tell their class: then a network need not look at what is shown.

Real images have something at their border, too, and less of it than further inside. So the outermost ring of pixels is
held against the ring inside it, and all against a shuffled target.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from glassworks.evaluate.card.alone import Alone, alone
from glassworks.evaluate.card.findings import Finding, percent
from glassworks.evaluate.card.whole import Whole
from glassworks.evaluate.labelled.features import shrunk

Array = np.ndarray
SAMPLE = 3000
MOST = 200
"""Numbers of a ring or of corners at most."""
MUCH, ONE_CLASS = 0.5, 0.85
"""Skill from which corners are told, and the F1 of one class."""
NEARLY_ALL, AHEAD = 0.8, 0.2
"""Skill or F1 from which a border is told if it is so far ahead of the ring inside it."""
CORNERS = ("top left", "top right", "bottom left", "bottom right")


def border_findings(whole: Whole, seed: int) -> tuple[list[Finding], dict[str, Any]]:
    """What the outermost ring, the ring inside it and the corners tell, in sentences, and as JSON has it."""
    if whole.data.kind != "images" or min(whole.shape[1:]) < 6:
        return [], {}
    indices = whole.sample(SAMPLE, seed)
    targets = whole.targets[indices]
    if whole.data.task == "classes":
        common = np.flatnonzero(np.bincount(targets) >= 6)
        indices = indices[np.isin(targets, common)]
        targets = whole.targets[indices]
        if len(common) < 2:
            return [], {}
    pixels = whole.inputs(indices).astype(np.float32) / 255
    thick, side = max(1, round(min(whole.shape[1:]) / 32)), corner_side(pixels)
    parts = {"border": ring(pixels, 0, thick), "ring inside it": ring(pixels, thick, thick)}
    parts |= {"corners": corners(pixels, side), "middle": corners(middle(pixels, side), side)}
    found = {name: alone(values, targets, whole.data.task, seed, linear=True) for name, values in parts.items()}
    numbers: dict[str, Any] = {name: as_json(one) for name, one in found.items()}
    numbers |= {"images": len(indices), "border_pixels": thick, "corner_pixels": side}
    findings = []
    if tells(found["corners"]):
        single = {
            CORNERS[place]: alone(corner(pixels, place, side), targets, whole.data.task, seed, linear=True)
            for place in range(4)
        }
        numbers["single_corners"] = {name: as_json(one) for name, one in single.items()}
        best = max(single, key=lambda name: max(single[name].skill, best_class(single[name])[1]))
        where = f"the corners alone, most the {best} one,"
        findings.append(finding(whole, where, found["corners"], found["middle"], f"{best} corner"))
    elif border_tells(found["border"], found["ring inside it"]):
        findings.append(
            finding(whole, "the outermost pixels alone", found["border"], found["ring inside it"], "border")
        )
    return findings, numbers


def tells(found: Alone) -> bool:
    """Whether corners tell more than a corner should."""
    known, f1 = best_class(found)
    return found.skill >= max(MUCH, found.control + 0.2) or (known >= 0 and f1 >= ONE_CLASS)


def border_tells(found: Alone, inner: Alone) -> bool:
    """Whether a border tells nearly all, or a class, and more than what is nearer to the middle does."""
    ahead = (found.f1 >= NEARLY_ALL) & (found.f1 >= inner.f1 + AHEAD)
    return bool(ahead.any()) or (found.skill >= NEARLY_ALL and found.skill >= inner.skill + AHEAD)


def best_class(found: Alone) -> tuple[int, float]:
    """The class that is told best, and its F1; -1 of numbers."""
    return (int(found.f1.argmax()), float(found.f1.max())) if len(found.f1) else (-1, 0.0)


def finding(whole: Whole, where: str, found: Alone, inner: Alone, place: str) -> Finding:
    """The sentence on a part of images that tells too much; less so where what is further inside tells as much."""
    known, f1 = best_class(found)
    if whole.data.task == "number":
        said, chance = f"explain {percent(found.skill)} of the target's variance", percent(found.control)
    elif f1 > found.skill + 0.2:
        said = f"tell class {whole.data.classes[known]!r} from all others (F1 {f1:.2f})"
        chance = f"F1 {found.control_f1[known]:.2f}"
    else:
        said = f"tell the class: {percent(found.skill)} of the way from chance to certainty"
        chance = percent(found.control)
    ahead = found.skill > inner.skill + 0.05 or bool((found.f1 > inner.f1 + 0.05)[found.f1 >= ONE_CLASS - 0.05].any())
    further = "The ring of pixels inside it" if place == "border" else "As many pixels of the middle"
    return Finding(
        "serious" if ahead else "look", "border", f"{where[0].upper()}{where[1:]} {said}.",
        f"With shuffled targets: {chance}. {further}: {percent(inner.skill)}.",
        f"Look at the {place} of images of each class for marks, frames or dates; crop or cover it, and judge on "
        "images without it.",
        {"skill": found.skill, "control": found.control, "inside": inner.skill},
    )  # fmt: skip


def as_json(found: Alone) -> dict[str, float]:
    """The figures of one."""
    named = {"best_class_f1": float(found.f1.max()), "control_f1": float(found.control_f1.max())}
    return {"skill": found.skill, "control": found.control, **(named if len(found.f1) else {})}


# ----------------------------------------------------------------------------------------------------------------------


def ring(pixels: Float[Array, "n C H W"], depth: int, thick: int) -> Float[Array, "n F"]:
    """The pixels of a ring so deep inside and so thick, averaged along it until they are few."""
    height, width = pixels.shape[2:]
    inner = pixels[:, :, depth : height - depth, depth : width - depth]
    sides = [inner[:, :, :thick], inner[:, :, -thick:]]
    sides += [inner[:, :, thick:-thick, :thick].swapaxes(2, 3), inner[:, :, thick:-thick, -thick:].swapaxes(2, 3)]
    along = np.concatenate([side.mean(2) for side in sides], 2)  # (n, C, around)
    step = -(-along.shape[1] * along.shape[2] // MOST)
    padded = np.pad(along, ((0, 0), (0, 0), (0, -along.shape[2] % step)), mode="edge")
    means: Array = padded.reshape(*along.shape[:2], -1, step).mean(3).reshape(len(pixels), -1)
    return means


def corners(pixels: Float[Array, "n C H W"], side: int) -> Float[Array, "n F"]:
    """All four corners of so many pixels a side."""
    return np.concatenate([corner(pixels, place, side) for place in range(4)], 1)


def middle(pixels: Float[Array, "n C H W"], side: int) -> Float[Array, "n C h w"]:
    """As many pixels from the middle as four corners have."""
    top, left = (size // 2 - side for size in pixels.shape[2:])
    return pixels[:, :, top : top + 2 * side, left : left + 2 * side]


def corner_side(pixels: Float[Array, "n C H W"]) -> int:
    """Pixels along a side of a corner."""
    side: int = max(1, min(pixels.shape[2:]) // 8)
    return side


def corner(pixels: Float[Array, "n C H W"], place: int, side: int) -> Float[Array, "n F"]:
    """One of the four corners, of 4 x 4 means at most, and how dark and bright its extremes are."""
    rows = slice(None, side) if place < 2 else slice(-side, None)
    columns = slice(None, side) if place % 2 == 0 else slice(-side, None)
    patch = pixels[:, :, rows, columns]
    means = shrunk(patch, -(-side // 4)).reshape(len(pixels), -1)
    return np.concatenate([means, patch.min((2, 3)), patch.max((2, 3))], 1)
