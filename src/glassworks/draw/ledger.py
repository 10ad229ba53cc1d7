"""A ledger: named numbers as bars from zero, and on the same axis what stands beside each, as a mark with its reach."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from glassworks.draw.markup import Markup, tag
from glassworks.draw.scales import short


@dataclass(frozen=True)
class Entry:
    """One line of a ledger."""

    name: str
    value: float
    control: float = math.nan
    """Where the mark stands; NaN = there is none."""
    reach: float = math.nan
    """How far it reaches to both sides: a deviation; NaN = it is a point."""
    about: str = ""
    """What hovering over the line tells."""


def ledger(entries: Sequence[Entry], *, ends: tuple[float, float] = (0.0, 0.0)) -> Markup:
    """The table; its axis holds zero, all bars and marks, and `ends` at the least.

    >>> "width:25.0%" in ledger([Entry("layer 0", 1.0, control=4.0)])
    True
    """
    sides = [x for entry in entries for x in sides_of(entry)]
    low, high = min([*ends, 0.0, *sides]), max([*ends, 0.0, *sides])
    return tag("table", *(row(entry, low, (high - low) or 1.0) for entry in entries), class_="bars ledger marked")


def sides_of(entry: Entry) -> list[float]:
    """All numbers that the axis must hold for an entry."""
    reach = 0.0 if math.isnan(entry.reach) else entry.reach
    return [x for x in (entry.value, entry.control - reach, entry.control + reach) if math.isfinite(x)]


def row(entry: Entry, low: float, wide: float) -> Markup:
    """The name, the bar with its mark, and the number."""
    value = entry.value if math.isfinite(entry.value) else 0.0
    left, width = 100 * (min(value, 0.0) - low) / wide, 100 * abs(value) / wide
    bar = tag("i", style=f"margin-left:{left:.1f}%;width:{width:.1f}%", class_="line0")
    strip = tag("span", bar, *mark(entry, low, wide), class_="bar")
    number = tag("span", rounded(entry.value, wide) if math.isfinite(entry.value) else "–")
    name = tag("th", entry.name, scope="row")
    return tag("tr", name, tag("td", strip), tag("td", number), title=entry.about or None)


def rounded(value: float, wide: float) -> str:
    """A number in three digits, but no finer than a thousandth of the axis or so.

    >>> rounded(0.0000457, 1.2), rounded(5.968, 17.0)
    ('0', '5.97')
    """
    return short(round(value, 3 - math.floor(math.log10(wide))) + 0.0)


def mark(entry: Entry, low: float, wide: float) -> list[Markup]:
    """What stands beside the bar: a stroke, or a whisker as wide as it reaches."""
    if not math.isfinite(entry.control):
        return []
    reach = entry.reach if math.isfinite(entry.reach) else 0.0
    left, width = 100 * (entry.control - reach - low) / wide, 200 * reach / wide
    return [tag("b", style=f"left:{left:.1f}%;width:{width:.1f}%", class_="reach" if reach else "stroke")]


def ledger_key(value: str, control: str, *, reach: bool = False) -> Markup:
    """What bars and marks are."""
    marks = [("key line0 swatch", value), (f"key {'reach' if reach else 'stroke'}", control)]
    return tag("p", *(tag("span", tag("i", class_=kind), said) for kind, said in marks), class_="legend")
