"""Connections between components: those that tell most by name, and all that exist as one matrix."""

import re
from collections.abc import Sequence

import numpy as np

from glassworks.draw.arrays.array import Drawn
from glassworks.draw.arrays.axes import Axis, Plan
from glassworks.draw.arrays.plot import heat
from glassworks.draw.dot_plot import DotPlot, Marks, dot_plot
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scatter import Dots, Scatter, scatter
from glassworks.trace.drawings.components import component, connection, is_grouped
from glassworks.trace.drawings.effects import CONTROL, SHARE, figure, two
from glassworks.trace.general import Token, sentence
from glassworks.trace.trace import Trace

MOST = 20
"""Connections that are named."""
LEAST_SHARE = 0.02
"""Of the largest effect: what a connection must have to be named, and a component to be in the matrix."""
SIDE = 40
"""Components along a side of the matrix."""


def paths_figure(trace: Trace, token: Token) -> Markup:
    """The connections with the largest effects, each beside a random change along it; all of them wait to be opened."""
    chosen, about = largest(trace, "effect"), trace.legend.of("effect")
    effect, control = (np.array([trace.arrays[name][at] for at in chosen], float) for name in ("effect", "control"))
    marks = [
        Marks("what the component really said", effect),
        Marks(trace.legend.of("control").title, control, colour=CONTROL, hollow=True),
    ]
    plot = DotPlot(names_of(trace, chosen), marks, SHARE, two(about.ends), levels=(1.0,))
    title, note = (sentence(text, trace, token) for text in (about.title, about.note))
    maps = [
        matrix(trace, "effect", "what comes back"),
        matrix(trace, "control", "by a random change, on the same scale"),
    ]
    return join([figure(title, dot_plot(plot), note), folded(trace, maps)])


def guessed_edges_figure(trace: Trace, token: Token) -> Markup:
    """Guess against truth of the connections that were cut, the largest guesses by name, and all of them folded."""
    about, chosen = trace.legend.of("score"), largest(trace, "score")
    found, truth = list[Markup](), dict[str, float]()
    if "true" in trace.arrays:
        cut = trace.labels["checked"]
        truth = dict(zip(cut, trace.arrays["true"].astype(float).tolist(), strict=True))
        grouped = is_grouped(trace.labels["writer"], trace.labels["reader"])
        words = [connection(*one.split(" → ", 1), grouped=grouped) for one in cut]
        dots = Dots("connections", trace.arrays["estimate"].astype(float), list(truth.values()), words)
        plot = Scatter([dots], "guess", "truth, by cutting it", two(trace.legend.of("estimate").ends)[1], named=0)
        title = sentence(trace.legend.of("estimate").title, trace, token)
        found.append(figure(title, scatter(plot), f"On the dashed line a guess is right.{agreement(trace)}"))
    marks = [
        Marks("guess of one gradient", [float(trace.arrays["score"][at]) for at in chosen], colour="line1", hollow=True)
    ]
    if truth:
        names = [f"{trace.labels['writer'][w]} → {trace.labels['reader'][r]}" for w, r in chosen]
        marks.insert(0, Marks("truth, by cutting it", [truth.get(name, np.nan) for name in names]))
    dotted = DotPlot(names_of(trace, chosen), marks, SHARE, two(about.ends), levels=(1.0,))
    note = "Where no truth is marked, the connection was not cut." if truth else ""
    found.append(figure(f"{sentence(about.title, trace, token)}: the {len(chosen)} largest", dot_plot(dotted), note))
    return join([*found, folded(trace, [matrix(trace, "score", "guessed share")])])


def agreement(trace: Trace) -> str:
    """The correlation of guess and truth beside that of shuffled guesses."""
    found = [trace.meta.get(measure) for measure in ("pearson", "shuffled")]
    if not all(isinstance(one, float) for one in found):
        return ""
    return f" Their correlation is {found[0]:.2f}, that of shuffled guesses {found[1]:.2f}.".replace("-", "−")


def largest(trace: Trace, name: str) -> list[tuple[int, int]]:
    """The places of the largest numbers among the edges that exist, the largest first."""
    sizes = np.where(trace.arrays["edge"], np.nan_to_num(abs(trace.arrays[name].astype(float))), 0.0)
    order = np.argsort(-sizes, axis=None, kind="stable")[:MOST]
    chosen = [divmod(int(i), sizes.shape[1]) for i in order if sizes.flat[i] >= LEAST_SHARE * sizes.max()]
    return [at for at in chosen if trace.arrays["edge"][at]]


def names_of(trace: Trace, chosen: Sequence[tuple[int, int]]) -> list[str]:
    """Connections in words."""
    writers, readers = trace.labels["writer"], trace.labels["reader"]
    grouped = is_grouped(writers, readers)
    return [connection(writers[w], readers[r], grouped=grouped) for w, r in chosen]


def matrix(trace: Trace, name: str, title: str) -> Markup:
    """Components that matter, from whom down and to whom across, in the order of the model; empty = no connection."""
    values = np.where(trace.arrays["edge"], trace.arrays[name].astype(float), np.nan)
    main = "effect" if "effect" in trace.arrays else name
    sizes = np.where(trace.arrays["edge"], np.nan_to_num(abs(trace.arrays[main].astype(float))), 0.0)
    parts, axes = [], []
    for place, (axis, heading) in enumerate((("writer", "from"), ("reader", "to"))):
        most = sizes.max(1 - place)
        able = np.flatnonzero(most >= LEAST_SHARE * sizes.max())
        some = np.sort(able[np.argsort(-most[able], kind="stable")[:SIDE]])
        labels = tuple(brief(component(trace.labels[axis][i])) for i in some)
        parts.append(some)
        axes.append(Axis(heading, "class", labels, len(labels)))
    note = "From whom down and to whom across, each with its layer; where none leads to the other there is no number."
    drawn = Drawn(title, values[np.ix_(*parts)], tuple(axes), None, note, ends=trace.legend.of(main).ends)
    return heat(drawn, Plan("heat", (), (0, 1)))


def brief(words: str) -> str:
    """A component's words, short enough to stand upright over a column.

    >>> brief("layer 3, head 2, value")
    '3: head 2, value'
    """
    return re.sub(r"^layer (\d+), ", r"\1: ", words)


def folded(trace: Trace, maps: Sequence[Markup]) -> Markup:
    """Matrices that wait to be opened."""
    count = int(np.count_nonzero(trace.arrays["edge"]))
    said = f"All {count:,} connections as a matrix, without components that have none above a fiftieth of the largest"
    return tag("details", tag("summary", said), *maps)
