"""Tables of a page as SVG: heat maps, bars, small maps, words in coloured cells; and their titles, keys and scales.

Each takes the table as the page has it, so that a picture shows what the page does, and gives a `Piece` of it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from glassworks.draw.line_chart import WIDE
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.paper import fill_of, ink_of, variables
from glassworks.draw.tokens import columns, fitted

GAP = 24.0
LETTER = 7.0  # pixels, of the fonts here
LINE = 15.0
WORD = 14  # letters of a word in a cell, at most
MAP = 140.0  # pixels of a small map, at most


@dataclass(frozen=True)
class Piece:
    """Some SVG from (0, 0) on, and its size."""

    markup: Markup
    width: float
    height: float
    leads: bool = False
    """Whether it stands over what follows: a title, a key, a scale."""
    opens: bool = False
    """Whether what stood over something before does so no longer."""


def has(element: Element, *names: str) -> bool:
    """Whether an element has one of these classes."""
    return not set(names).isdisjoint(element.get("class", "").split())


def text_of(element: Element) -> str:
    """All text in an element."""
    return "".join(element.itertext())


def written(words: str, x: float = 0.0, y: float = 12.0, **how: str | float | None) -> Markup:
    """A line of text: a title's, if nothing else is said."""
    if not how:
        return tag("text", words, class_="words", x=x, y=y)
    settings = {"font_family": variables()["sans"], "font_size": 11.0, "fill": variables()["soft"], **how}
    return tag("text", words, x=x, y=y, **settings)


def box(x: float, y: float, width: float, height: float, fill: str) -> Markup:
    """A filled rectangle."""
    return tag("rect", x=x, y=y, width=width, height=height, fill=fill)


def percent(element: Element, name: str) -> float:
    """A length in an element's style, as a share."""
    found = re.search(rf"(?:^|;){name}:(-?[\d.]+)%", element.get("style", ""))
    return float(found[1]) / 100 if found else 0.0


def pixels(element: Element, name: str) -> float:
    """A length in an element's style, in pixels."""
    found = re.search(rf"(?:^|;){name}:(-?[\d.]+)px", element.get("style", ""))
    return float(found[1]) if found else 0.0


# ----------------------------------------------------------------------------------------------------------------------
# What stands over a drawing


SIGNS = {"control1": "◇", "control2": "|", "control3": "□"}
"""Of hollow marks that are no rings, as plots of dots draw them."""


def key(element: Element) -> Markup:
    """The names of lines in their colours; of dots after their sign, since controls are all grey."""
    spans = []
    for i, mark in enumerate(element.iter("i")):
        colour, name = mark.get("class", ""), (mark.tail or "").strip()
        if has(mark, "mark"):
            sign = next((SIGNS[one] for one in SIGNS if has(mark, one)), "○") if has(mark, "hollow") else "●"
            name = f"{sign} {name}"
        spans.append(tag("tspan", name, class_=colour, dx=16 if i else 0))
    return tag("text", *spans, class_="words", y=12)


def scale(element: Element, width: float = 420.0) -> Piece:
    """The colours in a row, with their marks."""
    (strip, marks) = list(element)
    levels = list(strip)
    side = width / max(len(levels), 1)
    parts = []
    for i, cell in enumerate(levels):
        own = re.search(r"background:(rgb[^;]*);opacity:([\d.]+)", cell.get("style", ""))
        fill = own[1] if own else fill_of(cell.get("class", "")) or "none"
        parts.append(
            tag("rect", x=i * side, y=0.0, width=side, height=10.0, fill=fill, opacity=own[2] if own else None)
        )
    for mark in marks:
        share = percent(mark, "left")
        anchor = "start" if share < 0.02 else "end" if share > 0.98 else "middle"
        parts.append(written(text_of(mark), share * width, 24.0, text_anchor=anchor))
    return Piece(join(parts), width, 32.0, leads=True)


def stack(pieces: Sequence[Piece]) -> Piece:
    """Pieces below each other as one: a title and what it is of."""
    parts, top, width = list[Markup](), 0.0, 0.0
    for piece in pieces:
        parts.append(tag("g", piece.markup, transform=f"translate(0 {top:g})"))
        top, width = top + piece.height + (4 if piece.leads else 0), max(width, piece.width)
    return Piece(join(parts), width, top)


def flow(pieces: Sequence[Piece], element: Element) -> Piece:
    """Pieces beside each other, as many in a row as the page has columns, or as fit."""
    found = re.search(r"--columns:(\d+)", element.get("style", ""))
    most = int(found[1]) if found else len(pieces)
    parts, x, y, row, widest, count = list[Markup](), 0.0, 0.0, 0.0, 0.0, 0
    for piece in pieces:
        if count == most or (count and not found and x + piece.width > WIDE):
            x, y, row, count = 0.0, y + row + GAP, 0.0, 0
        parts.append(tag("g", piece.markup, transform=f"translate({x:g} {y:g})"))
        widest, x, row, count = max(widest, x + piece.width), x + piece.width + GAP, max(row, piece.height), count + 1
    return Piece(join(parts), widest, y + row)


# ----------------------------------------------------------------------------------------------------------------------
# Tables


def heat(table: Element) -> Piece:
    """A heat map: axes' titles, labels, cells with their numbers."""
    rows, (titles, labels) = table.findall("tbody/tr"), table.findall("thead/tr")
    margin, height, whole = (pixels(table, name) for name in ("--margin", "--row", "width"))
    width = (whole - margin) / max(len(rows[0].findall("td")), 1)
    parts, top = captioned(table)
    parts += [
        written(text_of(title), margin - 8 if i == 0 else margin, top + 11, text_anchor="end" if i == 0 else "start")
        for i, title in enumerate(titles)
    ]
    top += LINE
    heads = list(labels)[1:]
    upright = any(has(head, "upright") for head in heads)
    room = LETTER * max((columns(text_of(head)) for head in heads), default=0) + 8 if upright else LINE
    for i, head in enumerate(heads):
        x = margin + width * (i + 0.5)
        if upright:
            parts.append(
                tag("g", written(text_of(head), 0.0, 4.0, fill=variables()["ink"]), transform=turned(x, top + room - 6))
            )
        else:
            parts.append(written(text_of(head), x, top + 11, text_anchor="middle"))
    top += room
    for row in rows:
        parts.append(written(text_of(row[0]), margin - 8, top + height / 2 + 4, text_anchor="end"))
        parts += [cell(one, margin + width * i, top, width, height) for i, one in enumerate(row.findall("td"))]
        top += height
    caption = table.find("caption")
    return Piece(join(parts), whole if caption is None else max(whole, LETTER * columns(text_of(caption))), top)


def captioned(table: Element) -> tuple[list[Markup], float]:
    """A table's caption, and where the table begins."""
    caption = table.find("caption")
    return ([], 0.0) if caption is None else ([written(text_of(caption), 0.0, 12.0, fill=variables()["ink"])], LINE + 4)


def turned(x: float, y: float) -> str:
    """A quarter turn to the left around a place."""
    return f"translate({x:g} {y:g}) rotate(-90)"


def cell(element: Element, x: float, y: float, width: float, height: float) -> Markup:
    """One cell, with what is written in it and told of it."""
    names = element.get("class", "")
    parts = [box(x + 0.5, y + 0.5, width - 1, height - 1, fill_of(names) or variables()["rule"])]
    if words := text_of(element):
        parts.append(written(words, x + width / 2, y + height / 2 + 4, text_anchor="middle", fill=ink_of(names)))
    title = element.get("title")
    return tag("g", tag("title", title) if title else "", *parts)


def bars(table: Element, *, left: float = 166.0, track: float = 320.0, numbers: float = 140.0) -> Piece:
    """Bars with their labels and numbers."""
    parts, top = captioned(table)
    for row in table.findall(".//tr"):
        label, strips, figures = list(row)
        height = LINE * max(len(strips), 1)
        parts.append(written(fitted(text_of(label), 23), 0.0, top + height / 2 + 4, font_size=12.0))
        for i, (strip, number) in enumerate(zip(strips, [*figures] or [figures], strict=False)):
            (mark,), y = list(strip), top + LINE * i
            start, length = percent(mark, "margin-left"), percent(mark, "width")
            parts.append(box(left, y + 3.5, track, 8.0, variables()["wash"]))
            parts.append(box(left + start * track, y + 3.5, length * track, 8.0, line_of(mark)))
            edge = left + track + numbers
            parts.append(written(text_of(number), edge, y + 11.5, text_anchor="end", fill=variables()["ink"]))
        top += height + 6
    return Piece(join(parts), left + track + numbers, top)


def line_of(element: Element) -> str:
    """The colour of a bar by the class of its line."""
    found = re.search(r"\b(line\d+|control)", element.get("class", ""))
    return variables()[found[0] if found else "soft"]


def heads(table: Element) -> Piece:
    """A small map for every head: a row a layer."""
    lines = [(row, row.findall(".//svg")) for row in table.findall("tbody/tr")]
    most = max(len(maps) for _, maps in lines)
    side, left, top = min(MAP, (WIDE - 62.0) / most - 6), 62.0, 0.0
    parts = list[Markup]()
    for row in table.findall("thead/tr"):
        parts += [
            written(
                text_of(head), left + (side + 6) * (i - 0.5) if i else 0.0, 12.0, text_anchor="middle" if i else "start"
            )
            for i, head in enumerate(row)
        ]
        top += LINE + 4
    for row, maps in lines:
        parts.append(written(text_of(row[0]), 0.0, top + side / 2 + 4))
        for i, one in enumerate(maps):
            x, size = left + (side + 6) * i, {"width": f"{side:g}", "height": f"{side:g}"}
            placed = Element("svg", {**one.attrib, "x": f"{x:g}", "y": f"{top:g}", **size})
            placed.extend(list(one))
            parts += [box(x, top, side, side, variables()["heat0"]), Markup(ElementTree.tostring(placed, "unicode"))]
        top += side + 6
    return Piece(join(parts), left + (side + 6) * most, top)


def lens(table: Element) -> Piece:
    """Words in coloured cells, as wide as the longest of their column."""
    rows = [list(row) for row in table.findall(".//tr")]
    shown = [[fitted(text_of(one), WORD) for one in row] for row in rows]
    widths = [LETTER * max(columns(row[i]) for row in shown if i < len(row)) + 12 for i in range(len(rows[0]))]
    parts, top, height = list[Markup](), 0.0, 22.0
    for row, texts in zip(rows, shown, strict=True):
        x = 0.0
        for i, (one, words, width) in enumerate(zip(row, texts, widths, strict=False)):
            if (fill := fill_of(one.get("class", ""))) is not None:
                ring = variables()["ink"] if has(one, "right") else fill
                parts.append(box(x + 0.5, top + 0.5, width - 1, height - 1, fill))
                parts.append(
                    tag("rect", x=x + 3, y=top + 3, width=width - 6, height=16, rx=3, fill="none", stroke=ring)
                )
            place, anchor = (x + width / 2, "middle") if i else (x, "start")
            parts.append(written(words, place, top + 15, text_anchor=anchor, fill=variables()["ink"]))
            x += width
        top += height
    return Piece(join(parts), sum(widths), top)


TABLES: dict[str, Callable[[Element], Piece]] = {"heat": heat, "bars": bars, "heads": heads, "lens": lens}
"""By the class of a table."""
