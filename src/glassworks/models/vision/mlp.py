"""A multi-layer perceptron, of rows of a table or of an image's pixels one behind the other.

features -> [linear, norm, ReLU] × depth -> outputs
"""

import math

import torch
from torch import nn

from glassworks.models.norms import norm_of_vectors
from glassworks.models.vision.config import VisionConfig
from glassworks.models.vision.parts import Layers, draw_he, first, last


class MLP(nn.Sequential):
    """(B, features) or (B, channels, rows, columns) to (B, outputs)."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        layers: Layers = first(config) | {"flatten": nn.Flatten()}
        norm, width, read = config.choice("norm"), config.choice("width"), math.prod(config.shape)
        for n in range(1, config.choice("depth") + 1):
            layers[f"linear{n}"] = nn.Linear(read, width)
            if norm != "none":
                layers[f"norm{n}"] = norm_of_vectors(norm, width)
            layers[f"relu{n}"] = nn.ReLU()
            read = width
        for name, layer in (layers | last(config, read)).items():
            self.add_module(name, layer)

    def draw(self, generator: torch.Generator) -> None:
        """Draw the weights, for ReLUs."""
        draw_he(self, generator)
