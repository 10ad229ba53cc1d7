"""Where a network looks, in four maps (Zeiler & Fergus 2013, figure 7): a grey square moves over the image.

For each place of the square: the total activation of the feature map that is strongest in the whole image, the
probability of the true class, and the class that the network says; beside them what that feature map's activation
projects to. Where the square makes both go, at the place that the projection shows, feature and answer rest on it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_gradients
from glassworks.interpret.access.rectifiers import Rule
from glassworks.interpret.control import randomised
from glassworks.interpret.images.features.deconvnet import another, project
from glassworks.interpret.images.legends.occlusion import OCCLUSION
from glassworks.interpret.images.occlusion.windows import (
    GREY,
    NOTHING,
    OUTPUT,
    Score,
    centred_windows,
    logits,
    occluded_scores,
)
from glassworks.interpret.images.pictures import as_picture, signed_picture
from glassworks.interpret.images.units import Units, check_targets, device_of, find_units
from glassworks.trace.trace import Trace

FEATURES = ["strongest", "random"]
NETWORKS = ["trained", "untrained"]


@public
def occlusion(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    targets: Int[Tensor, " B"],
    point: str,
    *,
    window: int | None = None,
    stride: int | None = None,
    fill: float = GREY,
    classes: Sequence[str] | None = None,
    rule: Rule = "deconvnet",
    fresh: nn.Module | None = None,
    seed: int = 0,
    batch_size: int = 64,
) -> Trace:
    """What a grey square takes, wherever it lies: a feature's activation, the true class's probability, the answer.

    Args:
        model: any classifier from images to outputs (B, K), of which the softmax is taken.
        images: as the model takes them.
        targets: the true class of each.
        point: a convolution's map or a ReLU behind it, whose strongest channel is followed in each image.
        window: pixels on a side of the square; None = a quarter of the image's shorter side.
        stride: pixels between its places; None = a quarter of `window`. At the edges the square is cut.
        fill: what covered pixels become.
        classes: their names; None = numbers.
        rule: what passes ReLUs on the way back, as in `deconvnet.project`; "plain" for other nonlinearities.
        fresh: the control: an untrained network of the same shape. None = `randomised` by `seed`.
        seed: draws the control, and another feature map than the strongest.
        batch_size: occluded images to a forward pass.

    Raises: ValueError for images, targets and points that are none, and sides that leave pixels uncovered.

    Arrays:
        picture (example, shown, colour, row, column): the image, and the strongest map's projection, as drawn.
        projection (example, channel, row, column): the projection itself.
        unit (feature, example): the strongest feature map (of the largest total activation), and a random other one.
        activation (feature, example, window_row, window_column): their total activations.
        whole_activation (feature, example): the same without a square.
        probability (network, example, window_row, window_column): of the true class.
        whole_probability (network, example): the same without a square.
        label (example, window_row, window_column): the class that the network says. whole_label (example): without.
        correlation (feature, example): of a map's activation with the true class's probability, over the places.
    """
    check_gradients(model)
    check_targets(targets, images)
    here = find_units(model, images, point)
    images = images.to(device_of(model, images))
    window = max(1, round(min(images.shape[2:]) / 4)) if window is None else window
    stride = max(1, round(window / 4)) if stride is None else stride
    windows = torch.cat([NOTHING, centred_windows(images.shape, window, stride)])
    fresh = randomised(model, seed=seed) if fresh is None else fresh
    with torch.no_grad():
        strongest = torch.cat([here.read(image[None]).sum(1).argmax(1) for image in images]).cpu()
    units = torch.stack([strongest, another(strongest, here.count, seed)])  # (2, B)
    found, untrained = under_windows(model, fresh, here, images, targets, units, windows, fill, batch_size)
    said = torch.stack([found[..., 2], untrained])  # (2, B, 1 + N)
    grid = [-(-size // stride) for size in images.shape[2:]]
    B = len(images)
    projected = project(here, images, strongest, rule=rule).pictures.cpu()
    totals = found[..., :2].movedim(2, 0)  # (2, B, 1 + N)
    arrays: dict[str, np.ndarray] = {
        "picture": torch.stack([as_picture(images.cpu()), signed_picture(projected)], 1).numpy(),
        "projection": projected.numpy(),
        "unit": units.numpy(),
        "activation": totals[..., 1:].reshape(2, B, *grid).numpy(),
        "whole_activation": totals[..., 0].numpy(),
        "probability": said[..., 1:].reshape(2, B, *grid).numpy(),
        "whole_probability": said[..., 0].numpy(),
        "label": found[:, 1:, 3].reshape(B, *grid).long().numpy(),
        "whole_label": found[:, 0, 3].long().numpy(),
        "correlation": correlation(totals[..., 1:], said[:1, :, 1:]).numpy(),
        "target": targets.cpu().numpy(),
    }
    K = max(int(arrays["label"].max()), int(arrays["whole_label"].max()), int(targets.max())) + 1
    names = [str(i) for i in range(K)] if classes is None else list(classes)
    if len(names) < K:
        raise ValueError(f"classes ({len(names)}) must name all of the {K} that are said or true")
    labels = {"feature": FEATURES, "network": NETWORKS, "shown": ["image", "projection"], "class": names}
    arrays["share"] = shares(arrays["label"], len(names))
    meta: dict[str, str | float | int] = {"point": here.point, "window": window, "stride": stride, "fill": float(fill)}
    axes = {name: AXES[name] for name in arrays}
    return Trace("occlusion", arrays, axes, labels, meta | {"rule": rule, "seed": seed}, legend=OCCLUSION)


def under_windows(
    model: nn.Module,
    fresh: nn.Module,
    here: Units,
    images: Float[Tensor, "B C H W"],
    targets: Int[Tensor, " B"],
    units: Int[Tensor, "2 B"],
    windows: Int[Tensor, "N 4"],
    fill: float,
    batch_size: int,
) -> tuple[Float[Tensor, "B N 4"], Float[Tensor, "B N"]]:
    """What `score_of` says of each image under each window, and what the control says of the true class."""
    scores, untrained = [], []
    for image, target, pair in zip(images, targets.tolist(), units.T.tolist(), strict=True):
        how: dict[str, Any] = {"fill": fill, "batch_size": batch_size}
        score = score_of(here, pair, target)
        scores.append(occluded_scores(model, image, windows, score, points=(OUTPUT, here.point), **how))
        untrained.append(occluded_scores(fresh, image, windows, probability_of(target), **how))
    return torch.stack(scores).cpu(), torch.stack(untrained).cpu()


AXES: dict[str, tuple[str, ...]] = {
    "picture": ("example", "shown", "colour", "pixel_row", "pixel_column"),
    "projection": ("example", "channel", "pixel_row", "pixel_column"),
    "unit": ("feature", "example"),
    "activation": ("feature", "example", "window_row", "window_column"),
    "whole_activation": ("feature", "example"),
    "probability": ("network", "example", "window_row", "window_column"),
    "whole_probability": ("network", "example"),
    "label": ("example", "window_row", "window_column"),
    "whole_label": ("example",),
    "correlation": ("feature", "example"),
    "target": ("example",),
    "share": ("example", "class"),
}


def score_of(units: Units, pair: Sequence[int], target: int) -> Score:
    """(n, 4): the total activations of two feature maps, the probability of a class, and the class that is said."""

    def score(outputs: Any, value: Tensor) -> Tensor:
        totals = units.rows(value).sum(1)[:, list(pair)]
        said = logits(outputs, target).argmax(1)
        return torch.cat([totals, probability_of(target)(outputs)[:, None], said[:, None].to(totals)], 1)

    return score


def probability_of(target: int) -> Score:
    """The softmax of the outputs for a class."""
    return lambda outputs: logits(outputs, target).float().softmax(1)[:, target]


def correlation(a: Float[Tensor, "R B N"], b: Float[Tensor, "1 B N"]) -> Float[Tensor, "R B"]:
    """Pearson's, over the places; 0 where one does not vary."""
    a, b = a - a.mean(2, keepdim=True), b - b.mean(2, keepdim=True)
    return torch.cosine_similarity(a, b, dim=2)


def shares(label: np.ndarray, K: int) -> np.ndarray:
    """The share of places at which each class is said, (B, K)."""
    found: np.ndarray = (label[..., None] == np.arange(K)).mean((1, 2), dtype=np.float32)
    return found
