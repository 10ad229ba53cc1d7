"""The colours of a figure in a row, with numbers at their places."""

from collections.abc import Iterable, Sequence

from glassworks.draw.markup import Markup, tag


def coloured_scale(strip: Sequence[Markup], marks: Iterable[tuple[float, str]]) -> Markup:
    """Colours in a row, with numbers at their places from 0 to 1; those at the ends stay within it."""
    labels = []
    for share, said in marks:
        at_end = "first" if share < 0.02 else "last" if share > 0.98 else None
        labels.append(tag("span", said, class_=at_end, style=f"left:{share:.1%}"))
    return tag("div", tag("div", *strip, class_="strip"), tag("div", *labels, class_="marks"), class_="scale one-line")
