"""A pair of texts."""

from typing import NamedTuple


class Pair(NamedTuple):
    """A text and what becomes of it."""

    source: str
    target: str
    group: str
    """Pairs of a group stay in one split: the same source, or the same number in whatever words."""
