"""The image that a unit would like best: gradient ascent from noise, beside the strongest images that the data has.

    Erhan et al. 2009; Simonyan, Vedaldi & Zisserman 2013 (1312.6034), section 2; Olah, Mordvintsev & Schubert 2017,
    "Feature Visualization": moved, scaled and turned copies at every step, and a picture made of its frequencies, each
    scaled by its inverse, in colours that vary as those of the data do.

Without these, ascent ends in noise that no image has. With them it shows what they let through as much as what the unit
wants: several seeds, the data's own strongest images and what both reach stand beside each other.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.access.finite import is_finite
from glassworks.interpret.images.legends.ascent import FEATURE_VISUALISATION
from glassworks.interpret.images.scores import MAX_BYTES, at_once, check_images, prepared
from glassworks.interpret.images.units import Units, find_units
from glassworks.trace.trace import Trace

SHOWN = 4
"""Units that are looked at where none are named."""
RATE = 0.05


@public
def feature_visualisation(
    model: nn.Module,
    images: Float[Tensor, "N C H W"],
    point: str,
    units: Sequence[int] | None = None,
    *,
    steps: int = 128,
    seeds: int = 3,
    k: int = 4,
    shift: float = 0.06,
    scale: float = 0.1,
    turn: float = 10.0,
    fourier: bool = True,
    max_bytes: int = MAX_BYTES,
) -> Trace:
    """Pictures in [0, 1] that a unit responds to most, found by ascent, beside the strongest of some images.

    Args:
        model: any module that takes images (B, C, H, W) with pixels from 0 to 1.
        images: the data: for their size, their colours, and what they reach.
        point: as `capture` takes it: a map, of which a channel's mean over places is the unit, or a vector.
        units: channels of the map, or numbers of the vector; None = the first four.
        steps: of Adam, at a rate of 0.05; 0 = the noise that each begins with.
        seeds: pictures of each unit, each from noise of its own.
        k: strongest images of each unit.
        shift: how far copies are moved at each step, as a share of a side, to either side.
        scale: by how much they are made larger or smaller, as a share.
        turn: by how much they are turned, in degrees, to either side.
        fourier: whether pictures are made of frequencies; else of pixels.
        max_bytes: what activations may take.

    Raises: ValueError for images, points and units that are none, and images outside of [0, 1].

    Arrays:
        picture (unit, shown, pixel_row, pixel_column, channel): a picture a seed, then the k strongest images.
        reached (unit, shown): what the unit says of each, without any transform.
        start (unit, seed): of the noise that each seed began with.
        spread (unit, quantile): what it says of the images: their 50th, 90th and 99th percentile and the largest.
    """
    images = check_images(images)
    if images.min() < 0 or images.max() > 1:
        raise ValueError(f"images (from {images.min():.3g} to {images.max():.3g}) must have pixels from 0 to 1")
    for name, value, least in (("steps", steps, 0), ("seeds", seeds, 1), ("k", k, 1)):
        check_count(name, value, least)
    here = find_units(model, images, point)
    chosen = list(range(min(SHOWN, here.count))) if units is None else list(units)
    here.check(chosen)
    size, colours = at_once(model, images, max(len(images), seeds), max_bytes), colour_axes(images)
    said = torch.cat([values(here, x, chosen) for x in torch.split(images, size)])  # (N, F)
    k = min(k, len(images))
    rows = []
    for column, unit in enumerate(chosen):
        best = said[:, column].topk(k)
        found, start = ascend(here, unit, images.shape[1:], colours, steps, seeds, (shift, scale, turn), fourier, size)
        reached = torch.cat([values(here, x, [unit]) for x in torch.split(found, size)])[:, 0]
        spread = said[:, column].quantile(torch.tensor(QUANTILES, dtype=said.dtype, device=said.device))
        rows.append((torch.cat([found, images[best.indices]]), torch.cat([reached, best.values]), start, spread))
    pictures, reached, start, spread = (torch.stack(part) for part in zip(*rows, strict=True))
    shown = [f"seed {i}" for i in range(seeds)] + [f"image {i + 1}" for i in range(k)]
    pictures = pictures if pictures.size(2) == 3 else pictures.mean(2, keepdim=True)
    captions = [[f"{x:.3g}" for x in row] for row in reached.tolist()]
    return Trace(
        "feature_visualisation",
        {
            "picture": pictures.permute(0, 1, 3, 4, 2).cpu().numpy(),
            "caption": np.array(captions),
            "reached": reached.cpu().numpy(),
            "start": start.cpu().numpy(),
            "spread": spread.cpu().numpy(),
        },
        {
            "picture": ("unit", "shown", "pixel_row", "pixel_column", "channel"),
            "caption": ("unit", "shown"),
            "reached": ("unit", "shown"),
            "start": ("unit", "seed"),
            "spread": ("unit", "quantile"),
        },
        {"unit": [str(unit) for unit in chosen], "shown": shown, "quantile": [f"{q:.0%}" for q in QUANTILES]},
        {"point": here.point, "steps": steps, "num_images": len(images), "seeds": seeds},
        legend=FEATURE_VISUALISATION,
    )


QUANTILES = (0.5, 0.9, 0.99, 1.0)


@torch.no_grad()
def values(units: Units, images: Float[Tensor, "B C H W"], chosen: Sequence[int]) -> Float[Tensor, "B F"]:
    """What some units say of images: the mean over places of a map."""
    with prepared(units.model):
        return units.read(images)[:, :, list(chosen)].mean(1)


def ascend(
    units: Units,
    unit: int,
    shape: Sequence[int],
    colours: Float[Tensor, "C C"],
    steps: int,
    seeds: int,
    transforms: tuple[float, float, float],
    fourier: bool,
    size: int,
) -> tuple[Float[Tensor, "S C H W"], Float[Tensor, " S"]]:
    """Pictures of one unit, a seed each, and what it says of the noise that they began with."""
    generator = torch.Generator().manual_seed(unit)
    picture, parameter = (of_frequencies if fourier else of_pixels)(seeds, shape, colours, generator)
    start = values(units, picture().detach(), [unit])[:, 0]
    optimizer = torch.optim.Adam([parameter], lr=RATE)
    with prepared(units.model), torch.enable_grad():
        for _ in range(steps):
            turned = transformed(picture(), generator, *transforms)
            said = [units.read(x)[:, :, unit].mean(1) for x in torch.split(turned, size)]
            (parameter.grad,) = torch.autograd.grad(-torch.cat(said).sum(), parameter)
            optimizer.step()
    found = picture().detach()
    if not is_finite(found):
        raise ValueError(f"the ascent of unit {unit} at {units.point} came to NaN: its gradients are not finite")
    return found, start


# ----------------------------------------------------------------------------------------------------------------------
# What a picture is made of

Made = tuple[Callable[[], Tensor], Tensor]
"""A function that makes the pictures, and the parameter it makes them of."""


def of_pixels(seeds: int, shape: Sequence[int], colours: Tensor, generator: torch.Generator) -> Made:
    """Pictures whose every pixel is a parameter of its own."""
    parameter = (0.5 * torch.randn(seeds, *shape, generator=generator)).to(colours).requires_grad_()
    return lambda: in_colours(parameter, colours), parameter


def of_frequencies(seeds: int, shape: Sequence[int], colours: Tensor, generator: torch.Generator) -> Made:
    """Pictures made of waves, each scaled by the inverse of its frequency, as those of natural images are."""
    C, H, W = shape
    rate = torch.sqrt(torch.fft.fftfreq(H)[:, None] ** 2 + torch.fft.rfftfreq(W) ** 2)
    waves = (H * W) ** 0.5 / rate.clamp(min=1 / max(H, W)) / max(H, W)
    parameter = (0.3 * torch.randn(seeds, C, *rate.shape, 2, generator=generator)).to(colours).requires_grad_()
    waves = waves.to(colours)

    def picture() -> Tensor:
        return in_colours(torch.fft.irfft2(torch.view_as_complex(parameter) * waves, s=(H, W)), colours)

    return picture, parameter


def in_colours(numbers: Float[Tensor, "S C H W"], colours: Float[Tensor, "C C"]) -> Float[Tensor, "S C H W"]:
    """Numbers along the axes of colours as pixels from 0 to 1."""
    return torch.sigmoid(torch.einsum("dc,schw->sdhw", colours, numbers))


def colour_axes(images: Float[Tensor, "N C H W"]) -> Float[Tensor, "C C"]:
    """The square root of the covariance of the pixels' channels, its largest entry 1: how the data's colours vary."""
    pixels = images.transpose(0, 1).flatten(1)
    centred = pixels - pixels.mean(1, keepdim=True)
    share, axes = torch.linalg.eigh(centred @ centred.T / pixels.size(1))
    root = axes * share.clamp(min=0).sqrt() @ axes.T
    largest = root.abs().max()
    return root / largest if largest > 0 else torch.eye(len(root), dtype=root.dtype, device=root.device)


def transformed(
    pictures: Float[Tensor, "S C H W"], generator: torch.Generator, shift: float, scale: float, turn: float
) -> Float[Tensor, "S C H W"]:
    """Each picture moved, scaled and turned by a little of its own; beyond the edge it is mirrored."""
    drawn = (2 * torch.rand(4, len(pictures), generator=generator) - 1).to(pictures)
    angle, size = torch.deg2rad(turn * drawn[0]), 1 + scale * drawn[1]
    H, W = pictures.shape[2:]
    rows = [torch.cos(angle) / size, -torch.sin(angle) / size * (H / W), 2 * shift * drawn[2]]
    columns = [torch.sin(angle) / size * (W / H), torch.cos(angle) / size, 2 * shift * drawn[3]]
    matrix = torch.stack([torch.stack(rows, 1), torch.stack(columns, 1)], 1)
    grid = F.affine_grid(matrix, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
