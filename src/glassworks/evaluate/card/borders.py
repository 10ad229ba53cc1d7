"""Whether the border or the corners of images alone tell their class: then a network need not look at what is shown.

Real images have something at their border, too, and less of it than further inside. So the outermost ring of pixels is
held against the ring inside it, and all against a shuffled target. Of corners see `corners`.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from glassworks.evaluate.card.alone import Alone, alone
from glassworks.evaluate.card.corners import corner_findings, figures
from glassworks.evaluate.card.findings import Finding, percent
from glassworks.evaluate.card.whole import Whole

Array = np.ndarray
SAMPLE = 3000
MOST = 200
"""Numbers of a ring at most."""
NEARLY_ALL, AHEAD = 0.8, 0.2
"""Skill or F1 from which a border is told if it is so far ahead of the ring inside it."""


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
    findings, numbers = corner_findings(pixels, targets, whole.data.task, whole.data.classes, seed)
    thick = max(1, round(min(whole.shape[1:]) / 32))
    parts = {"border": ring(pixels, 0, thick), "ring inside it": ring(pixels, thick, thick)}
    found = {name: alone(values, targets, whole.data.task, seed, linear=True) for name, values in parts.items()}
    numbers |= {name: figures(one) for name, one in found.items()}
    numbers |= {"images": len(indices), "border_pixels": thick}
    if not findings and border_tells(*found.values()):
        findings.append(finding(whole, *found.values()))
    return findings, numbers


def border_tells(found: Alone, inner: Alone) -> bool:
    """Whether a border tells nearly all, or a class, and more than what is nearer to the middle does."""
    ahead = (found.f1 >= NEARLY_ALL) & (found.f1 >= inner.f1 + AHEAD)
    return bool(ahead.any()) or (found.skill >= NEARLY_ALL and found.skill >= inner.skill + AHEAD)


def finding(whole: Whole, found: Alone, inner: Alone) -> Finding:
    """The sentence on a border that tells too much."""
    if whole.data.task == "number":
        said, chance = f"explain {percent(found.skill)} of the target's variance", percent(found.control)
    elif found.f1.max() > found.skill + 0.2:
        known = int(found.f1.argmax())
        said = f"tell class {whole.data.classes[known]!r} from all others (F1 {found.f1[known]:.2f})"
        chance = f"F1 {found.control_f1[known]:.2f}"
    else:
        said = f"tell the class: {percent(found.skill)} of the way from chance to certainty"
        chance = percent(found.control)
    return Finding(
        "serious", "border", f"The outermost pixels alone {said}.",
        f"With shuffled targets: {chance}. The ring of pixels inside it: {percent(inner.skill)}.",
        "Look at the border of images of each class for frames or dates; crop or cover it, and judge on images without "
        "it.",
        {"skill": found.skill, "control": found.control, "inside": inner.skill},
    )  # fmt: skip


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
