"""The page of optimizers at work: where each looks, generation after generation."""

from collections.abc import Sequence
from pathlib import Path

from glassworks.core.files import write_text
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.page import document
from glassworks.optim.catalogue import METHODS
from glassworks.trace.render import explained, trace_figure
from glassworks.trace.trace import Trace


def write_populations(traces: Sequence[Trace], path: Path) -> Path:
    """Write the page, atomically, and return its path."""
    write_text(path, page(traces))
    return path


def page(traces: Sequence[Trace]) -> str:
    """The page's HTML; how figures are read is said of the first."""
    names = [str(trace.meta["optimizer"]) for trace in traces]
    head = tag(
        "header",
        tag("p", "Glassworks optimizers", class_="kicker"),
        tag("h1", "Searches at work" if len(traces) > 1 else "A search at work"),
        tag("p", f"On {traces[0].meta['of']}.", class_="about"),
    )
    links = [tag("a", name, href=f"#{name}") for name in names]
    body = [
        tag("section", tag("h2", name), tag("p", what(name)), drawn(trace, first=i == 0), id=name)
        for i, (name, trace) in enumerate(zip(names, traces, strict=True))
    ]
    return document("Searches at work", head, tag("nav", *links), *body)


def what(name: str) -> Markup:
    """What an optimizer is, and when to take it."""
    method = METHODS[name]
    return join([f"{method.line[:1].upper()}{method.line[1:]}. ", tag("small", f"When: {method.when}.")])


def drawn(trace: Trace, *, first: bool) -> Markup:
    """The figures of one."""
    return explained(trace) if first else trace_figure(trace)
