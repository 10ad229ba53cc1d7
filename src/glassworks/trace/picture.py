"""The drawings of a trace as one SVG, for a slide or a paper: each under its title, with its key, one below the other.

What a page shows as `<svg>` is taken as it is; tables of colours, bars and maps are drawn anew (`pieces`). Captions,
coloured text and tables of words and numbers are not in it. The style travels along, on light paper.
"""

from collections.abc import Iterator
from textwrap import wrap
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.names import capital, words
from glassworks.draw.paper import rules, variables
from glassworks.draw.svg_tables import GAP, LETTER, TABLES, Piece, flow, has, key, scale, stack, text_of, written
from glassworks.trace.render import trace_figure
from glassworks.trace.trace import Trace

LEFT_OUT = ("narrow", "sentence", "surprise", "numbers", "missing", "about")
OWN = ".words { font: 500 13px var(--sans); fill: var(--ink); } .words .key { fill: var(--line); }"


def trace_picture(trace: Trace) -> str:
    """The picture; ValueError for a trace that has none of these drawings."""
    parts, top, width, waiting = list[Markup](), 0.0, 0.0, list[Piece]()
    tree = ElementTree.fromstring(f"<div>{trace_figure(trace)}</div>")
    for piece in pieces(tree):
        if piece.opens:
            waiting = [piece]
        elif piece.leads:
            waiting.append(piece)
        else:
            for one in (*waiting, piece):
                parts.append(tag("g", one.markup, transform=f"translate(0 {top:g})"))
                top, width = top + one.height + (8 if one.leads else GAP), max(width, one.width)
            waiting = []
    if not parts:
        raise ValueError(f"the trace {trace.method} is drawn as texts and numbers, without a picture: use save_html")
    size = (width + 2 * GAP, top + GAP)
    return tag(
        "svg",
        tag("title", words(trace.method)),
        tag("style", Markup(f"{rules()}\n{own()}")),
        tag("rect", x=-GAP, y=-GAP, width=size[0], height=size[1], fill=variables()["paper"]),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"{-GAP} {-GAP} {size[0]:g} {size[1]:g}",
        width=size[0],
        height=size[1],
    )


def own() -> str:
    """The style of titles and keys."""
    return OWN.replace("var(--sans)", variables()["sans"]).replace("var(--ink)", variables()["ink"])


def pieces(element: Element) -> Iterator[Piece]:
    """Titles, keys and drawings, in the order of the page."""
    if has(element, *LEFT_OUT) or element.tag in ("figcaption", "summary", "dl"):
        return
    if has(element, "figure-title"):
        yield Piece(written(capital(text_of(element))), 0.0, 16.0, leads=True, opens=True)
    elif has(element, "head-name"):
        yield Piece(written("   ".join(map(text_of, element)) or text_of(element)), 0.0, 16.0, leads=True)
    elif has(element, "legend"):
        yield Piece(key(element), 0.0, 16.0, leads=True)
    elif has(element, "scale"):
        yield scale(element)
    elif element.tag == "svg":
        yield drawing(element)
    elif element.tag == "img":
        yield pixels(element)
    elif has(element, "sheet"):
        yield sheet(element)
    elif element.tag == "table":
        yield from (TABLES[kind](element) for kind in [kind for kind in TABLES if has(element, kind)][:1])
    elif has(element, "maps", "panels"):
        yield flow([stack(found) for child in element if (found := list(pieces(child)))], element)
    else:
        for child in element:
            yield from pieces(child)


def pixels(element: Element) -> Piece:
    """An image of the page at its own size."""
    width, height = (float(element.get(side, "0")) for side in ("width", "height"))
    style = "image-rendering:pixelated"
    return Piece(tag("image", href=element.get("src", ""), width=width, height=height, style=style), width, height)


def sheet(element: Element) -> Piece:
    """Images in rows and columns with their names, and the lines below them."""
    rows = [[cell(child) for child in row] for row in element.iter("tr")]
    widths = [max(row[i].width for row in rows if i < len(row)) + 8 for i in range(max(map(len, rows)))]
    parts, y = list[Markup](), 0.0
    for row in rows:
        for i, piece in enumerate(row):
            parts.append(tag("g", piece.markup, transform=f"translate({sum(widths[:i]):g} {y:g})"))
        y += max(piece.height for piece in row) + 6
    return Piece(join(parts), sum(widths), y)


def cell(element: Element) -> Piece:
    """An image, and what is said below it."""
    parts, width, y = list[Markup](), 0.0, 0.0
    for piece in map(pixels, element.iter("img")):
        parts.append(piece.markup)
        width, y = piece.width, piece.height
    for line in wrap(text_of(element), 16):
        parts.append(written(line, 0.0, y + 12.0, font_size=10.0))
        width, y = max(width, LETTER * len(line)), y + 13.0
    return Piece(join(parts), width, y)


def drawing(element: Element) -> Piece:
    """An `<svg>` of the page at its own size."""
    _, _, width, height = map(float, element.get("viewBox", "0 0 0 0").split())
    sized = Element("svg", {**element.attrib, "width": f"{width:g}", "height": f"{height:g}"})
    sized.extend(list(element))
    return Piece(Markup(ElementTree.tostring(sized, encoding="unicode")), width, height)
