"""Normalisation of a layer by name, of vectors (B, C) and of maps (B, C, H, W): channels are the second axis of both.

    none     nothing
    batch    each channel over the batch (Ioffe & Szegedy 2015)
    layer    each example over all channels (and places)                   Ba et al. 2016
    group    each example over 8 channels at a time (and their places)     Wu & He 2018
    rms      as layer, over the root mean square; no mean, no bias         Zhang & Sennrich 2019
    noisy    batch, then noise whose distribution is another at each step  Santurkar et al. 2018
    l1 l2 linf    batch, with such a norm in the place of σ                the same, section 3.3

What works over the batch has running averages for evaluation, under the names that torch's batch norm gives them.
"""

from typing import ClassVar, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.models.vision.config import GROUP, OVER_BATCH, Norm

ORDERS = {"l1": 1.0, "l2": 2.0, "linf": float("inf")}
"""What p is in each ℓp norm."""


def norm_of_vectors(norm: Norm, width: int) -> nn.Module:
    """Normalisation of (B, width); for "none" nothing. ValueError for another name, or a width that has no groups.

    >>> norm_of_vectors("rms", 16)
    RMSNorm((16,), eps=1e-05, elementwise_affine=True)
    """
    check_norm(norm, width, "width")
    if norm == "layer":
        return nn.LayerNorm(width)
    if norm == "rms":
        return nn.RMSNorm(width, eps=1e-5)
    return nn.BatchNorm1d(width) if norm == "batch" else norm_of_maps(norm, width)


def norm_of_maps(norm: Norm, channels: int) -> nn.Module:
    """Normalisation of (B, channels, rows, columns); for "none" nothing.

    "layer" is one group of all channels, as in Wu & He 2018 (https://arxiv.org/abs/1803.08494, figure 2).
    Raises: ValueError for another name, or channels that no groups come out of.
    """
    check_norm(norm, channels, "channels")
    if norm == "none":
        return nn.Identity()
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "rms":
        return RMSNormOfMaps(channels)
    if norm == "noisy":
        return NoisyBatchNorm(channels)
    if norm in ORDERS:
        return LpNorm(channels, ORDERS[norm])
    return nn.GroupNorm(1 if norm == "layer" else channels // GROUP, channels)


def check_norm(norm: Norm, channels: int, field: str) -> None:
    """Refuse what is no norm's name, and for "group" what is no multiple of a group's channels."""
    if norm not in get_args(Norm):
        raise ValueError(f"norm (={norm!r}) must be one of {', '.join(get_args(Norm))}")
    if norm == "group" and channels % GROUP:
        raise ValueError(
            f"{field} (={channels}) must be a multiple of {GROUP}, the channels of a group, for norm group"
        )


def bias_before(norm: Norm) -> bool:
    """Whether a layer in front of this norm has a bias: one that works over the batch would take it away again."""
    return norm not in OVER_BATCH


class RMSNormOfMaps(nn.Module):
    """y = gain · x / √(mean(x²) + ε), the mean over all channels and places of an image; a gain a channel.

    Zhang & Sennrich 2019 (https://arxiv.org/abs/1910.07467, eq. 4), which has vectors: maps are taken as one.
    """

    point_axes: ClassVar = {"": "B C H W -> B H W C"}

    def __init__(self, channels: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(channels)), eps

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Unchanged in shape."""
        mean_square = exact(x).square().mean((1, 2, 3), keepdim=True)
        scale = torch.rsqrt(mean_square + self.eps) * self.weight.view(-1, 1, 1)
        return x * scale.to(x.dtype)


class OverBatch(nn.BatchNorm2d):
    """A batch norm of vectors and maps alike; in training it needs two numbers of each channel."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in (2, 4):
            raise ValueError(f"inputs have shape {tuple(input.shape)}: this norm takes (B, C) or (B, C, H, W)")
        if self.training and input.numel() // max(1, input.shape[1]) < 2:
            raise ValueError(
                f"a batch of {len(input)} has no spread to normalise by: give at least 2 examples, by batch_size"
            )


class NoisyBatchNorm(OverBatch):
    """Batch norm, and in training every activation times s plus m, where s and m are noise: Santurkar et al. 2018.

    At each step each channel draws μ from U(-shift, shift) and σ from U(1, spread), and each of its activations then m
    from U(μ - own, μ + own) and s from N(σ, own): the next layer's inputs have another mean and another variance at
    each step, which is the covariate shift that batch norm was thought to remove. In evaluation it is a batch norm.

    Noise comes from torch's own generator of the device, as dropout's does: it is the same after the same seed, and a
    training that is resumed goes on with it.

    Args:
        channels: C.
        shift: the most that a channel's mean is moved by.
        spread: the most that its standard deviation is multiplied by; 1 or more.
        own: how much activations of one channel differ in that.

    Source: https://arxiv.org/abs/1805.11604, section 2.1 and appendix A.
    """

    def __init__(self, channels: int, *, shift: float = 0.5, spread: float = 1.25, own: float = 0.1) -> None:
        super().__init__(channels)
        self.shift, self.spread, self.own = shift, spread, own

    def forward(self, input: Float[Tensor, "B C *places"]) -> Float[Tensor, "B C *places"]:
        """Unchanged in shape; ValueError for a batch of one vector in training."""
        y = super().forward(input)
        return shaken(y, shift=self.shift, spread=self.spread, own=self.own) if self.training else y


def shaken(
    x: Float[Tensor, "B C *places"], *, shift: float = 0.5, spread: float = 1.25, own: float = 0.1
) -> Float[Tensor, "B C *places"]:
    """Noise drawn anew, s · x + m, as `NoisyBatchNorm` has it; of activations that no norm came before, too."""
    channels = (1, x.shape[1], *(1,) * (x.ndim - 2))
    mean = (2 * torch.rand(channels, dtype=x.dtype, device=x.device) - 1) * shift
    std = 1 + torch.rand(channels, dtype=x.dtype, device=x.device) * (spread - 1)
    m = mean + (2 * torch.rand_like(x) - 1) * own
    return x * (std + own * normal_like(x)) + m


def normal_like(x: Float[Tensor, "B C *places"]) -> Float[Tensor, "B C *places"]:
    """Normal numbers, channels last as convolutions have them: `torch.randn_like` of such maps is 9 times as slow."""
    return torch.randn(x.movedim(1, -1).shape, dtype=x.dtype, device=x.device).movedim(-1, 1)


class LpNorm(OverBatch):
    """Batch norm with an ℓp norm in the place of σ: y = γ (x - μ) / √(N² + ε) + β, N = (Σ|x|^p / m)^(1/p).

    N is of the m numbers of a channel as they come, before their mean is taken away, so that p = 2 is no batch norm;
    for p = ∞ it is the largest |x|. `running_mean` and `running_var` are averages of μ and of N², for evaluation.

    Args:
        channels: C.
        order: p, 1 or more, or infinity.

    Raises: ValueError for another order.
    Source: Santurkar et al. 2018 (https://arxiv.org/abs/1805.11604), section 3.3: the first moment is fixed as batch
    norm does it; activations are divided by the average of their ℓp norm, taken "before shifting the mean".
    """

    def __init__(self, channels: int, order: float) -> None:
        if not order >= 1:
            raise ValueError(f"order (={order}) is p of an ℓp norm: give 1 or more")
        super().__init__(channels)
        self.order = order

    def extra_repr(self) -> str:
        """The order beside the rest."""
        return f"{self.num_features}, order={self.order}, eps={self.eps}, momentum={self.momentum}"

    def forward(self, input: Float[Tensor, "B C *places"]) -> Float[Tensor, "B C *places"]:
        """Unchanged in shape; ValueError for a batch of one vector in training."""
        self._check_input_dim(input)
        assert self.running_mean is not None
        assert self.running_var is not None
        mean, square = self.running_mean, self.running_var
        if self.training:
            rows = exact(input).transpose(0, 1).flatten(1)  # (C, m)
            mean, square = rows.mean(1), size(rows, self.order).square()
            self.remember(mean.detach(), square.detach())
        scale = self.weight * torch.rsqrt(square + self.eps)
        channels = (-1, *(1,) * (input.ndim - 2))
        offset = self.bias - mean * scale
        return (input * scale.view(channels) + offset.view(channels)).to(input.dtype)

    @torch.no_grad()
    def remember(self, mean: Float[Tensor, " C"], square: Float[Tensor, " C"]) -> None:
        """Move the running averages."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(square.to(self.running_var.dtype), self.momentum)


def size(rows: Float[Tensor, "C m"], order: float) -> Float[Tensor, " C"]:
    """(Σ|x|^p / m)^(1/p) of each row, the largest |x| for p = ∞."""
    if order == float("inf"):
        return rows.abs().amax(1)
    if order == 2:
        return rows.square().mean(1).clamp_min(1e-30).sqrt()  # at 0 the root has no gradient
    return rows.abs().mean(1) if order == 1 else rows.abs().pow(order).mean(1).clamp_min(1e-30).pow(1 / order)


def exact(x: Tensor) -> Tensor:
    """In float32 at least, in which sums over a batch are not rounded away."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
