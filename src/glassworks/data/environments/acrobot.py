"""Two links that swing themselves up by the torque between them (Sutton 1996), as gymnasium's Acrobot-v1 has it.

A state is the two angles and their speeds; what is observed are the angles' cosines and sines and the speeds. The three
actions are a torque of -1, 0 and 1 newton metres, for 0.2 s, integrated by Runge and Kutta's fourth order. An episode
ends once the lower end is a link's length above the joint; every step before is worth -1.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.core.machine.jit import compiled

GRAVITY, DT = 9.8, 0.2
FASTEST = (4 * math.pi, 9 * math.pi)
"""Of the two joints, in radians a second. Links are 1 m and 1 kg, their middles at 0.5 m, their moments 1."""

Float64s = NDArray[np.float64]


@compiled
def slopes(a: float, b: float, da: float, db: float, torque: float) -> tuple[float, float]:
    """The two angles' accelerations, as in the book (Sutton & Barto 2018, section 11.2 of the first edition)."""
    middle = 0.5
    d1 = middle**2 + (1.0 + middle**2 + 2 * middle * math.cos(b)) + 1.0 + 1.0
    d2 = (middle**2 + middle * math.cos(b)) + 1.0
    phi2 = middle * GRAVITY * math.cos(a + b - math.pi / 2.0)
    phi1 = (
        -middle * db**2 * math.sin(b)
        - 2 * middle * db * da * math.sin(b)
        + (middle + 1.0) * GRAVITY * math.cos(a - math.pi / 2)
        + phi2
    )
    ddb = (torque + d2 / d1 * phi1 - middle * da**2 * math.sin(b) - phi2) / (middle**2 + 1.0 - d2**2 / d1)
    dda = -(d2 * ddb + phi1) / d1
    return dda, ddb


@compiled
def advance(state: Float64s, actions: NDArray[Any], reward: NDArray[Any], terminated: NDArray[Any]) -> None:
    """One step of all N environments in place: state (4, N), actions, reward and terminated (N,)."""
    half = DT / 2.0
    for i in range(state.shape[1]):
        a, b, da, db, torque = state[0, i], state[1, i], state[2, i], state[3, i], actions[i] - 1.0
        dda1, ddb1 = slopes(a, b, da, db, torque)
        da2, db2 = da + half * dda1, db + half * ddb1
        dda2, ddb2 = slopes(a + half * da, b + half * db, da2, db2, torque)
        da3, db3 = da + half * dda2, db + half * ddb2
        dda3, ddb3 = slopes(a + half * da2, b + half * db2, da3, db3, torque)
        da4, db4 = da + DT * dda3, db + DT * ddb3
        dda4, ddb4 = slopes(a + DT * da3, b + DT * db3, da4, db4, torque)
        sixth = DT / 6.0
        a = around(a + sixth * (da + 2 * da2 + 2 * da3 + da4))
        b = around(b + sixth * (db + 2 * db2 + 2 * db3 + db4))
        da += sixth * (dda1 + 2 * dda2 + 2 * dda3 + dda4)
        db += sixth * (ddb1 + 2 * ddb2 + 2 * ddb3 + ddb4)
        state[0, i], state[1, i] = a, b
        state[2, i] = min(max(da, -FASTEST[0]), FASTEST[0])
        state[3, i] = min(max(db, -FASTEST[1]), FASTEST[1])
        terminated[i] = -math.cos(a) - math.cos(b + a) > 1.0
        reward[i] = 0.0 if terminated[i] else -1.0


@compiled
def around(angle: float) -> float:
    """The same angle from -pi to pi."""
    while angle > math.pi:
        angle -= 2 * math.pi
    while angle < -math.pi:
        angle += 2 * math.pi
    return angle


@compiled
def observe(state: Float64s, out: NDArray[Any]) -> None:
    """Cosine and sine of each angle, and the speeds: (4, N) to (N, 6) float32."""
    for i in range(state.shape[1]):
        for joint in range(2):
            out[i, 2 * joint], out[i, 2 * joint + 1] = math.cos(state[joint, i]), math.sin(state[joint, i])
            out[i, 4 + joint] = state[2 + joint, i]
