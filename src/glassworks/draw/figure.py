"""A figure as a record: a chart, dots, a grid of numbers, a surface or an image, as plain values that JSON holds.

A page draws a record as SVG or HTML (`draw_figure`); whoever draws live, in a browser, takes the same record.
"""

import math
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from glassworks.draw.arrays.heatmap import Grid, colour_bar, colours_for, digits_for, heat_map
from glassworks.draw.dot_plot import DotPlot, Marks, dot_plot
from glassworks.draw.image import Image, image
from glassworks.draw.line_chart import Chart, Level, Line, line_chart
from glassworks.draw.markup import Markup, join
from glassworks.draw.surface import Surface, Track, colours_of, surface, track_key

Figure = Chart | DotPlot | Grid | Surface | Image
KINDS: dict[str, type[Any]] = {"chart": Chart, "dots": DotPlot, "grid": Grid, "surface": Surface, "image": Image}


def to_record(figure: Figure) -> dict[str, Any]:
    """A figure as plain values; what is no finite number is null."""
    kind = next(name for name, of in KINDS.items() if isinstance(figure, of))
    return {"kind": kind, **{name: plain(value) for name, value in asdict(figure).items()}}


def from_record(record: dict[str, Any]) -> Figure:
    """A figure from `to_record`'s values; ValueError for what is none."""
    values = dict(record)
    kind = KINDS.get(str(values.pop("kind", None)))
    if kind is None:
        raise ValueError(f"kind (={record.get('kind')!r}) of a figure must be one of {', '.join(KINDS)}")
    if unknown := values.keys() - {field.name for field in fields(kind)}:
        raise ValueError(f"a {record['kind']} has no {', '.join(sorted(unknown))}")
    if kind is Chart:
        values["lines"] = [
            Line(**line | {part: gaps(line.get(part)) for part in ("x", "y", "errors")}) for line in values["lines"]
        ]
        values["levels"] = [Level(**level) for level in values.get("levels", ())]
        for name in ("y_range", "right", "below", "band"):
            values[name] = None if values.get(name) is None else tuple(values[name])
    elif kind is DotPlot:
        values["marks"] = [
            Marks(**marks | {part: gaps(marks.get(part)) for part in ("values", "errors")}) for marks in values["marks"]
        ]
        values["ends"] = tuple(values.get("ends", (0.0, 0.0)))
    elif kind is Surface:
        values["values"], values["ends"] = np.array(values["values"], dtype=float), tuple(values.get("ends", ()))
        values["tracks"] = [
            Track(**track | {part: gaps(track.get(part)) for part in ("x", "y")}) for track in values.get("tracks", ())
        ]
    else:
        for name in ARRAYS & values.keys():
            values[name] = None if values[name] is None else np.array(values[name], dtype=float)
    found: Figure = kind(**values)
    return found


ARRAYS = {"values", "errors", "pixels"}


def draw_figure(figure: Figure) -> Markup:
    """A figure's drawing, without title or caption."""
    if isinstance(figure, Chart):
        return line_chart(figure)
    if isinstance(figure, DotPlot):
        return dot_plot(figure)
    if isinstance(figure, Image):
        return image(figure)
    if isinstance(figure, Surface):
        return join([colour_bar(colours_of(figure)), track_key(figure.tracks), surface(figure)])
    colours = colours_for(figure.values)
    return join([colour_bar(colours), heat_map(figure, colours, digits_for(figure.values, colours.high))])


def gaps(numbers: list[Any] | None) -> list[Any] | None:
    """Numbers with NaN where there is none."""
    return None if numbers is None else [math.nan if x is None else x for x in numbers]


def plain(value: Any) -> Any:
    """A nested value of lists, dicts, texts, numbers and null."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: plain(x) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [plain(x) for x in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
