"""What the axes of an array say about how to draw it: which are in order, which are text, which merely count or name.

An axis is one of four kinds:

    ordered   layers, steps, shares kept: a line may go from one to the next
    text      the tokens of a sentence, which are read
    index     heads, neurons, features: numbers without an order
    named     rows, networks, sites: things to compare

and the drawing of an array follows from its axes' kinds and sizes alone (`plan`).
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from glassworks.draw.arrays.heatmap import is_number
from glassworks.draw.names import words
from glassworks.draw.scales import evenly
from glassworks.draw.tokens import labelled

Kind = Literal["ordered", "text", "index", "named"]
Drawing = Literal["strip", "bars", "groups", "lines", "sorted", "heat"]

TEXT = frozenset({"position", "token", "query", "key", "next", "source", "destination"})
INDEX = frozenset({"head", "neuron", "feature", "unit", "latent", "example", "sample", "cluster", "dimension"})
ORDERED = frozenset({"layer", "step", "depth", "rank", "epoch", "bin", "quantile", "top", "iteration"})
CONTROLS = (
    "random|untrained|control|baseline|null|shuffled|majority|uniform|chance|floor|wrong|reference|before|clean|none"
)
MAX_SERIES = 8
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
    """Of a point in every layer: which, as blocks.*.resid_post."""

    @classmethod
    def of(cls, name: str, size: int, labels: Sequence[str] | None) -> "Axis":
        """The axis of that name in a trace: its kind by its name and by whether its labels are numbers."""
        layered = layers_of(labels or [])
        if layered is not None:
            return cls(words(name).replace("point", "layer"), "ordered", layered[1], size, layered[0])
        kind = kind_of(name, labels)
        shown = [str(i) for i in range(size)] if labels is None else labels
        return cls(words(name), kind, tuple(labelled(shown) if kind == "text" else shown), size)

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

    @property
    def compares(self) -> bool:
        """Whether one of its entries is a control for the others."""
        return any(re.search(rf"\b({CONTROLS})", label.lower()) for label in self.labels)


def layers_of(labels: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """Names of modules that differ in one rising number, as ("blocks.*.mlp", ("0", "1", ...)); None for others."""
    found = [re.fullmatch(r"(.*?\.)(\d+)(\..*|)", label) for label in labels]
    parts = [(match[1], match[3], int(match[2])) for match in found if match]
    if len(parts) < max(2, len(labels)) or len({part[:2] for part in parts}) > 1:
        return None
    numbers = [part[2] for part in parts]
    return (f"{parts[0][0]}*{parts[0][1]}", tuple(map(str, numbers))) if numbers == sorted(set(numbers)) else None


def kind_of(name: str, labels: Sequence[str] | None) -> Kind:
    """The kind of an axis; its labels decide where its name does not."""
    numeric = labels is None or all(map(is_number, labels))
    if name in TEXT and not numeric:
        return "text"
    if name in INDEX and numeric:
        return "index"
    if name in ORDERED or (labels is not None and numeric) or (name in TEXT and numeric):
        return "ordered"
    return "index" if labels is None else "named"


@dataclass(frozen=True)
class Plan:
    """How an array is drawn: a drawing over `shown` axes, once for each place along the `panels` axes."""

    drawing: Drawing
    panels: tuple[int, ...]
    shown: tuple[int, ...]
    """Heat: rows, columns. Others: what they run along, and before it what is compared, if anything is."""


def plan(axes: Sequence[Axis]) -> Plan:
    """The drawing that suits the axes; there must be at least one."""
    several = [i for i, axis in enumerate(axes) if len(axis) > 1]
    many = [i for i in several if axes[i].kind == "index" and len(axes[i]) > MOST]
    numbered = [i for i in several if axes[i].kind != "named"]
    if many:
        return compared("sorted", axes, many[-1])
    if len(numbered) == 1 and axes[numbered[0]].kind == "ordered" and len(axes[numbered[0]]) > 2:
        return compared("lines", axes, numbered[0])
    if len(several) <= 1:
        shown = several[0] if several else len(axes) - 1
        drawing: Drawing = "strip" if axes[shown].kind == "text" else "bars"
        return Plan(drawing, tuple(i for i in range(len(axes)) if i != shown), (shown,))
    if not numbered:
        largest = max(several, key=lambda i: len(axes[i]))
        found = compared("groups", axes, largest)
        if len(axes[largest]) <= MAX_BARS and len(found.shown) == 2 and len(axes[found.shown[0]]) <= 4:
            return found
    grid = (numbered if len(numbered) >= 2 else several)[-2:]
    return Plan("heat", tuple(i for i in range(len(axes)) if i not in grid), tuple(grid))


def compared(drawing: Drawing, axes: Sequence[Axis], along: int) -> Plan:
    """A drawing along one axis that tells apart the entries of another: one with controls, or else the last named."""
    names = [i for i, axis in enumerate(axes) if i != along and axis.kind == "named" and 1 < len(axis) <= MAX_SERIES]
    series = next((i for i in names if axes[i].compares), names[-1] if names else None)
    shown = (along,) if series is None else (series, along)
    return Plan(drawing, tuple(i for i in range(len(axes)) if i not in shown), shown)


def fewer(values: np.ndarray, axis: Axis, place: int, most: int) -> tuple[list[int], str]:
    """Which of an axis' entries to draw where there are more than `most`, and the sentence that says so."""
    if len(axis) <= most:
        return list(range(len(axis))), ""
    if axis.kind == "ordered":
        chosen, said = evenly(len(axis), most), f"{most} of {len(axis):,} along “{axis.name}” are shown, evenly spaced."
    elif axis.kind == "text":
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
