"""An episode as pictures: a drawing of any state of our environments, stills in a row, and one drawing that plays.

A scene is what stands still and what moves: shapes with a place and an angle for each frame. A still has them where
they are then; what plays has the same drawings with SVG's own animation, which needs no script.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.data.environments import cartpole, track
from glassworks.data.environments.grids import GRIDS, Process
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import evenly

SECONDS = 1 / 25
"""Of a frame that plays."""
MOST = 250
"""Frames that play; of a longer episode they are spread evenly."""
INK, SOFT, RULE, WASH = (f"var(--{name})" for name in ("ink", "soft", "rule", "wash"))
BLUE, RED, GREEN = (f"var(--line{i})" for i in (0, 1, 2))

States = NDArray[np.float64]
Places = NDArray[Any]


@dataclass(frozen=True)
class Moving:
    """A shape drawn around (0, 0), and where it is in each frame."""

    shape: Markup
    x: Places
    y: Places
    angle: Places | None = None
    """Degrees, clockwise as SVG turns; None = it does not turn."""


@dataclass(frozen=True)
class Scene:
    """What is drawn of an episode."""

    width: float | int
    height: float | int
    still: Markup
    moving: list[Moving] = field(default_factory=list)


def cartpole_scene(states: States) -> Scene:
    """The cart on its rail, between the ends at which an episode is over."""
    x = 150 + states[:, 0] / cartpole.FAR * 130
    ends = [tag("line", x1=at, x2=at, y1=92, y2=108, stroke=RULE, stroke_width=2) for at in (20, 280)]
    rail = tag("line", x1=8, x2=292, y1=110, y2=110, stroke=SOFT, stroke_width=1)
    cart = tag("rect", x=-16, y=-9, width=32, height=16, rx=3, fill=BLUE)
    pole = tag("line", x1=0, y1=0, x2=0, y2=-70, stroke=RED, stroke_width=5, stroke_linecap="round")
    level = np.full(len(x), 100.0)
    return Scene(
        300, 130, join([*ends, rail]), [Moving(cart, x, level), Moving(pole, x, level, np.degrees(states[:, 2]))]
    )


def acrobot_scene(states: States) -> Scene:
    """Two links, and the height that the lower end is to get to."""
    length = 38.0
    ax, ay = 100 + length * np.sin(states[:, 0]), 100 + length * np.cos(states[:, 0])
    goal = tag("line", x1=10, x2=190, y1=100 - length, y2=100 - length, stroke=GREEN, stroke_dasharray="4 4")
    link: dict[str, Any] = {"x1": 0, "y1": 0, "x2": 0, "y2": length, "stroke_width": 6, "stroke_linecap": "round"}
    first, second = (tag("line", stroke=colour, **link) for colour in (BLUE, RED))
    turn, bend = -np.degrees(states[:, 0]), -np.degrees(states[:, 0] + states[:, 1])
    still, fixed = join([goal, tag("circle", cx=100, cy=100, r=4, fill=INK)]), np.full(len(states), 100.0)
    return Scene(200, 200, still, [Moving(first, fixed, fixed, turn), Moving(second, ax, ay, bend)])


def hill(position: NDArray[Any]) -> NDArray[Any]:
    """The height of the hill in the drawing."""
    height: NDArray[Any] = 110 - 80 * (np.sin(3 * position) * 0.45 + 0.55)
    return height


def mountain_car_scene(states: States) -> Scene:
    """The car on its hill, with a flag on top."""
    across = np.linspace(-1.2, 0.6, 60)
    x = 20 + (states[:, 0] + 1.2) / 1.8 * 260
    points = " ".join(f"{20 + (p + 1.2) / 1.8 * 260:.1f},{h:.1f}" for p, h in zip(across, hill(across), strict=True))
    ground = tag("polyline", points=points, fill="none", stroke=SOFT, stroke_width=2)
    top, at = float(hill(np.array([0.5]))[0]), 20 + 1.7 / 1.8 * 260
    flag = tag("path", d=f"M{at:.1f} {top:.1f}v-26h12l-4 5 4 5h-12", fill=GREEN, stroke=GREEN)
    car = tag("path", d="M-12-3h5l3-6h9l3 6h4v-1h2v5h-26z", fill=BLUE)
    slope = np.degrees(np.arctan2(-80 * 0.45 * 3 * np.cos(3 * states[:, 0]), 260 / 1.8))
    return Scene(300, 130, join([ground, flag]), [Moving(car, x, hill(states[:, 0]) - 2, slope)])


def pendulum_scene(states: States) -> Scene:
    """A rod, and where it is to stand."""
    goal = tag("line", x1=80, x2=80, y1=10, y2=80, stroke=GREEN, stroke_dasharray="4 4")
    rod = tag("line", x1=0, y1=0, x2=0, y2=-62, stroke=RED, stroke_width=8, stroke_linecap="round")
    fixed = np.full(len(states), 80.0)
    still = join([goal, tag("circle", cx=80, cy=80, r=4, fill=INK)])
    return Scene(160, 160, still, [Moving(rod, fixed, fixed, -np.degrees(states[:, 0]))])


def track_scene(states: States) -> Scene:
    """The road from above, and the car on it."""
    walls = [
        tag("polygon", points=" ".join(f"{150 + 5 * x:.0f},{150 - 5 * y:.0f}" for x, y in wall), fill=fill, stroke=SOFT)
        for wall, fill in ((track.WALLS[: track.CORNERS, :2], WASH), (track.WALLS[track.CORNERS :, :2], "var(--paper)"))
    ]
    car = tag("path", d="M-7-5h9l6 5-6 5h-9z", fill=RED)
    x, y = 150 + 5 * states[:, 0], 150 - 5 * states[:, 1]
    return Scene(300, 300, join(walls), [Moving(car, x, y, -np.degrees(states[:, 2]))])


def grid_scene(process: Process, states: States) -> Scene:
    """The map, and who walks on it."""
    side, fills = 24, {"#": SOFT, "C": RED, "G": GREEN, "S": WASH}
    cells = [
        tag("rect", x=side * c, y=side * r, width=side, height=side, fill=fills.get(cell, "none"), stroke=RULE)
        for r, row in enumerate(process.map)
        for c, cell in enumerate(row)
    ]
    at = np.array(process.cells)[states[:, 0].astype(int)]
    walker = tag("circle", cx=0, cy=0, r=side / 3, fill=BLUE)
    moving = Moving(walker, side * (at[:, 1] + 0.5), side * (at[:, 0] + 0.5))
    return Scene(side * len(process.map[0]), side * len(process.map), join(cells), [moving])


SCENES: dict[str, Callable[[States], Scene]] = {
    "CartPole-v1": cartpole_scene,
    "Acrobot-v1": acrobot_scene,
    "MountainCar-v0": mountain_car_scene,
    "Pendulum-v1": pendulum_scene,
    "Track": track_scene,
    "TrackContinuous": track_scene,
}
"""By the environment; grids have their map."""


def scene_of(name: str, states: Any) -> Scene | None:
    """The scene of an environment's states (T, S); None where it has no drawing."""
    array = np.asarray(states, dtype=np.float64)
    if array.ndim != 2 or not len(array):
        return None
    if name in GRIDS:
        return grid_scene(GRIDS[name], array)
    return SCENES[name](array) if name in SCENES else None


def still(scene: Scene, frame: int, label: str = "") -> Markup:
    """One frame as an `<svg>`."""
    shapes = [tag("g", one.shape, transform=placed(one, frame)) for one in scene.moving]
    return drawing(scene, join([scene.still, *shapes]), label)


def frames(name: str, states: Any, most: int | None = None) -> list[Markup]:
    """Drawings of some states of an environment, one by one; empty where it has none.

    Args:
        name: of the environment, one of ours.
        states: (T, S), as `play.follow` keeps them.
        most: so many at the most, spread evenly. None = all.
    """
    scene = scene_of(name, states)
    if scene is None:
        return []
    number = len(np.asarray(states))
    return [still(scene, i, f"{name}, step {i}") for i in evenly(number, most or number)]


def playing(scene: Scene, label: str = "", seconds: float | None = None) -> Markup:
    """All frames as one `<svg>` that plays, over and over; where animation is off, its first frame."""
    number = len(scene.moving[0].x)
    chosen = evenly(number, MOST)
    lasts = f"{seconds or SECONDS * len(chosen):.2f}s"
    shapes = []
    for one in scene.moving:
        turning = [] if one.angle is None else [animated("rotate", [f"{one.angle[i]:.1f}" for i in chosen], lasts)]
        inner = tag("g", *turning, one.shape)
        places = [f"{one.x[i]:.1f} {one.y[i]:.1f}" for i in chosen]
        shapes.append(tag("g", animated("translate", places, lasts), inner, transform=f"translate({places[0]})"))
    return drawing(scene, join([scene.still, *shapes]), label)


def animated(kind: str, values: list[str], lasts: str) -> Markup:
    """SVG's animation of a place or an angle."""
    how = {"attributeName": "transform", "type": kind, "values": ";".join(values), "dur": lasts}
    return tag("animateTransform", repeatCount="indefinite", calcMode="discrete", **how)


def placed(one: Moving, frame: int) -> str:
    """Where a shape is, as SVG has it."""
    turned = "" if one.angle is None else f" rotate({one.angle[frame]:.2f})"
    return f"translate({one.x[frame]:.2f} {one.y[frame]:.2f}){turned}"


def drawing(scene: Scene, inside: Markup, label: str) -> Markup:
    """An `<svg>` of a scene's size."""
    size = f"0 0 {scene.width:g} {scene.height:g}"
    return tag("svg", inside, viewBox=size, width=scene.width, height=scene.height, role="img", aria_label=label)
