"""Class by class: what is taken for what, how far probabilities can be believed, and the most confident mistakes."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from glassworks.draw.arrays.array import Drawn
from glassworks.draw.arrays.axes import Axis, Plan
from glassworks.draw.arrays.plot import heat
from glassworks.draw.chart import chart_figure
from glassworks.draw.line_chart import Chart, Line
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.scales import number
from glassworks.evaluate.labelled.table import calibrated
from glassworks.report.contents import Contents, rows_with
from glassworks.report.training_curves import missing
from glassworks.trace.render import trace_figure

MOST = 40
"""Classes of which a matrix and a table are drawn."""
FEWEST = 20
"""Examples of a point of the reliability diagram: of fewer, chance alone moves it by a fifth or more."""


def classes(contents: Contents) -> Markup:
    """The confusion matrix, and each class's recall and precision."""
    result = contents.held_out or {}
    names, matrix = result.get("classes"), result.get("confusion")
    if not isinstance(names, list) or not isinstance(matrix, list):
        return missing("Not measured yet. Measure it by", f"glassworks eval {contents.quoted}")
    if len(names) > MOST:
        return join([tag("p", f"{len(names)} classes: a matrix is drawn of {MOST} at most."), class_table(result)])
    wrong = np.array(matrix, dtype=float)
    np.fill_diagonal(wrong, np.nan)
    axes = (Axis.of("in truth", "class", len(names), names), Axis.of("taken for", "class", len(names), names))
    note = (
        "A row a class: how many of its test examples were taken for which other one. What was right, on the diagonal, "
        "is left out, so that mistakes are seen; it is in the table below."
    )
    if not np.nansum(wrong):
        return join([tag("p", "No test example was taken for another class."), class_table(result)])
    drawn = Drawn("what is taken for what", wrong, axes, note=note)
    return join([heat(drawn, Plan("heat", (), (0, 1))), class_table(result)])


def class_table(result: Mapping[str, Any]) -> Markup:
    """Each class's examples, recall with its interval, precision and F1, the least found first."""
    rows = sorted(rows_with(result.get("per_class"), "class"), key=lambda row: number(row.get("recall")))[:MOST]
    titles = ("class", "test examples", "recall", "precision", "F1")
    head = tag("tr", *(tag("th", title, scope="col") for title in titles))
    body = [
        tag(
            "tr",
            tag("th", str(row["class"]), scope="row"),
            tag("td", f"{int(number(row.get('examples', 0))):,}"),
            tag("td", percent(row.get("recall")), tag("small", between(row), class_="under")),
            tag("td", percent(row.get("precision"))),
            tag("td", percent(row.get("f1"))),
        )
        for row in rows
    ]
    caption = (
        "Recall: the share of a class that is found, with its 95 % interval (Wilson's; over groups, where "
        "the data have them). Precision: the share of what "
        "is taken for it that is of it."
    )
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="comparison")
    return tag("figure", scrolling(table), tag("figcaption", caption))


def percent(value: Any) -> str:
    """A share; a dash where there is none."""
    share = number(value)
    return f"{100 * share:.1f} %" if math.isfinite(share) else "–"


def between(row: Mapping[str, Any]) -> str:
    """The interval of a recall."""
    low, high = number(row.get("recall_low")), number(row.get("recall_high"))
    return f"{100 * low:.0f} to {100 * high:.0f} %" if math.isfinite(low) and math.isfinite(high) else ""


# ----------------------------------------------------------------------------------------------------------------------


def calibration(contents: Contents) -> Markup:
    """How often the network is right where it says it is so sure: before and after its temperature."""
    found = (contents.held_out or {}).get("calibration")
    if not isinstance(found, dict):
        return missing("Not measured yet. Measure it by", f"glassworks eval {contents.quoted}")
    lines = [Line("right as often as it is sure", [0, 100], [0, 100], colour="control0", style="dashed")]
    for name, key, colour in (("as it is", "before", "line0"), ("with its temperature", "after", "line1")):
        bins = found.get(key, {}).get("equal_mass") if isinstance(found.get(key), dict) else None
        if isinstance(bins, dict):
            sure, right = pooled(bins)
            lines.append(Line(name, sure, right, colour=colour))
    chart = Chart(lines, "confidence (%)", "of these right (%)")
    caption = (
        f"Test examples in groups by how sure the network is of its answer, each of {FEWEST} or more. Below the dashed "
        f"line it is surer than it is right. {calibrated(found)} A temperature divides all logits: no answer changes."
    )
    return chart_figure(chart, caption, legend=True)


def pooled(bins: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """Mean confidence and share that is right, in percent: neighbouring bins together until each has `FEWEST`.

    What is left at the end goes to the last one.
    """
    columns = [[number(x) for x in bins.get(name, [])] for name in ("confidence", "accuracy", "counts")]
    groups: list[np.ndarray] = []  # of sums: confidence, right, examples
    for sure, right, count in zip(*columns, strict=True):
        if not count > 0:
            continue
        if not groups or groups[-1][2] >= FEWEST:
            groups.append(np.zeros(3))
        groups[-1] += count * np.array([sure, right, 1.0])
    if len(groups) > 1 and groups[-1][2] < FEWEST:
        last = groups.pop()
        groups[-1] += last
    return [float(100 * g[0] / g[2]) for g in groups], [float(100 * g[1] / g[2]) for g in groups]


# ----------------------------------------------------------------------------------------------------------------------


def predictions(contents: Contents) -> Markup:
    """What it says of some test images."""
    trace = contents.traces.get("predictions")
    if trace is None:
        return missing("Not looked at yet. Let it say something by", f"glassworks report {contents.quoted}")
    return join([tag("p", trace.legend.reading), trace_figure(trace)])


def mistakes(contents: Contents) -> Markup:
    """The most confident mistakes: pictures where the data are images, or else a table."""
    trace = contents.traces.get("mistakes")
    if trace is not None:
        return join([tag("p", trace.legend.reading), trace_figure(trace)])
    result = contents.held_out
    if not result:
        return missing("Not measured yet. Measure it by", f"glassworks eval {contents.quoted}")
    rows = rows_with(result.get("mistakes"), "name")
    if not rows:
        return tag("p", "It made no mistake on the test part.")
    numbers = result.get("task") == "number"
    titles = ("example", "it says", "in truth", "error" if numbers else "how sure")
    head = tag("tr", *(tag("th", title, scope="col") for title in titles))
    body = [
        tag(
            "tr",
            tag("th", str(row["name"]), scope="row"),
            *(tag("td", said(row.get(key))) for key in ("predicted", "true")),
            tag("td", said(row.get("error")) if numbers else percent(row.get("probability"))),
        )
        for row in rows
    ]
    caption = (
        "Those missed by most."
        if numbers
        else "Those it was surest of. Look at them first: some may be labelled wrongly."
    )
    return tag(
        "figure",
        scrolling(tag("table", tag("thead", head), tag("tbody", *body), class_="comparison")),
        tag("figcaption", caption),
    )


def said(value: Any) -> str:
    """A class, or a number in few digits."""
    return value if isinstance(value, str) else f"{number(value):.4g}"
