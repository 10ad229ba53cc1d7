"""The drawing of an array of numbers: which one follows from its axes; heat maps and dots are here."""

import math

import numpy as np

from glassworks.draw.arrays.array import Drawn, arranged, caption, controls_last, looks_of, place_name, room, title
from glassworks.draw.arrays.axes import MOST, Axis, Plan, panel_places, plan
from glassworks.draw.arrays.bars import bars, strip
from glassworks.draw.arrays.heatmap import Grid, colour_bar, colours_for, digits_for, heat_map, measures
from glassworks.draw.arrays.images import image
from glassworks.draw.arrays.lines import lines, sorted_lines
from glassworks.draw.dot_plot import DotPlot, Marks, dot_plot, key
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import minus

MAX_CELLS = 6000
MAX_ROWS = 24  # of dots
BESIDE = 12  # tokens along the columns of maps that still stand beside each other


def draw(drawn: Drawn) -> Markup:
    """The figure of an array."""
    drawn = controls_last(drawn)
    chosen = plan(drawn.axes)
    kinds = {
        "strip": strip,
        "bars": bars,
        "groups": bars,
        "dots": dots,
        "lines": lines,
        "sorted": sorted_lines,
        "heat": heat,
        "image": image,
    }
    return kinds[chosen.drawing](drawn, chosen)


def heat(drawn: Drawn, chosen: Plan) -> Markup:
    """A heat map a panel, all on one scale of colours."""
    drawn = drawn.cut(MOST, chosen.shown)
    places, left_out = panel_places(drawn.axes, chosen.panels)
    if turns(*(drawn.axes[i] for i in chosen.shown)):
        chosen = Plan(chosen.drawing, chosen.panels, chosen.shown[::-1])
    rows, columns = (drawn.axes[i] for i in chosen.shown)
    fit = max(1, MAX_CELLS // (len(rows) * len(columns)))
    if len(places) > fit:
        left_out = f" The first {fit} of {len(places)} panels are shown."
        places = places[:fit]
    colours = colours_for(drawn.values, drawn.least, drawn.ends, drawn.log)
    wide = room(drawn, chosen, 1 if columns.order == "text" and len(columns) > BESIDE else len(places))
    digits, grids = digits_for(drawn.values, colours.high), []
    for at in places:
        values, errors = drawn.part(at, chosen)
        name = place_name(drawn, chosen, at) if len(places) > 1 else ""
        at_end = columns.order == "text"
        grids.append(Grid(values, rows.labels, columns.labels, rows.name, columns.name, name, errors, at_end))
    same = [said for grid in grids if (said := constant(grid, colours.high))]
    maps = [heat_map(grid, colours, digits, wide) for grid in grids if not constant(grid, colours.high)]
    gaps = " Hatched cells have no number." if np.isnan(drawn.values).any() else ""
    known = drawn.values[~np.isnan(drawn.values)]
    decided = bool(known.size and np.isin(known, (0, 1)).all())
    in_cells = " Filled cells are 1, the others 0." if decided else ""
    if same:
        in_cells += f" The same in every cell: {'; '.join(same)}."
    if not decided and len(same) < len(grids) and measures(grids[0], wide)[2]:
        in_cells += digits.note(np.stack([grid.values for grid in grids]))
    said = caption(drawn, in_cells + gaps + colours.beyond + largest_error(drawn) + left_out)
    key = Markup("") if decided or not maps else colour_bar(colours)
    return tag("figure", title(drawn), key, arranged(drawn, chosen, maps) if maps else "", tag("figcaption", said))


def constant(grid: Grid, high: float) -> str:
    """The number that all of many cells hold but for rounding, after their title, which needs no map; "" for others."""
    value = float(grid.values.flat[0])
    if grid.values.size < 2 or not math.isfinite(value) or not (abs(grid.values - value) <= 1e-5 * high).all():
        return ""
    return f"{grid.title} {minus(f'{value:.3g}')}".strip()


def largest_error(drawn: Drawn) -> str:
    """A sentence on standard errors, which the cells themselves have no room for."""
    known = np.empty(0) if drawn.errors is None else drawn.errors[np.isfinite(drawn.errors)]
    return f" Standard errors are at most {known.max():.2g}; hovering tells each." if known.size else ""


def turns(rows: Axis, columns: Axis) -> bool:
    """Whether many long names along the columns would read better down the side."""
    longest = max(map(len, columns.labels))
    return columns.order == "named" and len(columns) > 8 and longest > 5 and len(rows) < len(columns)


def dots(drawn: Drawn, chosen: Plan) -> Markup:
    """A row an entry, the largest first if they are numbered, and what is compared as dots in it; all on one axis."""
    drawn = drawn.cut(MAX_ROWS, chosen.shown[-1:])
    places, left_out = panel_places(drawn.axes, chosen.panels)
    entries, compared = drawn.axes[chosen.shown[-1]], drawn.axes[chosen.shown[0]] if len(chosen.shown) == 2 else None
    looks = [("line0", drawn.name)] if compared is None else looks_of(compared)
    ends, plots = dot_ends(drawn), list[DotPlot]()
    for at in places:
        values, errors = drawn.part(at, chosen)
        if compared is None:
            values, errors = values[None], None if errors is None else errors[None]
        order = list(range(len(entries)))
        if entries.order == "index":
            order = np.argsort(-np.nan_to_num(values[0], nan=-np.inf), kind="stable").tolist()
        marks = [
            Marks(name, values[k, order], None if errors is None else errors[k, order], colour, "control" in colour)
            for k, (colour, name) in enumerate(looks)
        ]
        plots.append(DotPlot([entry_name(entries, i) for i in order], marks, ends=ends, log=drawn.log))
    more = " The largest stand first." if entries.order == "index" and len(entries) > 1 else ""
    more += " Whiskers are one standard error." if drawn.errors is not None else ""
    panels = [
        join([tag("p", place_name(drawn, chosen, at), class_="head-name") if len(places) > 1 else "", drawing])
        for at, drawing in zip(places, (dot_plot(plot, keyed=False) for plot in plots), strict=True)
    ]
    return tag("figure", title(drawn), key(plots[0].marks), *panels, tag("figcaption", caption(drawn, more + left_out)))


def dot_ends(drawn: Drawn) -> tuple[float, float]:
    """The ends of the axis of all panels: every number with its error, and as far as the scale is to reach."""
    errors = 0.0 if drawn.errors is None else np.nan_to_num(drawn.errors)
    numbers = [(drawn.values - errors).ravel(), (drawn.values + errors).ravel(), drawn.ends or (0.0, drawn.least)]
    every = np.concatenate(numbers)
    finite = every[np.isfinite(every)]
    return float(finite.min()), float(finite.max())


def entry_name(axis: Axis, place: int) -> str:
    """An entry with its axis where it is called by a number alone."""
    label = axis.labels[place]
    return f"{axis.name} {label}" if label.isdecimal() else label
