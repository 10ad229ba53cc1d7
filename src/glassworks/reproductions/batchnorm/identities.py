"""Theorems 4.1 and 4.2 in a trained network: both sides for units of its batch norms, in double precision.

y are a unit's m activations, ŷ the same normalised, z = γ ŷ + β, g = ∂L/∂z, and everything else in the network stays.

    4.1   |∂L/∂y|² = γ²/σ² (|g|² - ⟨1, g⟩²/m - ⟨g, ŷ⟩²/m)
    4.2   vᵀ (∂²L/∂y²) v = γ²/σ² vᵀ (∂²L/∂z²) v - γ/(m σ²) ⟨g, ŷ⟩ |v|²,   v = ∂L/∂y

The paper has bounds; with γ and β constant both sides are equal.
"""

import copy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.objectives.losses import LossFn, parted

UNITS = 4
"""Of each norm."""
EPSILON = 1e-30
"""In the place of the norms' own, with which the normalised activations would be a little too small."""
Given = tuple[nn.Module, Float[Tensor, "B C *places"], Float[Tensor, "B C *places"]]


def deviations(model: nn.Module, loss_fn: LossFn, batch: Any) -> tuple[float, float]:
    """How far the sides of 4.1 and of 4.2 differ at most, as a share of their terms' size; the network is left alone.

    Args:
        model: a network with batch norms of torch's.
        loss_fn: its loss.
        batch: tensors; floating-point ones are taken to double precision.
    """
    double = copy.deepcopy(model).double().train()
    seen: list[Given] = []
    for norm in double.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            norm.eps = EPSILON
            norm.register_forward_hook(lambda module, inputs, given: seen.append((module, inputs[0], given)))
    found = parted(loss_fn, double, [x.double() if x.is_floating_point() else x for x in batch])
    loss = found.total / found.number
    both = [unit for given in seen for unit in of_norm(loss, *given)]
    return max(first for first, _ in both), max(second for _, second in both)


def of_norm(loss: Tensor, norm: nn.Module, y: Tensor, z: Tensor) -> list[tuple[float, float]]:
    """The deviations of some units of one norm, the first ones."""
    by_y, by_z = torch.autograd.grad(loss, (y, z), create_graph=True)
    found = []
    for j in range(min(UNITS, y.shape[1])):
        activations, g, v = (x[:, j].detach().flatten() for x in (y, by_z, by_y))
        m, gamma, sigma = len(g), norm.weight[j].detach(), activations.std(correction=0)  # type: ignore[index]
        y_hat, scale = (activations - activations.mean()) / sigma, gamma**2 / sigma**2
        if not (sigma > 0 and scale * (g @ g) > 0):
            continue  # a unit that is dead, or that nothing reads
        first = scale * (g @ g - g.sum() ** 2 / m - (g @ y_hat) ** 2 / m) - v @ v
        inner, outer = (curvature(slope[:, j], of, j, v) for slope, of in ((by_z, z), (by_y, y)))
        terms = scale * inner, gamma / (m * sigma**2) * (g @ y_hat) * (v @ v)
        second = terms[0] - terms[1] - outer
        size = abs(terms[0]) + abs(terms[1])
        found.append((float(abs(first) / (scale * (g @ g))), float(abs(second) / size) if size > 0 else 0.0))
    return found


def curvature(slope: Tensor, of: Tensor, j: int, v: Tensor) -> Tensor:
    """vᵀ H v of unit j, of the loss by what one side of the norm has there."""
    (product,) = torch.autograd.grad((slope.flatten() * v).sum(), of, retain_graph=True, materialize_grads=True)
    return product[:, j].flatten() @ v
