"""A picture of how a value was computed: its graph as one SVG, drawn from left to right without any other program.

Each value is a box with its label, its data and its gradient; each operation is a pill that its operands run into, the
left operand above the right one. Hovering over a box shows the full numbers.

The layout is Sugiyama's (1981): a value stands one column left of the first that needs it; an edge over several columns
gets a lane in each column between, so that it never runs behind a box; sweeps order every column by the mean place of
its neighbours, and the order with the fewest crossings stays; then places are moved to the mean of their neighbours.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glassworks.micro.engine import Value

Item = tuple[int, int]
"""What takes room in a column: number of a value, and the column. In a column not its own it is a lane of its edges."""

Link = tuple[Item, Item, float]
"""A piece of an edge from one column to the next, and where it arrives: 0 left operand, 0.5 right, 0.25 middle."""

SWEEPS = 12
BOX, LANE, SPACE = 42.0, 4.0, 14.0  # heights, and the space between two of them, in pixels as everything below
PORTS = 20.0  # pixels a rank: the right operand arrives 10 below the left
MARGIN, PILL, PAD = 16.0, 26.0, 9.0
DIGIT = 7.25  # width of a character of 12 pixels in a monospaced font
LONGEST = 18  # characters of a label that are shown

LIGHT = "--paper:#fdfcfa;--ink:#1f1f23;--soft:#63636b;--rule:#d3cfc6;--wash:#f1eee7;--mark:#0068a8;--warm:#b84a00"
DARK = "--paper:#17181b;--ink:#e6e4df;--soft:#a2a1a3;--rule:#4a4b53;--wash:#26272d;--mark:#6cc0f5;--warm:#f0a05a"
MONO = 'ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace'
STYLE = f"""
.gw-graph{{{LIGHT};color-scheme:light dark;font:12px {MONO}}}
@media (prefers-color-scheme:dark){{.gw-graph{{{DARK}}}}}
.gw-graph .paper{{fill:var(--paper)}}
.gw-graph text{{fill:var(--ink)}}
.gw-graph .key{{fill:var(--soft)}}
.gw-graph .label{{font-weight:700}}
.gw-graph .grad{{fill:var(--mark)}}
.gw-graph .box{{fill:var(--paper);stroke:var(--soft)}}
.gw-graph .rule{{stroke:var(--rule)}}
.gw-graph .pill{{fill:var(--wash);stroke:var(--soft)}}
.gw-graph .edge,.gw-graph .stem{{fill:none;stroke:var(--soft);stroke-width:1.2}}
"""


def svg(root: Value, *, limit: int = 200) -> str:
    """The graph of a value as an SVG that needs nothing else, for light and dark paper.

    It shows gradients as they are: call `root.backward()` first to see them. `ValueError` if the graph has more than
    `limit` values.
    """
    values = root.topological()
    if len(values) > limit:
        raise ValueError(
            f"the graph has {len(values):,} values, and no more than {limit:,} are drawn (limit): draw a smaller piece "
            "of it, such as one neuron"
        )
    return draw(values, {v: v.label for v in values}, {v: v.grad for v in values})


def draw(values: Sequence[Value], names: Mapping[Value, str], grads: Mapping[Value, float]) -> str:
    """The picture of a graph, its values in topological order, with these names and gradients.

    For a page that changes it: boxes, pills and edges carry `data-box`, `data-pill` and `data-edge`, the value's number
    in the order, for edges followed by "-0" for the left operand or "-1" for the right.
    """
    number = {v: i for i, v in enumerate(values)}
    operands = [[number[child] for child in v._prev] for v in values]
    boxes = [box_of(v, names[v], grads[v]) for v in values]
    pills = [max(PILL, text_width(symbol(v)) + 14) if v._prev else 0.0 for v in values]
    column = columns_of(operands)
    columns, links = lanes(operands, column)
    columns = untangle(columns, links)
    y = places(columns, links, column)
    own = [[i for i, _ in items if column[i] == c] for c, items in enumerate(columns)]
    before = [max(pills[i] for i in some) for some in own]  # room for pills, at the left of each column
    before = [room + 8 if room else 0.0 for room in before]
    wide = [room + max(boxes[i][0] for i in some) for room, some in zip(before, own, strict=True)]
    left = list(accumulate((w + gap for w, gap in zip(wide, gaps(columns, links, y), strict=True)), initial=MARGIN))
    right = [x + w for x, w in zip(left, wide, strict=False)]

    edges, drawn = [], []
    for i, v in enumerate(values):
        middle, x = y[i, column[i]], left[column[i]] + before[column[i]]
        for side, child in enumerate(operands[i]):
            lane = [(left[c], right[c], y[child, c]) for c in range(column[child], column[i])]
            lane[0] = (left[column[child]] + before[column[child]] + boxes[child][0], *lane[0][1:])
            port = 0.0 if len(operands[i]) == 1 else PORTS * (side / 2 - 0.25)
            twin = 18 * (2 * side - 1) if operands[i] == [child, child] else 0
            path = route(lane, left[column[i]], x - 8 - pills[i] + 2, middle + port, twin)
            edges.append(f'<path class="edge" data-edge="{i}-{side}" d="{path}"/>')
        if v._prev:
            drawn.append(pill(i, symbol(v), x - 8 - pills[i], middle, pills[i]))
        drawn.append(f'<g data-box="{i}" transform="translate({x:.1f} {middle - BOX / 2:.1f})">{boxes[i][1]}</g>')
    width, height = right[-1] + MARGIN, max(y.values()) + BOX / 2 + MARGIN
    leaves = sum(not v._prev for v in values)
    name = escape(names[values[-1]] or "a value")
    title = f"Graph of {name} = {short(values[-1].data)}: {len(values)} values, {leaves} of them leaves"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="gw-graph" role="img" width="{width:.0f}" height="{height:.0f}"'
        f' viewBox="0 0 {width:.0f} {height:.0f}"><title>{title}</title><style>{STYLE}</style>'
        f'<rect class="paper" width="100%" height="100%"/>{"".join(edges)}{"".join(drawn)}</svg>'
    )


# ----------------------------------------------------------------------------------------------------------------------
# Layout


def columns_of(operands: Sequence[Sequence[int]]) -> list[int]:
    """The column of each value: the result is in the last, and all others left of the first that needs them."""
    depth = [0] * len(operands)
    for i in reversed(range(len(operands))):
        for child in operands[i]:
            depth[child] = max(depth[child], depth[i] + 1)
    return [max(depth) - d for d in depth]


def lanes(operands: Sequence[Sequence[int]], column: Sequence[int]) -> tuple[list[list[Item]], list[Link]]:
    """What takes room in each column, and the links between; edges of one value share its lanes."""
    columns: list[list[Item]] = [[] for _ in range(max(column) + 1)]
    last = list(column)  # the column that a value's lanes reach
    links: list[Link] = []
    for i, children in enumerate(operands):
        for side, child in enumerate(children):
            last[child] = max(last[child], column[i] - 1)
            offset = 0.25 if len(children) == 1 else side / 2
            links.append(((child, column[i] - 1), (i, column[i]), offset))
    for i, (first, end) in enumerate(zip(column, last, strict=True)):
        for c in range(first, end + 1):
            columns[c].append((i, c))
        links += [((i, c), (i, c + 1), 0.25) for c in range(first, end)]
    return columns, links


def untangle(columns: list[list[Item]], links: Sequence[Link]) -> list[list[Item]]:
    """The columns in an order with few crossings: sweeps to and fro sort each by the mean rank of its neighbours."""
    before, after = defaultdict(list), defaultdict(list)
    for a, b, offset in links:
        before[b].append((a, 0.0))
        after[a].append((b, offset))
    best, fewest = columns, crossings(columns, links)
    for sweep in range(SWEEPS):
        neighbours = before if sweep % 2 else after
        rank = {item: r for items in columns for r, item in enumerate(items)}
        columns = [list(items) for items in columns]
        for items in columns if sweep % 2 else reversed(columns):
            key = {
                item: mean([rank[other] + offset for other, offset in neighbours[item]] or [rank[item]])
                for item in items
            }
            items.sort(key=key.__getitem__)
            rank |= {item: r for r, item in enumerate(items)}
        if (found := crossings(columns, links)) < fewest:
            best, fewest = columns, found
    return best


def crossings(columns: Sequence[Sequence[Item]], links: Sequence[Link]) -> int:
    """How many pairs of links cross."""
    rank = {item: r for items in columns for r, item in enumerate(items)}
    count = 0
    ends: defaultdict[int, list[float]] = defaultdict(list)  # by column: right ends of the links so far, sorted
    for a, b, offset in sorted(links, key=lambda link: (rank[link[0]], rank[link[1]] + link[2])):
        seen = ends[a[1]]
        count += len(seen) - bisect_right(seen, rank[b] + offset)
        insort(seen, rank[b] + offset)
    return count


def places(columns: Sequence[Sequence[Item]], links: Sequence[Link], column: Sequence[int]) -> dict[Item, float]:
    """The height of each item's middle, counted from the top: near its neighbours, and clear of its column's others."""
    neighbours = defaultdict(list)
    for a, b, offset in links:
        neighbours[a].append((b, PORTS * (offset - 0.25)))
        neighbours[b].append((a, PORTS * (0.25 - offset)))
    half = {item: (BOX if column[item[0]] == item[1] else LANE) / 2 for items in columns for item in items}
    apart = [[half[a] + half[b] + SPACE for a, b in pairwise(items)] for items in columns]
    y: dict[Item, float] = {}
    for items, gap in zip(columns, apart, strict=True):
        y |= zip(items, accumulate(gap, initial=-sum(gap) / 2), strict=True)
    for sweep in range(4 * SWEEPS):
        order = range(len(columns)) if sweep % 2 else reversed(range(len(columns)))
        for c in order:
            wanted = [mean([y[other] + port for other, port in neighbours[item]] or [0.0]) for item in columns[c]]
            y |= zip(columns[c], settle(wanted, apart[c]), strict=True)
    top = min(y[item] - half[item] for item in y)
    return {item: place - top + MARGIN for item, place in y.items()}


def settle(targets: Sequence[float], apart: Sequence[float]) -> list[float]:
    """The places nearest to those wanted (least squares) that keep the order and the distances `apart` between them.

    Pool adjacent violators: neighbours that would come too close move together, as one block, to their mean.

    >>> settle([0, 0, 9], [2, 2])
    [-1.0, 1.0, 9.0]
    """
    shift = list(accumulate(apart, initial=0.0))
    blocks: list[tuple[float, int]] = []  # where a block wants its first to be, less its shift; how many it holds
    for want, s in zip(targets, shift, strict=True):
        place, size = float(want - s), 1
        while blocks and blocks[-1][0] > place:
            other, more = blocks.pop()
            place, size = (place * size + other * more) / (size + more), size + more
        blocks.append((place, size))
    flat = [place for place, size in blocks for _ in range(size)]
    return [place + s for place, s in zip(flat, shift, strict=True)]


def gaps(columns: Sequence[Sequence[Item]], links: Sequence[Link], y: Mapping[Item, float]) -> list[float]:
    """The space right of each column: wider where edges climb far."""
    climb = [0.0] * len(columns)
    for a, b, _ in links:
        climb[a[1]] = max(climb[a[1]], abs(y[a] - y[b]))
    return [min(max(34.0, 0.3 * c), 110.0) for c in climb]


def mean(numbers: Sequence[float]) -> float:
    """Their mean."""
    return sum(numbers) / len(numbers)


# ----------------------------------------------------------------------------------------------------------------------
# Pieces of the picture


def route(lane: Iterable[tuple[float, float, float]], entry: float, x: float, y: float, twin: float) -> str:
    """An edge's path: straight through columns, curved in the gaps between them; a twin bows out of the other's way."""
    (start, end, height), *others = lane
    path = f"M{start:.1f} {height:.1f}H{end:.1f}"
    for near, far, place in others:
        path += curve(end, height, near, place, 0) + f"H{far:.1f}"
        end, height = far, place
    return path + curve(end, height, entry, y, twin) + f"H{x:.1f}"


def curve(x: float, y: float, to_x: float, to_y: float, twin: float) -> str:
    """A curve that leaves and arrives level."""
    half = (x + to_x) / 2
    return f"C{half:.1f} {y + twin:.1f} {half:.1f} {to_y + twin:.1f} {to_x:.1f} {to_y:.1f}"


def box_of(v: Value, name: str, grad: float) -> tuple[float, str]:
    """The width of a value's box, and what is in it: its name | data over gradient."""
    name = " ".join(name.split())
    label = name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
    first = text_width(label) * 1.02 + 2 * PAD if label else 0.0
    data, gradient = short(v.data), short(grad)
    wide = first + 2 * PAD + DIGIT * (5 + max(6, len(data), len(gradient)))
    parts = [f"<title>{escape(f'{name}: ' if name else '')}data {v.data!r}, grad {grad!r}</title>"]
    parts.append(f'<rect class="box" width="{wide:.1f}" height="{BOX:.0f}" rx="4"/>')
    if label:
        parts.append(f'<text class="label" x="{first / 2:.1f}" y="25" text-anchor="middle">{escape(label)}</text>')
        parts.append(f'<path class="rule" d="M{first:.1f} .5V{BOX - 0.5}"/>')
    for row, key, number in ((17, "data", data), (33, "grad", gradient)):
        parts.append(f'<text class="key" x="{first + PAD:.1f}" y="{row}">{key}</text>')
        parts.append(f'<text class="{key}" x="{wide - PAD:.1f}" y="{row}" text-anchor="end">{number}</text>')
    return wide, "".join(parts)


def pill(i: int, words: str, x: float, y: float, width: float) -> str:
    """An operation, and the short line from it to its result."""
    return (
        f'<g data-pill="{i}"><path class="stem" d="M{x + width:.1f} {y:.1f}h8"/>'
        f'<rect class="pill" x="{x:.1f}" y="{y - PILL / 2:.1f}" width="{width:.1f}" height="{PILL:.0f}" rx="13"/>'
        f'<text x="{x + width / 2:.1f}" y="{y + 4:.1f}" text-anchor="middle">{escape(words)}</text></g>'
    )


def symbol(v: Value) -> str:
    """The operation as one writes it: `**2.0` is `**2`."""
    return v._op.removesuffix(".0")


def short(number: float) -> str:
    """Four significant digits: 24.70408 -> "24.7", 0.0000012 -> "1.2e-6"."""
    if not math.isfinite(number):
        return str(number)
    return re.sub(r"e([+-])0*", lambda found: f"e{found[1]}".replace("+", ""), f"{number + 0.0:.4g}")


def text_width(text: str) -> float:
    """In a monospaced font; characters of East Asia take two places."""
    return DIGIT * sum(2 if unicodedata.east_asian_width(c) in "WF" else not unicodedata.combining(c) for c in text)


def escape(text: str) -> str:
    """Text for HTML and XML, which hold no control characters."""
    return html.escape(re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text))
