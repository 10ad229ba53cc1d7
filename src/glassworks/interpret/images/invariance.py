"""How features and answer bear that an image is moved, resized or turned (Zeiler & Fergus 2013, figure 5).

The distance of a layer's features from those of the image as it was, and the probability of the true class, along
shifts, scales and angles. First layers change at once, last ones slowly; a dip in the answer says where the network was
never taught to look. A distance is in units of that between two different images, so that layers can be compared: at 1
the moved image is as strange to the layer as another one.

Letters: B images, S strengths, L layers, C H W channels, rows and columns.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.access.finite import check_values
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.control import randomised
from glassworks.interpret.images.legends.invariance import INVARIANCE
from glassworks.interpret.images.occlusion.windows import logits
from glassworks.interpret.images.pictures import as_picture, smaller
from glassworks.interpret.images.scores import check_images
from glassworks.interpret.images.units import check_targets, device_of, in_parts
from glassworks.trace.trace import Trace

CHANGES = {
    "shift": tuple(float(share) for share in np.linspace(-0.3, 0.3, 13).round(3)),
    "scale": tuple(float(size) for size in np.linspace(0.6, 1.8, 13).round(3)),
    "turn": tuple(float(angle) for angle in range(0, 360, 15)),
}
"""Strengths: down as a share of the image's height; a size of the content; degrees counter-clockwise."""
KEPT = {"shift": 0.0, "scale": 1.0, "turn": 0.0}
"""The strength that changes nothing."""
NETWORKS = ["trained", "untrained"]


@public
def invariance(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    targets: Int[Tensor, " B"],
    points: str | Sequence[str],
    *,
    changes: Mapping[str, Sequence[float | int]] | None = None,
    fresh: nn.Module | None = None,
    seed: int = 0,
    batch_size: int = 64,
) -> Trace:
    """How far features move, and what becomes of the true class, as images are shifted, resized and turned.

    Args:
        model: any classifier from images to outputs (B, K), of which the softmax is taken.
        images: as the model takes them; two or more, unlike each other.
        targets: the true class of each.
        points: layers, as `capture` takes them.
        changes: by name, "shift", "scale" or "turn": strengths, in order; None = `CHANGES`.
        fresh: the control: an untrained network of the same shape. None = `randomised` by `seed`.
        seed: draws the control.
        batch_size: images to a forward pass.

    What comes in from outside is the image's own edge, drawn out; pixels between are interpolated linearly.

    Raises: ValueError for images, targets, points and changes that are none, and for values that are not finite.

    Arrays, for each of the changes:
        distance_<change>, distance_<change>_error (network, point, <change>): of features, the mean over the images, in
            units of the mean distance between two different images; and its standard error.
        probability_<change>, probability_<change>_error (network, <change>): of the true class, likewise.
        picture_<change> (<change>, colour, row, column): the first image, as it is changed.
    """
    check_images(images)
    check_targets(targets, images)
    check_count("batch_size", batch_size, 1)
    asked = check_changes(CHANGES if changes is None else changes)
    if len(images) < 2:
        raise ValueError("images (1) must be two at the least: a distance is in units of that between two of them")
    fresh = randomised(model, seed=seed) if fresh is None else fresh
    images = images.to(device_of(model, images))
    arrays, axes, labels = dict[str, np.ndarray](), dict[str, tuple[str, ...]](), {"network": NETWORKS}
    wholes = [features(network, images, targets, points, batch_size) for network in (model, fresh)]
    for change, strengths in asked.items():
        found = [
            along(network, images, targets, points, change, strengths, whole, batch_size)
            for network, whole in zip((model, fresh), wholes, strict=True)
        ]
        for name, of, own in (("distance", 0, ("network", "point")), ("probability", 1, ("network",))):
            values = torch.stack([one[of] for one in found])  # (2, [L,] S, B)
            arrays[f"{name}_{change}"] = values.mean(-1).numpy()
            arrays[f"{name}_{change}_error"] = (values.std(-1) / len(images) ** 0.5).numpy()
            axes |= {f"{name}_{change}{end}": (*own, change) for end in ("", "_error")}
        shown = torch.cat([changed(images[:1], change, strength) for strength in strengths])
        arrays[f"picture_{change}"] = smaller(as_picture(shown.cpu())).numpy()
        axes[f"picture_{change}"] = (change, "colour", "pixel_row", "pixel_column")
        labels[change] = [f"{strength:g}" for strength in strengths]
    labels["point"] = list(wholes[0].values)
    order = sorted(arrays, key=lambda name: ("distance", "probability", "picture").index(name.split("_")[0]))
    meta: dict[str, str | float | int] = {"num_images": len(images), "seed": seed}
    return Trace("invariance", {name: arrays[name] for name in order}, axes, labels, meta, legend=INVARIANCE)


def check_changes(changes: Mapping[str, Sequence[float | int]]) -> dict[str, list[float]]:
    """Strengths by the name of a change; ValueError for what is none."""
    for name, strengths in changes.items():
        if name not in CHANGES:
            raise ValueError(f"changes (={name!r}) must be of {', '.join(CHANGES)}")
        if len(strengths) < 2 or not all(map(math.isfinite, strengths)):
            raise ValueError(f"changes[{name!r}] (={list(strengths)}) must be two numbers at the least")
        if name == "scale" and min(strengths) <= 0:
            raise ValueError(f"changes['scale'] (={min(strengths):g}) must be above 0")
    if not changes:
        raise ValueError(f"changes (=none) must name one at the least of {', '.join(CHANGES)}")
    return {name: [float(strength) for strength in strengths] for name, strengths in changes.items()}


def changed(images: Float[Tensor, "B C H W"], change: str, strength: float) -> Float[Tensor, "B C H W"]:
    """The images shifted, resized about their middle, or turned about it."""
    if strength == KEPT[change]:
        return images
    H, W = images.shape[-2:]
    angle = math.radians(strength) if change == "turn" else 0.0
    size = strength if change == "scale" else 1.0
    down = 2 * strength if change == "shift" else 0.0
    # where each pixel of the result comes from, in coordinates from -1 to 1 along both sides, x first
    back = [
        [math.cos(angle) / size, -math.sin(angle) * H / W / size, 0.0],
        [math.sin(angle) * W / H / size, math.cos(angle) / size, -down],
    ]
    theta = torch.tensor(back, dtype=images.dtype, device=images.device).expand(len(images), 2, 3)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


# ----------------------------------------------------------------------------------------------------------------------
# Features


class Features:
    """A network's features of some images by layer, and what it gives the true classes."""

    def __init__(self, values: dict[str, Float[Tensor, "B F"]], probability: Float[Tensor, " B"]) -> None:
        self.values, self.probability = values, probability

    def units(self) -> list[Tensor]:
        """The mean distance between two different images at each layer, 1 where there is none."""
        means = [torch.pdist(value).mean() for value in self.values.values()]
        return [mean if mean > 0 else torch.ones_like(mean) for mean in means]


@torch.no_grad()
def features(
    model: nn.Module, images: Tensor, targets: Tensor, points: str | Sequence[str], batch_size: int
) -> Features:
    """What a network makes of images."""
    names = [points] if isinstance(points, str) else list(points)
    parts, probabilities = dict[str, list[Tensor]](), list[Tensor]()
    for x, of in zip(in_parts(images, batch_size), in_parts(targets.to(images.device), batch_size), strict=True):
        with capture(model, names) as seen:
            output = logits(model(x.clone()), int(of.max()))  # a copy: the first module may work in place
        check_values(seen)
        probabilities.append(output.float().softmax(1).gather(1, of.long()[:, None]).squeeze(1))
        for key, value in seen.items():
            parts.setdefault(key, []).append(value.flatten(1).float())
    return Features({key: torch.cat(part).cpu() for key, part in parts.items()}, torch.cat(probabilities).cpu())


def along(
    model: nn.Module,
    images: Tensor,
    targets: Tensor,
    points: str | Sequence[str],
    change: str,
    strengths: Sequence[float],
    whole: Features,
    batch_size: int,
) -> tuple[Float[Tensor, "L S B"], Float[Tensor, "S B"]]:
    """Distances and probabilities along the strengths of one change."""
    distances, probabilities = [], []
    for strength in strengths:
        now = features(model, changed(images, change, strength), targets, points, batch_size)
        moved = [(now.values[key] - value).norm(dim=1) for key, value in whole.values.items()]
        distances.append(torch.stack([one / unit for one, unit in zip(moved, whole.units(), strict=True)]))
        probabilities.append(now.probability)
    return torch.stack(distances, 1), torch.stack(probabilities)
