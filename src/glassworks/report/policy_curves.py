"""What a policy's page shows beside every tuning's: rewards against the distance from the model before."""

from collections.abc import Iterator

import numpy as np

from glassworks.draw.chart import chart_figure
from glassworks.draw.line_chart import Chart, Line
from glassworks.draw.markup import Markup, tag
from glassworks.draw.scales import number, numbers
from glassworks.report.contents import Contents

KINDS = {"val_reward": ("reward, which is learned", "reward"), "val_gold": ("gold reward, which is not", "gold reward")}
"""What is held beside the distance: its title, and its name in the evaluation."""

CAPTION = (
    "Rewards of held-out prompts at each look, against how far the policy then was from the model before it, in nats "
    "a completion; whiskers are standard errors. A reward that stands for something else can be raised beyond what it "
    "stands for: where the gold reward falls while the learned one rises, the policy is over-optimised (Gao et al. "
    "2022)."
)


def of_policy(contents: Contents) -> Iterator[Markup]:
    """Figures and sentences of a policy; nothing of another tuning."""
    if not any("val_reward" in row for row in contents.metrics):
        return
    if isinstance(contents.record.get("stopped"), str):
        yield tag("p", f"It stopped {contents.record['stopped']}.")
    charts = [chart_figure(chart, "") for chart in over_optimisation(contents)]
    if charts:
        yield tag("h3", "Over-optimisation")
        yield tag("figure", tag("div", *charts, class_="multiples"), tag("figcaption", CAPTION))
    flat = np.array(numbers(contents.metrics, "step", "flat_groups")[1], float)
    if flat.size and flat.mean() > 0.5:
        yield tag(
            "p",
            f"In {flat.mean():.0%} of the groups all completions got the same reward, so nothing was learned from "
            "them: the reward is too hard or too easy for this model, or the groups are too small.",
        )


def over_optimisation(contents: Contents) -> Iterator[Chart]:
    """A chart for the reward that was learned, and one for the gold reward, if there is one."""
    result = contents.held_out or {}
    before = {one["what"]: number(one["before"]) for one in result.get("gain", [])}
    for column, (title, what) in KINDS.items():
        rows = [row for row in contents.metrics if column in row]
        if not rows:
            continue
        start = [(0.0, before[what], 0.0)] if what in before else []
        names = "val_kl", column, f"{column}_se"
        points = [*start, *(tuple(number(row.get(name)) for name in names) for row in rows)]
        x, y, errors = (np.array(values) for values in zip(*points, strict=True))
        colour = "line0" if column == "val_reward" else "line1"
        lines = [Line("path", x, y, style="faint", colour=colour), Line(title, x, y, colour, "dots", errors)]
        yield Chart(lines, "nats from the model before", title)
