"""The page: win rates, rewards against distance, what a flawed reward did, and what each model writes."""

from typing import Any

import numpy as np

from glassworks.core.files import read_json
from glassworks.core.runs import Run
from glassworks.draw.chart import chart_figure
from glassworks.draw.line_chart import Chart, Line
from glassworks.draw.markup import Markup, join, tag
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.page import Story, bars_figure, beginning, rows_figure
from glassworks.reproductions.rlhf.rows import METHODS, NAMES

WINS = (
    "The share of held-out prompts whose completion is worth more to the stated human than the fine-tuned model's; "
    "ties are half, so that 0.5 is no better and no worse. Whiskers are standard errors."
)
PATHS = (
    "Rewards of held-out prompts against the distance from the fine-tuned model, in nats a completion, at each look: "
    "what was learned (the reward model's, or the flawed one), and what is wanted in truth, which nothing learned from."
)
HACKING = (
    "How often `return` stands in a completion is not what is liked about one that returns something. Without a guard "
    "the flawed reward is raised as far as it goes, and what is wanted falls; with a price on each nat of distance, "
    "and a stop once it is too far, less is lost. What the policies write is below."
)


def rlhf_story(run: Run, finding: Finding) -> Story:
    """From the finding and the measures of a finished chain."""
    found: dict[str, Any] = read_json(run.path / "measures.json")
    return Story(
        finding.title,
        sentence(found),
        [
            ("wins", "Preferred to the fine-tuned model", wins(found)),
            ("paths", "Reward against distance", curves(found, ("ppo", "grpo"), PATHS)),
            ("hacking", "A flawed reward", curves(found, ("hacked", "guarded"), HACKING)),
            ("texts", "What they write", texts(found)),
            (
                "forgetting",
                "What was forgotten",
                rows_figure(
                    beginning(finding, "the base's held-out text, "),
                    "Nats a token on text that the base held out: less is better.",
                    prefix="the base's held-out text, ",
                ),
            ),
        ],
    )


def sentence(found: dict[str, Any]) -> str:
    """Who wins, and what the flawed reward did."""
    rates = ", ".join(
        f"{title} in {found[name]['win']:.0%} ({found[name]['low']:.0%} to {found[name]['high']:.0%})"
        for name, title in METHODS.items()
    )
    return (
        f"Of held-out prompts the stated human prefers what was tuned by {rates} to the fine-tuned model's. A flawed "
        f"reward brought what is wanted from {found['sft']['worth']:.2f} to {found['hacked']['worth']:.2f} points; "
        f"with a guard it came to {found['guarded']['worth']:.2f}."
    )


def wins(found: dict[str, Any]) -> Markup:
    """A bar for each model."""
    names = [name for name in NAMES if name != "sft"]
    rates = np.array([found[name]["win"] for name in names])
    errors = np.array([(found[name]["high"] - found[name]["low"]) / (2 * 1.96) for name in names])
    return bars_figure([NAMES[name] for name in names], rates, errors, WINS)


def curves(found: dict[str, Any], names: tuple[str, ...], caption: str) -> Markup:
    """Learned reward and what is wanted against distance, a chart for each of both."""
    charts = []
    for column, title in (("val_reward", "the reward that is learned"), ("val_gold", "what is wanted")):
        lines = []
        for number, name in enumerate(names):
            path = found["paths"].get(name, {})
            x, y = (np.array(path.get(key, []), float) for key in ("val_kl", column))
            lines.append(Line(NAMES[name], x, y, f"line{number}", "line"))
        charts.append(chart_figure(Chart(lines, "nats from SFT", title), "", legend=True))
    return tag("figure", tag("div", *charts, class_="multiples"), tag("figcaption", caption))


def texts(found: dict[str, Any]) -> Markup:
    """What each model writes behind the same prompts."""
    parts = []
    for number, prompt in enumerate(found["prompts"]):
        parts.append(tag("h3", tag("code", prompt.rstrip())))
        for name, title in NAMES.items():
            parts += [tag("p", title, class_="about"), tag("pre", found[name]["samples"][number].rstrip())]
    return join(parts)
