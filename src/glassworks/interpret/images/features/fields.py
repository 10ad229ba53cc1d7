"""Which part of an image a place of a map can depend on: its receptive field, of any module, found by trying.

A line of pixels that are NaN makes NaN of all that depends on it, whatever the weights are: of a convolution's sums, a
pool's maxima and means, a ReLU. So one forward pass a line, as far as the point, shows the rows and the columns of
every place's field at once, exactly; a network that looks at the whole image anywhere is known by two passes.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glassworks.interpret.images.units import Units, device_of


@torch.no_grad()
def receptive_fields(units: Units, image: Float[Tensor, "C H W"], *, batch_size: int = 32) -> Int[Tensor, "P 4"]:
    """The smallest (top, left, bottom, right) that holds all pixels that each place depends on, the last two outside.

    Of a place that no NaN reaches, as where a model replaces them, it is the whole image. `image` is any that the
    model takes.
    """
    image = image.to(device_of(units.model, image))
    H, W = image.shape[-2:]
    corners = image.repeat(2, 1, 1, 1)
    corners[0, :, 0, 0] = corners[1, :, -1, -1] = torch.nan
    if bool(reached(units, corners).all()):
        P = units.read(image[None]).size(1)
        return torch.tensor([0, 0, H, W]).repeat(P, 1)
    spans = [span(lines_reach(units, image, axis, batch_size)) for axis in (1, 2)]
    return torch.stack([spans[0][0], spans[1][0], spans[0][1], spans[1][1]], 1)


def lines_reach(units: Units, image: Tensor, axis: int, batch_size: int) -> Bool[Tensor, "L P"]:
    """Whether each row (axis 1) or column (axis 2) of an image reaches each place."""
    found = []
    for first in range(0, image.size(axis), batch_size):
        lines = torch.arange(first, min(first + batch_size, image.size(axis)))
        x = image.repeat(len(lines), 1, 1, 1)
        for i, line in enumerate(lines.tolist()):
            x[i].select(axis, line).fill_(torch.nan)
        found.append(reached(units, x))
    return torch.cat(found)


def reached(units: Units, images: Float[Tensor, "n C H W"]) -> Bool[Tensor, "n P"]:
    """Where NaN among pixels made NaN of any unit. cuDNN is off: some of its ways to convolve spread them."""
    with torch.backends.cudnn.flags(enabled=False):
        return units.read(images).isnan().any(2).cpu()


def span(reach: Bool[Tensor, "L P"]) -> tuple[Int[Tensor, " P"], Int[Tensor, " P"]]:
    """The first line that reaches each place, and the one after the last; all lines, if none does."""
    size = len(reach)
    number = torch.arange(size)[:, None]
    first = torch.where(reach, number, size).amin(0)
    last = torch.where(reach, number + 1, 0).amax(0)
    none = ~reach.any(0)
    return first.masked_fill(none, 0), last.masked_fill(none, size)


def cropped(picture: Float[Tensor, "C H W"], box: Int[Tensor, " 4"], size: tuple[int, int]) -> Float[Tensor, "C h w"]:
    """A field's pixels in a picture of the size of a whole one: NaN beyond the image's edges, where padding lies."""
    top, left, bottom, right = box.tolist()
    tile = picture.new_full((len(picture), *size), torch.nan)
    down = size[0] - (bottom - top) if top == 0 else 0
    along = size[1] - (right - left) if left == 0 else 0
    tile[:, down : down + bottom - top, along : along + right - left] = picture[:, top:bottom, left:right]
    return tile


def whole_size(boxes: Int[Tensor, "P 4"]) -> tuple[int, int]:
    """Rows and columns of the largest field."""
    return int((boxes[:, 2] - boxes[:, 0]).max()), int((boxes[:, 3] - boxes[:, 1]).max())
