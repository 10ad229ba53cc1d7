"""What a tuning gained and what it forgot, for its run's page."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from glassworks.core.runs import started_from
from glassworks.draw.chart import chart_figure
from glassworks.draw.line_chart import Chart, Level, Line
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.scales import fixed, minus, number, numbers, smooth
from glassworks.evaluate.tuning.verdict import conclusions
from glassworks.report.contents import Contents
from glassworks.report.policy_curves import of_policy
from glassworks.report.sections import key_figures as of_text
from glassworks.report.training_curves import missing, panel
from glassworks.tune.methods import METHODS

HELD_OUT = ("val_nats_per_token", "val_loss")
"""What is measured of held-out examples in the units of the loss: the first that there is."""
DRAWN = {"loss", "lr", "seconds", "step", "grad_norm", "tokens_per_s"}
"""What is logged of every training, and drawn elsewhere or not at all."""


def verdict(contents: Contents) -> str:
    """What it gained and what it forgot."""
    parent = started_from(contents.record)
    found = " ".join(conclusions(contents.held_out)) if contents.held_out else "Not measured yet."
    said = re.sub(r"-(?=\d)", minus("-"), found)
    return f"Tuned from {parent}. {said}" if parent else said


def key_figures(contents: Contents) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names and values of the numbers at the top."""
    result = contents.held_out or {}
    for one in result.get("gain", []):
        yield f"{one['what']}, held out", (fixed(number(one["after"]), 3), change(one))
    for one in result.get("forgetting", [])[:1]:
        yield "nats per token, old text", (fixed(number(one["after"]), 3), change(one))
    for name, value in of_text(contents):
        if name in ("parameters", "training time", "peak memory"):
            yield name, value


def change(one: Mapping[str, Any]) -> Markup:
    """By how much it changed, as a small element."""
    return tag("small", minus(f" {number(one['difference']):+.3f}"))


# ----------------------------------------------------------------------------------------------------------------------


def learning(contents: Contents) -> Markup:
    """What it learned from and how, and what was logged by step."""
    parts = [tag("p", sentence(contents))]
    about = contents.record.get("tuning")
    notes = [note for note in about.get("notes", []) if isinstance(note, str)] if isinstance(about, dict) else []
    parts += [tag("ul", *(tag("li", note) for note in notes), class_="notes")] if notes else []
    steps, losses = contents.column("loss")
    if not steps:
        return join([*parts, missing("No step has been logged yet. Go on with", resume(contents))])
    window = max(1, len(losses) // 50)
    lines = [Line("training batches", steps, losses, style="faint" if window > 1 else "line")]
    lines += [Line(f"their mean over {window}", steps, smooth(losses, window))] if window > 1 else []
    held_steps, held = next(filter(lambda found: found[0], map(contents.column, HELD_OUT)), ([], []))
    lines += [Line("held-out examples", held_steps, held, colour="line1", style="dots")] if held_steps else []
    chart = Chart(lines, "step", "loss")
    parts.append(chart_figure(chart, loss_caption(contents), legend=True))
    return join([*parts, *of_policy(contents), *logged(contents)])


def loss_caption(contents: Contents) -> str:
    """How the loss is read: that of a policy says nothing of how good it is."""
    if any("val_reward" in row for row in contents.metrics):
        return "By step; it is no measure of progress: it may be as large when nothing is learned."
    return "Lower is better: the loss of what is learned, by step."


def sentence(contents: Contents) -> str:
    """What it learned from, and by which method."""
    recipe, about = contents.record.get("recipe", {}), contents.record.get("tuning", {})
    data = recipe.get("data", "")
    source = data if isinstance(data, str) else ", ".join(map(str, data))
    method = METHODS.get(str(recipe.get("method")))
    said = f"It learned from {source}: {about.get('train', '?')} examples, {about.get('held_out', '?')} held out"
    return f"{said}; by {recipe.get('method')}{f', {method.what}' if method else ''}."


def logged(contents: Contents) -> Iterator[Markup]:
    """What else its method logs, a small chart each: training batches, their running mean, what is held out."""
    names = dict.fromkeys(name for row in contents.metrics for name in row)
    charts = []
    for name in names:
        steps, values = numbers(contents.metrics, "step", name)
        if name in DRAWN or name.startswith(("val_", "update_ratio/")) or len(steps) < 2:
            continue
        title = name.replace("_", " ").replace("/", ", ")
        held = contents.column(f"val_{name}")
        lines = [
            Line(title, steps, values, style="faint"),
            Line("their mean", steps, smooth(values, max(1, len(values) // 12))),
            *([Line("held out", *held, colour="line1", style="dots")] if held[0] else []),
        ]
        levels = [Level("", 0.0)] if min(map(number, values)) < 0 else []
        charts.append(panel(Chart(lines, "step", title, levels, named=False)))
    if charts:
        caption = "Faint: training batches, and their running mean. Dots: held-out examples, where they are looked at."
        yield tag("h3", "What its method logs")
        yield tag("figure", tag("div", *charts, class_="panels"), tag("figcaption", caption))


def resume(contents: Contents) -> str:
    """The command that goes on with it."""
    return f"glassworks train --resume {contents.quoted}"


def comparison(contents: Contents) -> Markup:
    """Before and after, on held-out examples and on the text before."""
    result = contents.held_out
    if not result:
        return missing("Not measured yet. Measure it by", f"glassworks eval {contents.quoted}")
    titles = ("", "before", "after", "after − before", "of")
    head = tag("tr", *(tag("th", title, scope="col") for title in titles))
    body = [row(one, one["what"], "gained: held-out examples", "examples") for one in result["gain"]]
    body += [row(one, "nats per token", f"forgotten: {one['text']}", "documents") for one in result["forgetting"]]
    caption = (
        "The same examples and the same text before and after; below a difference its 95 % interval, which pairs them "
        "one by one. What was forgotten is the mean loss a token on text that the model before was measured on: 0 is "
        "nothing, and more is worse."
    )
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="comparison")
    moved = number(result["moved"]["relative"])
    how_far = f"{number(result['moved']['tensors']):.0%} of its tensors moved, by {moved:.2g} of their length in all."
    return join([tag("figure", scrolling(table), tag("figcaption", caption)), tag("p", how_far, class_="about")])


def row(one: Mapping[str, Any], what: str, note: str, units: str) -> Markup:
    """One line of the table."""
    low, high = one.get("low"), one.get("high")
    known = low is not None and high is not None
    between = minus(f"{low:+.4f} to {high:+.4f}") if known else "too few to tell"
    return tag(
        "tr",
        tag("th", what, tag("small", note), scope="row"),
        tag("td", fixed(number(one["before"]), 4)),
        tag("td", fixed(number(one["after"]), 4)),
        tag("td", minus(f"{number(one['difference']):+.4f}"), tag("small", between, class_="under")),
        tag("td", f"{one['number']:,} {units}"),
    )
