"""A small VGG: pairs of 3 × 3 convolutions, a halving, twice the channels, and so on; then a hidden layer.

    [conv 3×3 · norm · ReLU] × 2 · max pool 2×2     a block; channels 32, 64, 128, 256
    flatten · linear 256 · ReLU · linear

At 96 × 96 × 3 with 10 classes and without norms it has 3,534,378 parameters. Smaller images get fewer blocks, so that
the last map is 2 × 2 or more: two at 8 × 8, three at 28 × 28, four at 32 × 32.

Source: Simonyan & Zisserman 2014 (https://arxiv.org/abs/1409.1556), section 2, made small.
"""

import torch
from torch import nn

from glassworks.models.norms import norm_of_maps
from glassworks.models.vision.config import Norm, VisionConfig
from glassworks.models.vision.parts import Layers, convolution, draw_he, first, last, named

HIDDEN = 8
"""Neurons of the hidden layer, as a multiple of the first block's channels."""


class SmallVGG(nn.Sequential):
    """(B, channels, rows, columns) to (B, outputs)."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        norm, width = config.choice("norm"), config.choice("width")
        (read, rows, columns), hidden = config.shape, HIDDEN * width
        layers = first(config)
        for n in range(1, config.blocks + 1):
            channels = width * 2 ** (n - 1)
            layers |= {f"block{n}": block(norm, read, channels), f"pool{n}": nn.MaxPool2d(2)}
            read, rows, columns = channels, rows // 2, columns // 2
        layers |= {
            "flatten": nn.Flatten(),
            "hidden": nn.Linear(read * rows * columns, hidden),
            "relu": nn.ReLU(),
        }
        for name, layer in (layers | last(config, hidden)).items():
            self.add_module(name, layer)

    def draw(self, generator: torch.Generator) -> None:
        """Draw the weights, for ReLUs."""
        draw_he(self, generator)


def block(norm: Norm, read: int, channels: int) -> nn.Sequential:
    """Two convolutions that keep the size, each with its norm, if there is one, and its ReLU."""
    layers: Layers = {}
    for n, inputs in ((1, read), (2, channels)):
        layers[f"conv{n}"] = convolution(norm, inputs, channels)
        if norm != "none":
            layers[f"norm{n}"] = norm_of_maps(norm, channels)
        layers[f"relu{n}"] = nn.ReLU()
    return named(layers)
