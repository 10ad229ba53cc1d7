"""A surface seen from above: numbers over a plane as colours, with lines of equal height, and what moves on it.

Colours run from the lowest number to the highest: it is the shape that is asked for. The plane is filled by linear
interpolation between the numbers given; lines of equal height are interpolated likewise (marching squares).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from glassworks.draw.arrays.heatmap import Colours
from glassworks.draw.colours import LEVELS, level
from glassworks.draw.line_chart import Frame, path_of, several, text
from glassworks.draw.markup import Markup, tag
from glassworks.draw.scales import Numbers, log_ticks, minus, short, ticks

SIDE = 400
LINES = 8
"""Lines of equal height, about."""
WIDE = 10.0
"""Numbers above 0 that span more than this factor are coloured by their logarithm, unless it is said otherwise."""


@dataclass(frozen=True)
class Track:
    """Points on the plane: a way from the first to the last, or points that belong to each other."""

    name: str
    x: Numbers
    y: Numbers
    labels: Sequence[str] = ()
    """What each point is, for hovering."""
    colour: str = "line1"
    """A class of the page's style: see `line_chart.Line`."""
    style: Literal["path", "points"] = "path"


@dataclass(frozen=True)
class Surface:
    """Numbers over a plane, and what moves on it."""

    values: np.ndarray
    """(rows, columns): a row a y, a column an x. What is no finite number leaves a hole."""
    x: Numbers
    """Where the columns are; rising."""
    y: Numbers
    """Where the rows are; rising, and drawn upwards."""
    x_title: str
    y_title: str
    title: str = ""
    tracks: Sequence[Track] = ()
    ends: tuple[float, ...] = ()
    """The two ends of the colours; () = the lowest and the highest number."""
    log: bool | None = None
    """Colours and lines by the logarithm; None = if all are above 0 and span more than a factor of ten."""


def surface(plot: Surface, side: int = SIDE, *, on_top: Markup | str = "") -> Markup:
    """The drawing as one `<svg>`: colours, lines of equal height, tracks, axes, and what is drawn `on_top` of them."""
    frame, colours = frame_of(plot, side), colours_of(plot)
    return tag(
        "svg",
        *fills(plot, frame, colours),
        *heights(plot, frame, colours),
        *axes(plot, frame),
        *(part for track in plot.tracks for part in drawn(track, frame)),
        on_top,
        class_="plot surface",
        viewBox=f"0 0 {side} {side}",
        role="img",
        aria_label=f"{plot.title or 'numbers'} over {plot.x_title} and {plot.y_title}",
    )


def frame_of(plot: Surface, side: int = SIDE) -> Frame:
    """Where the plane's numbers lie in the drawing."""
    return Frame(
        left=52,
        top=30,
        right=side - 10,
        bottom=side - 44,
        x_range=(float(plot.x[0]), float(plot.x[-1])),
        y_range=(float(plot.y[0]), float(plot.y[-1])),
        log=False,
    )


def track_key(tracks: Sequence[Track]) -> Markup:
    """Which colour is what; nothing where nothing moves."""
    names = {track.name: track for track in tracks}
    shapes = {"path": "line", "points": "dots"}
    return (
        tag(
            "p",
            *(tag("span", tag("i", class_=f"key {t.colour} {shapes[t.style]}"), t.name) for t in names.values()),
            class_="legend",
        )
        if names
        else Markup("")
    )


def colours_of(plot: Surface) -> Colours:
    """The scale from the lowest number to the highest."""
    finite = plot.values[np.isfinite(plot.values)]
    low, high = plot.ends or ((float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0))
    log = (low > 0 and high > WIDE * low) if plot.log is None else plot.log and low > 0
    return Colours(low, high if high > low else low + 1.0, signed=False, most=high, log=log)


def scaled(values: np.ndarray, colours: Colours) -> np.ndarray:
    """Numbers from 0 to 1 along the colours; NaN for what is not finite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if colours.log:
            found = np.log(np.maximum(values, colours.low) / colours.low) / math.log(colours.high / colours.low)
        else:
            found = (values - colours.low) / (colours.high - colours.low)
    return np.where(np.isfinite(values), found, np.nan)


# ----------------------------------------------------------------------------------------------------------------------
# Colours


def fills(plot: Surface, frame: Frame, colours: Colours) -> Iterator[Markup]:
    """A path a colour: all that is at least as high as where it begins, over those of the colours below it."""
    shares, x, y = scaled(plot.values, colours), *sides(plot, frame)
    yield tag("path", d=above(shares, x, y, -math.inf), class_="heat-fill0")
    for which in range(1, LEVELS):
        if path := above(shares, x, y, (which - 0.5) / (LEVELS - 1)):
            yield tag("path", d=path, class_=f"heat-fill{which}")


def sides(plot: Surface, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Where columns and rows are in the drawing."""
    return np.array([frame.x(float(a)) for a in plot.x]), np.array([frame.y(float(b)) for b in plot.y])


def above(shares: np.ndarray, x: np.ndarray, y: np.ndarray, at: float) -> str:
    """The commands of a path around all that lies above a height; squares that do as a whole are joined in each row."""
    case, known = cases(shares, at)
    commands = []
    for row in range(len(case)):
        whole = known[row] & (case[row] == 15)
        edges = np.flatnonzero(np.diff(whole, prepend=False, append=False))
        for start, stop in edges.reshape(-1, 2):
            commands.append(f"M{x[start]:.1f} {y[row]:.1f}H{x[stop]:.1f}V{y[row + 1]:.1f}H{x[start]:.1f}z")
        for column in np.flatnonzero(known[row] & (case[row] > 0) & (case[row] < 15)).tolist():
            values, spots = corners(shares, x, y, row, column)
            around = []
            for i in range(4):
                around += [spots[i]] * (values[i] > at)
                if (values[i] > at) != (values[(i + 1) % 4] > at):
                    around.append(crossing(values, spots, i, at))
            commands.append(f"M{'L'.join(f'{a:.1f} {b:.1f}' for a, b in around)}z")
    return "".join(commands)


def cases(shares: np.ndarray, at: float) -> tuple[np.ndarray, np.ndarray]:
    """Which corners of each square lie above a height, as 1, 2, 4, 8 from the lower left; and whether all are known."""
    four = (shares[:-1, :-1], shares[:-1, 1:], shares[1:, 1:], shares[1:, :-1])
    with np.errstate(invalid="ignore"):
        case = sum((corner > at) * 2**i for i, corner in enumerate(four))
    return np.asarray(case), ~np.isnan(sum(four))


def corners(
    shares: np.ndarray, x: np.ndarray, y: np.ndarray, row: int, column: int
) -> tuple[list[float], list[tuple[float, float]]]:
    """The four corners of a square: their numbers and places."""
    at = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
    return [float(shares[place]) for place in at], [(float(x[j]), float(y[i])) for i, j in at]


def crossing(
    values: Sequence[float], spots: Sequence[tuple[float, float]], side: int, at: float
) -> tuple[float, float]:
    """Where a height crosses a side of a square."""
    first, second = side, (side + 1) % 4
    share = (at - values[first]) / (values[second] - values[first])
    return (
        spots[first][0] + share * (spots[second][0] - spots[first][0]),
        spots[first][1] + share * (spots[second][1] - spots[first][1]),
    )


# ----------------------------------------------------------------------------------------------------------------------
# Lines of equal height


def heights(plot: Surface, frame: Frame, colours: Colours) -> Iterator[Markup]:
    """A path a height, with its number on it where there is room."""
    shares, x, y = scaled(plot.values, colours), *sides(plot, frame)
    taken: list[tuple[float, float]] = []
    for height in rounds(colours):
        share = float(scaled(np.array(height), colours))
        ends = list(segments(shares, x, y, share))
        if not ends:
            continue
        d = "".join(f"M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}" for a, b, c, d in ends)
        dark = " on-dark" if level(share) > LEVELS // 2 else ""
        yield tag("path", tag("title", short(height)), d=d, class_=f"height{dark}")
        free = [(a, b) for a, b, _, _ in ends if clear(a, b, taken, frame)]
        if free:
            taken.append(free[len(free) // 2])
            yield text(short(height), taken[-1][0], taken[-1][1] + 3.5, "middle", f"height-name{dark}")


def clear(x: float, y: float, taken: Sequence[tuple[float, float]], frame: Frame) -> bool:
    """Whether a number may stand at a place: not at the edge, and not on another."""
    inside = frame.left + 20 < x < frame.right - 20 and frame.top + 10 < y < frame.bottom - 10
    return inside and all(abs(x - a) > 34 or abs(y - b) > 13 for a, b in taken)


def rounds(colours: Colours) -> list[float]:
    """Round numbers within the colours; of a logarithmic scale, evenly spaced ones where there are too few."""
    if not colours.log:
        return ticks(colours.low, colours.high, LINES)
    found = log_ticks(colours.low, colours.high, LINES)
    if len(found) >= LINES // 2:
        return found
    return [float(f"{x:.2g}") for x in np.geomspace(colours.low, colours.high, LINES + 2)[1:-1]]


def segments(
    shares: np.ndarray, x: np.ndarray, y: np.ndarray, at: float
) -> Iterator[tuple[float, float, float, float]]:
    """The pieces of the line of one height, a square at a time; none where a corner has no number."""
    case, known = cases(shares, at)
    for row, column in np.argwhere(known & (case > 0) & (case < 15)).tolist():
        values, spots = corners(shares, x, y, row, column)
        crossed = [i for i in range(4) if (values[i] > at) != (values[(i + 1) % 4] > at)]
        for a, b in pairs(crossed, values[0] > at):
            yield (*crossing(values, spots, a, at), *crossing(values, spots, b, at))


def pairs(crossed: Sequence[int], first: bool) -> list[tuple[int, int]]:
    """The sides that lines join; of two opposite corners that lie above, both are taken to be joined in the middle."""
    if len(crossed) == 2:
        return [(crossed[0], crossed[1])]
    return [(0, 1), (2, 3)] if first else [(3, 0), (1, 2)]


# ----------------------------------------------------------------------------------------------------------------------
# What moves, and axes


def drawn(track: Track, frame: Frame) -> Iterator[Markup]:
    """A track's line with a light edge, and its points, the last of a way larger; none that lie off the plane."""
    places = [
        (frame.x(a), frame.y(b)) if is_on(a, frame.x_range) and is_on(b, frame.y_range) else None
        for a, b in zip(track.x, track.y, strict=True)
    ]
    if track.style == "path" and (path := path_of(places)):
        yield tag("path", d=path, class_="halo")
        yield tag("path", d=path, class_=f"line {track.colour}")
    for i, place in enumerate(places):
        if place is not None:
            said = f"{track.name}, {track.labels[i]}" if track.labels else track.name
            where = f"{minus(f'{track.x[i]:.3g}')}, {minus(f'{track.y[i]:.3g}')}"
            last = track.style == "path" and i == len(places) - 1
            yield tag(
                "circle",
                tag("title", f"{said} ({where})"),
                cx=place[0],
                cy=place[1],
                r=4.6 if last else 3.2 if track.style == "points" else 2.4,
                class_=f"line {track.colour} dots edged",
            )


def is_on(value: float, ends: tuple[float | int, float | int]) -> bool:
    """Whether a number lies on the plane."""
    room = 1e-9 * (ends[1] - ends[0])
    return bool(ends[0] - room <= value <= ends[1] + room)


def axes(plot: Surface, frame: Frame) -> Iterator[Markup]:
    """Ticks and titles, outside of the plane."""
    for value in several(*frame.x_range, 6):
        x = frame.x(value)
        yield tag("line", x1=x, x2=x, y1=frame.bottom, y2=frame.bottom + 4, class_="tick")
        yield text(short(value) if abs(value) > 1e-12 else "0", x, frame.bottom + 18, "middle")
    for value in several(*frame.y_range, 6):
        y = frame.y(value)
        yield tag("line", x1=frame.left - 4, x2=frame.left, y1=y, y2=y, class_="tick")
        yield text(short(value) if abs(value) > 1e-12 else "0", frame.left - 7, y + 4, "end")
    yield text(plot.y_title, 0, 12, "start", "title")
    yield text(plot.x_title, frame.right, frame.bottom + 36, "end", "title")
