"""Tokens as they are shown: white space as signs, those of one character together, and the scale of their colours."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from unicodedata import east_asian_width

from glassworks.core.characters import together
from glassworks.draw.colours import LEVELS
from glassworks.draw.markup import Markup, join, tag

MAX_POSITIONS = 32
"""Tokens of a sentence that are shown beside each other."""

CONTINUES = "↳"
"""The label of a token that is a further part of a character."""


def legend(scale: str, marks: Sequence[str]) -> Markup:
    """The colours of a scale, with marks at even distances."""
    strip = [tag("i", class_=f"{scale}{i}") for i in range(LEVELS)]
    labels = [tag("span", mark, style=f"left:{100 * i / (len(marks) - 1):g}%") for i, mark in enumerate(marks)]
    return tag("div", tag("div", *strip, class_="strip"), tag("div", *labels, class_="marks"), class_="scale")


def visible(word: str) -> str:
    """A token by itself: white space as signs, an empty one too."""
    signs = {" ": "·", "\n": "↵", "\t": "⇥", "\r": "␍"}
    shown = "".join(signs.get(c, c) for c in word)
    return (shown if len(shown) <= 24 else f"{shown[:20]}… ({len(shown)})") or "∅"


def labelled(tokens: Sequence[str]) -> list[str]:
    """The tokens of a text as labels: a character that several share at its first, and a sign at the others."""
    return [visible(text) if text or i == 0 else CONTINUES for i, text in enumerate(together(tokens))]


def groups(labels: Sequence[str]) -> list[tuple[int, int]]:
    """The first and the last + 1 of the tokens of each character, by their labels."""
    begins = [i for i, label in enumerate(labels) if i == 0 or label != CONTINUES]
    return list(pairwise([*begins, len(labels)]))


def continued(labels: Iterable[str]) -> str:
    """A sentence on the labels of what belongs to a character before, if there are any."""
    return f" {CONTINUES} is a further token of the same character." if CONTINUES in labels else ""


def columns(text: str) -> int:
    """How many letters' room a text takes: those of East Asian scripts are twice as wide."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def fitted(text: str, most: int) -> str:
    """A text in the room of so many letters."""
    if columns(text) <= most:
        return text
    while columns(text) > most - 1:
        text = text[:-1]
    return f"{text}…"


def spaced(word: str) -> Markup:
    """A token within its text: a line's end is shown, and ends the line."""
    parts = word.split("\n")
    return join(part if i == 0 else join([tag("small", "↵"), "\n", part]) for i, part in enumerate(parts))
