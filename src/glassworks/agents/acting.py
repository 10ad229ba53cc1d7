"""Choosing actions, with random numbers that depend on a seed and a number of the draw alone."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glassworks.data.environments.spaces import Box, Discrete
from glassworks.models.policy.network import Policy

DRAWN, SHUFFLED, EXPLORED, PLAYED = range(4)
"""What a generator is for."""


def generator(seed: int, purpose: int, *which: int) -> np.random.Generator:
    """A generator that depends on what it is for, and on nothing that was drawn before."""
    return np.random.default_rng([seed, purpose, *which])


def noise_for(rng: np.random.Generator, policy: Policy, *shape: int) -> Tensor:
    """The random numbers of as many choices: uniform ones of a choice among some, normal ones of numbers."""
    if policy.config.continuous:
        return torch.from_numpy(rng.standard_normal((*shape, policy.config.actions), dtype=np.float32))
    return torch.from_numpy(rng.random(shape, dtype=np.float32))


def chosen(policy: Policy, scores: Tensor, noise: Tensor) -> Tensor:
    """Actions drawn by what a policy says: (N,) of whole numbers, or (N, A) of numbers.

    A choice is where the running sum of probabilities passes a uniform number.
    """
    if policy.config.continuous:
        return scores + policy.log_std.exp() * noise
    sums = scores.softmax(-1).cumsum(-1)
    return (sums < noise.unsqueeze(-1)).sum(-1).clamp(max=scores.size(-1) - 1)


def greedy(policy: Policy, scores: Tensor) -> Tensor:
    """The likeliest or best actions."""
    return scores if policy.config.continuous else scores.argmax(-1)


def as_taken(space: Discrete | Box, actions: Tensor) -> NDArray[Any]:
    """Actions as an environment takes them: numbers from -1 to 1 are stretched to its ends, where it has some."""
    array: NDArray[Any] = actions.numpy()
    if isinstance(space, Discrete):
        return array
    if not space.is_bounded:
        return array
    low, high = np.array(space.low, dtype=np.float32), np.array(space.high, dtype=np.float32)
    return np.asarray(low + (high - low) * (np.clip(array, -1, 1) + 1) / 2, dtype=np.float32)
