"""Tiny VGG, the network of CNN Explainer: small enough to see every number of it.

    conv 3×3 · ReLU · conv 3×3 · ReLU · max pool 2×2    twice, 10 channels throughout, without padding
    flatten · linear

At 64 × 64 × 3 with 10 classes it has 19,920 parameters: 280 + 3 · 910 in the convolutions, 1,690 · 10 + 10 behind them.

Source: Wang et al. 2020, "CNN Explainer" (https://arxiv.org/abs/2004.15004); drawn as there but for the last layer,
weights are He's.
"""

import torch
from torch import nn

from glassworks.models.vision.config import VisionConfig
from glassworks.models.vision.parts import draw_he, first, last, named


class TinyVGG(nn.Sequential):
    """(B, channels, rows, columns) to (B, outputs); 16 × 16 is the least that both blocks let through."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        (channels, *sides), width = config.shape, config.choice("width")
        rows, columns = (((side - 4) // 2 - 4) // 2 for side in sides)
        layers = first(config) | {
            "block1": block(channels, width),
            "pool1": nn.MaxPool2d(2),
            "block2": block(width, width),
            "pool2": nn.MaxPool2d(2),
            "flatten": nn.Flatten(),
        }
        for name, layer in (layers | last(config, width * rows * columns)).items():
            self.add_module(name, layer)

    def draw(self, generator: torch.Generator) -> None:
        """Draw the weights, for ReLUs."""
        draw_he(self, generator)


def block(read: int, width: int) -> nn.Sequential:
    """Two convolutions, each of which takes a pixel off every border."""
    return named(
        {
            "conv1": nn.Conv2d(read, width, 3),
            "relu1": nn.ReLU(),
            "conv2": nn.Conv2d(width, width, 3),
            "relu2": nn.ReLU(),
        }
    )
