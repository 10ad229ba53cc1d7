"""Figures made of words: samples, text coloured by surprise, the logit lens."""

import math
from collections.abc import Callable

import numpy as np

from glassworks.draw.code import is_code
from glassworks.draw.colours import level
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.scales import evenly, left_out, minus
from glassworks.draw.tokens import continued, labelled, legend, spaced, visible
from glassworks.trace.trace import Trace

MAX_NATS = 10.0
MAX_TOKENS = 600
MAX_POSITIONS = 32
MAX_ROWS = 17
MAX_SAMPLE = 1500


# ----------------------------------------------------------------------------------------------------------------------
# Surprise


def surprise_figure(trace: Trace, token: Callable[[int], str], code: bool = False, beside: bool = False) -> Markup:
    """A text whose every token is coloured by its nats, with a legend; the tokens of one character together.

    Source code stands in a face that keeps its columns: if `code`, or if the text reads like it. `beside` it stands the
    same text as it is read from one token to the next, if the trace has that.
    """
    nats, alone = trace.arrays["nats"], trace.arrays.get("nats_alone")
    words = trace.labels.get("token") or [""] * len(nats)
    mean = means(nats, alone)
    cut = left_out((MAX_TOKENS, len(nats), "tokens"))
    caption = (
        "Text as the model reads it: the warmer a token, the less it was expected. Hover or tap for the "
        f"numbers.{mean}{cut}"
    )
    text, kind = surprise_text(trace, nats, token), "code" if code or is_code("".join(words)) else None
    if beside and alone is not None:
        heads = [
            tag("p", f"Where it has read {what}", class_="step") for what in ("all before", "only the token before")
        ]
        text = join([heads[0], text, heads[1], surprise_text(trace, alone, token)])
    return tag("figure", surprise_legend(), text, tag("figcaption", caption), class_=kind)


def means(nats: np.ndarray, alone: np.ndarray | None) -> str:
    """Sentences on a passage's mean surprise, and on that without what came earlier."""
    known = np.isfinite(nats)
    if not known.any():
        return ""
    said = f" This passage: {nats[known].mean():.2f} nats a token on average, over {len(nats):,} tokens"
    if alone is None or not np.isfinite(alone[known]).all():
        return f"{said}."
    return f"{said}; {alone[known].mean():.2f} where the model reads only the one token before each."


def surprise_text(trace: Trace, nats: np.ndarray, token: Callable[[int], str]) -> Markup:
    """The text coloured by some numbers of nats."""
    labels = trace.labels.get("token")
    words = labels or [""] * len(nats)
    begins = [i for i in range(min(len(nats), MAX_TOKENS)) if words[i] or i == 0 or not labels]
    ends = [*begins[1:], min(len(nats), MAX_TOKENS)]
    shown = [
        surprising(trace, first, end, words[first], token, float(nats[first:end].sum()))
        for first, end in zip(begins, ends, strict=False)
    ]
    return tag("p", *shown, class_="surprise")


def surprising(trace: Trace, i: int, end: int, word: str, token: Callable[[int], str], colour: float) -> Markup:
    """One token of the text, or those of one character: their nats add up, their probabilities multiply."""
    nats = float(trace.arrays["nats"][i:end].sum())
    if not math.isfinite(nats + colour):
        return tag("span", spaced(word), title=f"“{visible(word)}”: no finite number")
    parts = f" ({end - i} tokens)" if end - i > 1 else ""
    about = [f"“{visible(word)}”{parts}", f"{nats:.2f} nats, probability {minus(f'{math.exp(-nats):.3g}')}"]
    if "nats_alone" in trace.arrays:
        about.append(f"reading only the token before {float(trace.arrays['nats_alone'][i:end].sum()):.2f} nats")
    if "entropy" in trace.arrays:
        about.append(f"expected surprise {float(trace.arrays['entropy'][i:end].sum()):.2f} nats")
    if "top_ids" in trace.arrays and "top_probabilities" in trace.arrays:
        about.append(f"most likely: {best(trace, (i,), token)}")
    return tag("span", spaced(word), class_=f"surprise{level(colour / MAX_NATS)}", title="\n".join(about))


def surprise_legend() -> Markup:
    """The colours from certain to a guess among a vocabulary."""
    marks = [
        ("0 nats", "certain"),
        ("2", "1 : 7"),
        ("4", "1 : 55"),
        ("6", "1 : 403"),
        ("8", "1 : 3k"),
        ("10+", "1 : 22k"),
    ]
    return legend("surprise", [join([tag("b", nats), chance]) for nats, chance in marks])


# ----------------------------------------------------------------------------------------------------------------------
# Logit lens


LOGIT = (
    "The logit lens: each cell is the token that would be predicted next if the network ended at that layer; the "
    "deeper the colour the higher its probability, and a ring marks the token that does follow. Early layers write in "
    "a basis the head was not trained to read, so a pale cell there is no proof of ignorance."
)
TUNED = (
    "The tuned lens: each cell is the token that would be predicted next if the network ended at that layer, read "
    "through the change of basis fitted to it; the deeper the colour the higher its probability, and a ring marks the "
    "token that does follow."
)


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
    caption = TUNED if trace.method == "tuned_lens" else LOGIT
    caption += continued(labels) + left_out((len(rows), len(ids), "layers"), (columns, ids.shape[1], "tokens"))
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


# ----------------------------------------------------------------------------------------------------------------------


def best(trace: Trace, place: tuple[int, ...], token: Callable[[int], str]) -> str:
    """The most probable tokens at a place, with their probabilities."""
    pairs = zip(trace.arrays["top_ids"][place].tolist(), trace.arrays["top_probabilities"][place].tolist(), strict=True)
    return ", ".join(f"“{visible(token(id))}” {minus(f'{chance:.3g}')}" for id, chance in pairs)
