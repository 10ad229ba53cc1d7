"""The charts of a trace as one SVG, for a slide or a paper: each under its title, with its key, one below the other.

Heat maps, tables and coloured text are HTML and not in it. The style travels along, on light paper, with its variables
replaced but for the lines' own colours, which browsers and what is made of them know.
"""

import html
import re
from collections.abc import Iterator, Mapping

from glassworks.core.trace import Trace
from glassworks.studio.colours import classes, schemes
from glassworks.studio.markup import Markup, join, tag
from glassworks.studio.names import words
from glassworks.studio.notebook import paper
from glassworks.studio.page import style
from glassworks.studio.traces import trace_figure

GAP = 24
PIECES = re.compile(
    r'<p class="figure-title">(?P<title>.*?)</p>|<p class="legend">(?P<key>.*?)</p>|'
    r'(?P<chart>(?<!<div class="narrow">)<svg class="plot")|<svg\b|(?P<end></svg>)',
    re.DOTALL,
)
OWN = ".words { font: 500 13px var(--sans); fill: var(--ink); } .words .key { fill: var(--line); }"
KEY = re.compile(r'<i class="key (\w+) \w*"></i>([^<]*)')


def trace_picture(trace: Trace) -> str:
    """The picture; ValueError for a trace that has no chart."""
    parts, top, width = list[Markup](), 0.0, 0.0
    for title, key, chart in charts(trace_figure(trace)):
        for line in (title, key):
            if line:
                parts.append(tag("text", line, class_="words", y=top + 14))
                top += GAP
        w, h = (float(size) for size in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', chart)[0])
        parts.append(Markup(chart.replace("<svg ", f'<svg y="{top:g}" width="{w:g}" height="{h:g}" ', 1)))
        top, width = top + h + GAP, max(width, w)
    if not parts:
        raise ValueError(f"the trace {trace.method} is drawn as tables and texts, without a chart: use save_html")
    size = (width + 2 * GAP, top + GAP)
    rules = "\n".join([classes(), style(), OWN])
    return tag(
        "svg",
        tag("title", words(trace.method)),
        tag("style", Markup(resolved(rules))),
        tag("rect", x=-GAP, y=-GAP, width=size[0], height=size[1], fill=variables()["paper"]),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"{-GAP} {-GAP} {size[0]:g} {size[1]:g}",
        width=size[0],
        height=size[1],
    )


def charts(figures: str) -> Iterator[tuple[str, Markup, str]]:
    """Each chart of some HTML, as it is drawn for a wide page: its title, its key, and its `<svg>`."""
    title, key, depth, start = "", Markup(""), 0, None
    for found in PIECES.finditer(figures):
        if found["title"] is not None:
            title, key = html.unescape(re.sub(r"<[^>]*>", "", found["title"])), Markup("")
        elif found["key"] is not None:
            names = KEY.findall(found["key"])
            key = join(
                tag("tspan", html.unescape(name), class_=f"key {colour}", dx=16 if i else 0)
                for i, (colour, name) in enumerate(names)
            )
        elif found["end"] is not None:
            depth -= 1
            if depth == 0 and start is not None:
                yield title, key, figures[start : found.end()]
                title, key, start = "", Markup(""), None
        else:
            start = found.start() if depth == 0 and found["chart"] else start
            depth += 1


def variables() -> dict[str, str]:
    """The values of the style's variables on light paper."""
    found = dict(re.findall(r"--([\w-]+): *([^;]+)", f"{paper(style())[0]};{schemes()[0]}"))
    return {name: substituted(value, found) for name, value in found.items()}  # one may be another's


def resolved(text: str) -> str:
    """A style with its variables replaced."""
    return substituted(text, variables())


def substituted(text: str, values: Mapping[str, str]) -> str:
    """A text with the variables in it replaced."""
    return re.sub(r"var\(--([\w-]+)\)", lambda found: values.get(found[1], found[0]), text)
