"""Examples as rows of numbers, for predictors that know no images: pixels averaged over blocks, flattened, scaled."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from glassworks.evaluate.labelled.predictions import PartLike

Array = np.ndarray
AT_ONCE = 1 << 24
"""Bytes of inputs that are read at once."""


def rows(part: PartLike, indices: Int[Array, " n"], most: int) -> Float[Array, "n F"]:
    """Some examples, float32: features as they are; pixels in [0, 1], of images so small that they are `most` at most.

    Memory is that of the result, and `AT_ONCE`.
    """
    if not len(indices):
        return np.zeros((0, 0), np.float32)
    size = max(1, part.inputs(indices[:1]).nbytes)
    step = max(1, AT_ONCE // size)
    found = np.empty((len(indices), flat(part.inputs(indices[:1]), most).shape[1]), np.float32)
    for start in range(0, len(indices), step):
        found[start : start + step] = flat(part.inputs(indices[start : start + step]), most)
    return found


def flat(inputs: Array, most: int) -> Float[Array, "n F"]:
    """The same of one block of inputs."""
    if inputs.ndim == 2:
        return inputs.astype(np.float32)
    pixels = inputs.astype(np.float32) / 255 if inputs.dtype == np.uint8 else inputs.astype(np.float32)
    side = block_side(inputs.shape[1:], most)
    return shrunk(pixels, side).reshape(len(inputs), -1)


def block_side(shape: tuple[int, ...], most: int) -> int:
    """Of how many pixels a side a block is, so that blocks are at most `most` in all channels; one at least is left."""
    channels, height, width = shape
    side = 1
    while channels * -(-height // side) * -(-width // side) > most and side < max(height, width):
        side += 1
    return side


def shrunk(images: Float[Array, "n C H W"], side: int) -> Float[Array, "n C h w"]:
    """The mean of each block of side x side pixels; the last row and column are repeated where they do not fill one."""
    if side == 1:
        return images
    n, channels, height, width = images.shape
    edges = ((0, 0), (0, 0), (0, -height % side), (0, -width % side))
    blocks = np.pad(images, edges, mode="edge").reshape(n, channels, -(-height // side), side, -(-width // side), side)
    means: Array = blocks.mean((3, 5))
    return means


def scaler(train: Float[Array, "n F"], *, together: bool) -> Callable[[Array], Array]:
    """What takes the training rows' means off, and divides by their standard deviations; by one for all of pixels."""
    mean = train.mean(0)
    deviation = np.sqrt(np.square(train - mean).mean(None if together else 0))
    deviation = np.where(deviation > 0, deviation, 1).astype(np.float32)

    def scale(rows: Array) -> Array:
        scaled: Array = (rows - mean) / deviation
        return scaled

    return scale
