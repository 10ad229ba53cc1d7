"""The kinds of axes, and how each is drawn. An axis named as a kind is of that kind without being declared."""

from typing import Literal

Kind = Literal[
    "token",
    "position",
    "layer",
    "step",
    "value",
    "rank",
    "head",
    "unit",
    "example",
    "class",
    "pixel_row",
    "pixel_column",
    "channel",
]
"""What an axis counts.

    token                   the tokens of a text, which are read to the last: what follows that is the answer
    position, layer, step   places in order
    value                   numbers on a scale: shares kept, strengths, ends of bins
    rank                    first, second, ...
    head, unit, example     numbered without an order: heads, neurons, latents, samples
    class                   things with names: classes, networks, sites, controls
    pixel_row, pixel_column an image's pixels from the top, and from the left
    channel                 its red, green and blue; or these and how opaque it is; or one grey
"""

Order = Literal["text", "ordered", "index", "named", "pixels"]
"""Text is read, what is in order may be joined by a line, an index is looked up, what is named is compared."""

ORDERS: dict[str, Order] = {
    "token": "text",
    **dict.fromkeys(("position", "layer", "step", "value", "rank"), "ordered"),
    **dict.fromkeys(("head", "unit", "example"), "index"),
    "class": "named",
    **dict.fromkeys(("pixel_row", "pixel_column", "channel"), "pixels"),
}
