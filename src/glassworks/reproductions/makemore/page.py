"""The makemore page: how far each lecture's network gets, how it learned, what it writes, and a deep one's health."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from glassworks.core.errors import FileDamaged
from glassworks.core.files import read_json
from glassworks.core.runs import Run
from glassworks.data.text.words import NAMES_SHA256
from glassworks.draw.chart import chart_figure, draw_legend
from glassworks.draw.line_chart import NARROW, Chart, Level, Line, line_chart
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.scales import number, span
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.makemore.rows import DEEP_GRADIENT, DEEP_SATURATED, DEEP_UPDATE, LOSSES
from glassworks.reproductions.page import NOT_KEPT, OURS, PUBLISHED, Story, missing, row_named, value

UNIFORM, BIGRAM = "any: guessing uniformly, ln V", "2: bigram by counts + 1"
SHOWN = 12
"""Words of each network."""
WORST = 3.4
"""Nats a character: a curve is cut off above, where it does not end there. Guessing among 27 costs 3.30."""
Parts = Mapping[str, Mapping[str, Any]]


def makemore_story(run: Run, finding: Finding) -> Story:
    """From the finding and the parts that the run keeps."""
    parts = {name: read_part(run, name) for name in (*LOSSES, "bigram", "deep")}
    names = run.record["reproduction"].get("words") == NAMES_SHA256
    sections = (
        ("losses", "From guessing to a tree", losses_figure(finding, compared=names)),
        ("learning", "How each learned", learning_section(parts)),
        ("writing", "What each writes", writing_section(parts)),
        ("health", "Inside five layers", health_figure(parts["deep"], compared=names)),
    )
    return Story("makemore", sentence(finding), sections)


def read_part(run: Run, name: str) -> Mapping[str, Any]:
    """What a part measured; nothing if its file is absent or damaged."""
    try:
        part = read_json(run.eval_path(name))
    except (FileDamaged, OSError):
        return {}
    return part if isinstance(part, dict) else {}


def dev(finding: Finding, name: str) -> tuple[float, float]:
    """A network's loss on held-out words: ours and the published one."""
    row = row_named(finding, f"{LOSSES[name][0]}: dev")
    return value(row.ours), value(row.published)


def sentence(finding: Finding) -> str:
    """How far it goes from guessing to the best network."""
    ours = {name: dev(finding, name)[0] for name in LOSSES}
    measured = [name for name in ours if math.isfinite(ours[name])]
    guess, pairs = (value(row_named(finding, what).ours) for what in (UNIFORM, BIGRAM))
    if not measured or not math.isfinite(guess + pairs):
        return "This run did not measure enough to say how far it goes from guessing to a tree of characters."
    best = min(measured, key=ours.__getitem__)
    clause = (
        f"Guessing costs {guess:.2f} nats a character, counting pairs {pairs:.2f}, and the best network, "
        f"“{LOSSES[best][0].partition(': ')[2]}”, {ours[best]:.3f} on words that it never saw"
    )
    is_compared = row_named(finding, f"{LOSSES[best][0]}: dev").verdict
    return clause + (f"; the same ends on {LOSSES[best][2]:.3f} in the lecture." if is_compared else ".")


def losses_figure(finding: Finding, *, compared: bool) -> Markup:
    """The held-out loss of every network, in the lectures' order, beside the published ones."""
    both = [dev(finding, name) for name in LOSSES]
    lines = beside([ours for ours, _ in both], [theirs for _, theirs in both] if compared else None)
    guess, pairs = (value(row_named(finding, what).ours) for what in (UNIFORM, BIGRAM))
    levels = [Level(f"guessing {guess:.2f}", guess), Level(f"pairs, counted {pairs:.2f}", pairs)]
    chart = Chart(
        lines,
        "network of a lecture",
        "nats a character, held out",
        levels,
        roomy(*span([*(y for line in lines for y in line.y), pairs])),
        x_labels=[short_name(name) for name in LOSSES],
    )
    listed = "; ".join(f"{short_name(name)}: {LOSSES[name][0].partition(': ')[2]}" for name in LOSSES)
    caption = (
        "Loss on the tenth of the words that is held out, in the order of the lectures; lower is better. Dashed: what "
        f"costs no training. {'' if compared else 'The published figures are of other words, and left out. '}"
        f"The first number is the lecture's. {listed}."
    )
    return chart_figure(chart, caption, legend=compared, height=360)


def roomy(low: float, high: float) -> tuple[float, float]:
    """A range with room above for the labels of two levels."""
    return low, high + 0.1 * (high - low)


def beside(ours: Sequence[float], published: Sequence[float] | None) -> list[Line]:
    """Our figures as dots over the published ones as a line, so that both are seen where they agree."""
    lines = [] if published is None else [Line("published", range(len(published)), published, PUBLISHED)]
    return [*lines, Line("ours", range(len(ours)), ours, OURS, "dots")]


def short_name(name: str) -> str:
    """The lecture and the network's place in it: 4a, 4b, ..."""
    lecture = LOSSES[name][0][0]
    before = [other for other in LOSSES if LOSSES[other][0][0] == lecture]
    return f"{lecture}{'abcdefghij'[before.index(name)]}"


# ----------------------------------------------------------------------------------------------------------------------


def learning_section(parts: Parts) -> Markup:
    """Training losses by step: the MLPs of lectures 4 and 5, and the networks of lecture 6."""
    figures = []
    for lectures, title in (
        ("45", "The same MLP, better and better begun: what a bad beginning costs is paid in the first steps."),
        ("6", "Three characters or eight, flat or as a tree; the learning rate falls after three quarters."),
    ):
        names = [name for name in LOSSES if LOSSES[name][0][0] in lectures]
        lines = [
            Line(f"{short_name(name)}: {LOSSES[name][0].partition(': ')[2]}", *curve(parts[name]), f"line{i}")
            for i, name in enumerate(names)
        ]
        lines = [line for line in lines if len(line.x)]
        if lines:
            chart = Chart(lines, "step", "nats a character, in training", y_range=lower_part(lines))
            caption = f"{title} Each point is the mean over the batches since the one before."
            figures.append(chart_figure(chart, caption, legend=True, height=320))
    return join(figures) if figures else missing(NOT_KEPT.format(what="evals"))


def lower_part(lines: Sequence[Line]) -> tuple[float, float]:
    """A range that shows where networks go: without the first steps, and what is worse than guessing would be."""
    losses = np.concatenate([np.asarray(line.y[len(line.y) // 20 :], dtype=float) for line in lines])
    last = [line.y[-1] for line in lines]
    return span([*losses[losses < WORST], *last])


def curve(part: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """The steps and losses that a part kept."""
    points = part.get("curve")
    kept = points if isinstance(points, list) else []
    pairs = [(number(point[0]), number(point[1])) for point in kept if isinstance(point, list) and len(point) == 2]
    return [step for step, _ in pairs], [loss for _, loss in pairs]


def writing_section(parts: Parts) -> Markup:
    """Words of each network's own."""
    rows = []
    for name in ("bigram", *LOSSES):
        words = parts[name].get("samples")
        if isinstance(words, list) and words:
            label = "2: bigram by counts" if name == "bigram" else LOSSES[name][0]
            rows.append(tag("tr", tag("th", label, scope="row"), tag("td", *spans(words[:SHOWN]))))
    if not rows:
        return missing(NOT_KEPT.format(what="evals"))
    caption = f"The first {SHOWN} words that each wrote, every character drawn by its probability."
    return tag("figure", scrolling(tag("table", *rows, class_="texts words")), tag("figcaption", caption))


def spans(words: Sequence[Any]) -> list[Markup]:
    """Words apart from each other; one that ends before it begins is a dash."""
    return [tag("span", str(word) or "–") for word in words]


def health_figure(deep: Mapping[str, Any], *, compared: bool) -> Markup:
    """Saturation, gradients and updates of the five layers of lecture 4, as small charts."""
    panels = []
    for key, published, title in (
        ("saturated", DEEP_SATURATED, "share of saturated units"),
        ("gradient", DEEP_GRADIENT, "gradient, standard deviation"),
        ("update", DEEP_UPDATE, "update / weight"),
    ):
        ours = [number(deep.get(f"{key}_{i}")) for i in range(len(published))]
        lines = beside(ours, published if compared else None)
        if any(map(math.isfinite, ours)):
            top = 1.1 * max(x for line in lines for x in line.y if math.isfinite(x)) or 1.0
            chart = Chart(lines, "layer", title, y_range=(0.0, top), counted=True)
            panels.append(tag("div", line_chart(chart, NARROW, 210)))
    if not panels:
        return missing(NOT_KEPT.format(what="evals"))
    key_line = draw_legend(beside([], []))
    caption = (
        "Lecture 4 looks at a network of five batch-normalised layers after 1,001 steps: how many units are stuck at "
        "the ends of their tanh, how large the gradient is that reaches each layer, and how far a step moves each "
        "matrix relative to its size (0 is the embedding). Lines that stay level are healthy; the lecture's rule of "
        "thumb for the last is 0.001, of plain gradient descent."
    )
    return tag("figure", key_line if compared else "", tag("div", *panels, class_="panels"), tag("figcaption", caption))
