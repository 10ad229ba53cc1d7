"""How good an agent is, how it became so, how it plays and what it thinks meanwhile, for its run's page."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from glassworks.agents.frames import playing, scene_of, still
from glassworks.draw.chart import chart_figure
from glassworks.draw.line_chart import Chart, Level, Line
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.scales import duration, evenly, minus, number, short, size
from glassworks.evaluate.agents.verdict import number as shown
from glassworks.report.contents import Contents, rows_with
from glassworks.report.training_curves import missing
from glassworks.trace.render import explained

STILLS = 6
DRAWN = {
    "entropy": "entropy of a choice, nats",
    "kl": "distance from the policy that acted, nats",
    "clipped": "share of steps beyond the clip",
    "value_loss": "half the squared error of values",
    "td_error": "mean squared error of a step",
    "value": "what actions are said to be worth",
}
"""What methods log, and what it is called."""


def verdict(contents: Contents) -> str:
    """How much it gets, and whether it beats its rivals, as the evaluation put it."""
    said = (contents.held_out or {}).get("verdict")
    return str(said) if said else "Not compared with its rivals yet."


def key_figures(contents: Contents) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names and values of the numbers at the top."""
    found = metric(contents.held_out or {})
    yield "mean return", (shown(found["value"]), interval(found, "small"))
    steps, episodes = (contents.column(name)[1] for name in ("environment_steps", "episodes"))
    yield "steps lived through", (count(steps[-1] if steps else math.nan),)
    yield "episodes", (count(episodes[-1] if episodes else math.nan),)
    yield "parameters", (count(contents.fact("result", "num_params")),)
    seconds = contents.column("seconds")[1]
    spent = seconds[-1] if seconds else math.nan
    yield "training time", (duration(spent),)
    speed = steps[-1] / spent if steps and spent > 0 else math.nan
    yield "speed", (count(speed), tag("small", " environment steps/s"))
    yield "peak memory", (size(contents.fact("result", "peak_memory_bytes")),)


def count(value: float) -> str:
    """A count in few digits; a dash where there is none."""
    return short(value) if math.isfinite(value) else "–"


def metric(row: Mapping[str, Any]) -> dict[str, Any]:
    """A mean return with its interval; an empty one where there is none."""
    metrics = row.get("metrics")
    found = metrics.get("return") if isinstance(metrics, dict) else None
    return found if isinstance(found, dict) else {"value": None, "low": None, "high": None}


def interval(found: Mapping[str, Any], element: str, **how: str) -> Markup:
    """Where a return's 95 % interval begins and ends, as a small element; nothing where there is none."""
    if found.get("low") is None or found.get("high") is None:
        return Markup("")
    return tag(element, minus(f" {shown(found['low'])} to {shown(found['high'])}"), **how)


# ----------------------------------------------------------------------------------------------------------------------


def learning(contents: Contents) -> Markup:
    """What it acted in, and its curves."""
    about = contents.record.get("environment")
    parts = [acted_in(about)] if isinstance(about, dict) else []
    if not contents.column("loss")[0]:
        resume = f"glassworks train --resume {contents.quoted}"
        return join([*parts, missing("No step has been logged yet. Go on with", resume)])
    step = contents.fact("kept", "step")
    if math.isfinite(step) and step != contents.steps:
        parts.append(tag("p", f"Its weights are those after step {step:,.0f}, whose validation returned most."))
    return join([*parts, returns_figure(contents), *(logged(contents, name) for name in DRAWN)])


def acted_in(about: Mapping[str, Any]) -> Markup:
    """The environment in a sentence."""
    limit = f", for {about['limit']:,} steps at the most" if isinstance(about.get("limit"), int) else ""
    said = f"It sees {about.get('observed')}, and does {about.get('done')}{limit}."
    return tag("p", f"{about.get('what', 'Its environment')}. {said}")


def returns_figure(contents: Contents) -> Markup:
    """Returns of the last episodes, and of those that were played to see, with the rivals' as lines."""
    lived = [
        Line("last 100 episodes, as they were learned from", *contents.column("episode_return"), style="line"),
        Line("validation, the likeliest actions", *contents.column("val_return"), colour="line1", style="dots"),
    ]
    levels = [
        Level(f"{row['name']} {shown(metric(row)['value'])}", number(metric(row)["value"]))
        for row in rows_with((contents.held_out or {}).get("rivals"), "name")
        if row["name"] != "drawn" and math.isfinite(number(metric(row)["value"]))
    ]
    chart = Chart([line for line in lived if line.x], "step", "return of an episode", levels)
    caption = "Higher is better. The lines are what its rivals return in the end. An agent's loss is no progress."
    return chart_figure(chart, caption, legend=True)


def logged(contents: Contents, name: str) -> Markup:
    """One of the numbers that its method logs."""
    steps, values = contents.column(name)
    if not steps:
        return Markup("")
    chart = Chart([Line(DRAWN[name], steps, values)], "step", DRAWN[name])
    return chart_figure(chart, f"{DRAWN[name].capitalize()}, by step.", height=180)


# ----------------------------------------------------------------------------------------------------------------------


def comparison(contents: Contents) -> Markup:
    """The policy among its rivals, the best first."""
    result = contents.held_out
    if not result:
        return missing("Not measured yet. Compare with its rivals by", f"glassworks eval {contents.quoted}")
    rows: list[dict[str, Any]] = [
        {"name": "the policy", "note": "this run, its likeliest actions", **result, "ours": 1}
    ]
    rows += rows_with(result.get("rivals"), "name")
    rows.sort(key=lambda row: -number(metric(row)["value"]))
    head = tag("tr", *(tag("th", title, scope="col") for title in ("", "mean return", "policy − row")))
    body = [tag("tr", *cells(row), class_="ours" if row.get("ours") else None) for row in rows]
    caption = (
        f"Every row played the same {result['episodes']:,} beginnings, none of which was trained or chosen by. Below a "
        "mean its 95 % interval by resampling episodes; differences are paired."
    )
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="comparison")
    return tag("figure", scrolling(table), tag("figcaption", caption))


def cells(row: Mapping[str, Any]) -> Iterator[Markup]:
    """One line of the table."""
    yield tag("th", str(row["name"]), tag("small", str(row.get("note") or "")), scope="row")
    found = metric(row)
    yield tag("td", minus(shown(found["value"])), interval(found, "small", class_="under"))
    difference = row.get("difference")
    apart = difference.get("return") if isinstance(difference, dict) else None
    if not isinstance(apart, dict) or apart.get("value") is None:
        yield tag("td", "")
        return
    said = tag("small", str(apart.get("verdict", "")), class_="under")
    yield tag("td", minus(shown(apart["value"])), interval(apart, "small", class_="under"), said)


def episode(contents: Contents) -> Markup:
    """An episode as it plays, and stills of it."""
    trace = contents.traces.get("episode")
    if trace is None:
        return missing("Not played yet. Play one by", f"glassworks report {contents.quoted}")
    name, steps = str(trace.meta.get("environment")), int(number(trace.meta.get("steps", 0)))
    scene = scene_of(name, trace.arrays["states"]) if "states" in trace.arrays else None
    said = f"{steps:,} steps, a return of {minus(shown(number(trace.meta.get('episode_return'))))}"
    if scene is None:
        return tag("p", f"{name} has no drawing here; its episode had {said}.")
    chosen = evenly(steps, STILLS)
    stills = [tag("figure", still(scene, i, f"step {i}"), tag("figcaption", f"step {i:,}")) for i in chosen]
    film = tag("div", playing(scene, f"an episode of {name}"), class_="episode")
    return join([film, tag("p", f"It plays over and over: {said}."), tag("div", *stills, class_="stills")])


def inside(contents: Contents) -> Markup:
    """What it thought along the episode."""
    trace = contents.traces.get("episode")
    if trace is None:
        return missing("Not looked at yet. Look inside by", f"glassworks report {contents.quoted}")
    return explained(trace)
