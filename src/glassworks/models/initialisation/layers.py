"""What a scheme draws: the linear and convolutional layers of any module, their fans, and the gain they need."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from glassworks.models.modes import refuse_meta

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)
"""Modules with a matrix or kernels that are drawn."""
ACTIVATIONS = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Tanh,
    nn.Sigmoid, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid,
)  # fmt: skip
"""Functions of single numbers, without weights."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A linear or convolutional layer whose weights are to be drawn."""

    name: str
    module: nn.Module
    weight: nn.Parameter
    bias: nn.Parameter | None

    @property
    def fan_in(self) -> int:
        """How many numbers an output is a sum of."""
        return self.fans[0]

    @property
    def fans(self) -> tuple[int, int]:
        """How many numbers an output is a sum of, and of how many outputs an input is part, at a stride of 1."""
        places = math.prod(self.weight.shape[2:])
        groups = getattr(self.module, "groups", 1)
        if isinstance(self.module, TRANSPOSED):
            return self.weight.shape[0] // groups * places, self.weight.shape[1] * places
        return self.weight.shape[1] * places, self.weight.shape[0] // groups * places

    @torch.no_grad()
    def fill(self, values: Tensor) -> None:
        """Take these weights, and biases of 0."""
        self.weight.copy_(values)
        if self.bias is not None and self.bias.requires_grad:
            self.bias.zero_()


def layers_to_draw(model: nn.Module) -> list[Layer]:
    """The layers whose weights want gradients, in the module's order, those with a common weight once.

    Weights that are computed from others, as torch's parametrizations do, are not drawn, nor are an embedding's.

    Raises: ValueError for a module without any such layer, or whose weights have no values yet.
    """
    refuse_meta(model)
    found: dict[int, Layer] = {}
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    for name, module in model.named_modules():
        weight = getattr(module, "weight", None) if isinstance(module, KINDS) else None
        if isinstance(weight, nn.parameter.UninitializedParameter):
            raise ValueError(f"layer {name} has no weights yet: run the model once, so that it knows its sizes")
        if isinstance(weight, nn.Parameter) and weight.requires_grad and weight.numel() and id(weight) not in tables:
            bias = module.bias if isinstance(module.bias, nn.Parameter) else None
            found.setdefault(id(weight), Layer(name, module, weight, bias))
    if not found:
        raise ValueError(f"{type(model).__name__} has no linear or convolutional layer whose weights can be drawn")
    return list(found.values())


def left_as_they_are(model: nn.Module) -> list[str]:
    """The names of weights of two axes or more that no scheme draws, such as an embedding's."""
    drawn = {id(layer.weight) for layer in layers_to_draw(model)}
    return [name for name, p in model.named_parameters() if p.ndim > 1 and id(p) not in drawn]


def not_called(layers: Sequence[Layer]) -> list[str]:
    """A sentence on layers that a module reads and never calls, as torch's attention does with its `out_proj`."""
    return [f"not called as layers, and so not scaled: {', '.join(layer.name for layer in layers)}"] if layers else []


# ----------------------------------------------------------------------------------------------------------------------
# Gains


def activations_of(model: nn.Module) -> Iterator[nn.Module]:
    """The module's activations, as far as they are modules: functions that it calls are not seen."""
    return (module for module in model.modules() if isinstance(module, ACTIVATIONS))


def gain_of(model: nn.Module) -> float:
    """The critical gain of the module's first activation; 1 where there is none."""
    first = next(activations_of(model), None)
    return 1.0 if first is None else critical_gain(first)


def critical_gain(activation: nn.Module, size: float = 1e-3) -> float:
    """What weights are to be multiplied by so that small signals and gradients keep their size in any depth.

    1 / √E[φ'(z)²] for z normal with std `size`, near 0: at this gain, without biases, a perturbation neither grows nor
    dies out, the edge of chaos of Schoenholz et al. 2017 (https://arxiv.org/abs/1611.01232, eq. 6). It is √2 for ReLU,
    as in He et al. 2015, 1 for tanh, and 2 for GELU and SiLU.

    >>> round(critical_gain(nn.ReLU()), 4), round(critical_gain(nn.Tanh()), 4)
    (1.4142, 1.0)
    """
    nodes, shares = gauss(64)
    z = (nodes * size).requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(activation.forward(z).sum(), z)  # hooks are not for this
    square = float((shares * slope.square()).sum())
    return 1.0 if square == 0 else 1 / math.sqrt(square)


def gauss(number: int) -> tuple[Tensor, Tensor]:
    """Places and shares by which the mean of a function of a standard normal number is a sum (Gauss–Hermite)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(number)
    return torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum())
