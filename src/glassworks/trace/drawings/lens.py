"""The lens: what each layer would predict next, as a table, and how far that is from the last layer's prediction."""

from collections.abc import Callable

from glassworks.draw.arrays.array import Drawn
from glassworks.draw.arrays.plot import draw
from glassworks.draw.colours import level
from glassworks.draw.markup import Markup, scrolling, tag
from glassworks.draw.scales import evenly, left_out, minus
from glassworks.draw.tokens import MAX_POSITIONS, continued, labelled, legend, visible
from glassworks.trace.drawings.texts import best
from glassworks.trace.general import Token, axis_of, sentence
from glassworks.trace.trace import Trace

MAX_ROWS = 17


def lens_figure(trace: Trace, token: Callable[[int], str]) -> Markup:
    """A table layers x positions: the token each layer would predict next, coloured by its probability."""
    ids = trace.arrays["top_ids"]
    columns = min(ids.shape[1], MAX_POSITIONS)
    labels = labelled(trace.labels.get("position", [""] * ids.shape[1]))[:columns]
    actual = labelled([*trace.labels.get("position", [])[:1], *trace.labels.get("next", [])])[1:]
    layers = trace.labels.get("layer") or [str(i) for i in range(len(ids))]
    rows = evenly(len(ids), MAX_ROWS)
    head = tag("tr", tag("th", "read so far", scope="row"), *(tag("th", word, scope="col") for word in labels))
    body = []
    for row in rows:
        name = (
            "output" if row == len(ids) - 1 else "embedding" if layers[row] == "embed" else f"after layer {layers[row]}"
        )
        body.append(tag("tr", tag("th", name, scope="row"), *(lens_cell(trace, row, i, token) for i in range(columns))))
    follows = [tag("td", actual[i] if i < len(actual) else "") for i in range(columns)]
    foot = tag("tr", tag("th", "what follows", scope="row"), *follows)
    table = tag("table", tag("thead", head), tag("tbody", *body), tag("tfoot", foot), class_="lens")
    counts = left_out((len(rows), len(ids), "layers"), (columns, ids.shape[1], "tokens"))
    spaced = " The layers are evenly spaced." if len(rows) < len(ids) else ""
    caption = f"{sentence(trace.legend.of('top_ids').note, trace, token)}{continued(labels)}{counts}{spaced}".strip()
    return tag(
        "figure",
        legend("chance", ["probability 0", "0.5", "1"]),
        scrolling(table, also="bleed to-end"),
        tag("figcaption", caption),
    )


def lens_cell(trace: Trace, row: int, column: int, token: Callable[[int], str]) -> Markup:
    """One layer at one position."""
    chance = float(trace.arrays["top_probabilities"][row, column, 0])
    about = [f"most likely: {best(trace, (row, column), token)}"]
    right = False
    if column < trace.arrays["next_rank"].shape[1]:
        rank, actual = int(trace.arrays["next_rank"][row, column]), float(trace.arrays["next_probability"][row, column])
        right = rank == 1
        about.append(f"what follows has probability {minus(f'{actual:.3g}')} and rank {rank:,}")
    word = visible(token(int(trace.arrays["top_ids"][row, column, 0])))
    style = f"chance{level(chance)}{' right' if right else ''}"
    return tag("td", tag("span", word), class_=style, title="\n".join(about))


def distance_figure(trace: Trace, token: Token) -> Markup:
    """How far each layer's prediction is from the last one's: a line a network, the mean over the sentence's tokens.

    The last layer, which is the prediction itself, is left out. Nothing if the trace has no distances.
    """
    if trace.axes.get("kl") != ("network", "layer", "position") or trace.arrays["kl"].shape[1] < 2:
        return Markup("")
    kl, about = trace.arrays["kl"].astype(float), trace.legend.of("kl")
    networks, layers = (axis_of(trace, axis, kl.shape[i]) for i, axis in enumerate(("network", "layer")))
    title, note = sentence(about.title, trace, token), sentence(about.note, trace, token)
    axes = (networks, layers.chosen(range(len(layers) - 1)))
    return draw(Drawn(title, kl[:, :-1].mean(-1), axes, note=note, log=True))
