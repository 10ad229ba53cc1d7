"""ResNet-20 for small images: nineteen 3 × 3 convolutions and a linear layer, with shortcuts that add nothing to learn.

    conv · norm · ReLU
    three stages of three blocks, of 16, 32 and 64 channels; the second and third begin by halving the sides
        block: relu2(x + norm2(conv2(relu1(norm1(conv1(x))))))
    mean of all places · linear

At 32 × 32 × 3 with 10 classes it has 269,722 parameters ("0.27M" in the paper).

Where a stage halves the sides, the shortcut takes every second pixel and puts zeros in the place of the new channels:
the paper's option A, which has no parameters.

Source: He, Zhang, Ren & Sun 2015 (https://arxiv.org/abs/1512.03385), section 4.2 and table 6.
"""

from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.models.norms import norm_of_maps
from glassworks.models.vision.config import Norm, VisionConfig
from glassworks.models.vision.parts import Layers, convolution, draw_he, first, last, named


class Shortcut(nn.Module):
    """Every `stride`-th pixel, and zeros behind the channels that there are (option A)."""

    point_axes: ClassVar = {"": "B C H W -> B H W C"}

    def __init__(self, stride: int, more: int) -> None:
        super().__init__()
        self.stride, self.more = stride, more

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C_out H_out W_out"]:
        """(B, C, H, W) to (B, C + more, ⌈H / stride⌉, ⌈W / stride⌉)."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, norm: Norm, read: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = convolution(norm, read, channels, stride=stride)
        self.norm1 = norm_of_maps(norm, channels)
        self.relu1 = nn.ReLU()
        self.conv2 = convolution(norm, channels, channels)
        self.norm2 = norm_of_maps(norm, channels)
        self.shortcut = nn.Identity() if (read, stride) == (channels, 1) else Shortcut(stride, channels - read)
        self.relu2 = nn.ReLU()

    def forward(self, x: Float[Tensor, "B C_in H W"]) -> Float[Tensor, "B C_out H_out W_out"]:
        """(B, read, H, W) to (B, channels, ⌈H / stride⌉, ⌈W / stride⌉)."""
        inner = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        out: Tensor = self.relu2(self.shortcut(x) + inner)
        return out


class ResNet20(nn.Sequential):
    """(B, channels, rows, columns) to (B, outputs)."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        norm, width = config.choice("norm"), config.choice("width")
        layers: Layers = first(config) | {
            "conv": convolution(norm, config.shape[0], width),
            "norm": norm_of_maps(norm, width),
            "relu": nn.ReLU(),
            "stage1": stage(norm, width, width),
            "stage2": stage(norm, width, 2 * width),
            "stage3": stage(norm, 2 * width, 4 * width),
            "pool": nn.AdaptiveAvgPool2d(1),
            "flatten": nn.Flatten(),
        }
        for name, layer in (layers | last(config, 4 * width)).items():
            self.add_module(name, layer)

    def draw(self, generator: torch.Generator) -> None:
        """Draw the weights, for ReLUs."""
        draw_he(self, generator)


def stage(norm: Norm, read: int, channels: int) -> nn.Sequential:
    """Three blocks; where there are more channels than before, the first halves the sides."""
    stride = 1 if read == channels else 2
    inputs = (read, channels, channels)
    return named(
        {f"block{n}": Block(norm, c, channels, stride if n == 1 else 1) for n, c in enumerate(inputs, start=1)}
    )
