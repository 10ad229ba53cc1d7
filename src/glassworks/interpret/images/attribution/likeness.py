"""How alike two maps are: structural similarity, ranks; and the edges of a picture that any map may be mistaken for."""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from glassworks.interpret.correlation import spearman

SIDE, SIGMA = 11, 1.5  # of the Gaussian window, in pixels
K1, K2 = 0.01, 0.03


def ssim(x: Float[Tensor, "B H W"], y: Float[Tensor, "B H W"]) -> Float[Tensor, " B"]:
    """Structural similarity of maps with values from 0 to 1: 1 for the same, about 0 for unrelated ones.

    Wang, Bovik, Sheikh & Simoncelli 2004, equation 13 with their constants and Gaussian window of 11 pixels, over all
    places where the window lies within the map; on a smaller map, a window that fits it.
    """
    side = min(SIDE, *x.shape[1:])
    side -= 1 - side % 2
    line = torch.exp(-((torch.arange(side, dtype=torch.float64) - side // 2) ** 2) / (2 * SIGMA**2))
    window = torch.outer(line, line).to(x)[None, None] / line.sum().to(x) ** 2

    def blur(z: Tensor) -> Tensor:
        return F.conv2d(z[:, None].double(), window.double())[:, 0]

    mean_x, mean_y = blur(x), blur(y)
    spread_x, spread_y = blur(x.double() ** 2) - mean_x**2, blur(y.double() ** 2) - mean_y**2
    shared = blur(x.double() * y) - mean_x * mean_y
    c1, c2 = K1**2, K2**2
    like = (2 * mean_x * mean_y + c1) * (2 * shared + c2)
    found = like / ((mean_x**2 + mean_y**2 + c1) * (spread_x + spread_y + c2))
    return found.mean((1, 2))


def normalised(maps: Float[Tensor, "B H W"]) -> Float[Tensor, "B H W"]:
    """The sizes of a map's numbers as shares of its largest, as they are drawn; a map of zeros stays one."""
    sizes = maps.detach().abs()
    return sizes / sizes.amax((1, 2), keepdim=True).clamp(min=torch.finfo(sizes.dtype).tiny)


def rank_correlation(x: Float[Tensor, "B H W"], y: Float[Tensor, "B H W"]) -> Float[np.ndarray, " B"]:
    """Spearman's correlation of the sizes of two maps' numbers over their pixels; NaN where one is constant.

    Pixels that are 0 in both are left out: integrated gradients of a picture on black are 0 on all of the black,
    whatever the network, and would agree for that alone.
    """
    pairs = zip(x.detach().abs().flatten(1), y.detach().abs().flatten(1), strict=True)
    either = [torch.stack(pair)[:, (pair[0] != 0) | (pair[1] != 0)].cpu().double().numpy() for pair in pairs]
    return np.array([spearman(a, b) for a, b in either])


def edges(images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B H W"]:
    """The Sobel operator's gradient magnitude of the mean over channels: a detector of edges that knows no network.

    Pixels beyond the picture are as those at its border.
    """
    grey = images.detach().mean(1, keepdim=True)
    across = grey.new_tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]) / 8
    kernels = torch.stack([across, across.T])[:, None]
    slopes = F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), kernels)
    return slopes.square().sum(1).sqrt()
