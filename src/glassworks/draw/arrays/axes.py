"""How an array is drawn follows from the kinds and sizes of its axes alone (`plan`); see `kinds`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from glassworks.draw.arrays.heatmap import is_number
from glassworks.draw.arrays.kinds import ORDERS, Kind, Order
from glassworks.draw.scales import evenly
from glassworks.draw.tokens import labelled

Drawing = Literal["strip", "bars", "groups", "dots", "lines", "sorted", "heat", "image"]

MAX_SERIES = 8
MAX_DOTS = 4
MAX_PANELS = 12
MAX_BARS = 40
MOST = 64
"""Entries along a side of a heat map."""


@dataclass(frozen=True)
class Axis:
    """One axis with labels as they are shown; `size` is what it was before entries were left out."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    size: int
    places: str = ""
    """Of layers that are read at a point each: which, as blocks.*.resid_post."""
    controls: tuple[str, ...] = ()
    """Those of its labels that are controls for the others."""

    @classmethod
    def of(
        cls, name: str, kind: Kind, size: int, labels: Sequence[str] | None = None, *, controls: tuple[str, ...] = ()
    ) -> "Axis":
        """The axis with labels as they are shown: those of a text with white space as signs, numbers where none are."""
        shown = [str(i) for i in range(size)] if labels is None else labels
        return cls(name, kind, tuple(labelled(shown) if kind == "token" else shown), size, controls=controls)

    @property
    def order(self) -> Order:
        """How its entries lie to each other."""
        return ORDERS[self.kind]

    def chosen(self, places: Sequence[int]) -> "Axis":
        """The axis with only these entries."""
        return replace(self, labels=tuple(self.labels[i] for i in places))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def numbers(self) -> list[float] | None:
        """The labels as places on a line, if they are numbers that rise in steps of about one size."""
        if not all(map(is_number, self.labels)):
            return None
        values = np.array([float(label) for label in self.labels])
        steps = np.diff(values)
        even = len(steps) > 0 and bool(np.isfinite(values).all()) and steps.min() > 0 and steps.max() <= 3 * steps.min()
        return values.tolist() if even else None


@dataclass(frozen=True)
class Plan:
    """How an array is drawn: a drawing over `shown` axes, once for each place along the `panels` axes."""

    drawing: Drawing
    panels: tuple[int, ...]
    shown: tuple[int, ...]
    """Heat: rows, columns. Others: what they run along, and before it what is compared, if anything is."""


def plan(axes: Sequence[Axis]) -> Plan:
    """The drawing that suits the axes; there must be at least one."""
    if pixels := pixels_of(axes):
        return Plan("image", tuple(i for i in range(len(axes)) if i not in pixels), pixels)
    several = [i for i, axis in enumerate(axes) if len(axis) > 1]
    many = [i for i in several if axes[i].order == "index" and len(axes[i]) > MOST]
    numbered = [i for i in several if axes[i].order != "named"]
    if many:
        return compared("sorted", axes, many[-1])
    if len(numbered) == 1 and axes[numbered[0]].order == "ordered" and len(axes[numbered[0]]) > 2:
        return compared("lines", axes, numbered[0])
    if len(several) <= 1:
        shown = several[0] if several else len(axes) - 1
        drawing = SINGLE.get(axes[shown].order, "bars")
        return Plan(drawing, tuple(i for i in range(len(axes)) if i != shown), (shown,))
    if not numbered:
        largest = max(several, key=lambda i: len(axes[i]))
        found = compared("groups", axes, largest)
        if len(axes[largest]) <= MAX_BARS and len(found.shown) == 2 and len(axes[found.shown[0]]) <= 4:
            return replace(found, drawing="dots") if axes[found.shown[0]].controls else found
    if len(numbered) == 1 and axes[numbered[0]].order == "index":
        found = compared("dots", axes, numbered[0])
        if len(found.shown) == 2 and len(axes[found.shown[0]]) <= MAX_DOTS and len(several) == 2:
            return found
    grid = (numbered if len(numbered) >= 2 else several)[-2:]
    return Plan("heat", tuple(i for i in range(len(axes)) if i not in grid), tuple(grid))


def pixels_of(axes: Sequence[Axis]) -> tuple[int, ...]:
    """Rows, columns and, if it has colours, the channel of an image, in whatever order they lie."""
    kinds = [axis.kind for axis in axes]
    if kinds.count("pixel_row") != 1 or kinds.count("pixel_column") != 1:
        return ()
    channels = [i for i, axis in enumerate(axes) if axis.kind == "channel" and len(axis) in (1, 3, 4)]
    return (kinds.index("pixel_row"), kinds.index("pixel_column"), *(channels if len(channels) == 1 else ()))


SINGLE: dict[Order, Drawing] = {"text": "strip", "index": "dots"}


def compared(drawing: Drawing, axes: Sequence[Axis], along: int) -> Plan:
    """A drawing along one axis that tells apart the entries of another: one with controls, or else the last named."""
    names = [i for i, axis in enumerate(axes) if i != along and axis.order == "named" and 1 < len(axis) <= MAX_SERIES]
    series = next((i for i in names if axes[i].controls), names[-1] if names else None)
    shown = (along,) if series is None else (series, along)
    return Plan(drawing, tuple(i for i in range(len(axes)) if i not in shown), shown)


def fewer(values: np.ndarray, axis: Axis, place: int, most: int) -> tuple[list[int], str]:
    """Which of an axis' entries to draw where there are more than `most`, and the sentence that says so."""
    if len(axis) <= most:
        return list(range(len(axis))), ""
    if axis.order == "ordered":
        chosen, said = evenly(len(axis), most), f"{most} of {len(axis):,} along “{axis.name}” are shown, evenly spaced."
    elif axis.order == "text":
        chosen, said = list(range(most)), f"The first {most} of {len(axis):,} along “{axis.name}” are shown."
    else:
        size = np.nan_to_num(abs(np.moveaxis(values, place, 0).reshape(len(axis), -1)), nan=-1.0).max(1, initial=-1.0)
        chosen = sorted(np.argsort(-size, kind="stable")[:most].tolist())
        said = f"The {most} largest of {len(axis):,} along “{axis.name}” are shown."
    return chosen, f" {said}"


def panel_places(axes: Sequence[Axis], panels: Sequence[int]) -> tuple[list[tuple[int, ...]], str]:
    """The places along the panels' axes that are drawn, at most `MAX_PANELS`, and what is left out."""
    sizes = [len(axes[i]) for i in panels]
    total = math.prod(sizes)
    chosen = evenly(total, MAX_PANELS)
    places = [tuple(int(i) for i in np.unravel_index(flat, sizes)) if sizes else () for flat in chosen]
    names = " and ".join(f"“{axes[i].name}”" for i in panels)
    left_out = (
        f" {len(chosen)} of {total:,} panels along {names} are shown, evenly spaced." if total > len(chosen) else ""
    )
    return places, left_out
