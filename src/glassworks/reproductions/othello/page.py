"""The Othello page: does it play, is there a board inside, what editing that board does, and of what it is made."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from glassworks.core.errors import FileDamaged
from glassworks.core.files import read_json
from glassworks.core.runs import Run
from glassworks.draw.chart import draw_legend
from glassworks.draw.colours import level
from glassworks.draw.line_chart import NARROW, Chart, Level, Line, line_chart
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import number, numbers
from glassworks.draw.tokens import legend
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.othello.lines import MINE, YOURS, square_name
from glassworks.reproductions.page import (
    NOT_KEPT,
    OURS,
    PUBLISHED,
    Story,
    beginning,
    missing,
    row_named,
    rows_figure,
    value,
)

ILLEGAL, RANDOM = "illegal moves, trained", "illegal moves, random weights"
BEST, COMMON, FLOOR = (
    "mine/yours probe, best layer",
    "each square's commonest state",
    "mine/yours probe, scrambled weights",
)
MINE_ROWS, COLOUR_ROWS = "probe {mine, yours, empty}, x", "probe {black, white, empty}, x"


def othello_story(run: Run, finding: Finding) -> Story:
    """From the finding, the training's log, and the positions that the run keeps."""
    sections = (
        ("play", "Nothing but moves, and yet a board", play_figure(run, finding)),
        ("boards", "The board, read from inside", boards_section(run)),
        ("edits", "Changing the board inside", edits_section(finding)),
        ("rules", "Of what its rules are made", rules_section(finding)),
        ("dictionary", "Without being told where to look", dictionary_section(finding)),
    )
    return Story("A board inside", sentence(finding), sections)


def sentence(finding: Finding) -> str:
    """How well it plays, and how well its board is read."""
    illegal, random, best, common = (value(row_named(finding, what).ours) for what in (ILLEGAL, RANDOM, BEST, COMMON))
    if not math.isfinite(illegal + random):
        return "This run did not measure how the network plays."
    clause = (
        f"Shown nothing but the moves of random games, it makes an illegal one {illegal:.2g} % of the time, with its "
        f"weights shuffled {random:.2g} %"
    )
    if not math.isfinite(best + common):
        return f"{clause}."
    return (
        f"{clause}; and a linear probe reads {best:.1f} % of all squares from its activations, where naming each "
        f"square's commonest state is right for {common:.1f} %."
    )


def play_figure(run: Run, finding: Finding) -> Markup:
    """Illegal moves over training, and the probes' accuracy by layer: what the sentence says, side by side."""
    illegal, random = row_named(finding, ILLEGAL), value(row_named(finding, RANDOM).ours)
    steps, shares = numbers(run.rows("metrics"), "step", "illegal")
    percent = [100 * share for share in shares]
    goals = [("weights shuffled", random), ("at the end", value(illegal.ours)), ("published", value(illegal.published))]
    levels = [Level(f"{name} {y:.2g}", y) for name, y in goals if math.isfinite(y)]
    plays = Chart([Line("illegal", steps, percent, OURS, "dots")], "step", "illegal moves, %", levels, log=True)
    mine, colours = beginning(finding, MINE_ROWS), beginning(finding, COLOUR_ROWS)
    lines = [
        Line("mine / yours", range(len(mine)), [value(row.ours) for row in mine], OURS, "dots"),
        Line("the same, published", range(len(mine)), [value(row.published) for row in mine], PUBLISHED, "dots"),
        Line("black / white", range(len(colours)), [value(row.ours) for row in colours], "line2", "dots"),
    ]
    floors = [("commonest state", COMMON), ("weights shuffled", FLOOR)]
    floor_levels = [(name, value(row_named(finding, what).ours)) for name, what in floors]
    reads = Chart(
        lines,
        "after block",
        "squares read right, %",
        [Level(f"{name} {y:.0f}", y) for name, y in floor_levels if math.isfinite(y)],
        counted=True,
    )
    caption = (
        "Left: the share of positions at which its likeliest move is illegal, on a logarithmic axis, over training; "
        "dashed the same with shuffled weights, on all games at the end, and as published. Right: how many squares a "
        "linear probe names right after each block (0: before any), as mine, yours or empty, and as black, white or "
        "empty; dashed what needs no network, and what a network of shuffled weights gives away."
    )
    panels = [tag("div", line_chart(chart, NARROW, 300)) for chart in (plays, reads)]
    return tag("figure", draw_legend(lines), tag("div", *panels, class_="panels"), tag("figcaption", caption))


# ----------------------------------------------------------------------------------------------------------------------
# Boards


def boards_section(run: Run) -> Markup:
    """A few positions: the board, what is read of it, and the moves."""
    part = examples(run)
    positions = [position for position in part.get("positions", []) if is_position(position)]
    if not positions:
        return missing(NOT_KEPT.format(what="evals/world/probes.json and evals/world.json"))
    size = math.isqrt(len(positions[0]["board"]))
    drawn = [
        tag(
            "div",
            board("the board", position["board"], size, [square in moves(position) for square in range(size**2)]),
            board("read from inside", position["read"], size, wrong=position["board"]),
            board("its next move", position["board"], size, chances=position["chance"]),
            tag("p", in_words(position, size), class_="about"),
            class_="maps boards",
        )
        for position in positions
    ]
    caption = (
        "Positions of games that neither the network nor the probes were trained on, read after block "
        f"{part.get('layer', '?')}. Full discs are the player's to move, rings the opponent's. Left, dots are legal "
        "moves; in the middle, squares read wrong are framed; right, the bluer a square, the more probable the move."
    )
    key = legend("chance", ["probability 0", "0.06", "0.25", "0.56", "1"])
    return tag("figure", key, *drawn, tag("figcaption", caption))


def examples(run: Run) -> Mapping[str, Any]:
    """The positions that the probes' part kept; nothing if there are none."""
    try:
        probes = read_json(run.path / "evals" / "world" / "probes.json")
    except (FileDamaged, OSError):
        return {}
    part = probes.get("examples") if isinstance(probes, dict) else None
    return part if isinstance(part, dict) else {}


def is_position(position: Any) -> bool:
    """Whether it has a square board, and as many numbers in each part as it must."""
    if not isinstance(position, dict):
        return False
    lengths = [len(position.get(part) or ()) for part in ("board", "read", "legal", "chance")]
    squares = lengths[0]
    whole = 0 < squares == lengths[1] == math.isqrt(squares) ** 2 and min(lengths[2:]) >= squares
    return whole and all(math.isfinite(number(chance)) for chance in position["chance"])


def moves(position: Mapping[str, Any]) -> list[int]:
    """The squares that a move may go to."""
    squares = len(position["board"])
    return [move for move, legal in enumerate(position["legal"][:squares]) if legal]


def board(
    name: str,
    states: Sequence[int],
    size: int,
    dots: Sequence[bool] = (),
    *,
    wrong: Sequence[int] = (),
    chances: Sequence[float] = (),
) -> Markup:
    """One board as a table of squares."""
    rows = []
    for row in range(size):
        cells = []
        for square in range(row * size, (row + 1) * size):
            disc = {MINE: "mine", YOURS: "yours"}.get(states[square], "dot" if dots and dots[square] else None)
            kinds = [f"chance{level(math.sqrt(max(0.0, number(chances[square]))))}"] if chances else []
            kinds += ["wrong"] if wrong and wrong[square] != states[square] else []
            title = square_name(square, size) + (f": {number(chances[square]):.3g}" if chances else "")
            inner = tag("i", class_=disc) if disc else ""
            cells.append(tag("td", inner, class_=" ".join(kinds) or None, title=title))
        rows.append(tag("tr", *cells))
    return tag("table", tag("caption", name), *rows, class_="squares")


def in_words(position: Mapping[str, Any], size: int) -> str:
    """One position in words."""
    squares, chances = size * size, [number(chance) for chance in position["chance"]]
    right = sum(a == b for a, b in zip(position["board"], position["read"], strict=True))
    likeliest = max(range(squares), key=chances.__getitem__)
    legal = moves(position)
    mass = sum(chances[move] for move in legal)
    rule = "legal" if likeliest in legal else "ILLEGAL"
    return (
        f"After {position.get('ply', '?')} moves: {right} of {squares} squares read right; {len(legal)} legal moves "
        f"hold {100 * mass:.1f} % of its probability; the likeliest, {square_name(likeliest, size)}, is {rule}."
    )


# ----------------------------------------------------------------------------------------------------------------------
# The finding's rows as bars


def edits_section(finding: Finding) -> Markup:
    """Mistakes a position, when a square of the inner board is flipped or erased."""
    figures = []
    for kind, what in (("flip", "turned over"), ("erase", "emptied")):
        rows = [row for row in beginning(finding, f"{kind} a square: ") if row.unit == "mistakes"]
        caption = (
            f"One square of the board inside is {what}, along what the probe reads, and its moves are compared with "
            "the legal ones of the changed board: mistakes a position, without the edit (null), with it, and with "
            "edits that should do nothing. If the network plays from the board that is read, the edit brings mistakes "
            "down."
        )
        figures.append(rows_figure(rows, caption, prefix=f"{kind} a square: "))
    return join(figures)


def rules_section(finding: Finding) -> Markup:
    """Neurons that are local rules, by block, and the network with trees in their place."""
    patterns, trees = "pattern neurons at 0.95: ", "neurons with a tree of R² ≥ 0.7: "
    legal = [row for row in finding.rows if row.what.endswith(": legal")]
    of_blocks = [row for row in beginning(finding, patterns) if "block" in row.what or "scrambled" in row.what]
    return join(
        [
            rows_figure(
                of_blocks, "Neurons that tell one local pattern (a line of discs) from all else, %.", prefix=patterns
            ),
            rows_figure(
                beginning(finding, trees), "Neurons that a small decision tree on the board explains, %.", prefix=trees
            ),
            rows_figure(legal, "Legal moves, %, with those neurons replaced by their trees, and by controls."),
        ]
    )


def dictionary_section(finding: Finding) -> Markup:
    """How well a sparse autoencoder's latents name the board, beside neurons and controls."""
    rows = [row for row in finding.rows if row.unit == "F1"]
    caption = (
        "A sparse autoencoder is shown the activations and no board. How well its latents, or single neurons, name the "
        "squares afterwards (F1, 1 is perfect), beside latents of a network with shuffled weights."
    )
    return rows_figure(rows, caption)
