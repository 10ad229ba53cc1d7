"""Effects of changes in a run, each beside random changes at the same place; guesses beside the truth; pushes."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from glassworks.draw.arrays.array import Drawn
from glassworks.draw.arrays.axes import Plan
from glassworks.draw.arrays.plot import heat
from glassworks.draw.chart import chart_figure
from glassworks.draw.dot_plot import DotPlot, Marks, dot_plot
from glassworks.draw.line_chart import Chart, Level, Line
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import number
from glassworks.draw.scatter import Dots, Scatter, scatter
from glassworks.draw.tokens import visible
from glassworks.trace.general import Token, array_figure, axis_of, sentence
from glassworks.trace.trace import Trace

CONTROL = "control0"
"""The colour of controls."""
SHARE = "share of the answer; dashed: all of it"
MOST = 12
"""Places that are named beside a scatter."""


def effects_figure(trace: Trace, token: Token) -> Markup:
    """Of each site the map of all places, and below it the largest effects beside random changes."""
    found = []
    for site in sites_of(trace):
        found.append(map_figure(trace, site, token))
        if f"{site}_control" in trace.arrays:
            found.append(controlled_figure(trace, site, token))
    return join(found)


def effects_of(trace: Trace) -> dict[str, tuple[str, ...]]:
    """What is drawn of each site, with its axes: its effects and, where it has them, random changes at some places."""
    found = dict[str, tuple[str, ...]]()
    for site in sites_of(trace):
        found[site] = trace.axes[site]
        if f"{site}_control" in trace.arrays:
            places = (*(axis for axis in found[site] if axis == "kind"), f"{site}_place")
            found |= {f"{site}_{part}": places for part in ("control", "control_true", "deviation")}
    return found


def guesses_of(trace: Trace) -> dict[str, tuple[str, ...]]:
    """The guesses at sites of which some truth is known, and the truth, with their axes."""
    sites = guessed_sites(trace)
    return {name: trace.axes[site] for site in sites for name in (site, f"{site}_true")}


def guessed_sites(trace: Trace) -> list[str]:
    """The sites whose places were guessed, and some of them patched."""
    known = [name for name in trace.arrays if f"{name}_true" in trace.arrays]
    return [name for name in known if np.isfinite(trace.arrays[f"{name}_true"]).any()]


def sites_of(trace: Trace) -> list[str]:
    """The sites that were swept over."""
    return [name for name in trace.arrays if "layer" in trace.axes[name] and f"{name}_metric" in trace.arrays]


def map_figure(trace: Trace, site: str, token: Token) -> Markup:
    """All places of a site; of ways to silence whole layers, the ways as rows."""
    if trace.axes[site] != ("kind", "layer"):
        return array_figure(trace, site, token)
    about = trace.legend.of(site)
    axes = tuple(
        axis_of(trace, name, size) for name, size in zip(trace.axes[site], trace.arrays[site].shape, strict=True)
    )
    title, note = (sentence(text, trace, token) for text in (about.title, about.note))
    values = trace.arrays[site].astype(float)
    return heat(Drawn(title, values, axes, None, note, least=about.least, ends=about.ends), Plan("heat", (), (0, 1)))


def controlled_figure(trace: Trace, site: str, token: Token) -> Markup:
    """The largest effects of a site and some others, each with random changes there, on one axis."""
    about, control = trace.legend.of(f"{site}_control_true"), trace.legend.of(f"{site}_control")
    true, random, spread = (
        np.atleast_2d(trace.arrays[f"{site}_{part}"].astype(float)) for part in ("control_true", "control", "deviation")
    )
    kinds = axis_of(trace, "kind", len(true)).labels if "kind" in trace.axes[site] else ()
    marks = []
    for i, (effects, means, errors) in enumerate(zip(true, random, spread, strict=True)):
        name = kinds[i] if kinds else "the change itself"
        colour = f"line{i}"
        marks.append(Marks(name, effects, None, colour, line=i))
        beside = f"{name}: random" if kinds else control.title
        marks.append(Marks(beside, means, errors, colour if kinds else CONTROL, hollow=True, line=i))
    plot = DotPlot(
        axis_of(trace, f"{site}_place", true.shape[1]).labels,
        marks,
        SHARE if about.ends else "change of the answer",
        ends=two(about.ends) if about.ends else (-about.least, 0.0),
        levels=(1.0,) if about.ends else (),
    )
    return figure(sentence(about.title, trace, token), dot_plot(plot), sentence(about.note, trace, token))


def figure(title: str, drawn: Markup, note: str) -> Markup:
    """A drawing under its title, over its caption."""
    return tag("figure", tag("p", title, class_="figure-title"), drawn, tag("figcaption", note) if note else "")


def two(ends: Sequence[float]) -> tuple[float, float]:
    """The ends of a scale."""
    return (float(ends[0]), float(ends[1])) if len(ends) == 2 else (0.0, 0.0)


# ----------------------------------------------------------------------------------------------------------------------
# Guess and truth


def guesses_figure(trace: Trace, token: Token) -> Markup:
    """Every place's guess against the truth, the largest by name, then the maps of each site."""
    sites = guessed_sites(trace)
    known = [one for site in sites for one in places_of(trace, site) if np.isfinite(one.true)]
    dots = [
        Dots(
            trace.legend.of(site).title.split(":")[0],
            [one.guess for one in known if one.site == site],
            [one.true for one in known if one.site == site],
            [one.label for one in known if one.site == site],
            f"line{i}",
        )
        for i, site in enumerate(sites)
    ]
    ends = two(trace.legend.of(sites[0]).ends)
    said = correlations(trace, sites)
    found = [
        figure(
            "guess and truth of every place",
            scatter(Scatter(dots, "guess", "truth, by patching", ends[1])),
            f"On the dashed line a guess is right. {said}",
        )
    ]
    top = sorted(known, key=lambda one: -max(abs(one.guess), abs(one.true)))[:MOST]
    marks = [
        Marks("truth, by patching", [one.true for one in top]),
        Marks("guess of one gradient", [one.guess for one in top], colour="line1", hollow=True),
    ]
    plot = DotPlot([one.label for one in top], marks, SHARE, ends, levels=(1.0,))
    found.append(figure(f"the {len(top)} that matter most", dot_plot(plot), ""))
    maps = [array_figure(trace, site, token) for site in sites if trace.arrays[site].ndim > 1]
    if maps:
        found.append(tag("details", tag("summary", "All of them as maps, guess beside truth"), *maps))
    return join(found)


class Guess(NamedTuple):
    """A place with its guess and its truth."""

    site: str
    label: str
    guess: float
    true: float


PARTS = {"mlp_out": ", MLP", "attn_out": ", attention"}
"""Sites that are a part of each layer, in words."""


def places_of(trace: Trace, site: str) -> Iterator[Guess]:
    """Each place of a site in words, with its guess and its truth."""
    guess, true, axes = trace.arrays[site], trace.arrays[f"{site}_true"], trace.axes[site]
    for at in np.ndindex(guess.shape):
        words = []
        for axis, i in zip(axes, at, strict=True):
            label = trace.labels[axis][i] if axis in trace.labels else str(i)
            part = PARTS.get(site, "") if axis == "layer" else ""
            words.append(f"“{visible(label)}”" if axis == "position" else f"{axis.replace('_', '/')} {label}{part}")
        yield Guess(site, ", ".join(words), float(guess[at]), float(true[at]))


def correlations(trace: Trace, sites: Sequence[str]) -> str:
    """How well guesses agree with the truth, beside shuffled ones."""
    said = []
    for site in sites:
        found = [trace.meta.get(f"{site}_{measure}") for measure in ("pearson", "shuffled")]
        if all(isinstance(one, float) for one in found):
            what = trace.legend.of(site).title.split(":")[0]
            said.append(f"{what}: r = {found[0]:.2f}, of shuffled guesses {found[1]:.2f}")
    text = "; ".join(said).replace("-", "−")
    return f"Correlation with the truth, {text}." if text else ""


# ----------------------------------------------------------------------------------------------------------------------
# Steering

RANDOM, WRONG = "random directions", "wrong place"


def steering_figure(trace: Trace, token: Token) -> Markup:
    """The answer by the length of the push, beside random directions and the wrong place."""
    scales = axis_of(trace, "scale", trace.arrays["metric"].shape[1])
    x = [float(scale) for scale in trace.labels["scale"]]
    rows = dict(zip(trace.labels["row"], trace.arrays["metric"].astype(float), strict=True))
    spread = trace.arrays["deviation"].astype(float)[trace.labels["row"].index(RANDOM)]
    said = trace.legend.entries.get
    looks = {"direction": ("line0", None), RANDOM: (CONTROL, spread), WRONG: ("control1", None)}
    lines = [
        Line(said(row, row), x, rows[row], colour, "dots", errors)
        for row, (colour, errors) in looks.items()
        if row in rows and np.isfinite(rows[row]).any()
    ]
    said_of = {"no push": trace.meta.get("plain"), "the text’s own answer": trace.meta.get("goal")}
    levels = [Level(what, level) for what, value in said_of.items() if math.isfinite(level := number(value))]
    if levels and all(abs(level.y) > 0.05 * abs(levels[0].y) for level in levels):
        levels.append(Level("", 0.0))
    about = trace.legend.of("metric")
    chart = Chart(lines, scales.name, "the answer", levels)
    title, note = (sentence(text, trace, token) for text in (about.title, about.note))
    return join([tag("p", title, class_="figure-title"), chart_figure(chart, note, legend=True, height=340)])
