"""Arrays of texts: tokens, rules, names; coloured by the numbers that belong to them, if there are any."""

import math

import numpy as np

from glassworks.draw.arrays.axes import Axis
from glassworks.draw.arrays.heatmap import Colours, colour_bar, colours_for, exact
from glassworks.draw.markup import Markup, scrolling, tag

MAX_LINES = 40
MAX_ENTRIES = 64


def texts_figure(
    name: str, texts: np.ndarray, axes: list[Axis], values: np.ndarray | None = None, by: str = "", note: str = ""
) -> Markup:
    """A table whose lines are the leading axes and whose cells are the entries along the last one."""
    if len(axes) == 1 and axes[0].order != "text":  # a list: each entry has its own line
        texts, values = texts[:, None], None if values is None else values[:, None]
        axes = [axes[0], Axis("", "class", ("",), 1)]
    rows = texts.reshape(-1, texts.shape[-1])
    numbers = None if values is None else values.astype(float).reshape(rows.shape)
    colours = None if numbers is None else colours_for(numbers)
    shown = min(len(rows), MAX_LINES)
    body = []
    for i in range(shown):
        places = np.unravel_index(i, texts.shape[:-1])
        label = ", ".join(f"{axis.name} {axis.labels[int(at)]}" for axis, at in zip(axes[:-1], places, strict=True))
        head = [tag("th", label, scope="row")] if label else []
        body.append(tag("tr", *head, tag("td", *entries(rows[i], None if numbers is None else numbers[i], colours))))
    left_out = f" The first {shown} of {len(rows):,} lines are shown." if len(rows) > shown else ""
    if rows.shape[1] > MAX_ENTRIES:
        left_out += f" The first {MAX_ENTRIES} of {rows.shape[1]:,} entries a line are shown."
    left_out += f" Colours show {by}." if by and colours is not None else ""
    said = note or f"{name.capitalize()} by {' and '.join(axis.name for axis in axes if axis.name)}."
    return tag(
        "figure",
        tag("p", name, class_="figure-title"),
        colour_bar(colours) if colours is not None else "",
        scrolling(tag("table", *body, class_="texts")),
        tag("figcaption", f"{said}{left_out}"),
    )


def entries(texts: np.ndarray, numbers: np.ndarray | None, colours: Colours | None) -> list[Markup]:
    """One line's texts."""
    found = []
    for i, text in enumerate(texts[:MAX_ENTRIES].tolist()):
        value = math.nan if numbers is None else float(numbers[i])
        known = colours is not None and not math.isnan(value)
        colour = colours.level(value) if known and colours is not None else None
        found.append(tag("span", text, class_=colour, title=f"{text}: {exact(value)}" if known else None))
    return found
