"""The network of the paper at our size: five convolutions, two hidden layers, and two ways for the first to read.

    images of 64 × 64        as AlexNet reads    mended
    conv1                    11 × 11, stride 4   7 × 7, stride 2      24 maps
    pool1                    8 × 8               16 × 16
    conv2                    5 × 5               5 × 5, stride 2      32 maps of 8 × 8
    pool2                    4 × 4
    conv3, conv4, conv5      3 × 3                                    48, 48, 32 maps
    pool5                    2 × 2
    fc6, fc7, head           128, 128, and the classes

A ReLU behind each but the head, dropout in front of fc6 and fc7. From pool1 on the maps of both have the same sizes,
as in the paper (figure 3), whose network has 224 × 224 pixels and some 20 times the maps.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.models.vision.normalise import Normalise

SIZE = 64
FIRST, WIDTHS, HIDDEN, DROPOUT = 24, {2: 32, 3: 48, 4: 48, 5: 32}, 128, 0.2
RADIUS = 0.03
"""The largest RMS of a first-layer filter's weights that clipping leaves. In the paper 0.1, in all convolutions
(section 3.1), of pixels up to 128; ours are of pixels around 1, and grow to about 0.03 by themselves."""


@dataclass(frozen=True)
class Shape:
    """A variant of the network."""

    kernel: int = 7
    stride: int = 2
    clipped: bool = True
    """Whether the first filters are held to `RADIUS`."""
    without: tuple[int, ...] = ()
    """Layers that are left out: 3, 4 of the convolutions, 6, 7 of the hidden ones."""
    narrower: float = 1.0
    """By which all widths are divided."""


AS_BEGUN, MENDED = "11 × 11, stride 4", "7 × 7, stride 2, clipped"
READERS: Mapping[str, Shape] = {
    AS_BEGUN: Shape(11, 4, clipped=False),
    "11 × 11, stride 4, clipped": Shape(11, 4),
    "7 × 7, stride 2": Shape(clipped=False),
    MENDED: Shape(),
}
"""By how their first layer reads; the last is the mended one."""
WHOLE, NARROW = "the whole network", "all layers, half as wide"
REMOVED: Mapping[str, Shape] = {
    "without fc7": Shape(without=(7,)),
    "without fc6, fc7": Shape(without=(6, 7)),
    "without conv3, conv4": Shape(without=(3, 4)),
    "without conv3, conv4, fc6, fc7": Shape(without=(3, 4, 6, 7)),
    NARROW: Shape(narrower=2.0),
}
"""The mended network without some layers; the last is a control."""


def make(shape: Shape, channels: int, classes: int, seed: int) -> nn.Sequential:
    """(B, channels, 64, 64) pixels from 0 to 1, to logits (B, classes); weights drawn from the seed."""
    net = nn.Sequential()

    def add(name: str, layer: nn.Module, pool: bool = False) -> None:
        net.add_module(name, layer)
        number = name.removeprefix("conv").removeprefix("fc")
        net.add_module(f"relu{number}", nn.ReLU())
        if pool:
            net.add_module(f"pool{number}", nn.MaxPool2d(2))

    net.add_module("normalise", Normalise((channels, SIZE, SIZE)))
    read = round(FIRST / shape.narrower)
    add("conv1", nn.Conv2d(channels, read, shape.kernel, shape.stride, padding=(shape.kernel - 1) // 2), pool=True)
    for number, maps in WIDTHS.items():
        if number in shape.without:
            continue
        kernel, stride = (5, 4 // shape.stride) if number == 2 else (3, 1)
        width = round(maps / shape.narrower)
        add(f"conv{number}", nn.Conv2d(read, width, kernel, stride, padding=kernel // 2), pool=number in (2, 5))
        read = width
    net.add_module("flatten", nn.Flatten())
    read *= 4
    for number in (6, 7):
        if number not in shape.without:
            width = round(HIDDEN / shape.narrower)
            net.add_module(f"dropout{number}", nn.Dropout(DROPOUT))
            add(f"fc{number}", nn.Linear(read, width))
            read = width
    net.add_module("head", nn.Linear(read, classes))
    draw(net, seed)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a third faster on a CPU
    return net


@torch.no_grad()
def draw(net: nn.Module, seed: int) -> None:
    """Normal weights with std √(2 / fan-in), for ReLUs (He et al. 2015, eq. 10); biases 0.

    The first layer has the std of the paper, 0.01: what is then seen in its filters was learned.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            std = 0.01 if name in ("conv1", "head") else math.sqrt(2 / layer.weight[0].numel())
            layer.weight.normal_(0, std, generator=generator)
            assert layer.bias is not None
            layer.bias.zero_()


@torch.no_grad()
def clip_filters(model: nn.Module, radius: float = RADIUS) -> None:
    """Scale each filter of the first layer whose RMS is beyond the radius back to it (section 3.1)."""
    weight = model.get_submodule("conv1").weight
    assert isinstance(weight, Tensor)
    weight.mul_((radius / rms(weight)).clamp(max=1.0).view(-1, 1, 1, 1))


def rms(weight: Float[Tensor, "F C h w"]) -> Float[Tensor, " F"]:
    """Of each filter's weights."""
    return weight.square().mean((1, 2, 3)).sqrt().clamp(min=1e-12)
