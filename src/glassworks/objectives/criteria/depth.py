"""Losses of depth, by true depths (N, H, W) or by other views of the scene, images (N, K, H, W) from 0 to 1.

Depths are above 0. Each image has a loss, (N,). Views are warped by whoever calls; of `disparities`, a pixel at column
j of the left view is at j - d of the right.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from glassworks.objectives.criteria.reduction import reduced, wide

Maps = Float[Tensor, "N H W"]
Images = Float[Tensor, "N K H W"]
C1, C2 = 0.01**2, 0.03**2
"""What keeps structural similarity from dividing by 0, of values from 0 to 1 (Wang et al. 2004)."""


def scale_invariant(predictions: Maps, targets: Maps, *, variance: float = 0.5, reduction: str = "mean") -> Tensor:
    """Mean g² - λ (mean g)², g = ln d̂ - ln d (Eigen et al. 2014, eq. 4).

    At λ (`variance`) 0 it is the squared error of logarithms, at 1 their variance, which no scale changes.
    """
    g = (wide(predictions).log() - wide(targets).log()).flatten(1)
    return reduced(g.square().mean(1) - variance * g.mean(1).square(), None, reduction)


def berhu(predictions: Maps, targets: Maps, *, fraction: float = 0.2, reduction: str = "mean") -> Tensor:
    """|r| up to δ, (r² + δ²) / 2δ beyond: Huber's the other way round (Laina et al. 2016, eq. 1); each pixel's.

    δ is `fraction` of the largest |r| of the batch, taken for a number.
    """
    r = (wide(predictions) - wide(targets)).abs()
    delta = (fraction * r.detach().amax()).clamp(min=1e-12) if r.numel() else r.new_ones(())
    return reduced(torch.where(r <= delta, r, (r.square() + delta.square()) / (2 * delta)), None, reduction)


def edge(predictions: Maps, targets: Maps, *, reduction: str = "mean") -> Tensor:
    """Mean |∂ d̂ - ∂ d| along rows and along columns: where depth changes, and how much."""
    return reduced(slopes(wide(predictions) - wide(targets)), None, reduction)


def slopes(values: Tensor) -> Tensor:
    """Mean absolute differences of neighbours along rows and along columns, (N,)."""
    return values.diff(dim=2).abs().mean((1, 2)) + values.diff(dim=1).abs().mean((1, 2))


def scale_shift_invariant(
    predictions: Maps, targets: Maps, *, gradients: float = 0.5, scales: int = 4, reduction: str = "mean"
) -> Tensor:
    """Half the mean r² after the best scale and shift of each image, and its slopes at scales (Ranftl et al. 2022).

    R = s d̂ + t - d with s and t by least squares (eq. 1-4); `gradients` counts the sum of `slopes` of R, of every
    second, fourth, ... pixel (eq. 11).
    """
    said, true = wide(predictions).flatten(1), wide(targets).flatten(1)
    centred = said - said.mean(1, keepdim=True)
    scale = (centred * true).sum(1, keepdim=True) / centred.square().sum(1, keepdim=True).clamp(min=1e-12)
    residuals = (scale * centred + true.mean(1, keepdim=True) - true).view_as(predictions)
    losses = residuals.square().mean((1, 2)) / 2
    for step in (2**k for k in range(scales)):
        thinned = residuals[:, ::step, ::step]
        if min(thinned.shape[1:]) > 1:
            losses = losses + gradients * slopes(thinned)
    return reduced(losses, None, reduction)


def smoothness(disparities: Maps, images: Images, *, reduction: str = "mean") -> Tensor:
    """Mean |∂ d| exp(-|∂ I|) along rows and columns: smooth but where the image is not (Godard et al. 2017, eq. 3)."""
    d, image = wide(disparities), wide(images)
    losses = torch.zeros_like(d[:, 0, 0])
    for axis in (1, 2):
        change = image.diff(dim=axis + 1).abs().mean(1)
        losses = losses + (d.diff(dim=axis).abs() * torch.exp(-change)).mean((1, 2))
    return reduced(losses, None, reduction)


def similarity(one: Images, two: Images) -> Images:
    """Structural similarity of each pixel, by means over 3 x 3 (Wang et al. 2004; windows as Godard et al. 2017)."""

    def mean(values: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(values, (1, 1, 1, 1), mode="reflect"), 3, 1)

    x, y = mean(one), mean(two)
    xx, yy, xy = mean(one.square()) - x.square(), mean(two.square()) - y.square(), mean(one * two) - x * y
    return ((2 * x * y + C1) * (2 * xy + C2)) / ((x.square() + y.square() + C1) * (xx + yy + C2))


def ssim_loss(made: Images, images: Images, *, reduction: str = "mean") -> Tensor:
    """1 - SSIM, by means over 3 x 3."""
    return reduced(1 - similarity(wide(made), wide(images)).mean((1, 2, 3)), None, reduction)


def photometric_map(made: Tensor, images: Tensor, alpha: float) -> Tensor:
    """What `photometric` is the mean of, (N, H, W)."""
    made, images = wide(made), wide(images)
    different = (1 - similarity(made, images)) / 2
    return (alpha * different + (1 - alpha) * (made - images).abs()).mean(1)


def photometric(made: Images, images: Images, *, alpha: float = 0.85, reduction: str = "mean") -> Tensor:
    """Mean α (1 - SSIM) / 2 + (1 - α) |I - Ĩ| of a view made of another by depth (Godard et al. 2017, eq. 2)."""
    return reduced(photometric_map(made, images, alpha).mean((1, 2)), None, reduction)


def minimum_reprojection(
    made: Float[Tensor, "M N K H W"], images: Images, *, alpha: float = 0.85, reduction: str = "mean"
) -> Tensor:
    """The mean over pixels of the least photometric error of M views: hidden in one, seen in another.

    Godard et al. 2019 (Monodepth2), eq. 4.
    """
    each = torch.stack([photometric_map(view, images, alpha) for view in made])
    return reduced(each.amin(0).mean((1, 2)), None, reduction)


def left_right(left: Maps, right: Maps, *, reduction: str = "mean") -> Tensor:
    """Mean |d_l(i, j) - d_r(i, j - d_l(i, j))|: both views' disparities tell one scene (Godard et al. 2017, eq. 4).

    In pixels, linear between columns, at the border the border's.
    """
    left, right = wide(left), wide(right)
    width = left.shape[2]
    where = (torch.arange(width, device=left.device) - left).clamp(0, width - 1)
    low = where.detach().floor().clamp(max=max(width - 2, 0)).long()
    share = where - low
    found = (1 - share) * right.gather(2, low) + share * right.gather(2, (low + 1).clamp(max=width - 1))
    return reduced((left - found).abs().mean((1, 2)), None, reduction)
