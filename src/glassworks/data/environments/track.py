"""A car on a track that feels its way by range sensors, as in the project of Florence and Manuelli (MIT 6.867, 2015).

Their car drives at 8 m/s, turns by what the controller says, and sees by 20 rays over the half circle before it, each
8 m long. Here it drives between two walls, and has to go on: a step is worth 1 less a tenth of the steering, a crash
-20, and ends the episode. A state is x, y, heading; what is observed are the rays' lengths, as shares of 8 m.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.core.machine.jit import compiled

SPEED, DT = 8.0, 0.05
RAYS, REACH, CLOSE = 20, 8.0, 0.5
"""Sensors, how far they see, and how near to a wall the car crashes; in metres."""
STEERING = 4.0
"""The fastest turn, in radians a second; the discrete actions are full left, straight on and full right."""
CRASH, EFFORT = -20.0, 0.1
CORNERS, WIDTH = 48, 4.0
"""Of a wall; half of what is between both, in metres."""

Float64s = NDArray[np.float64]


def middle() -> Float64s:
    """The middle of the road, (CORNERS, 2): a ring with three bends inwards."""
    angle = np.linspace(0, 2 * math.pi, CORNERS, endpoint=False)
    radius = 20 + 4 * np.cos(3 * angle)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def walls() -> Float64s:
    """The two walls as segments x, y, x', y': (2 * CORNERS, 4)."""
    road = middle()
    along = np.roll(road, -1, axis=0) - np.roll(road, 1, axis=0)
    across = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.linalg.norm(along, axis=1, keepdims=True)
    both = [road + WIDTH * across, road - WIDTH * across]
    return np.concatenate([np.concatenate([wall, np.roll(wall, -1, axis=0)], axis=1) for wall in both])


ROAD, WALLS = middle(), walls()
LONGEST = float(np.hypot(WALLS[:, 2] - WALLS[:, 0], WALLS[:, 3] - WALLS[:, 1]).max())
"""Of a wall's segments, in metres."""


@compiled
def ranges(x: float, y: float, heading: float, walls: Float64s, out: Float64s) -> None:
    """How far each sensor sees, in metres: (RAYS,), from the right to the left."""
    dx, dy = np.empty(RAYS), np.empty(RAYS)
    for ray in range(RAYS):
        angle = heading - math.pi / 2 + math.pi * ray / (RAYS - 1)
        dx[ray], dy[ray] = math.cos(angle), math.sin(angle)
        out[ray] = REACH
    for k in range(len(walls)):
        ax, ay = walls[k, 0] - x, walls[k, 1] - y
        ex, ey = walls[k, 2] - walls[k, 0], walls[k, 3] - walls[k, 1]
        if ax * ax + ay * ay > (REACH + LONGEST) ** 2:
            continue  # out of reach, as nine of ten are
        for ray in range(RAYS):
            turn = dx[ray] * ey - dy[ray] * ex
            if turn != 0.0:
                far, along = (ax * ey - ay * ex) / turn, (ax * dy[ray] - ay * dx[ray]) / turn
                if 0.0 <= far < out[ray] and 0.0 <= along <= 1.0:
                    out[ray] = far


@compiled
def drive(
    state: Float64s, i: int, turn: float, walls: Float64s, reward: NDArray[Any], terminated: NDArray[Any]
) -> None:
    """The i-th car's step, by a turn of -1 to 1."""
    heading = state[2, i] + DT * STEERING * turn
    state[0, i] += DT * SPEED * math.cos(heading)
    state[1, i] += DT * SPEED * math.sin(heading)
    state[2, i] = heading
    seen = np.empty(RAYS)
    ranges(state[0, i], state[1, i], heading, walls, seen)
    terminated[i] = seen.min() < CLOSE
    reward[i] = CRASH if terminated[i] else 1.0 - EFFORT * abs(turn)


@compiled
def advance(state: Float64s, actions: NDArray[Any], reward: NDArray[Any], terminated: NDArray[Any]) -> None:
    """One step of all N cars in place: state (3, N), actions (0 right, 1 straight on, 2 left), rewards (N,)."""
    for i in range(state.shape[1]):
        drive(state, i, actions[i] - 1.0, WALLS, reward, terminated)


@compiled
def advance_smoothly(state: Float64s, actions: NDArray[Any], reward: NDArray[Any], terminated: NDArray[Any]) -> None:
    """The same by how far to steer, (N, 1) from -1 to 1."""
    for i in range(state.shape[1]):
        drive(state, i, min(max(float(actions[i, 0]), -1.0), 1.0), WALLS, reward, terminated)


@compiled
def observe(state: Float64s, out: NDArray[Any]) -> None:
    """What the sensors see, as shares of their reach: (3, N) to (N, RAYS) float32."""
    seen = np.empty(RAYS)
    for i in range(state.shape[1]):
        ranges(state[0, i], state[1, i], state[2, i], WALLS, seen)
        for ray in range(RAYS):
            out[i, ray] = seen[ray] / REACH
