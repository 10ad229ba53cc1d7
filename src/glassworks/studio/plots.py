"""The drawing of an array of numbers: which one follows from its axes; heat maps are here."""

import numpy as np

from glassworks.studio.axes import MOST, Axis, Plan, panel_places, plan
from glassworks.studio.bars import bars, strip
from glassworks.studio.curves import lines, sorted_lines
from glassworks.studio.drawn import Drawn, arranged, caption, place_name, room, title
from glassworks.studio.heatmap import Grid, colour_bar, colours_for, heat_map
from glassworks.studio.markup import Markup, tag

MAX_CELLS = 6000


def draw(drawn: Drawn) -> Markup:
    """The figure of an array."""
    chosen = plan(drawn.axes)
    kinds = {"strip": strip, "bars": bars, "groups": bars, "lines": lines, "sorted": sorted_lines, "heat": heat}
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
        left_out = f" Of {len(places)} panels the first {fit} are shown."
        places = places[:fit]
    colours, wide = colours_for(drawn.values), room(drawn, chosen, len(places))
    maps = []
    for at in places:
        values, errors = drawn.part(at, chosen)
        name = place_name(drawn, chosen, at) if len(places) > 1 else ""
        grid = Grid(values, rows.labels, columns.labels, rows.name, columns.name, name, errors)
        maps.append(heat_map(grid, colours, wide))
    gaps = " Hatched cells have no number." if np.isnan(drawn.values).any() else ""
    decided = bool(np.isin(drawn.values[~np.isnan(drawn.values)], (0, 1)).all())
    said = caption(drawn, (" Filled cells are 1, the others 0." if decided else "") + gaps + colours.beyond + left_out)
    key = Markup("") if decided else colour_bar(colours)
    return tag("figure", title(drawn), key, arranged(drawn, chosen, maps), tag("figcaption", said))


def turns(rows: Axis, columns: Axis) -> bool:
    """Whether many long names along the columns would read better down the side."""
    longest = max(map(len, columns.labels))
    return columns.kind == "named" and len(columns) > 8 and longest > 5 and len(rows) < len(columns)
