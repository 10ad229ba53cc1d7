"""Numbers of pixels as what is drawn: shares of full brightness, in one grey or red, green and blue."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

SIDE = 112
"""Pixels on a side of a picture on a sheet of many, which is drawn smaller."""


def as_picture(images: Float[Tensor, "... C H W"]) -> Float[Tensor, "... c H W"]:
    """Images as they are, if they lie between 0 and 1, or moved and scaled together to lie there.

    Of other than 1 or 3 channels the mean is shown, as grey.
    """
    shown = in_colours(images)
    known = shown[~shown.isnan()]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if low >= 0.0 and high <= 1.0:
        return shown
    return (shown - low) / max(high - low, 1e-12)


def signed_picture(values: Float[Tensor, "... C H W"]) -> Float[Tensor, "... c H W"]:
    """Numbers around 0, which becomes grey: each picture by itself, its strongest pixels full white or black."""
    shown = in_colours(values)
    reach = torch.stack([strong(picture) for picture in shown.flatten(0, -4)]).view(*shown.shape[:-3], 1, 1, 1)
    return (0.5 + shown / (2 * reach)).clamp(0, 1)


def strong(picture: Float[Tensor, "c H W"]) -> Float[Tensor, ""]:
    """The size that a fiftieth of the numbers other than 0 reach, so that a single pixel does not pale the others."""
    sizes = picture[picture.isfinite() & (picture != 0)].abs()
    return sizes.kthvalue(math.ceil(0.98 * len(sizes))).values if len(sizes) else picture.new_ones(())


def in_colours(images: Float[Tensor, "... C H W"]) -> Float[Tensor, "... c H W"]:
    """The image's channels if they are 1 or 3, or else their mean."""
    return images if images.size(-3) in (1, 3) else images.mean(-3, keepdim=True)


def smaller(pictures: Float[Tensor, "... C H W"]) -> Float[Tensor, "... C h w"]:
    """The pictures with at most `SIDE` pixels on a side, each the mean of those it stands for."""
    H, W = pictures.shape[-2:]
    sides = (min(H, SIDE), min(W, SIDE))
    if sides == (H, W):
        return pictures
    flat = pictures.flatten(0, -4)
    found: Tensor = F.adaptive_avg_pool2d(flat, sides).view(*pictures.shape[:-2], *sides)
    return found
