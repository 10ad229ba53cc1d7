"""Where each head looks: a grid of small maps, and one of them enlarged with its words."""

import math

import numpy as np

from glassworks.draw.colour_scale import coloured_scale
from glassworks.draw.colours import LEVELS, level
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.scales import evenly, left_out, short
from glassworks.draw.tokens import MAX_POSITIONS, continued, fitted, groups, labelled
from glassworks.trace.drawings.heads import heads_figure
from glassworks.trace.general import Token, sentence
from glassworks.trace.trace import Trace

MAX_HEADS = 12
MAX_LAYERS = 12
CELL = 20
MARGIN = 92
LONGEST = 11  # letters of a token beside the large map


def attention_figure(trace: Trace) -> Markup:
    """Every head's pattern (of evenly spaced layers and heads where there are more than a page holds)."""
    tokens = trace.arrays["pattern"].shape[2]
    pattern = trace.arrays["pattern"][:, :, :MAX_POSITIONS, :MAX_POSITIONS].astype(float)
    pattern = np.clip(np.nan_to_num(pattern), 0.0, 1.0)
    num_layers, num_heads, length = pattern.shape[:3]
    if not length or not num_layers or not num_heads:
        return tag("p", "The attention trace holds no tokens.", class_="missing")
    words = labelled(trace.labels.get("query", []))[:length] or [""] * length
    chosen = carrier(trace, length)
    layers, heads = evenly_chosen(num_layers, MAX_LAYERS, chosen[0]), evenly_chosen(num_heads, MAX_HEADS, chosen[1])
    rows = [
        tag(
            "tr", tag("th", f"layer {layer}", scope="row"), *(small_map(pattern, layer, head, chosen) for head in heads)
        )
        for layer in layers
    ]
    top = tag("tr", tag("th", "head"), *(tag("th", str(head), scope="col", title=f"head {head}") for head in heads))
    grid = tag(
        "table", tag("thead", top), tag("tbody", *rows), class_="heads", style=f"min-width:{62 + 46 * len(heads)}px"
    )
    counts = (len(layers), num_layers, "layers"), (len(heads), num_heads, "heads"), (length, tokens, "tokens")
    note = sentence(trace.legend.of("pattern").note, trace, str)
    caption = f"{note}{continued(words)}{left_out(*counts)}".strip()
    return tag(
        "figure",
        weights_legend(),
        scrolling(grid),
        large_map(pattern[chosen], words, chosen),
        tag("figcaption", caption),
        class_="attention",
    )


def carrier(trace: Trace, length: int) -> tuple[int, int]:
    """Layer and head of what moves most to the last token from one between the first and itself.

    A head with nothing to do rests on the first token, whose value is nearly nothing: the sharpest look often brings
    nothing. Weights decide where the trace does not say what is moved.
    """
    moves = trace.arrays.get("moved", trace.arrays["pattern"])
    brought = np.nan_to_num(moves[:, :, length - 1, 1 : length - 1].astype(float), posinf=0.0)
    if not brought.size:
        return 0, 0
    layer, head = np.unravel_index(int(brought.max(-1).argmax()), brought.shape[:2])
    return int(layer), int(head)


def evenly_chosen(total: int, most: int, chosen: int) -> list[int]:
    """At most so many of some layers or heads, evenly spaced, the chosen one in the place of its neighbour.

    >>> shown(30, 4, 24)
    [0, 10, 24, 29]
    """
    found = evenly(total, most)
    if chosen not in found:
        nearest = min(range(len(found)), key=lambda i: (abs(found[i] - chosen), found[i] in (0, total - 1)))
        found[nearest] = chosen
    return found


def weights_legend() -> Markup:
    """Colours that grow with the root of a weight."""
    shares = (0.0, 0.01, 0.1, 0.5, 1.0)
    strip = [tag("i", class_=f"heat-back{i}") for i in range(LEVELS)]
    return coloured_scale(strip, [(math.sqrt(share), short(share)) for share in shares])


def moved_figure(trace: Trace, token: Token) -> Markup:
    """How much each head moves from where to where, as small maps, a scale a layer; nothing if the trace has none."""
    if "moved" not in trace.arrays:
        return Markup("")
    tokens = trace.arrays["moved"].shape[2]
    moved = np.nan_to_num(trace.arrays["moved"][:, :, :MAX_POSITIONS, :MAX_POSITIONS].astype(float), posinf=0.0)
    if not moved.size:
        return Markup("")
    chosen = carrier(trace, moved.shape[2])
    layers, heads = (
        evenly_chosen(moved.shape[0], MAX_LAYERS, chosen[0]),
        evenly_chosen(moved.shape[1], MAX_HEADS, chosen[1]),
    )
    counts = (
        (len(layers), len(moved), "layers"),
        (len(heads), moved.shape[1], "heads"),
        (len(moved[0, 0]), tokens, "tokens"),
    )
    rows = []
    for layer in layers:
        largest = float(moved[layer].max()) or 1.0
        names = [f"layer {layer}, head {head}: at most {short(moved[layer, head].max())}" for head in heads]
        maps = [head_map(np.clip(moved[layer, head] / largest, 0.0, 1.0)) for head in heads]
        cells = [tag("td", drawn, title=name) for drawn, name in zip(maps, names, strict=True)]
        end = tag("td", tag("small", f"{short(largest)}"), title=f"the largest of layer {layer}", class_="most")
        rows.append(tag("tr", tag("th", f"layer {layer}", scope="row"), *cells, end))
    grid = tag(
        "table", tag("tbody", *rows), class_="heads moved", style=f"width:{110 + 82 * len(heads)}px;max-width:100%"
    )
    about = trace.legend.of("moved")
    caption = (
        f"{sentence(about.note, trace, token)} Colours grow with the root of the length; each layer’s largest, which "
        f"stands at the end of its row, is the strongest colour.{left_out(*counts)}"
    )
    heading = tag("p", sentence(about.title, trace, token), class_="figure-title")
    return tag("figure", heading, scrolling(grid), tag("figcaption", caption))


def habits_figure(trace: Trace, token: Token) -> Markup:
    """What heads look at on average, and how spread out they look, each beside the controls' numbers."""
    figures = []
    if trace.axes.get("habit") == ("network", "place", "layer", "head"):
        figures.append(heads_figure(trace, "habit", token))
    if trace.axes.get("entropy") == ("network", "layer", "head") and trace.arrays["entropy"].size:
        high = float(np.nan_to_num(trace.arrays["entropy"].astype(float)).max()) or 1.0
        figures.append(heads_figure(trace, "entropy", token, high=high, lowest=True))
    return join(figures)


def small_map(pattern: np.ndarray, layer: int, head: int, chosen: tuple[int, int]) -> Markup:
    """One head as a button; its weights in thousandths, row by row up to the diagonal, are data for the enlargement."""
    weights = pattern[layer, head]
    thousandths = ",".join(str(round(1000 * w)) for row in range(len(weights)) for w in weights[row, : row + 1])
    button = tag(
        "button",
        head_map(weights),
        type="button",
        aria_label=f"layer {layer}, head {head}",
        title=f"layer {layer}, head {head}\n{habits(weights)}",
        aria_pressed="true" if (layer, head) == chosen else "false",
        data_name=f"layer {layer}, head {head}",
        data_habits=habits(weights),
        data_weights=thousandths,
    )
    return tag("td", button)


def head_map(weights: np.ndarray) -> Markup:
    """A (T, T) pattern as an `<svg>` of T x T cells: one path a level of colour, which grows with the weight's root."""
    size = len(weights)
    runs: dict[int, list[str]] = {}
    for row in range(size):
        levels = [level(math.sqrt(w)) for w in weights[row, : row + 1]]
        start = 0
        for column in range(1, row + 2):
            if column == row + 1 or levels[column] != levels[start]:
                runs.setdefault(levels[start], []).append(f"M{start} {row}h{column - start}")
                start = column
    paths = [tag("path", d="".join(runs[i]), class_=f"heat{i}") for i in sorted(runs)]
    return tag("svg", tag("g", *paths, transform="translate(0 .5)"), viewBox=f"0 0 {size} {size}", class_="cells")


def large_map(weights: np.ndarray, words: list[str], at: tuple[int, int]) -> Markup:
    """One head with its tokens at both sides, and the sentence coloured by where its last token looks."""
    size = len(words)
    side = MARGIN + CELL * size
    rows = [
        tag(
            "text",
            fitted(word, LONGEST),
            x=MARGIN - 6,
            y=MARGIN + CELL * (i + 0.5) + 4,
            text_anchor="end",
            class_="label",
        )
        for i, word in enumerate(words)
    ]
    columns = [
        tag(
            "text",
            fitted(word, LONGEST),
            transform=f"translate({MARGIN + CELL * (i + 0.5) + 4:g} {MARGIN - 6}) rotate(-60)",
            class_="label",
        )
        for i, word in enumerate(words)
    ]
    cells = tag("svg", head_map(weights), x=MARGIN, y=MARGIN, width=CELL * size, height=CELL * size, class_="enlarged")
    drawing = tag(
        "svg",
        *rows,
        *columns,
        cells,
        class_="plot large",
        viewBox=f"0 0 {side + 30} {side}",
        style=f"max-width:{side + 30}px",
        role="img",
        aria_label="the pattern of one attention head",
    )
    sentence = [
        tag(
            "span",
            words[first],
            class_=f"chance{level(math.sqrt(min(1.0, weights[-1, first:end].sum())))}",
            data_tokens=end - first if end - first > 1 else None,
        )
        for first, end in groups(words)
    ]
    name = tag("p", tag("b", f"layer {at[0]}, head {at[1]}"), tag("span", habits(weights)), class_="head-name")
    return tag("div", name, scrolling(drawing), tag("p", *sentence, class_="sentence"), class_="chosen")


def habits(weights: np.ndarray) -> str:
    """How a head spreads its weight on average over the tokens after the first, in words."""
    if len(weights) < 2:
        return "one token"
    itself, before, first = weights.diagonal()[1:].mean(), weights.diagonal(-1).mean(), weights[1:, 0].mean()
    return (
        f"on average {itself:.2f} on the token itself, {before:.2f} on the one before, {first:.2f} on the first; "
        f"entropy {entropy(weights):.2f} nats"
    )


def entropy(weights: np.ndarray) -> float:
    """Mean entropy of the rows after the first, in nats."""
    rows = weights[1:] if len(weights) > 1 else weights
    return float(-(rows * np.log(np.where(rows > 0, rows, 1))).sum(-1).mean()) + 0.0
