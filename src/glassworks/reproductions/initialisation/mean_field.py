"""What the mean-field theory of wide networks says of a depth: how fast signals and gradients change, layer by layer.

A layer's pre-activations are z = W φ(z of the layer before) + b, with weights of variance σ_w² / fan-in and biases of
variance σ_b². In a wide network they are normal, with variance q, and those of two inputs correlated with c:

    q' = σ_w² E[φ(√q u)²] + σ_b²                      u normal
    c' = (σ_w² E[φ(√q u) φ(√q v)] + σ_b²) / q         u, v normal with correlation c
    χ  = σ_w² E[φ'(√q u)²]                            what the gradient's variance is multiplied by, a layer back

Poole et al. 2016 (https://arxiv.org/abs/1606.05340), Schoenholz et al. 2017 (https://arxiv.org/abs/1611.01232). Their
networks train up to about six times the depth over which correlations reach their fixed point.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from glassworks.models.initialisation.layers import gauss

Function = Callable[[Tensor], Tensor]
NODES = 64
LEAST, MOST = 1e-9, 1e9
"""Variances that count as 0 and as infinite."""
EXACT = 1e-6
"""How close to 1 a factor must be to be taken for it."""
TIMES = 6
"""Of the depth scale, beyond which Schoenholz et al. 2017 find nothing to train (their figure 5)."""


@dataclass(frozen=True)
class Draw:
    """How weights and biases are drawn."""

    weights: float
    """σ_w²: the variance of weights, times fan-in."""
    biases: float = 0.0
    """σ_b²: the variance of biases."""


@dataclass(frozen=True)
class Limit:
    """Where signals go in a deep network."""

    variance: float
    """q*; 0 where signals die out, infinite where they grow without end."""
    chi: float
    """By what the gradient's variance is multiplied a layer back, in the limit."""
    scale: float
    """Layers over which two inputs' correlation reaches its limit, and with it all that tells them apart is lost."""

    @property
    def deepest(self) -> float:
        """The depth up to which it should train."""
        return TIMES * self.scale


def limit_of(function: Function, draw: Draw) -> Limit:
    """The limit of a network with this activation.

    Where signals die out or grow without end, as a ReLU's do at any σ_w² but 2, what tells inputs apart does so with
    them: the depth scale is that of the variance, 1 / |log χ|. Slower than any exponential, it is infinite.

    >>> limit_of(torch.relu, Draw(1.0)).chi
    0.5
    """
    q = variance_of(function, draw)
    chi = draw.weights * mean(lambda z: slope(function, z).square(), min(max(q, LEAST), MOST))
    if chi <= 1 + EXACT or not LEAST < q < MOST:  # correlations go to 1, where the slope of their map is χ
        return Limit(q, chi, scale_of(chi))
    c = root(lambda c: (draw.weights * mean_of_two(function, q, c) + draw.biases) / q - c, 0.0, 1 - 1e-9)
    return Limit(q, chi, scale_of(draw.weights * mean_of_two(lambda z: slope(function, z), q, c)))


def scale_of(factor: float) -> float:
    """Layers over which what is multiplied by a factor each falls, or grows, by e."""
    pace = abs(math.log(max(factor, 1e-300)))
    return math.inf if pace < EXACT else 1 / pace


def variance_of(function: Function, draw: Draw) -> float:
    """The variance q* that a layer gives back as it was given; 1 where any is, as of He's ReLU."""

    def growth(log_q: float) -> float:
        q = math.exp(log_q)
        return (draw.weights * mean(lambda z: function(z).square(), q) + draw.biases) / q - 1

    low, high = math.log(LEAST), math.log(MOST)
    if abs(growth(low)) < EXACT and abs(growth(high)) < EXACT:
        return 1.0
    if growth(low) <= EXACT:
        return 0.0
    return math.inf if growth(high) > 0 else math.exp(root(growth, low, high))


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that is above 0 at `low` and below at `high` is 0, by halving."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return (low + high) / 2


def variances_of_layers(function: Function, draw: Draw, depth: int, first: float | None = None) -> list[float]:
    """The variance q of each layer; of the first, None = from inputs of variance 1."""
    found, q = list[float](), draw.weights + draw.biases if first is None else first
    for _ in range(depth):
        found.append(q)
        q = draw.weights * mean(lambda z: function(z).square(), q) + draw.biases
    return found


# ----------------------------------------------------------------------------------------------------------------------
# Means over normal numbers


def mean(function: Function, variance: float) -> float:
    """E[f(√variance u)]."""
    nodes, shares = gauss(NODES)
    return float((shares * function(nodes * math.sqrt(variance))).sum())


def mean_of_two(function: Function, variance: float, correlation: float) -> float:
    """E[f(√variance u) f(√variance v)]."""
    nodes, shares = gauss(NODES)
    other = correlation * nodes[:, None] + math.sqrt(max(0.0, 1 - correlation**2)) * nodes[None, :]
    first, second = function(nodes * math.sqrt(variance)), function(other * math.sqrt(variance))
    return float((shares[:, None] * shares[None, :] * first[:, None] * second).sum())


def slope(function: Function, z: Tensor) -> Tensor:
    """φ'(z)."""
    with torch.enable_grad():
        at = z.detach().requires_grad_()
        (found,) = torch.autograd.grad(function(at).sum(), at)
    return found
