"""Which tokens count, drawn: the sentence coloured by what taking each token away does, and by each guess at it.

Truth is coloured by its size, guesses by their rank among the tokens before the last: in a deep network every guess is
nearly all on the first token, and what is compared with the truth is the order.
"""

import math

import numpy as np

from glassworks.draw.arrays.heatmap import colour_bar, colours_for
from glassworks.draw.colours import level
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import minus, short
from glassworks.draw.tokens import groups, labelled, visible
from glassworks.trace.general import Token, axis_of, sentence
from glassworks.trace.trace import Trace

LEAST = 1.0
"""Nats that the colours of the truth reach at the least."""

Array = np.ndarray


def rollout_figure(trace: Trace, token: Token) -> Markup:
    """The truth, then the guesses, each with how well it ranks the tokens."""
    words = labelled(trace.labels.get("source", [""] * trace.arrays["kl"].shape[1]))
    return join([truth_figure(trace, token, words), guesses_figure(trace, token, words)])


def truth_figure(trace: Trace, token: Token, words: list[str]) -> Markup:
    """The sentence by how far the prediction moves without each token, a line for each way to take it away."""
    kl, about = trace.arrays["kl"].astype(float), trace.legend.of("kl")
    before = np.concatenate([kl[:, :-1], np.full((len(kl), 1), np.nan)], 1)  # the last one's own place is no source
    colours = colours_for(before, LEAST)
    lines = []
    for name, row in zip(axis_of(trace, "ablation", len(kl)).labels, before, strict=True):
        said = f"{name}; {strongest(row, words)}"
        lines += [tag("p", said, class_="step"), strip(words, row, [colours.level(x) for x in row], "nats")]
    target = trace.meta.get("target")
    ahead = f" After the last token the model says “{visible(token(target))}”." if isinstance(target, int) else ""
    note = f"{sentence(about.note, trace, token)}{ahead}{colours.beyond}"
    heading = tag("p", about.title, class_="figure-title")
    return tag("figure", heading, colour_bar(colours), *lines, tag("figcaption", note))


def strongest(values: Array, words: list[str]) -> str:
    """The token of the largest number, in words."""
    if not np.isfinite(values).any():
        return "no number"
    at = int(np.nanargmax(values))
    return f"most by “{words[at]}”, {short(values[at])} nats"


def guesses_figure(trace: Trace, token: Token, words: list[str]) -> Markup:
    """The sentence by the rank of each guess, with its correlations in words."""
    guess, about = trace.arrays["guess"].astype(float), trace.legend.of("guess")
    names, lines = axis_of(trace, "guess", len(guess)).labels, []
    for i, (name, row) in enumerate(zip(names, guess, strict=True)):
        before = row[:-1]
        rank = before.argsort(kind="stable").argsort(kind="stable") / max(len(before) - 1, 1)
        shades = [f"heat-back{level(x)}" for x in rank.tolist()] + [""]
        lines += [tag("p", f"{name}: {agreement(trace, i)}", class_="step"), strip(words, row, shades, "of 1")]
    ranks = tag(
        "div",
        tag("div", *(tag("i", class_=f"heat-back{i}") for i in range(16)), class_="strip"),
        tag("div", tag("span", "least", style="left:0%"), tag("span", "most", style="left:100%"), class_="marks"),
        class_="scale",
    )
    note = f"{verdict(trace)} {sentence(about.note, trace, token)}".strip()
    heading = tag("p", about.title, class_="figure-title")
    return tag("figure", heading, ranks, *lines, tag("figcaption", note))


def agreement(trace: Trace, guess: int) -> str:
    """A guess's correlations with what taking a token away does, in words."""
    if "correlation" not in trace.arrays:
        return ""
    pairs = zip(trace.labels["ablation"], trace.arrays["correlation"][guess].tolist(), strict=True)
    said = [f"{'none' if math.isnan(x) else minus(f'{x:.2f}')} ({name})" for name, x in pairs]
    return f"correlation {', '.join(said)}"


def verdict(trace: Trace) -> str:
    """A sentence on whether the first guess ranks the tokens better than all those that cost nothing."""
    if "correlation" not in trace.arrays or len(trace.arrays["correlation"]) < 2:
        return ""
    correlation = np.nan_to_num(trace.arrays["correlation"].astype(float), nan=-1.0)
    better = correlation[0] > correlation[1:].max(0)
    if better.all():
        return "Here rollout ranks the tokens better than every guess below it."
    if not better.any():
        return "Here a guess that costs nothing ranks the tokens at least as well as rollout."
    won = " and ".join(name for name, yes in zip(trace.labels["ablation"], better, strict=True) if yes)
    return f"Here rollout ranks the tokens better than every guess below it where they are {won}, not otherwise."


def strip(words: list[str], values: Array, shades: list[str], unit: str) -> Markup:
    """The sentence, each token in its shade with its number; those of one character together by the largest."""
    spans = []
    for first, end in groups(words):
        part = values[first:end]
        at = first + (int(np.nanargmax(part)) if np.isfinite(part).any() else 0)
        known = np.isfinite(values[at]) and shades[at]
        said = f"{words[first]}: {short(values[at])} {unit}" if known else f"{words[first]}: the place itself"
        spans.append(tag("span", words[first], class_=shades[at] if known else None, title=said))
    return tag("p", *spans, class_="sentence")
