"""HTML and SVG as values: text is escaped when it enters an element, so that nothing on a page can be forgotten.

>>> tag("p", "a < b", tag("b", "!"), class_="note")
'<p class="note">a &lt; b<b>!</b></p>'
"""

import html
import math
from collections.abc import Iterable

VOID = frozenset({"br", "hr", "meta"})


class Markup(str):
    """Text that is HTML already; any other string is escaped when it becomes part of an element."""


def tag(element: str, /, *children: str, **attributes: str | float | int | None) -> Markup:
    """An element. `class_` stands for class, `data_x` for data-x; an attribute that is None is left out."""
    opening = "".join([f"<{element}", *(attribute(key, value) for key, value in attributes.items()), ">"])
    return Markup(opening if element in VOID else f"{opening}{join(children)}</{element}>")


def scrolling(*children: str, also: str = "") -> Markup:
    """What may be wider than the page: it scrolls by itself, by the keyboard too, and fades at a side that has more.

    The page's script takes it out of the order of the tab key while nothing is hidden, and sees to the fading.
    """
    return tag("div", *children, class_=f"scroll {also}".strip(), tabindex="0")


def join(parts: Iterable[str]) -> Markup:
    """Parts one after the other; those that are not `Markup` are escaped."""
    return Markup("".join(part if isinstance(part, Markup) else html.escape(printable(part)) for part in parts))


def attribute(key: str, value: str | float | int | None) -> str:
    """One attribute with the space before it; numbers to two decimals."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else trimmed(value)
    key = key.rstrip("_").replace("_", "-") if key != "viewBox" else key
    return f' {key}="{html.escape(printable(text))}"'


def trimmed(number: float | int) -> str:
    """A finite number to two decimals without trailing zeros, for coordinates."""
    if not math.isfinite(number):
        raise ValueError(f"coordinate (={number}) must be finite: leave such a point out")
    return f"{number:.2f}".rstrip("0").rstrip(".") if isinstance(number, float) else str(number)


def printable(text: str) -> str:
    """The text without what HTML may not hold: control characters become pictures, lone surrogates the � sign."""
    return text.translate(PICTURES)


PICTURES = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n\r"}
PICTURES |= {0x0D: "␍", 0x7F: "␡", 0xFFFE: "\ufffd", 0xFFFF: "\ufffd"}
PICTURES |= dict.fromkeys(range(0x80, 0xA0), "␦") | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
