"""Augmentation of a whole batch at once, every draw decided by the seed and the sample's own number.

So a sample looks the same whatever batch, rank or resumed run it is in. Crop (He et al. 2016, section 4.2: zeros around
the image), flip and cutout (DeVries and Taylor 2017; black here, the square may reach over the border) move bytes;
shift, turn and scale are one bilinear resampling, black outside. In this order: crop, flip, resampling, cutout.
"""

from math import log1p, pi

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8, UInt64
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from glassworks.data.batches import mix
from glassworks.data.labelled.augment import Augmentation

DRAWS = ("row", "column", "flip", "right", "down", "turn", "scale", "middle_row", "middle_column", "share")
"""What is drawn for each sample; the place in this list is part of the draw."""


def draw(keys: UInt64[np.ndarray, " B"], name: str) -> Float[np.ndarray, " B"]:
    """Numbers of [0, 1), one for each sample's key."""
    scrambled = mix(keys + np.uint64(DRAWS.index(name) + 1))
    return (scrambled >> np.uint64(11)).astype(np.float64) * 2.0**-53


def changed(
    images: UInt8[np.ndarray, "B C H W"], augment: Augmentation, keys: UInt64[np.ndarray, " B"]
) -> Float32[Tensor, "B C H W"]:
    """Images, their pixels from 0 to 1, after what an augmentation does to each of them, as its key says."""
    if augment.crop:
        images = cropped(images, augment.crop, keys)
    if augment.flip:
        mirrored = draw(keys, "flip") < 0.5
        images[mirrored] = images[mirrored, :, :, ::-1]
    pixels = as_pixels(images)
    if augment.moves:
        pixels = resampled(pixels, augment, keys)
    if augment.cutout:
        black_out(pixels, augment.cutout, keys)
    return pixels


def as_pixels(images: UInt8[np.ndarray, "B C H W"]) -> Float32[Tensor, "B C H W"]:
    """Bytes as numbers from 0 to 1."""
    return torch.from_numpy(images).to(torch.float32).div_(255)


def cropped(
    images: UInt8[np.ndarray, "B C H W"], pad: int, keys: UInt64[np.ndarray, " B"]
) -> UInt8[np.ndarray, "B C H W"]:
    """A piece of each image's size, anywhere in the image with `pad` black pixels around."""
    batch, channels, height, width = images.shape
    padded = np.zeros((batch, channels, height + 2 * pad, width + 2 * pad), np.uint8)
    padded[:, :, pad : pad + height, pad : pad + width] = images
    pieces = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
    down, right = ((draw(keys, name) * (2 * pad + 1)).astype(np.int64) for name in ("row", "column"))
    return pieces[np.arange(batch), :, down, right]


def resampled(
    pixels: Float32[Tensor, "B C H W"], augment: Augmentation, keys: UInt64[np.ndarray, " B"]
) -> Float32[Tensor, "B C H W"]:
    """Images shifted, turned about their middle and scaled, bilinear, black outside."""
    height, width = pixels.shape[2:]
    right, down, turn, scale = (2 * draw(keys, name) - 1 for name in ("right", "down", "turn", "scale"))
    angle = turn * (augment.turn * pi / 180)
    size = np.exp(-scale * log1p(augment.scale))  # of what is read for a pixel: larger images read less
    cos, sin = np.cos(angle) * size, np.sin(angle) * size
    # From where in the input a pixel is read; in units of half the image's sides, which may differ.
    rows = [
        [cos, -sin * (height / width), 2 * augment.shift * right],
        [sin * (width / height), cos, 2 * augment.shift * down],
    ]
    theta = torch.from_numpy(np.moveaxis(np.array(rows, np.float32), 2, 0).copy())  # (B, 2, 3)
    grid = affine_grid(theta, list(pixels.shape), align_corners=False)
    return grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def black_out(pixels: Float32[Tensor, "B C H W"], side: int, keys: UInt64[np.ndarray, " B"]) -> None:
    """Set a square of each image to 0, in place; its middle is any pixel."""
    inside = []
    for name, length in (("middle_row", pixels.shape[2]), ("middle_column", pixels.shape[3])):
        first = (draw(keys, name) * length).astype(np.int64) - side // 2
        place = np.arange(length) - first[:, None]
        inside.append((place >= 0) & (place < side))
    square = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    pixels.masked_fill_(torch.from_numpy(square), 0.0)


def mixing_shares(alpha: float, keys: UInt64[np.ndarray, " B"]) -> Float32[np.ndarray, " B"]:
    """Each sample's own share in its mixture: Beta(alpha, alpha) (Zhang et al. 2018, "mixup", equation 1)."""
    from scipy.special import betaincinv

    shares: Float32[np.ndarray, " B"] = betaincinv(alpha, alpha, draw(keys, "share")).astype(np.float32)
    return shares
