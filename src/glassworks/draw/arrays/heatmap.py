"""Heat maps: a table of coloured cells, its numbers told on hovering, and written in the cells where there is room.

A table, not a drawing: its first column stays in view while a phone scrolls the rest, and a screen reader reads it.
Numbers of one sign go from pale to strong; where signs differ, orange is above zero and blue below. A scale begins at
zero and ends at a round number: what differs little looks alike, unless the legend says at which ends it is otherwise.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from glassworks.draw.colour_scale import coloured_scale
from glassworks.draw.colours import LEVELS, level
from glassworks.draw.markup import Markup, scrolling, tag
from glassworks.draw.scales import figure, log_ticks, minus, short, ticks
from glassworks.draw.tokens import columns, fitted

ROUND = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
OUTLIER = 6.0
"""Colours end at the 98th percentile of the sizes where the largest is more than this many times as large."""
LONGEST = 18  # characters of a label
LONGEST_ROW = 30  # of a row, where a phone shows the beginning


@dataclass(frozen=True)
class Colours:
    """How the numbers of a figure become colours; see `colours_for`."""

    low: float
    high: float
    signed: bool
    most: float
    """The largest of the sizes, which lies beyond `high` where a few cells stand far out."""
    log: bool = False
    """On a logarithmic scale of numbers above 0; what is not above `low` is as pale as that."""

    def level(self, value: float) -> str:
        """The class of a number's colour."""
        if math.isnan(value):
            return "nan"
        if self.signed:
            return f"{'above' if value >= 0 else 'below'}{level(abs(value) / self.high)}"  # level 0 is one colour
        return f"heat-back{level(self.share(value))}"

    def share(self, value: float) -> float:
        """A number's place along the colours, from 0 to 1."""
        if self.log:
            return math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    @property
    def beyond(self) -> str:
        """A sentence on the numbers beyond the end of the colours, if there are any."""
        return f" A few reach {figure(self.most)}." if self.most > self.high * (1 + 1e-6) else ""

    def marks(self) -> Iterator[tuple[float, str]]:
        """Round numbers, each with its place along the colours, from 0 to 1."""
        marks = [-self.high, -self.high / 2, 0.0, self.high / 2, self.high] if self.signed else self.ticks()
        for mark in marks:
            more = "+" * (mark == self.high and self.most > self.high * (1 + 1e-6))
            yield min(max(self.share(mark), 0.0), 1.0), f"{short(mark)}{more}"

    def ticks(self) -> list[float]:
        """Round numbers of a scale of one sign; its ends, if no number in between is short."""
        found = log_ticks(self.low, self.high, 5) if self.log else ticks(self.low, self.high, 5)
        return found if len(found) > 1 and len(set(map(short, found))) == len(found) else [self.low, self.high]


def colours_for(values: np.ndarray, least: float = 0.0, ends: Sequence[float] = (), log: bool = False) -> Colours:
    """The scale that fits: from zero, or around it where signs differ by as much as a colour shows.

    It reaches `least` from 0 if the numbers do not; `ends` are where it ends whatever the numbers are. `log` is for
    numbers above 0 that span much: down to a ten-thousandth of the largest.
    """
    finite = values[np.isfinite(values)]
    most = float(abs(finite).max(initial=0.0))
    if log and (positive := finite[finite > 0]).size:
        high = rounded_up(float(positive.max()))
        low = 10.0 ** math.floor(math.log10(max(float(positive.min()), 1e-4 * high)))
        low = low if low < high else low / 10
        return Colours(low, high, signed=False, most=high, log=True)
    if ends:
        low, high = ends
        reach = max(-low, high)
        return Colours(-reach, reach, True, most) if low < 0 else Colours(low, high, False, most)
    if not most:
        return Colours(0.0, least or 1.0, signed=False, most=0.0)
    end = float(np.quantile(abs(finite), 0.98))
    high = max(end if 0 < end * OUTLIER < most else most, least)
    high = rounded_up(high)
    if float(finite.min()) < -0.5 * high / (LEVELS - 1):
        return Colours(-high, high, signed=True, most=most)
    return Colours(0.0, high, signed=False, most=most)


def rounded_up(number: float) -> float:
    """The next number that is a round one times a power of ten; one too tiny or too large for that as it is."""
    power = 10.0 ** math.floor(math.log10(number))
    if not 1e-300 < number < 1e300:
        return number
    return next(factor * power for factor in ROUND if factor * power >= number * (1 - 1e-9))


def colour_bar(colours: Colours) -> Markup:
    """The colours in a row, with numbers."""
    if colours.signed:
        strip = [tag("i", class_=f"below{i}") for i in reversed(range(LEVELS))]
        strip += [tag("i", class_=f"above{i}") for i in range(LEVELS)]
    else:
        strip = [tag("i", class_=f"heat-back{i}") for i in range(LEVELS)]
    return coloured_scale(strip, colours.marks())


@dataclass(frozen=True)
class Digits:
    """How the numbers of a figure are written in its cells."""

    power: int
    """In units of ten to this."""
    decimals: int

    def write(self, value: float) -> str:
        """A number that fits a cell; nothing for one that rounds to 0."""
        if not math.isfinite(value):
            return "–" if math.isnan(value) else minus(short(value))
        number = f"{value / 10.0**self.power:.{self.decimals}f}"
        if len(number) > 6:  # one that stands far out
            number = short(value / 10.0**self.power)
        return minus(number) if number.strip("-0.") else ""

    def note(self, values: np.ndarray) -> str:
        """Sentences on the cells, where they do not hold the numbers as they are."""
        power = str(self.power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        unit = f" The numbers in the cells are in units of 10{power}." if self.power else ""
        return unit + " Empty cells round to 0." * any(not self.write(value) for value in values.ravel().tolist())


def digits_for(values: np.ndarray, high: float) -> Digits:
    """Whole numbers as they are, others in two or three digits, at the size of the end of the colours."""
    finite = values[np.isfinite(values)]
    if (finite % 1 == 0).all() and abs(finite).max(initial=0) < 10_000:
        return Digits(0, 0)
    power = 0 if 0.05 <= high < 10_000 else max(-300, 3 * math.floor(math.log10(high) / 3))
    return Digits(power, 2 if high < 10 * 10.0**power else 1 if high < 100 * 10.0**power else 0)


@dataclass(frozen=True)
class Grid:
    """What a heat map shows."""

    values: np.ndarray
    """(rows, columns), as floats; NaN is hatched."""
    rows: Sequence[str]
    """Labels as they are shown."""
    columns: Sequence[str]
    row_title: str
    column_title: str
    title: str = ""
    errors: np.ndarray | None = None
    """A standard error for each value, told with it."""
    from_end: bool = False
    """Where it is wider than the screen, it opens at its last column, the answer's."""


def heat_map(grid: Grid, colours: Colours, digits: Digits, room: int = 760) -> Markup:
    """The table, at most about `room` pixels wide where its columns are no more than a page holds."""
    num_rows, num_columns = grid.values.shape
    margin, width, written = measures(grid, room)
    height = 24 if written else 20 if num_rows <= 16 else 14 if num_rows <= 40 else 10
    step = 1 if height >= 14 else 2
    body = [
        tag(
            "tr",
            tag("th", fitted(label, LONGEST_ROW) if i % step == 0 else "", scope="row"),
            *cells(grid, i, colours, digits if written else None),
        )
        for i, label in enumerate(grid.rows)
    ]
    table = tag(
        "table",
        tag("caption", tag("span", grid.title)) if grid.title else "",
        tag("thead", *head(grid, width)),
        tag("tbody", *body),
        class_="heat written" if written else "heat",
        style=f"--margin:{margin}px;--row:{height}px;width:{margin + width * num_columns}px",
    )
    return scrolling(table, also="to-end" if grid.from_end else "")


def measures(grid: Grid, room: int) -> tuple[int, int, bool]:
    """Pixels of the rows' labels and of a column, and whether numbers are written in the cells."""
    num_rows, num_columns = grid.values.shape
    margin = 16 + 7 * max(columns(fitted(label, LONGEST_ROW)) for label in [*grid.rows, grid.row_title])
    width = max(9, min(56, (room - margin) // num_columns))
    written = width >= 38 and num_rows * num_columns <= 240
    return margin, width if written else min(width, 26), written


def head(grid: Grid, width: int) -> list[Markup]:
    """The axes' titles, and the columns' labels: upright where words are long, every n-th where numbers would touch."""
    titles = [
        tag("th", grid.row_title, scope="col"),
        tag("th", tag("span", f"{grid.column_title} →"), colspan=len(grid.columns)),
    ]
    longest = 7 * max(columns(fitted(label, LONGEST)) for label in grid.columns) + 6
    if all(map(is_number, grid.columns)) or longest <= width:
        labels = every(
            [tag("th", fitted(label, LONGEST), scope="col") for label in grid.columns], math.ceil(longest / width)
        )
    else:
        upright = [
            tag("th", tag("span", fitted(label, LONGEST)), scope="col", class_="upright") for label in grid.columns
        ]
        labels = every(upright, 1 if width >= 13 else 2)
    return [tag("tr", *titles, class_="axes"), tag("tr", tag("th", ""), *labels)]


def every(labels: list[Markup], step: int) -> list[Markup]:
    """Every n-th label, and nothing in the others' places."""
    return [label if i % step == 0 else tag("th", "") for i, label in enumerate(labels)]


def cells(grid: Grid, row: int, colours: Colours, digits: Digits | None) -> list[Markup]:
    """One row's cells."""
    found = []
    for column, value in enumerate(grid.values[row].tolist()):
        error = math.nan if grid.errors is None else float(grid.errors[row, column])
        place = f"{grid.row_title} {grid.rows[row]}, {grid.column_title} {grid.columns[column]}"
        words = "" if digits is None else digits.write(value)
        found.append(tag("td", words, class_=colours.level(value), title=f"{place}: {exact(value, error)}"))
    return found


def exact(value: float, error: float = math.nan) -> str:
    """A number as hovering tells it, with its error if it has one."""
    if math.isnan(value):
        return "no number"
    plus = minus(f" ± {error:.2g}") if math.isfinite(error) and math.isfinite(value) else ""
    return f"{minus(f'{value:.4g}')}{plus}" if math.isfinite(value) else short(value)


def is_number(label: str) -> bool:
    """Whether a label reads as a number."""
    try:
        float(label)
    except ValueError:
        return False
    return True
