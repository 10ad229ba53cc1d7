"""A pendulum that is to be swung up and held by a weak motor, as gymnasium's Pendulum-v1 has it: a continuous action.

A state is the angle from upright and its speed; observed are the angle's cosine and sine, and the speed. The action is
a torque from -2 to 2 newton metres. A step costs what lies between it and standing still, upright, without effort.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.core.machine.jit import compiled

GRAVITY, DT, FASTEST, STRONGEST = 10.0, 0.05, 8.0, 2.0

Float64s = NDArray[np.float64]


@compiled
def advance(state: Float64s, actions: NDArray[Any], reward: NDArray[Any], terminated: NDArray[Any]) -> None:
    """One step of all N environments in place: state (2, N), actions (N, 1), reward and terminated (N,).

    An action is a float32, and what gymnasium computes of it alone is, too.
    """
    for i in range(state.shape[1]):
        angle, speed = state[0, i], state[1, i]
        torque = np.float32(min(max(actions[i, 0], -STRONGEST), STRONGEST))
        upright = (angle + math.pi) % (2 * math.pi) - math.pi
        cost = upright**2 + 0.1 * speed**2 + np.float32(0.001) * (torque * torque)
        speed += (3 * GRAVITY / 2 * math.sin(angle) + np.float32(3.0) * torque) * DT
        speed = min(max(speed, -FASTEST), FASTEST)
        state[0, i], state[1, i] = angle + speed * DT, speed
        terminated[i] = False
        reward[i] = -cost


@compiled
def observe(state: Float64s, out: NDArray[Any]) -> None:
    """Cosine, sine and speed: (2, N) to (N, 3) float32."""
    for i in range(state.shape[1]):
        out[i, 0], out[i, 1], out[i, 2] = math.cos(state[0, i]), math.sin(state[0, i]), state[1, i]
