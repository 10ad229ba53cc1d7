"""How good a network on labelled data is, for its page: the verdict, the key figures, curves, and its rivals."""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from glassworks.draw.chart import chart_figure
from glassworks.draw.line_chart import Chart, Level, Line
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.scales import duration, minus, number, short, size, span
from glassworks.evaluate.labelled.figures import JUDGED_BY, MEASURES
from glassworks.evaluate.labelled.verdict import number as figure
from glassworks.report.contents import Contents, rows_with
from glassworks.report.training_curves import missing

COLUMNS = {"classes": ("log_loss", "brier"), "number": ("mae", "r2")}
"""What the table of rivals shows beside what the verdict goes by."""


def judged_by(result: Mapping[str, Any]) -> str:
    """The figure that the verdict goes by."""
    return JUDGED_BY.get(str(result.get("task")), "accuracy")


def metric(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A figure of a row with its interval; an empty one where there is none."""
    metrics = row.get("metrics")
    found = metrics.get(name) if isinstance(metrics, dict) else None
    return found if isinstance(found, dict) else {"value": None, "low": None, "high": None}


def verdict(contents: Contents) -> str:
    """Whether the network beats its rivals, as the evaluation put it."""
    said = (contents.held_out or {}).get("verdict")
    return str(said) if said else "Not compared with its rivals yet."


def key_figures(contents: Contents) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names and values of the numbers at the top."""
    result = contents.held_out or {}
    name = judged_by(result)
    ours = metric(result, name)
    yield f"{MEASURES[name].title}, test", (figure(ours["value"], name), interval(ours, name, "small"))
    weights, examples = contents.fact("result", "num_params"), contents.steps * contents.fact("recipe", "batch_size")
    yield "parameters", (count(weights),)
    yield "trained on", (count(examples), tag("small", " examples"))
    seconds = contents.column("seconds")[1]
    yield "training time", (duration(seconds[-1] if seconds else math.nan),)
    speeds = [1 / x for x in contents.column("step_seconds")[1] if x > 0]
    rate = median(speeds) * contents.fact("recipe", "batch_size") if speeds else math.nan
    if not math.isfinite(rate) and seconds and seconds[-1] > 0:
        rate = examples / seconds[-1]
    yield "speed", (count(rate), tag("small", " examples/s"))
    yield "peak memory", (size(contents.fact("result", "peak_memory_bytes")),)


def count(value: float) -> str:
    """A count in few digits; a dash where there is none."""
    return short(value) if math.isfinite(value) else "–"


def interval(found: Mapping[str, Any], name: str, element: str, **how: str) -> Markup:
    """Where a figure's 95 % interval begins and ends, as a small element; nothing where there is none."""
    if found.get("low") is None or found.get("high") is None:
        return Markup("")
    low, high = (figure(found[end], name) for end in ("low", "high"))
    return tag(element, f" {low.removesuffix(' %')} to {high}", **how)


# ----------------------------------------------------------------------------------------------------------------------
# How it learned


def learning(contents: Contents) -> Markup:
    """What it read, and its curves."""
    if not contents.column("loss")[0]:
        resume = f"glassworks train --resume {contents.quoted}"
        return join([data_read(contents), missing("No step has been logged yet. Go on with", resume)])
    return join([data_read(contents), loss_figure(contents), score_figure(contents), kept(contents)])


def data_read(contents: Contents) -> Markup:
    """The data in a sentence, and what was found in them."""
    about = contents.record.get("examples")
    if not isinstance(about, dict):
        return Markup("")
    splits = [f"{int(about[split]):,} {words}" for split, words in SPLITS if isinstance(about.get(split), int)]
    notes = [note for note in about.get("notes", []) if isinstance(note, str)]
    items = tag("ul", *(tag("li", note) for note in notes)) if notes else Markup("")
    return join([tag("p", f"{about.get('what', 'Its examples')}: {', '.join(splits)}."), items])


def kept(contents: Contents) -> Markup:
    """Which weights the network has, where they are not the last."""
    step = contents.fact("kept", "step")
    if not math.isfinite(step) or step == contents.steps:
        return Markup("")
    return tag("p", f"Its weights are those after step {step:,.0f}, the best on the validation part.")


SPLITS = (("train", "to train on"), ("validation", "to choose by"), ("test", "for the score"))


def loss_figure(contents: Contents) -> Markup:
    """The loss by step, of training batches and of the validation part."""
    steps, losses = contents.column("loss")
    chart = Chart(
        [
            Line("training batches", steps, losses, style="faint"),
            Line("validation", *contents.column("val_loss"), colour="line1", style="dots"),
        ],
        "step",
        "loss",
    )
    return chart_figure(
        chart,
        "Lower is better. Where the training loss goes on falling and the validation loss rises, the network learns "
        "its own examples by heart. Augmentation, label smoothing and class weights raise the training loss alone.",
        legend=True,
    )


def score_figure(contents: Contents) -> Markup:
    """What the verdict goes by, on the validation part, with the rivals' on the test part as lines."""
    result = contents.held_out or {}
    name = judged_by(result)
    steps, values = contents.column(f"val_{name}")
    if not steps:
        return Markup("")
    share = 100.0 if MEASURES[name].unit == "share" else 1.0
    known = [(row, number(metric(row, name)["value"])) for row in rows_with(result.get("rivals"), "name")]
    levels = [Level(f"{row['name']} {figure(y, name)}", share * y) for row, y in known if math.isfinite(y)]
    unit = " (%)" if share == 100.0 else ""
    chart = Chart(
        [Line("validation", steps, [share * y for y in values], colour="line1")],
        "step",
        f"{MEASURES[name].title}{unit}",
        levels,
        y_range=span_of([share * y for y in values], [level.y for level in levels], MEASURES[name].higher_is_better),
    )
    higher = "Higher" if MEASURES[name].higher_is_better else "Lower"
    return chart_figure(
        chart, f"{higher} is better. On the validation part as it learned; the lines are its rivals on the test part."
    )


def span_of(values: Sequence[float], levels: Sequence[float], higher_is_better: bool) -> tuple[float, float]:
    """What a figure's axis shows: all from a fifth of the run on, and the rivals but the worst, which others squash."""
    best_first = sorted((y for y in levels if math.isfinite(y)), reverse=higher_is_better)
    low, high = span([*values[len(values) // 5 :], *best_first[: max(1, len(best_first) - 1)]])
    room = 0.12 * (high - low)  # for the labels of the rivals
    return low - room, high + room


# ----------------------------------------------------------------------------------------------------------------------
# Against its rivals


def comparison(contents: Contents) -> Markup:
    """The network among its rivals, the best first."""
    result = contents.held_out
    if not result:
        return missing("Not measured yet. Compare with its rivals by", f"glassworks eval {contents.quoted}")
    name = judged_by(result)
    sign = -1 if MEASURES[name].higher_is_better else 1
    rows: list[dict[str, Any]] = [{"name": "the network", "note": "this run", **result, "ours": True}]
    rows += rows_with(result.get("rivals"), "name")
    rows.sort(
        key=lambda row: (math.isnan(number(metric(row, name)["value"])), sign * number(metric(row, name)["value"]))
    )
    others = [other for other in COLUMNS[str(result.get("task", "classes"))] if other in MEASURES]
    points = ", points" if MEASURES[name].unit == "share" else ""
    titles = ["", MEASURES[name].title, f"network − row{points}", *(MEASURES[other].title for other in others), "time"]
    head = tag("tr", *(tag("th", title, scope="col") for title in titles))
    body = [tag("tr", *cells(row, name, others), class_="ours" if row.get("ours") else None) for row in rows]
    units = f"{int(number(result.get('num_units', 0)) or 0):,} {result.get('units', 'examples')}"
    caption = (
        f"Every row is measured on the same test part ({units}) and was fitted on the same training part; nothing was "
        "chosen by the test part. Below a figure its 95 % interval by resampling; differences are paired, so a verdict "
        "may be sure where the intervals of two rows overlap."
    )
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="comparison")
    notes = [tag("p", f"{str(note)[:1].upper()}{str(note)[1:]}.", class_="about") for note in result.get("notes", [])]
    return join([tag("figure", scrolling(table), tag("figcaption", caption)), *notes])


def cells(row: Mapping[str, Any], name: str, others: list[str]) -> Iterator[Markup]:
    """One line of the table."""
    yield tag("th", str(row.get("name", "")), tag("small", str(row.get("note") or "")), scope="row")
    ours = metric(row, name)
    yield tag("td", figure(ours["value"], name), interval(ours, name, "small", class_="under"))
    difference = row.get("difference")
    found = difference.get(name) if isinstance(difference, dict) else None
    yield tag("td", *difference_cell(found if isinstance(found, dict) else {}, name))
    for other in others:
        yield tag("td", figure(metric(row, other)["value"], other))
    yield tag("td", duration(number(row.get("seconds"))))


def difference_cell(found: Mapping[str, Any], name: str) -> Iterator[str]:
    """The network's figure less a rival's, with its interval and the verdict by it."""
    if found.get("value") is None:
        return
    factor, form = (100.0, "+.1f") if MEASURES[name].unit == "share" else (1.0, "+.3g")
    yield minus(f"{factor * number(found['value']):{form}}")
    low, high = number(found.get("low")), number(found.get("high"))
    known = math.isfinite(low) and math.isfinite(high)
    between = minus(f"{factor * low:{form}} to {factor * high:{form}}") if known else "no interval"
    yield tag("small", between, class_="under")
    yield tag("small", str(found.get("verdict", "")), class_="under")
