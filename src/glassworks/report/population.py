"""The page of optimizers at work: where each looks, generation after generation."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glassworks.core.files import write_text
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.page import document
from glassworks.draw.surface import colours_of
from glassworks.optim.catalogue import METHODS
from glassworks.trace.drawings.population import MOST, plane_of
from glassworks.trace.render import explained, trace_figure
from glassworks.trace.trace import Trace

Living = tuple[Callable[[Any], Markup], Markup]
"""What lets a component take the place of a picture: a function of the data of one, and what the page has once."""
STILL: Living = (lambda _: Markup(""), Markup(""))


def write_populations(traces: Sequence[Trace], path: Path, living: Living = STILL) -> Path:
    """Write the page, atomically, and return its path."""
    write_text(path, page(traces, living))
    return path


def page(traces: Sequence[Trace], living: Living = STILL) -> str:
    """The page's HTML; how figures are read is said of the first.

    `living` has their generations follow each other (`studio.offline.living`); without it there is the last of them.
    """
    beside, once = living
    names = [str(trace.meta["optimizer"]) for trace in traces]
    head = tag(
        "header",
        tag("p", "Glassworks optimizers", class_="kicker"),
        tag("h1", "Searches at work" if len(traces) > 1 else "A search at work"),
        tag("p", f"On {traces[0].meta['of']}.", class_="about"),
    )
    links = [tag("a", name, href=f"#{name}") for name in names]
    body = [
        tag(
            "section", tag("h2", name), tag("p", what(name)), drawn(trace, first=i == 0), beside(search(trace)), id=name
        )
        for i, (name, trace) in enumerate(zip(names, traces, strict=True))
    ]
    return document("Searches at work", head, tag("nav", *links), *body, once)


def what(name: str) -> Markup:
    """What an optimizer is, and when to take it."""
    method = METHODS[name]
    return join([f"{method.line[:1].upper()}{method.line[1:]}. ", tag("small", f"When: {method.when}.")])


def drawn(trace: Trace, *, first: bool) -> Markup:
    """The figures of one."""
    return explained(trace) if first else trace_figure(trace)


def search(trace: Trace) -> dict[str, Any]:
    """A search as the component takes it (web/src/components/population)."""
    plot, arrays = plane_of(trace), trace.arrays
    colours, way = colours_of(plot), plot.tracks[0]
    return {
        "name": str(trace.meta["optimizer"]),
        "loss": arrays["loss"],
        "first": np.array(plot.x),
        "second": np.array(plot.y),
        "low": colours.low,
        "high": colours.high,
        "log": colours.log,
        "way": np.stack([way.x, way.y], -1),
        "members": np.stack([arrays["member_first"][:, :MOST], arrays["member_second"][:, :MOST]], -1),
        "generations": list(trace.labels["generation"]),
        "lowest": arrays["lowest"],
        "random": arrays["lowest_random"],
    }
