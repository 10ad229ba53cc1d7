"""One candidate after the other: as the closure is, or with what is faster for images on a CPU."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from glassworks.optim.gradient_free.evaluation.left import Ran, written

Local = Callable[[], Float[Tensor, "2"]]
"""The loss of the weights as they are, as a sum and the number it is over: of this rank alone."""


def loop(
    local: Local, weights: Sequence[Tensor], candidates: Float[Tensor, "P D"], seed: int, ran: Ran, mode: Any = None
) -> Float[Tensor, "P 2"]:
    """Each candidate is written into the weights, under a mode of torch's functions if one is given."""
    sums = []
    with mode or nullcontext():
        for candidate in candidates:
            written(candidate, weights, seed)
            sums.append(local())
            ran.put_back()
    return torch.stack(sums)


class Unrectified(torch.Tensor):
    """Maps whose ReLU is still to be taken: after pooling there are a quarter as many numbers, and it is the same."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]


class ImagesLast(TorchFunctionMode):
    """Convolutions read and give maps with channels last; two by two are pooled by way of shifted maps, before ReLU.

    All is what it replaces, to the rounding of a convolution. On a CPU torch's pooling of contiguous maps takes one
    number at a time, which is more than the convolution itself; with channels last a register holds many channels. And
    its tanh takes ten times as long as its sigmoid, from which it follows: tanh x = 2 σ(2x) - 1.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.max_pool2d and args[0].ndim == 4 and pools_pairs(*args[1:], **kwargs):
            pooled = pooled_in_pairs(args[0].as_subclass(Tensor))
            return pooled.relu_() if isinstance(args[0], Unrectified) else pooled
        if func not in ABOUT and any(isinstance(x, Unrectified) for x in tree_leaves((args, kwargs))):
            if getattr(func, "__name__", "").endswith("_") and not func.__name__.endswith("__"):
                raise RuntimeError(f"{func.__name__} writes into maps whose ReLU is still to be taken")
            args, kwargs = tree_map(rectified, (args, kwargs))
        if func in RELU and len(args) == 1 and not kwargs.get("inplace") and args[0].ndim == 4:
            return args[0].as_subclass(Unrectified)
        if func is F.avg_pool2d and args[0].ndim == 4 and averages_pairs(*args[1:], **kwargs):
            return pooled_in_pairs(args[0], torch.add).mul_(0.25)
        if func in TANH and len(args) == 1 and not kwargs and args[0].dtype in (torch.float32, torch.float64):
            return (2 * args[0]).sigmoid_().mul_(2).sub_(1)
        if func is F.conv2d and args and args[0].ndim == 4:
            args = (channels_last(args[0]), *args[1:])
        if func is Tensor.view and args[0].ndim == 4:
            func = Tensor.reshape  # what is contiguous to who wrote the module is so no more
        if func is F.dropout and args[0].ndim == 4:
            args = (args[0].contiguous(), *args[1:])  # random numbers are drawn in the order of memory
        return func(*args, **kwargs)


RELU = (F.relu, torch.relu, Tensor.relu)
TANH = (F.tanh, torch.tanh, Tensor.tanh)
ABOUT = {Tensor.size, Tensor.dim, *(getattr(Tensor, name).__get__ for name in ("shape", "ndim", "dtype", "device"))}
"""What reads no number."""


def rectified(x: Any) -> Any:
    """The ReLU that is still to be taken; anything else as it is."""
    return torch.relu(x.as_subclass(Tensor)) if isinstance(x, Unrectified) else x


def channels_last(maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
    """The same numbers with channels last; of one channel, too, where torch's own conversion does nothing."""
    _, C, H, W = maps.shape
    strides = (H * W * C, 1, W * C, C)
    return (
        maps
        if maps.stride() == strides
        else torch.empty_strided(maps.shape, strides, dtype=maps.dtype, device=maps.device).copy_(maps)
    )


def pools_pairs(
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> bool:
    """Whether max_pool2d with these arguments is the maximum of each two by two."""
    windows = [2, (2, 2), [2, 2]]
    plain = padding in (0, (0, 0)) and dilation in (1, (1, 1)) and not ceil_mode and not return_indices
    return plain and kernel_size in windows and (stride is None or stride in windows)


def averages_pairs(
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> bool:
    """Whether avg_pool2d with these arguments is the mean of each two by two."""
    return divisor_override is None and pools_pairs(kernel_size, stride, padding, 1, ceil_mode)


def pooled_in_pairs(
    maps: Float[Tensor, "B C H W"], of: Callable[[Tensor, Tensor], Tensor] = torch.maximum
) -> Float[Tensor, "B C h w"]:
    """The maximum of each two by two, or what else `of` makes of two; a last row or column by itself is left out."""
    H, W = maps.shape[2] // 2 * 2, maps.shape[3] // 2 * 2
    rows = of(maps[:, :, 0:H:2, :W], maps[:, :, 1:H:2, :W])
    return of(rows[..., 0::2], rows[..., 1::2])
