"""Schemes that look at a layer's shape alone. Each draws all layers of a module in place; biases become 0.

What is no linear or convolutional layer (embeddings, the gains of norms) stays as it is, and so does what is frozen.
Numbers are drawn on the CPU, so that a seed means the same on any device.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from glassworks.models.initialisation.layers import Layer, gain_of, layers_to_draw


def draw_default(model: nn.Module, seed: int = 0) -> None:
    """What torch draws when it makes the layers: every module's own `reset_parameters`, so also that of norms.

    Of attention it is `_reset_parameters`. Modules come in the order in which they are made, those inside first.

    Linear layers and convolutions are uniform in ±1/√fan-in, a variance of 1 / (3 fan-in), and so are their biases.
    """
    layers_to_draw(model)  # refuses what has none
    frozen = [(p, p.detach().clone()) for p in model.parameters() if not p.requires_grad]
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for module in as_made(model):
            for name in ("reset_parameters", "_reset_parameters"):
                if callable(reset := getattr(module, name, None)):
                    reset()
        for p, before in frozen:
            p.copy_(before)


def as_made(model: nn.Module) -> Iterator[nn.Module]:
    """All modules, those inside of one before it."""
    seen = set[nn.Module]()

    def walk(module: nn.Module) -> Iterator[nn.Module]:
        seen.add(module)
        for child in module.children():
            if child not in seen:
                yield from walk(child)
        yield module

    return walk(model)


def draw_glorot(model: nn.Module, seed: int = 0) -> None:
    """Uniform in ±√(6 / (fan-in + fan-out)): Glorot & Bengio 2010 (proceedings.mlr.press/v9/glorot10a), eq. 16."""
    generator = generator_of(seed)
    for layer in layers_to_draw(model):
        bound = math.sqrt(6 / sum(layer.fans))
        layer.fill((2 * torch.rand(layer.weight.shape, generator=generator) - 1) * bound)


def draw_he(model: nn.Module, seed: int = 0) -> None:
    """Normal with std √(2 / fan-in): He et al. 2015 (https://arxiv.org/abs/1502.01852), eq. 10."""
    generator = generator_of(seed)
    for layer in layers_to_draw(model):
        layer.fill(normal(layer, math.sqrt(2 / layer.fan_in), generator))


def draw_orthogonal(model: nn.Module, seed: int = 0, *, gain: float | None = None) -> None:
    """Random rotations times a gain: Saxe et al. 2013 (https://arxiv.org/abs/1312.6120), section 3.

    Rows of a matrix are orthogonal to each other, or its columns, where there are more rows. A convolution is a matrix
    for each group, of a row for each output (a transposed one, for each input). Gain None = `gain_of` the model, 1 for
    the last layer.
    """
    generator, layers = generator_of(seed), layers_to_draw(model)
    hidden = gain_of(model) if gain is None else gain
    for layer in layers:
        layer.fill(rotation(layer, 1.0 if layer is layers[-1] and gain is None else hidden, generator))


def normal(layer: Layer, std: float, generator: torch.Generator) -> Tensor:
    """Normal numbers of the layer's shape."""
    return std * torch.randn(layer.weight.shape, generator=generator)


def rotation(layer: Layer, gain: float, generator: torch.Generator) -> Tensor:
    """A part of a random rotation for each group, times a gain, of the layer's shape.

    Groups read and make numbers of their own: rows of one are orthogonal to each other, and have nothing to do with
    those of another.
    """
    groups = getattr(layer.module, "groups", 1)
    rows = layer.weight.shape[0] // groups
    size = (rows, layer.weight.numel() // (groups * rows))
    drawn = torch.randn(groups, max(size), min(size), generator=generator)
    q, r = torch.linalg.qr(drawn)
    q = q * r.diagonal(dim1=-2, dim2=-1).sign()[:, None]  # else some rotations were likelier than others
    matrices: Tensor = q if size[0] >= size[1] else q.mT
    return gain * matrices.reshape(layer.weight.shape)


def generator_of(seed: int) -> torch.Generator:
    """A generator of the CPU, seeded."""
    return torch.Generator().manual_seed(seed)
