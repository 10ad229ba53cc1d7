"""What the networks share: a first and a last layer, convolutions, and how weights are drawn."""

import math

import torch
from torch import nn

from glassworks.models.norms import bias_before
from glassworks.models.vision.config import Norm, VisionConfig
from glassworks.models.vision.normalise import Normalise, Rescale

Layers = dict[str, nn.Module]


def first(config: VisionConfig) -> Layers:
    """What every network begins with."""
    return {"normalise": Normalise(config.shape)}


def last(config: VisionConfig, width: int) -> Layers:
    """What every network ends with: logits of classes, or numbers in the target's unit."""
    head: Layers = {"head": nn.Linear(width, config.outputs)}
    return head | ({"rescale": Rescale()} if config.task == "number" else {})


def named(layers: Layers) -> nn.Sequential:
    """Layers in their order, under their names."""
    block = nn.Sequential()
    for name, layer in layers.items():
        block.add_module(name, layer)
    return block


def convolution(norm: Norm, read: int, written: int, *, stride: int = 1) -> nn.Conv2d:
    """3 × 3, which keeps the size. It has no bias in front of a norm that would take it away again."""
    return nn.Conv2d(read, written, 3, stride, padding=1, bias=bias_before(norm))


@torch.no_grad()
def draw_he(model: nn.Module, generator: torch.Generator) -> None:
    """Weights before a ReLU: normal with std √(2 / fan-in), biases 0 (He et al. 2015, arXiv 1502.01852, eq. 10).

    The head's std is 0.01, so that all classes begin about equally likely.
    """
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            std = 0.01 if name == "head" else math.sqrt(2 / layer.weight[0].numel())
            layer.weight.normal_(0, std, generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()
