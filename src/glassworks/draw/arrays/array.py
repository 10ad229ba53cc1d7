"""An array of numbers on its way to a drawing, and what all drawings say of it: its name, its panels, its caption."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from glassworks.draw.arrays.axes import Axis, Plan, fewer
from glassworks.draw.markup import Markup, scrolling, tag


@dataclass(frozen=True)
class Drawn:
    """An array of numbers, ready to be drawn."""

    name: str
    values: np.ndarray
    """Floats."""
    axes: tuple[Axis, ...]
    errors: np.ndarray | None = None
    """A standard error for each number."""
    note: str = ""
    """What it is, as a sentence."""
    left_out: str = ""
    """Sentences on what is not drawn."""
    least: float = 0.0
    """How far from 0 the scale reaches at the least."""
    ends: tuple[float, ...] = ()
    """The two ends of the scale, if they are given; lines and bars may go on beyond them."""
    log: bool = False
    """Lines and colours on a logarithmic scale."""
    captions: np.ndarray | None = None
    """Of images: texts that stand below them, with as many axes as the values; of size 1 where one is for all."""

    def part(self, places: tuple[int, ...], chosen: Plan) -> tuple[np.ndarray, np.ndarray | None]:
        """Values and errors at one place along the panels' axes, their axes in the order of the plan."""
        index: list[int | slice] = [slice(None)] * self.values.ndim
        for axis, place in zip(chosen.panels, places, strict=True):
            index[axis] = place
        turned = len(chosen.shown) == 2 and chosen.shown[0] > chosen.shown[1]
        values = self.values[tuple(index)]
        errors = None if self.errors is None else self.errors[tuple(index)]
        return (values.T, None if errors is None else errors.T) if turned else (values, errors)

    def cut(self, most: int, places: Sequence[int], *, first: bool = False) -> "Drawn":
        """The array with at most so many entries along some of its axes: those that tell most, or the first."""
        drawn = self
        for place in places:
            axis = drawn.axes[place]
            chosen, said = fewer(drawn.values, axis, place, most)
            if first and said:
                chosen, said = list(range(most)), f" The first {most} of {len(axis):,} along “{axis.name}” are shown."
            if said:
                axes = [axis.chosen(chosen) if i == place else axis for i, axis in enumerate(drawn.axes)]
                errors = None if drawn.errors is None else drawn.errors.take(chosen, place)
                values, left_out = drawn.values.take(chosen, place), drawn.left_out + said
                drawn = replace(drawn, values=values, axes=tuple(axes), errors=errors, left_out=left_out)
                drawn = replace(drawn, captions=drawn.captions_of(chosen, place))
        return drawn

    def captions_of(self, chosen: Sequence[int], place: int) -> np.ndarray | None:
        """The captions of some entries along an axis."""
        alike = self.captions is None or self.captions.shape[place] == 1
        return self.captions if alike or self.captions is None else self.captions.take(chosen, place)


SERIES = (0, 2, 3, 4, 7, 5, 6, 1)
"""Lines of the page in the order in which things compared take them: the orange one last, which in maps is a sign."""
CONTROLS = 4
"""Ways to draw a control: grey, dashed in one way or another."""


def looks_of(axis: Axis) -> list[tuple[str, str]]:
    """The colour of each of some things compared, by its class, and its name: controls look alike wherever they are."""
    found, mains, controls = list[tuple[str, str]](), 0, 0
    for label in axis.labels:
        if label in axis.controls:
            found.append((f"control{controls % CONTROLS}", label))
            controls += 1
        else:
            found.append((f"line{SERIES[mains % len(SERIES)]}", label))
            mains += 1
    return found


def key(axis: Axis) -> Markup:
    """The names of things compared beside their bars' colours."""
    spans = [tag("span", tag("i", class_=f"key {colour} swatch"), name) for colour, name in looks_of(axis)]
    return tag("p", *spans, class_="legend")


def controls_last(drawn: Drawn) -> Drawn:
    """The array with the controls along each axis after what they are controls of."""
    for place, axis in enumerate(drawn.axes):
        order = sorted(range(len(axis)), key=lambda i: axis.labels[i] in axis.controls)
        if order != list(range(len(axis))):
            axes = tuple(one.chosen(order) if one is axis else one for one in drawn.axes)
            errors = None if drawn.errors is None else drawn.errors.take(order, place)
            drawn = replace(drawn, captions=drawn.captions_of(order, place))
            drawn = replace(drawn, values=drawn.values.take(order, place), axes=axes, errors=errors)
    return drawn


def caption(drawn: Drawn, more: str = "") -> str:
    """What is drawn, from the array's note or else its axes, and what is not."""
    names = [axis.name for axis in drawn.axes if axis.name]
    by = " and ".join([", ".join(names[:-1]), names[-1]][len(names) == 1 :])
    points = " and ".join(dict.fromkeys(axis.places for axis in drawn.axes if axis.places))
    where = f" Layers are read at {points}." if points else ""
    return f"{drawn.note or f'{drawn.name[:1].upper()}{drawn.name[1:]} by {by}.'}{where}{more}{drawn.left_out}"


def title(drawn: Drawn) -> Markup:
    """The name of the array over its figure."""
    return tag("p", drawn.name, class_="figure-title")


def place_name(drawn: Drawn, chosen: Plan, places: tuple[int, ...]) -> str:
    """A panel's title: the labels of its place along axes of more than one entry."""
    parts = []
    for axis, place in zip(chosen.panels, places, strict=True):
        label = drawn.axes[axis].labels[place]
        if len(drawn.axes[axis]) > 1:
            parts.append(label if drawn.axes[axis].order == "named" else f"{drawn.axes[axis].name} {label}")
    return ", ".join(parts)


def arranged(drawn: Drawn, chosen: Plan, panels: list[Markup]) -> Markup:
    """Panels beside each other: in rows and columns where they vary along two axes and the columns fit."""
    several = [len(drawn.axes[i]) for i in chosen.panels if len(drawn.axes[i]) > 1]
    if len(panels) == 1:
        return panels[0]
    if len(several) == 2 and several[1] <= 4 and len(panels) % several[1] == 0:
        return scrolling(tag("div", *panels, class_="maps squared", style=f"--columns:{several[1]}"))
    return tag("div", *panels, class_="maps")


def room(drawn: Drawn, chosen: Plan, count: int) -> int:
    """Pixels across that each of some panels may take."""
    several = [len(drawn.axes[i]) for i in chosen.panels if len(drawn.axes[i]) > 1]
    across = several[1] if len(several) == 2 and several[1] <= 4 else 2
    return 760 if count == 1 else 760 // across - 24
