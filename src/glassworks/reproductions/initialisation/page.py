"""The page: the chain of fixes, signals in deep networks, how deep they may be, and what shortcuts change."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from glassworks.core.errors import FileDamaged
from glassworks.core.files import read_json
from glassworks.core.runs import Run
from glassworks.draw.chart import chart_figure, draw_legend
from glassworks.draw.dot_plot import DotPlot, Marks, dot_plot
from glassworks.draw.line_chart import Chart, Line
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import span
from glassworks.reproductions.char_models import CHAIN_LOSSES
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.initialisation.rows import FUNCTION, NAMES
from glassworks.reproductions.page import NOT_KEPT, OURS, PUBLISHED, Story, missing, row_named, value
from glassworks.trace.general import array_figure
from glassworks.trace.general import sentence as in_words
from glassworks.trace.render import explained
from glassworks.trace.trace import Trace

TRACES = ("signals", "depths", "variances", "shortcuts")
WORST = 3.4
"""Nats a character: a curve of the chain is cut off above. Guessing among 27 costs 3.30."""
FLOOR, CEILING = 1e-12, 1e12
"""Of variances that are drawn: beyond, a signal is gone, or would be infinite a few layers on."""

FORETOLD = "foretold, at most as deep as was tried"


def initialisation_story(run: Run, finding: Finding) -> Story:
    """From the finding, the traces and the chain's parts of a finished reproduction."""
    traces = {name: Trace.load(run.path / "traces" / name) for name in TRACES}
    parts = {name: read_part(run, f"chain_{name}") for name in CHAIN_LOSSES}
    return story(finding, traces, parts)


def story(finding: Finding, traces: Mapping[str, Trace], parts: Mapping[str, Mapping[str, Any]]) -> Story:
    """What the page says and draws."""
    sections = [
        ("signals", "Signals in deep networks", signals_section(traces["signals"])),
        ("depths", "How deep each scheme trains", depths_section(traces["depths"])),
        ("chaos", "The edge of chaos", variances_section(traces["variances"])),
        ("shortcuts", "Shortcuts", shortcuts_section(traces["shortcuts"])),
    ]
    if any(parts.values()):
        sections.insert(0, ("chain", "The chain of fixes", chain_section(finding, parts)))
    return Story("How weights are drawn, and what comes of it", sentence(finding, traces["depths"]), sections)


def read_part(run: Run, name: str) -> Mapping[str, Any]:
    """What a part measured; nothing if its file is absent or damaged."""
    try:
        part = read_json(run.eval_path(name))
    except (FileDamaged, OSError):
        return {}
    found = part.get("result") if isinstance(part, dict) else None
    return found if isinstance(found, dict) else {}


def sentence(finding: Finding, depths: Trace) -> str:
    """How deep the worst and the best scheme go."""
    found = np.median(depths.arrays["deepest"], axis=-1)
    said = []
    for a, activation in enumerate(depths.labels["activation"]):
        best = int(np.argmax(found[a]))
        name, layers = NAMES[depths.labels["scheme"][best]], found[a, best]
        said.append(f"with {FUNCTION[activation]} torch’s default trains {found[a, 0]:.0f} layers, {name} {layers:.0f}")
    largest = depths.labels["depth"][-1]
    fixup = row_named(finding, "Fixup trains at every depth at which batch norm does").ours
    end = (
        "Fixup trains residual networks as deep as batch norm does" if fixup else "Fixup does NOT reach batch norm here"
    )
    text = f"Of depths up to {largest}, {'; '.join(said)}. {end}."
    return text[0].upper() + text[1:]


# ----------------------------------------------------------------------------------------------------------------------
# The chain


def chain_section(finding: Finding, parts: Mapping[str, Mapping[str, Any]]) -> Markup:
    """Where each network ends, beside the lecture's, and how it learned."""
    rows = [row_named(finding, f"{label}: dev") for label, _, _ in CHAIN_LOSSES.values()]
    lines = [Line("ours", range(len(rows)), [value(row.ours) for row in rows], OURS, "dots")]
    if any(row.verdict for row in rows):
        published = [value(row.published) for row in rows]
        lines.insert(0, Line("published", range(len(rows)), published, PUBLISHED))
    labels = [f"{letter}" for letter, _ in zip("abcde", rows, strict=False)]
    names = "; ".join(f"{letter}: {label}" for letter, (label, _, _) in zip(labels, CHAIN_LOSSES.values(), strict=True))
    ends = Chart(
        lines, "fix", "nats a character, held out", y_range=span([*(y for x in lines for y in x.y)]), x_labels=labels
    )
    curves = [
        Line(f"{letter}: {CHAIN_LOSSES[name][0]}", *curve(parts[name]), f"line{i}")
        for i, (letter, name) in enumerate(zip(labels, CHAIN_LOSSES, strict=True))
    ]
    curves = [line for line in curves if len(line.x)]
    if not curves:
        return missing(NOT_KEPT.format(what="evals"))
    low = min(float(np.nanmin(np.asarray(line.y, dtype=float))) for line in curves)
    learning = Chart(curves, "step", "nats a character, in training", y_range=(low, WORST))
    return join(
        [
            chart_figure(ends, f"Loss on held-out words; lower is better. {names}.", legend=True, height=300),
            chart_figure(
                learning,
                "What a bad beginning costs is paid in the first steps. A point is a mean over batches since the last.",
                legend=True,
            ),
        ]
    )


def curve(part: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """The steps and losses that a part kept."""
    points = part.get("curve", [])
    return [float(step) for step, _ in points], [float(loss) for _, loss in points]


# ----------------------------------------------------------------------------------------------------------------------
# Deep networks


def signals_section(signals: Trace) -> Markup:
    """Forward and backward variances of each activation, and what was foretold, dashed."""
    figures = [about(signals)]
    for a, activation in enumerate(signals.labels["activation"]):
        for way, title in (("forward", "variance forward"), ("backward", "variance of the gradient")):
            lines = list[Line]()
            for s, scheme in enumerate(signals.labels["scheme"]):
                ours, theory = (kept(signals.arrays[name][a, s]) for name in (way, f"{way}_theory"))
                places = range(1, len(ours) + 1)
                lines.append(Line(NAMES[scheme], places, ours, f"line{s}"))
                lines.append(Line(f"{NAMES[scheme]}, foretold", places, theory, f"line{s}", "dashed"))
            chart = Chart(lines, "layer", title, log=True, counted=True)
            caption = f"{FUNCTION[activation]}, {title}. Dashed: foretold."
            figures.append(join([draw_legend(lines[::2]), chart_figure(chart, caption, height=300)]))
    return join(figures)


def kept(values: np.ndarray) -> list[float]:
    """Variances as far as they can be drawn."""
    return [float(x) if FLOOR < x < CEILING else math.nan for x in values]


def depths_section(depths: Trace) -> Markup:
    """The deepest network that trains, a row of dots a scheme beside theory, then all losses."""
    largest = int(depths.labels["depth"][-1])
    names = [NAMES[scheme] for scheme in depths.labels["scheme"]]
    figures = [about(depths)]
    for a, activation in enumerate(depths.labels["activation"]):
        figures.append(
            by_scheme(
                names,
                np.median(depths.arrays["deepest"][a], axis=-1),
                depths.arrays["foretold"][a],
                largest,
                f"{FUNCTION[activation]}: the deepest network that trains, of up to {largest} layers.",
            )
        )
    return join([*figures, array_figure(depths, "loss", str)])


def by_scheme(names: Sequence[str], ours: np.ndarray, theory: np.ndarray, largest: int, caption: str) -> Markup:
    """A row a scheme: what theory foretells and ours on one axis, both at most as deep as was tried."""
    marks = [
        Marks("ours", ours.tolist(), colour=OURS),
        Marks(FORETOLD, np.minimum(theory, largest).tolist(), colour="control0", hollow=True),
    ]
    plot = DotPlot(names, marks, "layers", ends=(0.0, float(largest)))
    return tag("figure", dot_plot(plot), tag("figcaption", caption))


def variances_section(variances: Trace) -> Markup:
    """The deepest network that trains over the variance, then all losses."""
    largest = int(variances.labels["depth"][-1])
    figure = against_theory(
        variances.labels["variance"],
        variances.arrays["deepest"],
        variances.arrays["foretold"],
        largest,
        "variance of weights, times fan-in",
        f"tanh: the deepest network that trains, of up to {largest} layers, over the variance of weights.",
    )
    return join([about(variances), figure, array_figure(variances, "loss", str)])


def against_theory(
    labels: Sequence[str], ours: np.ndarray, theory: np.ndarray, largest: int, x_title: str, caption: str
) -> Markup:
    """Ours as dots, what theory foretells as a line; both end at the deepest network that was tried."""
    places = range(len(labels))
    lines = [
        Line(FORETOLD, places, np.minimum(theory, largest), PUBLISHED),
        Line("ours", places, ours, OURS, "dots"),
    ]
    chart = Chart(lines, x_title, "layers", y_range=(0, largest * 1.05), x_labels=list(labels))
    return chart_figure(chart, caption, legend=True, height=280)


def shortcuts_section(shortcuts: Trace) -> Markup:
    """Losses over blocks."""
    return explained(shortcuts)


def about(trace: Trace) -> Markup:
    """What is asked, measured and read, without the figures."""
    legend = trace.legend
    said = [in_words(text, trace, str) for text in (legend.question, legend.measure, legend.reading, legend.control)]
    return join([*(tag("p", text) for text in said[:-1]), tag("p", tag("b", "Control"), said[-1], class_="control")])
