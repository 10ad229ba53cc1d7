"""Rectangles of maps: where a change in an image can be seen in a layer, what that layer reads for it, and its numbers.

Letters: n windows, C channels, H W rows and columns of a map, h w of a rectangle.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Sides = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Region:
    """A rectangle of a map for each window, all of one size, within the map."""

    top: np.ndarray  # (n,)
    left: np.ndarray
    size: Sides

    def some(self, first: int, last: int) -> "Region":
        """Those of some windows."""
        return Region(self.top[first:last], self.left[first:last], self.size)


@dataclass(frozen=True)
class Window:
    """What a convolution or pooling reads of a map for each place of its own, and what lies beyond the map's edges."""

    kernel: Sides
    stride: Sides
    padding: Sides
    dilation: Sides
    beyond: float
    apply: Callable[[Tensor], Tensor]
    """The layer without padding."""

    def reached(self, region: Region, shape: Sides) -> Region:
        """The places of the layer's map, of a shape, that read any of a region."""
        starts, sizes = [], []
        for i, start in enumerate((region.top, region.left)):
            wide = self.dilation[i] * (self.kernel[i] - 1)
            first = -(-(start + self.padding[i] - wide) // self.stride[i])
            last = (start + region.size[i] - 1 + self.padding[i]) // self.stride[i]
            first, last = first.clip(0, shape[i] - 1), last.clip(0, shape[i] - 1)
            sizes.append(max(1, int((last - first).max()) + 1))
            starts.append(first.clip(0, shape[i] - sizes[-1]))
        return Region(starts[0], starts[1], (sizes[0], sizes[1]))

    def read(self, region: Region) -> Region:
        """What the layer reads for a region of its map, in places of the padded map before it."""
        size = [(region.size[i] - 1) * self.stride[i] + self.dilation[i] * (self.kernel[i] - 1) + 1 for i in (0, 1)]
        return Region(region.top * self.stride[0], region.left * self.stride[1], (size[0], size[1]))

    def padded(self, clean: Float[Tensor, "1 C H W"], shape: Sides) -> Tensor:
        """The clean map with what lies beyond its edges, as far as the layer's map of a shape reads."""
        sides: list[int] = []
        for i in (1, 0):
            need = (shape[i] - 1) * self.stride[i] + self.dilation[i] * (self.kernel[i] - 1) + 1
            sides += [self.padding[i], max(0, need - clean.size(2 + i) - self.padding[i])]
        return F.pad(clean, sides, value=self.beyond)


def window_of(module: nn.Module) -> Window | None:
    """How a module reads, if it is a convolution or pooling of which that is known; else None."""
    pair = nn.modules.utils._pair
    if isinstance(module, nn.Conv2d) and module.padding_mode == "zeros" and not isinstance(module.padding, str):
        sides = (pair(module.kernel_size), pair(module.stride), pair(module.padding), pair(module.dilation))
        return Window(
            *sides,
            0.0,
            lambda x: F.conv2d(x, module.weight, module.bias, module.stride, 0, module.dilation, module.groups),
        )
    if isinstance(module, nn.MaxPool2d) and not module.return_indices:
        kernel, stride, dilation = pair(module.kernel_size), pair(module.stride), pair(module.dilation)
        apply = lambda x: F.max_pool2d(x, kernel, stride, 0, dilation)  # noqa: E731
        return Window(kernel, stride, pair(module.padding), dilation, -torch.inf, apply)
    if isinstance(module, nn.AvgPool2d) and not module.ceil_mode and module.divisor_override is None:
        kernel, stride, padding = pair(module.kernel_size), pair(module.stride), pair(module.padding)
        if padding == (0, 0) or module.count_include_pad:
            return Window(kernel, stride, padding, (1, 1), 0.0, lambda x: F.avg_pool2d(x, kernel, stride))
    return None


# ----------------------------------------------------------------------------------------------------------------------
# Rectangles of maps


def gathered(
    clean: Float[Tensor, "1 C H W"], crops: Tensor | None, held: Region | None, wanted: Region, shift: Sides = (0, 0)
) -> Float[Tensor, "n C h w"]:
    """Regions of a map: of what has changed where they hold that, else of the clean map.

    `crops` are the changed rectangles at `held`, `shift` is by how much the clean map's places are counted from
    further up and left than those of `held`, as the padded map's are.
    """
    rows = clean[0].permute(1, 2, 0).reshape(-1, clean.size(1))
    down = wanted.top[:, None] + np.arange(wanted.size[0])
    across = wanted.left[:, None] + np.arange(wanted.size[1])
    places = down[:, :, None] * clean.size(3) + across[:, None]
    if crops is not None and held is not None:
        own = [
            at - first[:, None] - by for at, first, by in zip((down, across), (held.top, held.left), shift, strict=True)
        ]
        inside = [(at >= 0) & (at < size) for at, size in zip(own, held.size, strict=True)]
        lines = np.arange(len(down))[:, None] * held.size[0] + own[0]
        changed = len(rows) + lines[:, :, None] * held.size[1] + own[1][:, None]
        places = np.where(inside[0][:, :, None] & inside[1][:, None], changed, places)
        rows = torch.cat([rows, crops.permute(0, 2, 3, 1).reshape(-1, crops.size(1))])
    found = rows.index_select(0, torch.from_numpy(places.reshape(-1)).to(rows.device))
    return found.view(len(down), *wanted.size, -1).permute(0, 3, 1, 2)


def united(regions: list[Region], shape: Sides) -> Region:
    """The smallest rectangles of one size that hold those of several."""
    top = np.min([region.top for region in regions], 0)
    left = np.min([region.left for region in regions], 0)
    high = max(int((region.top + region.size[0] - top).max()) for region in regions)
    wide = max(int((region.left + region.size[1] - left).max()) for region in regions)
    return Region(top.clip(0, shape[0] - high), left.clip(0, shape[1] - wide), (high, wide))
