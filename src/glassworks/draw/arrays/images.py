"""The drawing of images: some beside each other, or a sheet in rows and columns; a line may stand below each."""

import math
from collections.abc import Sequence

import numpy as np

from glassworks.draw.arrays.array import Drawn, caption, place_name, title
from glassworks.draw.arrays.axes import Plan
from glassworks.draw.arrays.heatmap import rounded_up
from glassworks.draw.image import Image, brightness, coarser, map_scale, reach_of
from glassworks.draw.image import image as picture
from glassworks.draw.markup import Markup, scrolling, tag
from glassworks.draw.scales import figure

SIDES = {1: 420, 2: 350, 4: 224, 24: 140}  # pixels of an image where there are so many beside each other
ROWS, COLUMNS = 24, 12  # of a sheet, at most
WIDE = 640  # pixels of the columns of a sheet together
Place = tuple[int, ...]


def image(drawn: Drawn, chosen: Plan) -> Markup:
    """An image a panel, in rows and columns where they vary along two axes; maps of numbers all on one scale."""
    several = [i for i in chosen.panels if len(drawn.axes[i]) > 1]
    if len(several) > 1:
        drawn = drawn.cut(COLUMNS, several[-1:], first=True)
        rows, left_out = row_places(drawn, chosen.panels, several[-1])
        places = [at for row in rows for at in row]
    else:
        places, left_out = first_places(drawn, chosen)
    is_picture = len(chosen.shown) == 3
    values = brightness(drawn.values) if is_picture else drawn.values
    reach = max(map(abs, drawn.ends)) if drawn.ends else max(rounded_up(reach_of(values)), drawn.least)
    turned = values.transpose([*chosen.panels, *chosen.shown])
    small = {at: coarser(turned[at]) for at in places}
    of_means = max(side for _, side in small.values())
    pixels = {at: found for at, (found, _) in small.items()}
    if len(several) > 1:
        drawings = sheet(drawn, chosen, rows, pixels, reach)
    else:
        side = next(side for most, side in SIDES.items() if len(places) <= most)
        is_named = len(places) > 1 and (drawn.captions is None or drawn.axes[several[0]].order == "named")
        panels = [panel(drawn, chosen, at, pixels[at], reach, side, is_named) for at in places]
        drawings = tag("div", *panels, class_="maps images small" if len(places) > 4 else "maps images")
    known = values[np.isfinite(values)]
    most = float(abs(known).max(initial=0.0))
    key = "" if is_picture else map_scale(reach, most, bool((known < 0).any()))
    beyond = f" A few reach {figure(most)}." if not is_picture and most > reach * (1 + 1e-6) else ""
    beyond += f" Each pixel is the mean of {of_means} × {of_means}." if of_means > 1 else ""
    return tag("figure", title(drawn), key, drawings, tag("figcaption", caption(drawn, beyond + left_out)))


def panel(drawn: Drawn, chosen: Plan, at: Place, pixels: np.ndarray, reach: float, side: int, named: bool) -> Markup:
    """One image under its name, with its line below it."""
    drawing = picture(Image(pixels, place_name(drawn, chosen, at) if named else "", reach), side)
    said = line_below(drawn, chosen, at)
    return tag("div", drawing, said, style=f"width:{side}px") if said else drawing


def sheet(
    drawn: Drawn, chosen: Plan, rows: Sequence[Sequence[Place]], pixels: dict[Place, np.ndarray], reach: float
) -> Markup:
    """Images in rows and columns: the names of the columns above, that of a row before it."""
    side = min(140, WIDE // len(rows[0]))
    along = max(i for i in chosen.panels if len(drawn.axes[i]) > 1)
    axis = drawn.axes[along]
    names = [axis.labels[at[chosen.panels.index(along)]] for at in rows[0]]
    names = [
        name if axis.order == "named" else f"{axis.name} {name}" if i == 0 else name for i, name in enumerate(names)
    ]
    head = tag("tr", tag("td", ""), *(tag("th", name, scope="col") for name in names))
    others = Plan(chosen.drawing, tuple(i for i in chosen.panels if i != along), chosen.shown)
    body = []
    for row in rows:
        name = place_name(
            drawn, others, tuple(place for i, place in zip(chosen.panels, row[0], strict=True) if i != along)
        )
        cells = [tag("td", picture(Image(pixels[at], "", reach), side), line_below(drawn, chosen, at)) for at in row]
        body.append(tag("tr", tag("th", name, scope="row"), *cells))
    return scrolling(tag("table", tag("thead", head), tag("tbody", *body), class_="sheet"))


def line_below(drawn: Drawn, chosen: Plan, at: Place) -> Markup:
    """What is said below the image at a place along the panels' axes; what is said of several, below the last."""
    if drawn.captions is None:
        return Markup("")
    index = [0] * drawn.captions.ndim
    for axis, place in zip(chosen.panels, at, strict=True):
        if drawn.captions.shape[axis] > 1:
            index[axis] = place
        elif place < len(drawn.axes[axis]) - 1:
            return Markup("")
    said = str(drawn.captions[tuple(index)])
    return tag("p", said, class_="below") if said else Markup("")


def first_places(drawn: Drawn, chosen: Plan) -> tuple[list[Place], str]:
    """The places of the images that stand beside each other: the first of them."""
    several = [i for i in chosen.panels if len(drawn.axes[i]) > 1]
    number, most = (len(drawn.axes[several[0]]), max(SIDES)) if several else (1, 1)
    places = [tuple(entry if i in several else 0 for i in chosen.panels) for entry in range(min(number, most))]
    said = f" The first {most} of {number:,} along “{drawn.axes[several[0]].name}” are shown." if number > most else ""
    return places, said


def row_places(drawn: Drawn, panels: Sequence[int], along: int) -> tuple[list[list[Place]], str]:
    """The places of a sheet's rows, the first `ROWS` of them, each with one for every entry along an axis."""
    others = [i for i in panels if i != along]
    sizes = [len(drawn.axes[i]) for i in others]
    total = math.prod(sizes)
    rows = []
    for flat in range(min(total, ROWS)):
        fixed = dict(zip(others, np.unravel_index(flat, sizes), strict=True))
        rows.append(
            [tuple(entry if i == along else int(fixed[i]) for i in panels) for entry in range(len(drawn.axes[along]))]
        )
    return rows, f" The first {ROWS} of {total:,} rows are shown." if total > ROWS else ""
