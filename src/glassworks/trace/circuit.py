"""Paths and circuits: the paths that tell most, and edges as a graph with how much of the behaviour they carry."""

import re
from collections.abc import Sequence

import numpy as np

from glassworks.draw.arrays.array import Drawn, title
from glassworks.draw.arrays.axes import Axis, Plan
from glassworks.draw.arrays.bars import bars
from glassworks.draw.arrays.lines import lines
from glassworks.draw.arrays.plot import heat
from glassworks.draw.line_chart import WIDE, text
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.scales import number
from glassworks.trace.general import axis_of, missing
from glassworks.trace.trace import Trace

MOST = 300  # edges that are drawn
ROW, LEFT, MIDDLE, HALF, HEAD = 46.0, 70.0, 110.0, 12.0, 42.0
"""Heights of a row and of half a node; where rows begin, and from there the MLPs; the least width of a head."""

Row = tuple[float, int]
"""A layer and its part: heads 0, the MLP 1. The embedding is before all, the logits are behind."""


def circuit_figure(trace: Trace) -> Markup:
    """A circuit's edges, how much of the behaviour they carry beside other edges, and the curve."""
    return join([edges_figure(trace), controls_figure(trace), curve_figure(trace)])


# ----------------------------------------------------------------------------------------------------------------------
# The graph


def edges_figure(trace: Trace) -> Markup:
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
        "The circuit: who reads what whom wrote, from the embedding down to the logits; heads are h0, h1, …. The "
        "thicker an edge, the larger the share of the difference that it was estimated to carry, orange above zero and "
        "blue below; hovering tells it, and whether it is read as query (q), key (k) or value (v)."
    )
    heading = title(Drawn("edges kept", score, ()))
    return tag("figure", heading, scrolling(graph(kept, group)), tag("figcaption", said + more))


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
        *(edge(where[w], where[node], f"{w} → {reader}", score, largest) for w, node, reader, score in joined),
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
    return f"layer {row[0]:.0f}" if 0 <= row[0] < np.inf else ""


def node_mark(name: str, x: float, y: float) -> Markup:
    """A component by its name."""
    shown = re.sub(r"^a\d+\.", "", name) if name.startswith("a") else re.sub(r"^m\d+$", "MLP", name)
    wide = 7 * len(shown) + 14
    box = tag("rect", x=x - wide / 2, y=y - HALF, width=wide, height=2 * HALF, rx=HALF, class_="node")
    return tag("g", tag("title", name), box, text(shown, x, y + 4, "middle", "node-name"))


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


def controls_figure(trace: Trace) -> Markup:
    """How much of the behaviour the circuit carries, all other edges, and random circuits of the same size."""
    if trace.axes.get("same_size") != ("pairs", "draw"):
        return Markup("")
    random = trace.arrays["same_size"].astype(float)
    found = [
        [number(trace.meta.get(f"{name}_{which}")) for which in ("faithfulness", "complement")]
        for name in ("circuit", "held_out")[: len(random)]
    ]
    values = np.concatenate([np.array(found), random[: len(found)]], 1)
    entries = ("the circuit", "all other edges", *(f"random circuit {i + 1}" for i in range(random.shape[1])))
    pairs = tuple(trace.labels.get("pairs") or map(str, range(len(random))))[: len(found)]
    axes = (Axis("pairs", "class", pairs, len(pairs)), Axis("edges", "class", entries, len(entries)))
    note = (
        "How much of the difference comes back with these edges alone: 1 is all of it, 0 none. Random circuits have as "
        "many edges, all on ways from the embedding to the logits."
    )
    drawn = Drawn("faithfulness of the circuit", values, axes, None, note)
    return bars(drawn, Plan("bars", (0,), (1,)) if len(values) == 1 else Plan("groups", (), (0, 1)))


def curve_figure(trace: Trace) -> Markup:
    """How much of a behaviour comes back as edges are kept, beside keeping them in random order."""
    drawn = trace.axes.get("random") == ("draw", "size")
    random = trace.arrays["random"].astype(float) if drawn else np.empty((0, len(trace.arrays["edges"])))
    named = {
        "kept: the best edges": trace.arrays["faithfulness"],
        "kept: all others": trace.arrays["complement"],
        "kept: as many at random": random.mean(0) if len(random) else np.full(random.shape[1], np.nan),
    }
    values = np.stack([array.astype(float) for array in named.values()])
    errors = np.full_like(values, np.nan)
    if len(random) > 1:
        errors[2] = random.std(0, ddof=1) / len(random) ** 0.5
    labels = tuple(str(int(edges)) for edges in trace.arrays["edges"])
    axes = (Axis("kept", "class", tuple(named), len(named)), Axis("edges", "value", labels, len(labels)))
    note = (
        "How much of the difference between the two texts comes back when only some edges carry the clean run, those "
        "of the largest estimates first: 1 is all of it, 0 none."
    )
    return lines(Drawn("faithfulness by number of edges", values, axes, errors, note), Plan("lines", (), (0, 1)))


# ----------------------------------------------------------------------------------------------------------------------
# Paths


MAX_PATHS = 20
LEAST_SHARE = 0.02
"""Of the largest effect: what a path must have to be drawn by itself."""


def paths_figure(trace: Trace) -> Markup:
    """The paths with the largest effects, each beside a random change along it; all of them wait to be opened."""
    parts = {name: np.where(trace.arrays["edge"], trace.arrays[name], np.nan).astype(float) for name in PATHS}
    sizes = np.nan_to_num(abs(parts["effect"]))
    order = np.argsort(-sizes, axis=None, kind="stable")[:MAX_PATHS]
    chosen = [np.unravel_index(i, sizes.shape) for i in order if sizes.flat[i] >= LEAST_SHARE * sizes.max()]
    axes = tuple(axis_of(trace, axis, size) for axis, size in zip(("writer", "reader"), sizes.shape, strict=True))
    names = tuple(f"{axes[0].labels[writer]} → {axes[1].labels[reader]}" for writer, reader in chosen)
    values = np.array([[part[at] for at in chosen] for part in parts.values()])
    count = int(np.count_nonzero(trace.arrays["edge"]))
    note = (
        "What the answer gains when one component reads what another wrote on the clean text: 0 is nothing, 1 all of "
        "the difference between the texts. a1.h3 is head 3 of layer 1, m1 the layer's MLP; .v is what a head reads as "
        f"value. Of {count:,} paths these have the largest effects; below a fiftieth of the largest none is drawn."
    )
    along = (Axis("array", "class", tuple(PATHS.values()), 2), Axis("path", "class", names, len(names)))
    first = bars(Drawn("the paths that tell most", values, along, None, note), Plan("groups", (), (0, 1)))
    every = [heat(Drawn(said, parts[name], axes), Plan("heat", (), (0, 1))) for name, said in PATHS.items()]
    return join([first, tag("details", tag("summary", f"All {count:,} paths"), *every)])


PATHS = {"effect": "effect of each path", "control": "a random change along it"}
"""The arrays of path patching, as they are called."""
