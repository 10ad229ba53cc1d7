"""How good an encoder-decoder is, how it became so, what it writes and where it looks, for its run's page."""

from collections.abc import Iterator, Mapping
from typing import Any

from glassworks.draw.chart import chart_figure
from glassworks.draw.line_chart import Chart, Level, Line
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.scales import duration, evenly, minus, number
from glassworks.evaluate.translation.figures import MEASURES
from glassworks.report.contents import Contents, rows_with
from glassworks.report.labelled.score import SPLITS, loss_figure
from glassworks.report.labelled.score import key_figures as of_training
from glassworks.report.training_curves import missing
from glassworks.trace.render import explained

STEPS = 6
"""Of the samples of one source, that many are shown, evenly spaced."""
LONGEST = 300
"""Characters of a text in a table."""


def verdict(contents: Contents) -> str:
    """How good it is, and whether it beats its rivals, as the evaluation put it."""
    said = (contents.held_out or {}).get("verdict")
    return str(said) if said else "Not compared with its rivals yet."


def key_figures(contents: Contents) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names and values of the numbers at the top."""
    result = contents.held_out or {}
    for name, measure in MEASURES.items():
        found = metric(result, name)
        yield f"{measure.title}, test", (measure.shown(found["value"]), interval(found, name, "small"))
    _, *training = of_training(contents)
    yield from training


def metric(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A figure of a row with its interval; an empty one where there is none."""
    metrics = row.get("metrics")
    found = metrics.get(name) if isinstance(metrics, dict) else None
    return found if isinstance(found, dict) else {"value": None, "low": None, "high": None}


def interval(found: Mapping[str, Any], name: str, element: str, **how: str) -> Markup:
    """Where a figure's 95 % interval begins and ends, as a small element; nothing where there is none."""
    if found.get("low") is None or found.get("high") is None:
        return Markup("")
    low, high = (MEASURES[name].scale * found[end] for end in ("low", "high"))
    return tag(element, minus(f" {low:.1f} to {high:.1f}"), **how)


# ----------------------------------------------------------------------------------------------------------------------
# How it learned


def learning(contents: Contents) -> Markup:
    """What it read, and its curves."""
    about = contents.record.get("pairs")
    parts = [pairs_read(about)] if isinstance(about, dict) else []
    if not contents.column("loss")[0]:
        resume = f"glassworks train --resume {contents.quoted}"
        return join([*parts, missing("No step has been logged yet. Go on with", resume)])
    return join([*parts, loss_figure(contents), *(curve(contents, name) for name in MEASURES)])


def pairs_read(about: Mapping[str, Any]) -> Markup:
    """The data in a sentence, and what was found in them."""
    splits = [f"{about[split]:,} {words}" for split, words in SPLITS if isinstance(about.get(split), int)]
    notes = [note for note in about.get("notes", []) if isinstance(note, str)]
    items = tag("ul", *(tag("li", note) for note in notes)) if notes else Markup("")
    return join([tag("p", f"{about.get('what', 'Its pairs')}, in pairs: {', '.join(splits)}."), items])


def curve(contents: Contents, name: str) -> Markup:
    """One figure on the validation part as it learned, with the rivals' on the test part as lines."""
    steps, values = contents.column(f"val_{name}")
    if not steps:
        return Markup("")
    measure = MEASURES[name]
    at: dict[str, list[str]] = {}  # by what is shown: labels of one place would lie on one another
    for row in rows_with((contents.held_out or {}).get("rivals"), "name"):
        at.setdefault(measure.shown(metric(row, name)["value"]), []).append(str(row["name"]))
    levels = [
        Level(f"{' and '.join(names)} {shown}", float(shown.removesuffix(measure.unit)))
        for shown, names in at.items()
        if shown[:1].isdigit()
    ]
    line = Line("validation", steps, [measure.scale * y for y in values], colour="line1")
    title = f"{measure.title} (%)" if measure.unit else measure.title
    caption = "Higher is better. Of what it wrote, greedily, for the first validation pairs; rivals on the test part."
    return chart_figure(Chart([line], "step", title, levels, y_range=(0.0, 105.0)), caption)


# ----------------------------------------------------------------------------------------------------------------------
# Against its rivals


def comparison(contents: Contents) -> Markup:
    """The network among its rivals, the best first."""
    result = contents.held_out
    if not result:
        return missing("Not measured yet. Compare with its rivals by", f"glassworks eval {contents.quoted}")
    rows: list[dict[str, Any]] = [{"name": "the network", "note": "this run, by beam search", **result, "ours": True}]
    rows.append({"name": "the same, greedily", "note": "the likeliest token, one after the other", **result["greedy"]})
    rows += rows_with(result.get("rivals"), "name")
    rows.sort(key=lambda row: -number(metric(row, "bleu")["value"]))
    titles = ["", *(measure.title for measure in MEASURES.values()), "network − row, BLEU", "time"]
    head = tag("tr", *(tag("th", title, scope="col") for title in titles))
    body = [tag("tr", *cells(row), class_="ours" if row.get("ours") else None) for row in rows]
    caption = (
        f"Every row is measured on the same {result['examples']:,} test pairs, none of which was trained on. Below a "
        "figure its 95 % interval by resampling pairs; differences are paired. Exact match: the share that is the "
        "reference to the letter. BLEU: from 0 to 100, by words and groups of words that are the reference's, as "
        "sacrebleu computes it."
    )
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="comparison")
    notes = [tag("p", f"{note[:1].upper()}{note[1:]}.", class_="about") for note in result.get("notes", [])]
    return join([tag("figure", scrolling(table), tag("figcaption", caption)), *notes])


def cells(row: Mapping[str, Any]) -> Iterator[Markup]:
    """One line of the table."""
    yield tag("th", str(row["name"]), tag("small", str(row.get("note") or "")), scope="row")
    for name, measure in MEASURES.items():
        found = metric(row, name)
        yield tag("td", measure.shown(found["value"]), interval(found, name, "small", class_="under"))
    difference = row.get("difference")
    apart = difference.get("bleu") if isinstance(difference, dict) else None
    if isinstance(apart, dict) and apart.get("value") is not None:
        said = tag("small", str(apart.get("verdict", "")), class_="under")
        yield tag("td", minus(f"{apart['value']:+.1f}"), interval(apart, "bleu", "small", class_="under"), said)
    else:
        yield tag("td", "")
    yield tag("td", duration(number(row.get("seconds"))))


# ----------------------------------------------------------------------------------------------------------------------
# What it writes


def writing(contents: Contents) -> Markup:
    """What became of the same sources, step by step."""
    if not contents.samples:
        return missing("Nothing written yet. Let it write by", f"glassworks predict {contents.quoted} FILES")
    by_source: dict[str, list[dict[str, Any]]] = {}
    for row in contents.samples:
        by_source.setdefault(str(row.get("prompt", "")), []).append(row)
    body = []
    for source, rows in by_source.items():
        chosen = [rows[i] for i in evenly(len(rows), STEPS)]
        for i, row in enumerate(chosen):
            first = [tag("th", cut(source), scope="row", rowspan=str(len(chosen) + 1))] if i == 0 else []
            step, text = f"{row['step']:,}" if isinstance(row.get("step"), int) else "", cut(row["text"])
            right = row["text"] == row.get("is")
            body.append(tag("tr", *first, tag("td", step), tag("td", tag("b", text) if right else text)))
        body.append(tag("tr", tag("td", "it is"), tag("td", cut(rows[-1].get("is", "")))))
    head = tag("tr", *(tag("th", title, scope="col") for title in ("source", "after step", "it writes")))
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="comparison said")
    caption = "The first sources of the validation part, greedily; what is right to the letter is bold."
    return tag("figure", scrolling(table), tag("figcaption", caption))


def mistakes(contents: Contents) -> Markup:
    """What was not the reference, the surest first."""
    if not contents.held_out:
        return missing("Not measured yet. Measure it by", f"glassworks eval {contents.quoted}")
    rows = rows_with(contents.held_out.get("mistakes"), "source")
    if not rows:
        return tag("p", "It made no mistake on the test part.")
    head = tag("tr", *(tag("th", title, scope="col") for title in ("source", "it writes", "it is", "how sure")))
    body = [
        tag(
            "tr",
            tag("th", cut(row["source"]), scope="row"),
            *(tag("td", cut(row[key])) for key in ("says", "target")),
            tag("td", f"{100 * row['probability']:.1f} %"),
        )
        for row in rows
    ]
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="comparison said")
    caption = "Those it was surest of: the probability of the whole text. Another wording may be as right."
    return tag("figure", scrolling(table), tag("figcaption", caption))


def cut(text: Any) -> str:
    """A text that fits a table."""
    text = str(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def inside(contents: Contents) -> Markup:
    """Attention to the source, of a few test pairs."""
    trace = contents.traces.get("cross_attention")
    if trace is None:
        return missing("Not looked at yet. Look inside by", f"glassworks report {contents.quoted}")
    return explained(trace)
