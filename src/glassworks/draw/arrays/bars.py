"""Arrays as bars, in groups where things are compared, and as coloured text."""

import math

import numpy as np

from glassworks.draw.arrays.array import Drawn, caption, key, looks_of, place_name, title
from glassworks.draw.arrays.axes import MAX_BARS, MOST, Plan, panel_places
from glassworks.draw.arrays.heatmap import colour_bar, colours_for, exact
from glassworks.draw.markup import Markup, tag
from glassworks.draw.scales import figure, minus
from glassworks.draw.tokens import groups

ERRORS = " ± is one standard error."


def bars(drawn: Drawn, chosen: Plan) -> Markup:
    """A bar for each entry, from zero to its number; those of the same entry under each other where things compare."""
    drawn = drawn.cut(MAX_BARS, chosen.shown[-1:])
    places, left_out = panel_places(drawn.axes, chosen.panels)
    entries = drawn.axes[chosen.shown[-1]].labels
    compared = drawn.axes[chosen.shown[0]] if len(chosen.shown) == 2 else None
    colours = ["line0"] if compared is None else [colour for colour, _ in looks_of(compared)]
    finite = drawn.values[np.isfinite(drawn.values)]
    low, high = drawn.ends or (0.0, drawn.least)
    ends = float(finite.min(initial=min(low, 0.0))), float(finite.max(initial=high))
    panels = []
    for at in places:
        values, errors = drawn.part(at, chosen)
        if compared is None:
            values, errors = values[None], None if errors is None else errors[None]
        head = tag("caption", place_name(drawn, chosen, at)) if len(places) > 1 else ""
        panels.append(tag("table", head, *rows(entries, values, errors, ends, colours), class_="bars ledger"))
    legend = key(compared) if compared is not None else ""
    said = caption(drawn, (ERRORS if drawn.errors is not None else "") + left_out)
    return tag("figure", title(drawn), legend, *panels, tag("figcaption", said))


def rows(
    entries: tuple[str, ...],
    values: np.ndarray,
    errors: np.ndarray | None,
    ends: tuple[float, float],
    colours: list[str],
) -> list[Markup]:
    """The lines of the table; `values` (things compared, entries)."""
    found = []
    for i, label in enumerate(entries):
        column = values[:, i].tolist()
        plus = [math.nan] * len(column) if errors is None else errors[:, i].tolist()
        strips = [
            tag("span", bar(value, ends, colour), class_="bar") for value, colour in zip(column, colours, strict=True)
        ]
        numbers = [tag("span", figure(value), *error(e)) for value, e in zip(column, plus, strict=True)]
        found.append(tag("tr", tag("th", breakable(label), scope="row"), tag("td", *strips), tag("td", *numbers)))
    return found


def breakable(label: str) -> str:
    """A label that is broken after an underscore, if it has to be: behind it is a space without width."""
    return label.replace("_", "_\u200b")


def bar(value: float, ends: tuple[float, float], colour: str) -> Markup:
    """One bar, on a track from the least number or zero to the largest."""
    low, high = ends
    wide = (high - low) or 1.0
    shown = 0.0 if math.isnan(value) else min(max(value, low), high)
    left, width = 100 * (min(shown, 0.0) - low) / wide, 100 * abs(shown) / wide
    return tag("i", style=f"margin-left:{left:.1f}%;width:{width:.1f}%", class_=colour)


def error(value: float) -> list[Markup]:
    """A standard error after a number."""
    return [tag("small", minus(f" ± {value:.2g}"))] if math.isfinite(value) else []


def strip(drawn: Drawn, chosen: Plan) -> Markup:
    """Text whose tokens are coloured by their numbers, those of one character together by the one farthest from 0."""
    drawn = drawn.cut(4 * MOST, chosen.shown)
    axis, colours = drawn.axes[chosen.shown[0]], colours_for(drawn.values, drawn.least, drawn.ends)
    values, _ = drawn.part((0,) * len(chosen.panels), chosen)
    tokens = [
        tag(
            "span",
            axis.labels[first],
            class_=colours.level(strongest(values[first:end])),
            title=f"{axis.labels[first]}: {', '.join(map(exact, values[first:end].tolist()))}",
        )
        for first, end in groups(axis.labels)
    ]
    text = tag("p", *tokens, class_="sentence")
    return tag("figure", title(drawn), colour_bar(colours), text, tag("figcaption", caption(drawn, colours.beyond)))


def strongest(values: np.ndarray) -> float:
    """The number farthest from 0; NaN if there is none."""
    return float(values[np.nan_to_num(abs(values), nan=-1.0).argmax()])
