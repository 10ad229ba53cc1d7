"""The names of a graph's nodes in words: a1.h3 is layer 1, head 3, and a1.h3.v what it reads as value."""

import re
from collections.abc import Sequence

READ = {"q": "query", "k": "key", "v": "value"}
ALONE = {"embed": "the embedding", "logits": "the answer"}


def component(name: str, grouped: bool = False) -> str:
    """A node in words; with `grouped`, keys and values are of several heads each, and so have numbers of their own.

    >>> component("a1.h3"), component("m1"), component("a1.h3.v")
    ('layer 1, head 3', 'layer 1, MLP', 'layer 1, head 3, value')
    """
    if match := re.fullmatch(r"a(\d+)\.h(\d+)(?:\.([qkv]))?", name):
        layer, head, part = match.groups()
        if grouped and part in ("k", "v"):
            return f"layer {layer}, {READ[part]} head {head}"
        return f"layer {layer}, head {head}" + (f", {READ[part]}" if part else "")
    if match := re.fullmatch(r"m(\d+)", name):
        return f"layer {match[1]}, MLP"
    return ALONE.get(name, name)


def connection(writer: str, reader: str, *, grouped: bool = False) -> str:
    """From whom to whom.

    >>> connection("embed", "a1.h3.v")
    'the embedding → layer 1, head 3, value'
    """
    return f"{component(writer)} → {component(reader, grouped)}"


def is_grouped(writers: Sequence[str], readers: Sequence[str]) -> bool:
    """Whether heads share keys and values: their numbers among readers are fewer than those of heads that write."""
    last = [max((int(m[1]) for name in names if (m := re.fullmatch(form, name))), default=0)
            for names, form in ((writers, r"a\d+\.h(\d+)"), (readers, r"a\d+\.h(\d+)\.[kv]"))]  # fmt: skip
    return last[1] < last[0]
