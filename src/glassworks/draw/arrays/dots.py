"""A row for each of some things, with its number and those of its controls as dots on one axis.

Numbered things that have no order, as heads, neurons or samples, are sorted; those with names stay in their order.
"""

import math

import numpy as np

from glassworks.draw.arrays.array import Drawn, caption, key, looks_of, place_name, title
from glassworks.draw.arrays.axes import Axis, Plan, panel_places
from glassworks.draw.arrays.heatmap import exact
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import fixed, minus, short, ticks

MAX_ROWS = 24


def dots(drawn: Drawn, chosen: Plan) -> Markup:
    """A table a panel: the largest entry first, what is compared on the same line, all on one axis."""
    drawn = drawn.cut(MAX_ROWS, chosen.shown[-1:])
    places, left_out = panel_places(drawn.axes, chosen.panels)
    entries, compared = drawn.axes[chosen.shown[-1]], drawn.axes[chosen.shown[0]] if len(chosen.shown) == 2 else None
    ends = reach(drawn)
    several = compared is not None and len(compared) - len(compared.controls) > 1
    panels, kind = [], "dots bars ledger" if several or drawn.errors is not None else "dots bars ledger short"
    for at in places:
        values, errors = drawn.part(at, chosen)
        if compared is None:
            values, errors = values[None], None if errors is None else errors[None]
        head = tag("caption", place_name(drawn, chosen, at)) if len(places) > 1 else ""
        foot = tag("tfoot", tag("tr", tag("th", ""), tag("td", marks(ends)), tag("td", "")))
        body = tag("tbody", *rows(entries, compared, values, errors, ends))
        panels.append(
            tag(
                "table",
                head,
                body,
                foot,
                class_=kind,
            )
        )
    more = " The largest stand first." if entries.order == "index" and len(entries) > 1 else ""
    more += " Whiskers are one standard error." if drawn.errors is not None else ""
    legend = key(compared, "mark") if compared is not None else ""
    return tag("figure", title(drawn), legend, *panels, tag("figcaption", caption(drawn, more + left_out)))


def reach(drawn: Drawn) -> tuple[float, float]:
    """The ends of the axis: all numbers with their errors, zero, and as far as the scale is to reach."""
    errors = 0.0 if drawn.errors is None else np.nan_to_num(drawn.errors)
    numbers = np.concatenate([(drawn.values - errors).ravel(), (drawn.values + errors).ravel()])
    finite = numbers[np.isfinite(numbers)]
    low, high = drawn.ends or (0.0, drawn.least)
    low, high = float(finite.min(initial=min(low, 0.0))), float(finite.max(initial=high))
    return (low, high) if high > low else (low, low + 1.0)


def rows(
    entries: Axis, compared: Axis | None, values: np.ndarray, errors: np.ndarray | None, ends: tuple[float, float]
) -> list[Markup]:
    """The lines of the table, sorted by the first of what is compared; `values` (things compared, entries)."""
    names = ("",) if compared is None else compared.labels
    looks = [("line0", "")] if compared is None else looks_of(compared)
    main = [k for k, (colour, _) in enumerate(looks) if not colour.startswith("control")] or [0]
    order = np.argsort(-np.nan_to_num(values[main[0]], nan=-np.inf), kind="stable").tolist()
    found, decimals = [], decimals_of(ends)
    for i in order if entries.order == "index" else range(len(entries)):
        label = entries.labels[i]
        marks = [tag("i", class_="zero", style=f"left:{share(0.0, ends):.1%}")]
        for k in reversed(range(len(names))):  # what is asked about lies above its controls
            value, error = float(values[k, i]), float("nan") if errors is None else float(errors[k, i])
            marks += mark(value, error, looks[k][0], f"{names[k]} {exact(value, error)}".strip(), ends)
        said = " · ".join(minus(fixed(float(values[k, i]), decimals)) for k in main[:2] if len(main) <= 2)
        spread = math.nan if errors is None else float(errors[main[0], i])
        plus = f" ± {fixed(spread, decimals)}" if math.isfinite(spread) else ""
        name = f"{entries.name} {label}" if label.isdecimal() else label
        number = tag("td", said, tag("small", plus) if plus and len(main) == 1 else "")
        found.append(tag("tr", tag("th", name, scope="row"), tag("td", tag("span", *marks, class_="track")), number))
    return found


def decimals_of(ends: tuple[float, float]) -> int:
    """Decimals that give the largest number three digits, at most seven."""
    return min(max(2 - math.floor(math.log10(max(map(abs, ends)))), 0), 7)


def mark(value: float, error: float, colour: str, said: str, ends: tuple[float, float]) -> list[Markup]:
    """A dot, and its whisker if it has one; nothing for what is no number."""
    if not np.isfinite(value):
        return []
    found = [tag("i", class_=f"dot {colour}", style=f"left:{share(value, ends):.1%}", title=said)]
    if np.isfinite(error) and error > 0:
        left, right = share(value - error, ends), share(value + error, ends)
        found.insert(0, tag("i", class_=f"whisker {colour}", style=f"left:{left:.1%};width:{right - left:.1%}"))
    return found


def share(value: float, ends: tuple[float, float]) -> float:
    """A number's place on the axis, from 0 to 1."""
    return min(max((value - ends[0]) / (ends[1] - ends[0]), 0.0), 1.0)


def marks(ends: tuple[float, float]) -> Markup:
    """Round numbers below the axis."""
    found = [mark for mark in ticks(*ends, 2) if short(mark) != "−0"]
    return tag("span", join(tag("span", short(x), style=f"left:{share(x, ends):.1%}") for x in found), class_="marks")
