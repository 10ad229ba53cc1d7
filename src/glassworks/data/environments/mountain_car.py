"""The car that is too weak for its hill (Moore 1990; Sutton 1996), as gymnasium's MountainCar-v0 has it.

A state is position and velocity; the three actions push back, not at all, and forward. Every step is worth -1, until
the car is at 0.5, on the top.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.core.machine.jit import compiled

LEFT, RIGHT, FASTEST, TOP = -1.2, 0.6, 0.07, 0.5
FORCE, GRAVITY = 0.001, 0.0025

Float64s = NDArray[np.float64]


@compiled
def advance(state: Float64s, actions: NDArray[Any], reward: NDArray[Any], terminated: NDArray[Any]) -> None:
    """One step of all N environments in place: state (2, N), actions, reward and terminated (N,)."""
    for i in range(state.shape[1]):
        position, velocity = state[0, i], state[1, i]
        velocity += (actions[i] - 1) * FORCE + math.cos(3 * position) * (-GRAVITY)
        velocity = min(max(velocity, -FASTEST), FASTEST)
        position = min(max(position + velocity, LEFT), RIGHT)
        if position == LEFT and velocity < 0:
            velocity = 0.0
        state[0, i], state[1, i] = position, velocity
        terminated[i] = position >= TOP and velocity >= 0.0
        reward[i] = -1.0


@compiled
def observe(state: Float64s, out: NDArray[Any]) -> None:
    """The state as it is: (2, N) to (N, 2) float32."""
    for i in range(state.shape[1]):
        out[i, 0], out[i, 1] = state[0, i], state[1, i]
