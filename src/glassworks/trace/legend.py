"""The legend of a trace: what its axes, arrays and numbers are, as data, and how it is read, in words.

A page draws a trace from what its legend says and guesses nothing: which array is the control of which, what an axis
counts, what is shown first and what waits to be opened. Legends load neither torch nor NumPy.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from glassworks.core.config import from_dict
from glassworks.draw.arrays.kinds import ORDERS, Kind

Show = Literal["shown", "beside", "folded", "kept"]


@dataclass(frozen=True)
class Dimension:
    """What an axis counts."""

    kind: Kind = "class"
    title: str = ""
    """What it is called on a page; its own name if empty."""
    controls: tuple[str, ...] = ()
    """Those of its labels that are controls for the others: an untrained network, a random direction."""
    ticks: tuple[str, ...] = ()
    """Labels as they are shown, where its own are too long."""
    places: str = ""
    """Of layers that are read at a point each: which point, as blocks.*.resid_post."""

    def __post_init__(self) -> None:
        """Refuse a kind that is none."""
        if self.kind not in ORDERS:
            raise ValueError(f"kind (={self.kind!r}) of an axis must be one of {', '.join(ORDERS)}")


@dataclass(frozen=True)
class Quantity:
    """What an array holds."""

    title: str = ""
    """What it is called, with its unit; its own name if empty."""
    note: str = ""
    """The caption: sentences."""
    show: Show = "shown"
    """A figure of its own; part of another's; below "More numbers"; or there to be computed with."""
    controls: tuple[str, ...] = ()
    """Arrays with the same axes that are drawn beside it, on its scale: its controls, or what is compared with it."""
    error: str = ""
    """The array of its standard errors."""
    colours: str = ""
    """Of an array of texts or token ids: the array of numbers that colours them."""
    captions: str = ""
    """Of images: the array of texts that stand below them, its axes some of those that are no pixels."""
    where: str = ""
    """An array of booleans with the same axes: which entries there are."""
    least: float = 0.0
    """How far from 0 its scale reaches at the least, so that noise is not stretched over it."""
    ends: tuple[float, ...] = ()
    """The two ends of its scale, whatever the numbers are: 0 and 1 of a share, -1 and 1 of a correlation."""
    percent: bool = False
    """A share that is shown in percent."""
    log: bool = False
    """On a logarithmic scale: lines, and the colours of maps."""

    def __post_init__(self) -> None:
        """Refuse ends that are not two numbers, the second larger."""
        if self.ends and not (len(self.ends) == 2 and self.ends[0] < self.ends[1]):
            raise ValueError(f"ends (={self.ends}) of a scale must be two numbers, the second larger")


@dataclass(frozen=True)
class Legend:
    """What a trace holds and how it is read. Text may name the trace's numbers, as {seed}; see `filled`."""

    title: str = ""
    question: str = ""
    """What is asked."""
    measure: str = ""
    """What the numbers are of, and in which unit: which answer against which."""
    reading: str = ""
    """What the figures show, and how to read them."""
    nothing: str = ""
    """What they would show if there were nothing to find."""
    control: str = ""
    """What stands beside it, so that it can be believed."""
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    """By the name of an array."""
    numbers: Mapping[str, str] = field(default_factory=dict)
    """What a single number or word of `meta` is called; empty = it is not shown by itself."""
    axes: Mapping[str, Dimension] = field(default_factory=dict)
    """By the name of an axis."""
    entries: Mapping[str, str] = field(default_factory=dict)
    """Labels of axes as they are said on a page."""
    ids: tuple[str, ...] = ()
    """Arrays and numbers that are token ids."""

    def of(self, name: str) -> Quantity:
        """What an array is: with its own name, as words, where nothing is said of it."""
        found = self.quantities.get(name, Quantity())
        return found if found.title else replace(found, title=name.replace("_", " "))

    def dimension(self, axis: str, labels: Sequence[str] | None) -> Dimension:
        """What an axis is. One that is not declared is of the kind of its name, or else named or numbered."""
        declared = self.axes.get(axis)
        if declared is not None:
            return declared
        kind: Any = axis if axis in get_args(Kind) else "unit" if labels is None else "class"
        return Dimension(kind)

    def with_axes(self, **axes: Dimension) -> "Legend":
        """The legend with what some more axes are."""
        return replace(self, axes={**self.axes, **axes})

    def plain(self) -> dict[str, Any]:
        """The legend as JSON has it, without what is left as it is by itself."""
        return pruned(asdict(self))


def read_legend(values: Mapping[str, Any]) -> Legend:
    """A legend from JSON; ValueError, TypeError or AttributeError for what is none."""
    maps = {"quantities": Quantity, "axes": Dimension, "numbers": None, "entries": None}
    found = from_dict(Legend, {name: value for name, value in values.items() if name not in maps})
    told: dict[str, Any] = {}
    for name, kind in maps.items():
        entries = values.get(name, {}).items()
        told[name] = {str(key): str(value) if kind is None else from_dict(kind, value) for key, value in entries}
    return replace(found, **told)


def pruned(values: Mapping[str, Any]) -> dict[str, Any]:
    """A nested dict without empty texts, tuples and dicts; those of an axis or array stay, be they empty."""
    found = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and key in ("quantities", "axes"):
            value = {name: pruned(of) for name, of in value.items()}
        if value not in ("", (), {}, None, False, 0.0) and (key, value) != ("show", "shown"):
            found[key] = value
    return found


def points(names: Sequence[str]) -> Dimension:
    """The axis of some points: layers, where their names differ in one rising number; or else names.

    >>> points(["blocks.0.mlp", "blocks.1.mlp"])
    Dimension(kind='layer', title='layer', controls=(), ticks=('0', '1'), places='blocks.*.mlp')
    """
    parts = [match.groups() for name in names if (match := re.fullmatch(r"(.*?\.)(\d+)(\..*|)", name))]
    if len(parts) < max(2, len(names)) or len({(before, after) for before, _, after in parts}) > 1:
        return Dimension("class", "point")
    numbers = [int(number) for _, number, _ in parts]
    if numbers != sorted(set(numbers)):
        return Dimension("class", "point")
    before, _, after = parts[0]
    return Dimension("layer", "layer", ticks=tuple(map(str, numbers)), places=f"{before}*{after}")


def filled(text: str, say: Callable[[str], str | None]) -> str:
    """A text with each {name} in it as `say` tells it; one that it knows nothing of stays as it is."""
    return re.sub(r"\{(\w+)\}", lambda match: told if (told := say(match[1])) is not None else match[0], text)
