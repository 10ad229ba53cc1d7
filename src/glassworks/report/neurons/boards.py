"""A neuron of a model that plays on a board: what holds where it fires, what it reads and writes, its moves."""

from collections.abc import Sequence

import numpy as np

from glassworks.draw.arrays.heatmap import Colours, colour_bar, colours_for, exact
from glassworks.draw.markup import Markup, tag
from glassworks.trace.neurons.view import Board, Neuron


def boards_figure(neuron: Neuron) -> list[Markup]:
    """A figure for each kind of board that there are numbers for."""
    return [figure for figure in (firing_boards(neuron), probe_boards(neuron), logit_board(neuron)) if figure]


def firing_boards(neuron: Neuron) -> Markup | None:
    """The mean board where it fires, less the mean board everywhere."""
    trace, board = neuron.of.features, neuron.of.board
    firing = neuron.array(trace, "firing_mean")
    if trace is None or board is None or firing is None or not board.planes:
        return None
    change = firing - trace.arrays["mean"]  # (row, P)
    maps = [(name, squares_of(change[0], squares, board)) for name, squares in board.planes.items()]
    number = int(neuron.value(trace, "num_firing"))
    if not number:
        return tag("figure", tag("p", "It never fires.", class_="missing"))
    chance = float(np.nanmax(abs(change[1]))) if np.isfinite(change[1]).any() else float("nan")
    caption = (
        f"How much more often a square is so where the neuron fires ({number:,} places) than everywhere. Dealt out by "
        f"chance, no square strays further than {chance:.2g}."
    )
    return boards(maps, board, "Mean board where it fires", caption)


def probe_boards(neuron: Neuron) -> Markup | None:
    """Cosines of what it reads and writes with a probe's directions."""
    trace, board = neuron.of.directions, neuron.of.board
    cosine = neuron.array(trace, "probe_cosine")
    if trace is None or board is None or cosine is None or not board.probes:
        return None
    sides = trace.labels["side"]
    words = {"input": "reads", "gate": "gate reads", "output": "writes"}
    maps = [
        (f"{words[side]}: {name}", squares_of(cosine[i], squares, board))
        for i, side in enumerate(sides)
        for name, squares in board.probes.items()
    ]
    control = float(trace.arrays["probe_control"][0])
    caption = (
        "The cosine of the neuron's weights with the direction along which a probe reads each square. The largest of "
        f"{trace.meta['num_random']} random directions and all squares is {control:.2g}."
    )
    return boards(maps, board, "What it reads and writes", caption)


def logit_board(neuron: Neuron) -> Markup | None:
    """What it adds to each move's logit."""
    trace, board = neuron.of.directions, neuron.of.board
    effect = neuron.array(trace, "logit_effect")
    if trace is None or board is None or effect is None or not board.tokens:
        return None
    control = float(trace.arrays["promoted_control"][0])
    caption = (
        "What an activation of 1 adds to the logit of each move, directly and before the final norm's division. A "
        f"random direction as long as the median neuron's reaches {control:.2g}."
    )
    return boards([("move", squares_of(effect, board.tokens, board))], board, "Moves it promotes", caption)


def squares_of(values: np.ndarray, squares: Sequence[int], board: Board) -> np.ndarray:
    """Numbers by feature as a board; NaN for a square without."""
    at = np.asarray(squares)
    if at.max(initial=-1) >= len(values):
        raise ValueError(f"board names number {at.max()}, and there are {len(values)}: it must fit the traces")
    return np.where(at >= 0, values[at.clip(0)], np.nan).reshape(board.size, board.size).astype(float)


def boards(maps: Sequence[tuple[str, np.ndarray]], board: Board, title: str, caption: str) -> Markup:
    """Boards side by side, on one scale that parts at zero."""
    colours = colours_for(np.concatenate([values.ravel() for _, values in maps]))
    end = colours.high if np.isfinite(colours.high) else 1.0
    colours = Colours(-end, end, signed=True, most=colours.most)
    drawn = [board_table(name, values, board, colours) for name, values in maps]
    return tag(
        "figure",
        tag("p", title, class_="figure-title"),
        colour_bar(colours),
        tag("div", *drawn, class_="maps boards"),
        tag("figcaption", caption),
    )


def board_table(name: str, values: np.ndarray, board: Board, colours: Colours) -> Markup:
    """One board, its squares coloured and named."""
    head = tag("tr", tag("th", ""), *(tag("th", column, scope="col") for column in board.columns))
    body = []
    for i, row in enumerate(board.rows):
        squares = [
            tag("td", class_=colours.level(x), title=f"{board.square(i * board.size + j)}: {exact(x)}")
            for j, x in enumerate(values[i].tolist())
        ]
        body.append(tag("tr", tag("th", row, scope="row"), *squares))
    return tag("table", tag("caption", name), tag("thead", head), tag("tbody", *body), class_="heat board")
