"""Circuits: edges as a graph, and how much of the behaviour they carry beside other edges."""

import re
from collections.abc import Sequence

import numpy as np

from glassworks.draw.chart import chart_figure
from glassworks.draw.dot_plot import DotPlot, Marks, dot_plot
from glassworks.draw.line_chart import WIDE, Chart, Level, Line, text
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.scales import number
from glassworks.trace.drawings.components import component, connection
from glassworks.trace.drawings.effects import CONTROL, SHARE, figure
from glassworks.trace.general import Token, missing, sentence
from glassworks.trace.trace import Trace

MOST = 300  # edges that are drawn
ROW, LEFT, MIDDLE, HALF, HEAD = 46.0, 82.0, 110.0, 12.0, 66.0
"""Heights of a row and of half a node; where rows begin, and from there the MLPs; the least width of a head."""

Row = tuple[float, int]
"""A layer and its part: heads 0, the MLP 1. The embedding is before all, the logits are behind."""


def circuit_figure(trace: Trace, token: Token) -> Markup:
    """A circuit's edges, how much of the behaviour they carry beside other edges, and the curve."""
    return join([edges_figure(trace, token), controls_figure(trace, token), curve_figure(trace, token)])


# ----------------------------------------------------------------------------------------------------------------------
# The graph


def edges_figure(trace: Trace, token: Token) -> Markup:
    """The kept edges between components, from the embedding down to the logits."""
    writers, readers = names_of(trace, "writer", 0), names_of(trace, "reader", 1)
    score = np.nan_to_num(trace.arrays["score"].astype(float))
    found = sorted(np.argwhere(trace.arrays["kept"]).tolist(), key=lambda edge: abs(score[*edge]))
    if not found:
        return missing("No edge is kept: without any of them the metric is much the same.")
    kept = [(writers[w], readers[r], float(score[w, r])) for w, r in found[-MOST:]]
    group = len(heads_of(writers)) // max(1, len(heads_of(readers, ".k"))) or 1
    more = f" Of {len(found):,} edges the {MOST} with the largest estimates are drawn." if len(found) > MOST else ""
    said = (
        "From the embedding at the top to the answer at the bottom. Hovering an edge tells how much it was estimated "
        "to carry, and whether it is read as query, key or value."
    )
    about = trace.legend.of("kept")
    title, note = sentence(about.title, trace, token), sentence(about.note, trace, token)
    return figure(title, scrolling(graph(kept, group)), f"{said} {note}{more}")


def names_of(trace: Trace, axis: str, place: int) -> Sequence[str]:
    """The labels of an axis of the kept edges, or numbers."""
    return trace.labels.get(axis) or [str(i) for i in range(trace.arrays["kept"].shape[place])]


def graph(kept: Sequence[tuple[str, str, float]], group: int) -> Markup:
    """Edges (writer, reader, score) as curves between components; `group` heads share a key and a value."""
    writing = {writer for writer, _, _ in kept}
    joined = [(writer, node, reader, score) for writer, reader, score in kept for node in fed(reader, writing, group)]
    names = sorted({name for edge in joined for name in edge[:2]}, key=lambda name: (row_of(name), head_of(name)))
    rows = sorted({row_of(name) for name in names})
    slots = 1 + max(head_of(name) for name in names)
    wide = max(float(WIDE), LEFT + 2 * MIDDLE + HEAD * slots)
    where = {name: (across(head_of(name), slots, wide), ROW * (rows.index(row_of(name)) + 0.5)) for name in names}
    largest = max(abs(score) for *_, score in kept) or 1.0
    return tag(
        "svg",
        *(
            edge(where[w], where[node], connection(w, reader, grouped=group > 1), score, largest)
            for w, node, reader, score in joined
        ),
        *(text(layer_name(row), 0, ROW * (i + 0.5) + 4, "start") for i, row in enumerate(rows)),
        *(node_mark(name, *place) for name, place in where.items()),
        class_="plot",
        style=f"min-width:{0.8 * wide:.0f}px",  # or names would touch on a phone, where it scrolls
        viewBox=f"0 0 {wide:g} {ROW * len(rows)}",
        role="img",
        aria_label="; ".join(f"{writer} → {reader}" for writer, reader, _ in kept),
    )


def across(head: int, slots: int, wide: float) -> float:
    """Where a head lies, by its number; what is no head (-1) is left of all."""
    return LEFT + MIDDLE if head < 0 else LEFT + 2 * MIDDLE + (head + 0.5) * (wide - LEFT - 2 * MIDDLE) / slots


def heads_of(names: Sequence[str], part: str = "") -> set[str]:
    """The heads of the first layer among some names."""
    return {name for name in names if re.fullmatch(rf"a0\.h\d+{re.escape(part)}", name)}


def fed(reader: str, writing: set[str], group: int) -> list[str]:
    """The components that a reader is part of: its head, or those heads of its key's or value's group that write."""
    match = re.fullmatch(r"(a\d+\.h)(\d+)\.([qkv])", reader)
    if match is None:
        return [reader]
    if match[3] == "q":
        return [f"{match[1]}{match[2]}"]
    heads = [f"{match[1]}{int(match[2]) * group + i}" for i in range(group)]
    return [head for head in heads if head in writing] or heads[:1]


def row_of(name: str) -> Row:
    """The row of a component."""
    match = re.fullmatch(r"([am])(\d+)(\.h\d+)?", name)
    return (float(match[2]), int(match[1] == "m")) if match else (-1.0 if name == "embed" else np.inf, 0)


def head_of(name: str) -> int:
    """A head's number in its layer; -1 for what is no head."""
    match = re.fullmatch(r"a\d+\.h(\d+)", name)
    return int(match[1]) if match else -1


def layer_name(row: Row) -> str:
    """What stands at the beginning of a row."""
    if not 0 <= row[0] < np.inf:
        return ""
    return f"layer {row[0]:.0f}, MLP" if row[1] else f"layer {row[0]:.0f}"


def node_mark(name: str, x: float, y: float) -> Markup:
    """A component by its name."""
    shown = re.sub(r"^a\d+\.h", "head ", name) if name.startswith("a") else re.sub(r"^m\d+$", "MLP", name)
    shown = {"embed": "embedding", "logits": "the answer"}.get(shown, shown)
    wide = 7 * len(shown) + 14
    box = tag("rect", x=x - wide / 2, y=y - HALF, width=wide, height=2 * HALF, rx=HALF, class_="node")
    return tag("g", tag("title", component(name)), box, text(shown, x, y + 4, "middle", "node-name"))


def edge(start: tuple[float, float], end: tuple[float, float], words: str, score: float, largest: float) -> Markup:
    """A curve from one component down to another; it bows around those that lie right between."""
    (x, y), (to_x, to_y) = (start[0], start[1] + HALF), (end[0], end[1] - HALF)
    bend, bow = max(12.0, (to_y - y) / 2), min(MIDDLE, 0.3 * (to_y - y)) if x == to_x and to_y - y > ROW else 0.0
    return tag(
        "path",
        tag("title", f"{words}: {score:.3g}"),
        d=f"M{x:.1f} {y:.1f}C{x - bow:.1f} {y + bend:.1f} {to_x - bow:.1f} {to_y - bend:.1f} {to_x:.1f} {to_y:.1f}",
        class_=f"line edge {'line1' if score >= 0 else 'line0'}",
        style=f"stroke-width:{1 + 4 * abs(score) / largest:.2g}",
    )


# ----------------------------------------------------------------------------------------------------------------------
# How much it carries


def controls_figure(trace: Trace, token: Token) -> Markup:
    """How much of the behaviour the circuit carries, all other edges, and random circuits of the same size."""
    if trace.axes.get("same_size") != ("pairs", "draw"):
        return Markup("")
    found, about = [], trace.legend.of("same_size")
    random = trace.arrays["same_size"].astype(float)
    pairs = trace.labels.get("pairs") or [str(i) for i in range(len(random))]
    for i, name in enumerate(("circuit", "held_out")[: len(random)]):
        own = [number(trace.meta.get(f"{name}_{which}")) for which in ("faithfulness", "complement")]
        rows = ["the circuit", "all other connections", *(f"random circuit {k + 1}" for k in range(random.shape[1]))]
        none = [np.nan] * random.shape[1]
        marks = [
            Marks("found by the search", [*own, *none]),
            Marks("of as many connections at random", [np.nan, np.nan, *random[i]], colour=CONTROL, hollow=True),
        ]
        title = sentence(about.title, trace, token) + (f", {pairs[i]}" if len(random) > 1 else "")
        plot = DotPlot(rows, marks, SHARE, (0.0, 1.0), levels=(1.0,))
        found.append(figure(title, dot_plot(plot), sentence(about.note, trace, token)))
    return join(found)


OUTSIDE = (-0.5, 1.5)
"""What the curve's chart shows at the most: lines that leave it are cut off."""


def curve_figure(trace: Trace, token: Token) -> Markup:
    """How much of a behaviour comes back as edges are kept, beside keeping them in random order."""
    drawn = trace.axes.get("random") == ("draw", "size")
    random = trace.arrays["random"].astype(float) if drawn else np.empty((0, len(trace.arrays["edges"])))
    sizes = [str(int(edges)) for edges in trace.arrays["edges"]]
    x = list(range(len(sizes)))
    lines = [
        Line("the best", x, trace.arrays["faithfulness"].astype(float), "line0", "dots"),
        Line("all others", x, trace.arrays["complement"].astype(float), "line1", "dots"),
    ]
    if len(random):
        errors = random.std(0, ddof=1) / len(random) ** 0.5 if len(random) > 1 else None
        lines.append(Line("as many at random", x, random.mean(0), CONTROL, "dots", errors))
    if "kept_edges" in trace.meta:
        at = float(np.interp(float(trace.meta["kept_edges"]), trace.arrays["edges"].astype(float), x))
        lines.append(Line("the circuit", [at], [number(trace.meta.get("circuit_faithfulness"))], "line3", "dots"))
    every = np.concatenate([np.asarray(line.y, dtype=float) for line in lines])
    every = every[np.isfinite(every)]
    ends = max(OUTSIDE[0], min(0.0, *every)) - 0.05, min(OUTSIDE[1], max(1.0, *every)) + 0.05
    about = trace.legend.of("faithfulness")
    note = sentence(about.note, trace, token) or NOTE
    if (every < ends[0]).any() or (every > ends[1]).any():
        note += " Lines that leave the chart go further."
    title = sentence(about.title, trace, token)
    chart = Chart(lines, "connections kept", "share of the answer", [Level("", 1.0)], ends, x_labels=sizes)
    return join([tag("p", title, class_="figure-title"), chart_figure(chart, note, legend=True, height=300)])


NOTE = (
    "How much of the difference between the two texts comes back when only some edges carry the clean run, those of "
    "the largest estimates first: 1 is all of it, 0 none."
)
