"""What is wrong with a first layer, as numbers: dead filters, aliased maps, and a few filters that dominate.

Zeiler and Fergus saw these in pictures (section 4.1, figure 6). Here each is measured:

    dead        a filter whose map is nowhere above 0 in any of the images
    aliased     of the map that a filter would have with stride 1, the share of the power that is of frequencies a map
                with its stride cannot have: above 1 / (2 · stride) periods a pixel, down or across (the Nyquist limit).
                Taking each stride-th place folds it onto lower frequencies, where it cannot be told from these
    spread      the largest RMS of a filter's weights over the median one

Letters: F filters, N images.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as NF
from jaxtyping import Bool, Float
from torch import Tensor, nn

from glassworks.interpret.images.units import in_parts
from glassworks.reproductions.deconvnet.network import rms

AT_ONCE = 100
SPECTRUM = 64
"""Images that spectra are taken of."""


@dataclass(frozen=True, eq=False)
class Filters:
    """What is measured of each filter of a first layer."""

    dead: Bool[np.ndarray, " F"]
    aliased: Float[np.ndarray, " F"]
    rms: Float[np.ndarray, " F"]

    @property
    def spread(self) -> float:
        """The largest RMS over the median one."""
        return float(self.rms.max() / np.median(self.rms))


@torch.no_grad()
def measure(model: nn.Sequential, images: Float[Tensor, "N C H W"]) -> Filters:
    """Of a network's `conv1`, on images with pixels from 0 to 1: the dead by all of them, spectra by the first."""
    normalise, conv = model.get_submodule("normalise"), model.get_submodule("conv1")
    assert isinstance(conv, nn.Conv2d)
    highest = torch.stack([conv(normalise(part)).amax((0, 2, 3)) for part in in_parts(images, AT_ONCE)]).amax(0)
    some = normalise(images[:SPECTRUM])
    return Filters((highest <= 0).numpy(), aliased(conv, some, conv.stride[0]).numpy(), rms(conv.weight).numpy())


@torch.no_grad()
def aliased(conv: nn.Conv2d, images: Float[Tensor, "N C H W"], stride: int) -> Float[Tensor, " F"]:
    """The share of each map's power, but for its mean, that a stride folds; of the images as the layer reads them."""
    maps = NF.conv2d(images, conv.weight)  # no padding: it has edges of its own
    side = maps.size(-1)
    window = torch.hann_window(side, periodic=False)
    maps = (maps - maps.mean((2, 3), keepdim=True)) * window[:, None] * window
    power = torch.fft.fft2(maps).abs().square().sum(0)  # (F, side, side)
    frequency = torch.fft.fftfreq(side).abs()
    beyond = torch.maximum(frequency[:, None], frequency) > 1 / (2 * stride)
    found: Tensor = (power * beyond).sum((1, 2)) / power.sum((1, 2)).clamp(min=1e-30)
    return found
