"""Does a network know the same part of different objects as the same? (Zeiler & Fergus 2013, section 4.3, table 5).

The same part, such as the left eye, is covered in each of some images. With x the features of an image at a layer and
x' those of the covered one, ε = x − x' is what the part did to them. If it does the same in all images, the signs of ε
agree:

    Δ = mean over pairs i ≠ j of H(sign ε_i, sign ε_j) / F

where H counts the F features whose signs (−1, 0, 1) differ: the share of features that change otherwise, as the paper's
table has it ("mean feature sign change"). Lower is tighter. What random places of the same size give is the level to
be below; it changes with depth by itself. It is not enough where a part lies at the same place in all images: features
of a map lie where the square does, so that any one place, covered in all, changes the same ones. So one random place
for all images is the second level, which the paper does not have.

Letters: B images, P parts, L layers, F features of a layer.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.access.finite import check_values
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.control import randomised
from glassworks.interpret.images.legends.correspondence import CONTROLS, CORRESPONDENCE
from glassworks.interpret.images.occlusion.windows import GREY, cover
from glassworks.interpret.images.pictures import as_picture, smaller
from glassworks.interpret.images.scores import check_images
from glassworks.interpret.images.units import device_of
from glassworks.trace.trace import Trace

Windows = Int[Tensor, "B 4"]
"""A square (top, left, bottom, right) in each image, the last two outside."""


@public
def correspondence(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    parts: Mapping[str, Windows],
    points: str | Sequence[str],
    *,
    fill: float = GREY,
    draws: int = 20,
    fresh: nn.Module | None = None,
    seed: int = 0,
) -> Trace:
    """How alike the same part changes features in different images, beside what random places of its size do.

    Args:
        model: any module that takes images (B, C, H, W).
        images: three or more, of the same kind of object, as the model takes them.
        parts: where each part lies in each image, by name.
        points: layers, as `capture` takes them; a glob stands for several.
        fill: what covered pixels become.
        draws: how often random places are drawn, each time of the size of one of the parts: another in each image, and
            one for all of them.
        fresh: a second control: an untrained network of the same shape. None = `randomised` by `seed`.
        seed: draws the places and the control.

    Raises: ValueError for fewer than three images, parts that are no squares inside of the images, and values that are
    not finite.

    Arrays:
        change, change_error (network, covered, point): Δ, and its standard error, by the jackknife over images; of
            random places their mean over the draws, and that mean's.
        at_or_below (control, part, point): the share of random draws with a Δ as low as the part's, or lower.
        picture (covered, example, colour, row, column): the images with each part covered, as they are drawn.
    """
    check_images(images)
    check_count("draws", draws, 2)
    if len(images) < 3 or not parts:
        raise ValueError(f"images ({len(images)}) must be three at the least, and parts ({len(parts)}) one")
    boxes = {name: windows_in(name, windows, images) for name, windows in parts.items()}
    generator, sizes, shape = torch.Generator().manual_seed(seed), list(boxes.values()), images.shape[-2:]
    each = [elsewhere(sizes[i % len(sizes)], shape, generator) for i in range(draws)]
    same = [elsewhere(sizes[i % len(sizes)][:1], shape, generator).expand(len(images), 4) for i in range(draws)]
    fresh = randomised(model, seed=seed) if fresh is None else fresh
    change, error, below = [], [], []
    for network in (model, fresh):
        keys, of_windows = changes(network, images, [*sizes, *each, *same], points, fill)  # (P + 2 draws, L, B, B)
        means, errors = mean_of_pairs(of_windows)
        own, drawn = means[: len(boxes)], means[len(boxes) :].view(2, draws, -1)
        change.append(torch.cat([own, drawn.mean(1)]))
        error.append(torch.cat([errors[: len(boxes)], drawn.std(1) / draws**0.5]))
        below.append((drawn[:, None] <= own[:, None]).float().mean(2))  # (2, P, L)
    covered = torch.stack([hidden(images, windows, fill) for windows in (*sizes, each[0], same[0])]).cpu()
    arrays: dict[str, np.ndarray] = {
        "change": torch.stack(change).numpy(),
        "change_error": torch.stack(error).numpy(),
        "at_or_below": below[0].numpy(),
        "picture": smaller(as_picture(covered)).numpy(),
    }
    return Trace(
        "correspondence",
        arrays,
        {
            "change": ("network", "covered", "point"),
            "change_error": ("network", "covered", "point"),
            "at_or_below": ("control", "part", "point"),
            "picture": ("covered", "example", "colour", "pixel_row", "pixel_column"),
        },
        {
            "network": ["trained", "untrained"],
            "covered": [*boxes, *CONTROLS],
            "part": list(boxes),
            "control": list(CONTROLS),
            "point": keys,
        },
        {"num_images": len(images), "draws": draws, "fill": float(fill), "seed": seed},
        legend=CORRESPONDENCE,
    )


def windows_in(name: str, windows: Tensor, images: Tensor) -> Windows:
    """A part's squares; ValueError if they are not one inside of each image."""
    windows = torch.as_tensor(windows)
    if windows.shape != (len(images), 4) or windows.is_floating_point():
        raise ValueError(f"parts[{name!r}] has shape {tuple(windows.shape)}: give (top, left, bottom, right) an image")
    H, W = images.shape[-2:]
    top, left, bottom, right = windows.unbind(1)
    if not bool(((top >= 0) & (left >= 0) & (top < bottom) & (left < right) & (bottom <= H) & (right <= W)).all()):
        raise ValueError(f"parts[{name!r}] (={windows.tolist()}) must lie inside of images of {H} × {W} pixels")
    return windows


def elsewhere(windows: Windows, shape: Sequence[int], generator: torch.Generator) -> Windows:
    """Squares of the same sizes at random places."""
    size = windows[:, 2:] - windows[:, :2]
    room = torch.tensor(list(shape)) - size + 1
    corner = (torch.rand(size.shape, generator=generator) * room).long()
    return torch.cat([corner, corner + size], 1)


def hidden(images: Float[Tensor, "B C H W"], windows: Windows, fill: float) -> Float[Tensor, "B C H W"]:
    """Each image with its own square covered."""
    return images.masked_fill(cover(images.shape, windows.to(images.device))[:, None], fill)


@torch.no_grad()
def changes(
    model: nn.Module, images: Tensor, windows: Sequence[Windows], points: str | Sequence[str], fill: float
) -> tuple[list[str], Float[Tensor, "N L B B"]]:
    """The names of the points, and for each set of squares the share of features of which two images differ in sign."""
    images = images.to(device_of(model, images))
    found, keys, whole = [], list[str](), dict[str, Tensor]()
    for squares in (None, *windows):
        with capture(model, points) as seen:
            model(images.clone() if squares is None else hidden(images, squares, fill))
        check_values(seen)
        if squares is None:
            keys, whole = list(seen), {key: value.flatten(1).clone() for key, value in seen.items()}
            continue
        signs = [(whole[key] - seen[key].flatten(1)).sign() for key in keys]
        found.append(torch.stack([torch.stack([(sign != one).float().mean(1) for one in sign]) for sign in signs]))
    return keys, torch.stack(found).cpu()


def mean_of_pairs(pairs: Float[Tensor, "N L B B"]) -> tuple[Float[Tensor, "N L"], Float[Tensor, "N L"]]:
    """The mean over pairs of different images, and its standard error by the jackknife: an image left out at a time."""
    B = pairs.size(-1)
    rows = pairs.sum(-1)  # what an image has with all others; with itself it is 0
    total = rows.sum(-1)
    without = (total[..., None] - 2 * rows) / ((B - 1) * (B - 2))
    spread = (without - without.mean(-1, keepdim=True)).square().sum(-1)
    return total / (B * (B - 1)), ((B - 1) / B * spread).sqrt()
