"""Text coloured by surprise."""

import math
from collections.abc import Callable

import numpy as np

from glassworks.draw.code import is_code
from glassworks.draw.colours import level
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import fixed, left_out, minus
from glassworks.draw.tokens import legend, spaced, visible
from glassworks.trace.trace import Trace

MAX_NATS = 10.0
NATS_BY_CONTEXT = 2.0
"""Nats that a token is likelier by the earlier context to be underlined."""
MAX_TOKENS = 600


# ----------------------------------------------------------------------------------------------------------------------
# Surprise


def surprise_figure(trace: Trace, token: Callable[[int], str], code: bool = False, beside: bool = False) -> Markup:
    """A text whose every token is coloured by its nats, with a legend; the tokens of one character together.

    Source code stands in a face that keeps its columns: if `code`, or if the text reads like it. `beside` it stands the
    same text as it is read from one token to the next, if the trace has that.
    """
    nats, alone = trace.arrays["nats"], trace.arrays.get("nats_alone")
    words = trace.labels.get("token") or [""] * len(nats)
    cut = left_out((MAX_TOKENS, len(nats), "tokens"))
    passage = "" if beside and alone is not None else means(nats, alone)  # there both stand over the text
    caption = (
        "The warmer a token, the less it was expected. Hover or tap for the "
        f"numbers.{passage}{helped(nats, alone)}{cut}"
    )
    text, kind = surprise_text(trace, nats, token), "code" if code or is_code("".join(words)) else None
    if beside and alone is not None:
        heads = [
            tag("p", f"Where it has read {what}: {average(x)} nats a token", class_="step")
            for what, x in (("all before", nats), ("only the token before", alone))
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


def average(nats: np.ndarray) -> str:
    """The mean of the numbers that are finite, as it is written."""
    return fixed(float(nats[np.isfinite(nats)].mean()) if np.isfinite(nats).any() else math.nan, 2)


def helped(nats: np.ndarray, alone: np.ndarray | None) -> str:
    """A sentence on the tokens that are underlined."""
    if alone is None:
        return ""
    count = int((alone[:MAX_TOKENS] - nats[:MAX_TOKENS] >= NATS_BY_CONTEXT).sum())
    return (
        f" Underlined: {count:,} of {min(len(nats), MAX_TOKENS):,} tokens that the earlier context made at least "
        f"{NATS_BY_CONTEXT:g} nats likelier, seven times as likely as after the one token before."
    )


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
    style = f"surprise{level(colour / MAX_NATS)}"
    if "nats_alone" in trace.arrays and float(trace.arrays["nats_alone"][i:end].sum()) - nats >= NATS_BY_CONTEXT:
        style += " told"
    return tag("span", spaced(word), class_=style, title="\n".join(about))


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


def best(trace: Trace, place: tuple[int, ...], token: Callable[[int], str]) -> str:
    """The most probable tokens at a place, with their probabilities."""
    pairs = zip(trace.arrays["top_ids"][place].tolist(), trace.arrays["top_probabilities"][place].tolist(), strict=True)
    return ", ".join(f"“{visible(token(id))}” {minus(f'{chance:.3g}')}" for id, chance in pairs)
