"""Nearest neighbours of images in their pixels and in each layer: what a network takes for alike, layer by layer.

Two images are alike for a layer if their values there are, whatever their pixels (Krizhevsky, Sutskever & Hinton 2012,
section 6.1).
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.access.finite import check_weights
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.control import randomised
from glassworks.interpret.images.legends.ascent import NEIGHBOURS
from glassworks.interpret.images.scores import MAX_BYTES, at_once, check_images, prepared
from glassworks.trace.trace import Trace

PIXELS = "pixels"


@public
def neighbours(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    others: Float[Tensor, "N C H W"],
    points: Sequence[str],
    *,
    labels: Int[Tensor, " B"],
    other_labels: Int[Tensor, " N"],
    k: int = 5,
    show: int = 4,
    classes: Sequence[str] | None = None,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> Trace:
    """The k nearest of other images to each of some, by pixels and by what passes each point; and whose labels agree.

    Nearness is the cosine of all values at a point, less their mean over the others.

    Args:
        model: any module.
        images: whose neighbours are looked for.
        others: among which they are looked for; none of them should be one of `images`.
        points: as `capture` takes them, one tensor a point.
        labels: of the images.
        other_labels: of the others.
        k: neighbours of each.
        show: images that are drawn, from the first.
        classes: names of the labels.
        seed: of the control, an untrained network of the same shape.
        max_bytes: what activations may take.

    Raises: ValueError for images and points that are none, labels that are not one an image, and fewer others than k.

    Arrays:
        picture (example, space, shown, pixel_row, pixel_column, channel): an image, then its neighbours.
        neighbour (example, space, rank): their numbers; similarity: their cosines.
        agreement (space,), with agreement_error: the share of all images' neighbours that have their label.
            agreement_untrained: in the layers of an untrained network; agreement_random: of images drawn at random.
    """
    images, others = check_images(images), check_images(others, "others")
    check_weights(model)
    check_count("k", k, 1)
    check_count("show", show, 1)
    if k > len(others):
        raise ValueError(f"k (={k}) must be at most the number of others, {len(others)}")
    for name, given, of in (("labels", labels, images), ("other_labels", other_labels, others)):
        if given.shape != of.shape[:1]:
            raise ValueError(f"{name} (of shape {tuple(given.shape)}) must be one for each of {len(of)} images")
    spaces = [PIXELS, *points]
    found = nearest(model, images, others, points, k, max_bytes)
    untrained = nearest(randomised(model, seed=seed), images, others, points, k, max_bytes)
    same = {
        name: torch.stack([(other_labels[index] == labels[:, None]).double().mean(1) for index, _ in of.values()])
        for name, of in (("own", found), ("untrained", untrained))
    }  # (space, B)
    chance = float((other_labels[:, None] == labels).double().mean())
    index = torch.stack([index for index, _ in found.values()], 1)  # (B, space, k)
    few = min(show, len(images))
    shown = torch.cat([images[:few, None, None].expand(-1, len(spaces), -1, -1, -1, -1), others[index[:few]]], 2)
    shown = shown if shown.size(3) == 3 else shown.mean(3, keepdim=True)
    said = torch.cat([labels[:, None, None].expand(-1, len(spaces), 1), other_labels[index]], 2)
    error = same["own"].std(1) / len(images) ** 0.5 if len(images) > 1 else torch.full((len(spaces),), torch.nan)
    arrays = {
        "picture": shown.permute(0, 1, 2, 4, 5, 3),
        "neighbour": index,
        "similarity": torch.stack([cosine for _, cosine in found.values()], 1),
        "agreement": same["own"].mean(1),
        "agreement_error": error,
        "agreement_untrained": same["untrained"].mean(1),
        "agreement_random": torch.full((len(spaces),), chance),
    }
    names = [[[str(int(c)) if classes is None else classes[int(c)] for c in row] for row in of] for of in said[:few]]
    return Trace(
        "neighbours",
        {**{name: x.cpu().numpy() for name, x in arrays.items()}, "caption": np.array(names)},
        {**AXES, "picture": ("example", "space", "shown", "pixel_row", "pixel_column", "channel")},
        {
            "example": [f"image {i + 1}" for i in range(few)],
            "space": spaces,
            "shown": ["image", *(str(i + 1) for i in range(k))],
        },
        {"num_images": len(others), "k": k, "seed": seed},
        legend=NEIGHBOURS,
    )


AXES: dict[str, tuple[str, ...]] = {
    "caption": ("example", "space", "shown"),
    "neighbour": ("asked", "space", "rank"),
    "similarity": ("asked", "space", "rank"),
    **dict.fromkeys(("agreement", "agreement_error", "agreement_untrained", "agreement_random"), ("space",)),
}


@torch.no_grad()
def nearest(
    model: nn.Module, images: Tensor, others: Tensor, points: Sequence[str], k: int, max_bytes: int
) -> dict[str, tuple[Int[Tensor, "B k"], Float[Tensor, "B k"]]]:
    """For the pixels and each point, the numbers of the k nearest others and their cosines; ties keep their order.

    One point's values of the others are held at a time, as float32.
    """
    found = {}
    for point in [None, *points]:
        centre = rows_at(model, others, point, max_bytes)
        mean = centre.mean(0)
        sides = [nn.functional.normalize(x - mean, dim=1) for x in (rows_at(model, images, point, max_bytes), centre)]
        cosine, index = torch.sort(sides[0] @ sides[1].T, dim=1, descending=True, stable=True)
        found[point or PIXELS] = (index[:, :k], cosine[:, :k])
    return found


def rows_at(model: nn.Module, images: Tensor, point: str | None, max_bytes: int) -> Float[Tensor, "B F"]:
    """What passes a point, a row an image; the pixels themselves without a point."""
    if point is None:
        return images.flatten(1).float()
    parts = []
    with prepared(model) as root:
        for x in torch.split(images, at_once(root, images, len(images), max_bytes)):
            with capture(root, point) as seen:
                root(x)
            (value,) = seen.values() if len(seen) == 1 else (None,)
            if value is None or len(value) != len(x):
                raise ValueError(
                    f"points (={point!r}) must stand for one place with a row for each image: choose another"
                )
            parts.append(value.flatten(1).float())
    return torch.cat(parts)
