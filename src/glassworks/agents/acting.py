"""Choosing actions, with random numbers that depend on a seed and a number of the draw alone."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from glassworks.data.environments.spaces import Box, Discrete, Row
from glassworks.models.policy.network import Policy

Floats = NDArray[np.float32]
DRAWN, SHUFFLED, EXPLORED, PLAYED = range(4)
"""What a generator is for."""


def generator(seed: int, purpose: int, *which: int) -> np.random.Generator:
    """A generator that depends on what it is for, and on nothing that was drawn before."""
    return np.random.default_rng([seed, purpose, *which])


def noise_for(rng: np.random.Generator, policy: Policy, *shape: int) -> Floats:
    """The random numbers of as many choices: uniform ones of a choice among some, normal ones of numbers."""
    if policy.config.continuous:
        return rng.standard_normal((*shape, policy.config.actions), dtype=np.float32)
    return rng.random(shape, dtype=np.float32)


def scorer(policy: Policy) -> Callable[[Row], Floats]:
    """What a policy says of observations, (N, F) to scores (N, A), as it is now: ask anew once it has learned.

    A network of few rows takes longer to be called than to be computed, so small perceptrons are computed by NumPy.
    """
    layers = list(policy.actor)
    plain = all(isinstance(layer, nn.Linear | nn.Tanh | nn.ReLU) for layer in layers) and not policy._forward_hooks
    if isinstance(policy.features, nn.Identity) and plain and next(policy.parameters()).device.type == "cpu":
        return partial(by_numpy, [of_numpy(layer) for layer in layers])

    @torch.inference_mode()
    def say(observed: Row) -> Floats:
        scores: Floats = policy.actor(policy.features(torch.from_numpy(observed))).numpy()
        return scores

    return say


Layer = tuple[Floats, Floats | None] | Callable[[Floats], Floats]


def of_numpy(layer: nn.Module) -> Layer:
    """A layer as NumPy computes it: a copy of its matrix and what is added, or a function."""
    if isinstance(layer, nn.Linear):
        bias = None if layer.bias is None else layer.bias.detach().numpy().copy()
        return np.ascontiguousarray(layer.weight.detach().numpy().T), bias
    return np.tanh if isinstance(layer, nn.Tanh) else partial(np.maximum, np.float32(0))


def by_numpy(layers: list[Layer], observed: Row) -> Floats:
    """The layers, one after the other."""
    rows: Floats = observed
    for layer in layers:
        if not isinstance(layer, tuple):
            rows = layer(rows)
            continue
        rows = rows @ layer[0]
        if layer[1] is not None:
            rows += layer[1]
    return rows


def chosen(policy: Policy, scores: Floats, noise: Floats) -> NDArray[Any]:
    """Actions drawn by what a policy says: (N,) of whole numbers, or (N, A) of numbers.

    A choice is where the running sum of probabilities passes a uniform number.
    """
    if policy.config.continuous:
        drawn: NDArray[Any] = scores + np.exp(policy.log_std.detach().numpy()) * noise
        return drawn
    sums = np.exp(scores - scores.max(-1, keepdims=True)).cumsum(-1)
    picked: NDArray[Any] = (sums[..., :-1] < noise[..., None] * sums[..., -1:]).sum(-1)
    return picked


def greedy(policy: Policy, scores: Floats) -> NDArray[Any]:
    """The likeliest or best actions."""
    best: NDArray[Any] = scores if policy.config.continuous else scores.argmax(-1)
    return best


def as_taken(space: Discrete | Box, actions: NDArray[Any]) -> NDArray[Any]:
    """Actions as an environment takes them: numbers from -1 to 1 are stretched to its ends, where it has some."""
    if isinstance(space, Discrete) or not space.is_bounded:
        return actions
    low, high = np.array(space.low, dtype=np.float32), np.array(space.high, dtype=np.float32)
    return np.asarray(low + (high - low) * (np.clip(actions, -1, 1) + 1) / 2, dtype=np.float32)
