"""The report's curves, each a function from a run's numbers to a figure."""

import math
import re
from collections.abc import Iterable, Sequence
from statistics import median

import numpy as np

from glassworks.draw.chart import chart_figure
from glassworks.draw.colours import DEPTHS
from glassworks.draw.line_chart import NARROW, Chart, Level, Line, line_chart
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import Numbers, Real, number, smooth, span
from glassworks.report.contents import Contents

UPDATE = "update_ratio/"
OUTSIDE = "outside the blocks"
REVISIONS = 4
"""Revisions of a plan that are named."""
SHOWN = {
    "lr": ("learning rate", False),
    "grad_norm": ("gradient norm", True),
    "sigma": ("how far candidates lie: sigma", True),
    "best": ("lowest loss of a generation", False),
    "failed": ("candidates without a loss", False),
    "forwards": ("forward passes so far", False),
}
"""What is logged of an optimizer, by its name in a row: its title, and whether it is drawn on a logarithmic scale."""
RULE = 1e-3
"""Update over weight: Karpathy's rule of thumb."""


def loss_figure(contents: Contents) -> Markup:
    """Training and held-out loss by step, with the baselines as lines."""
    steps, losses = contents.column("loss")
    val_steps, val = contents.column("val_nats_per_token")
    baselines = contents.held_out.get("baselines", []) if contents.held_out else []
    nats = [number(row.get("nats_per_token")) for row in baselines]
    levels = [Level(f"{row.get('name')} {y:.2f}", y) for row, y in zip(baselines, nats, strict=True)]
    window = max(1, len(losses) // 50)
    smoothed = smooth(losses, window)
    mean = Line(f"their mean over {window}", steps, smoothed)
    chart = Chart(
        lines=[
            Line("training batches", steps, losses, style="faint" if window > 1 else "line"),
            *([mean] if window > 1 else []),
            Line("held out", val_steps, val, colour="line1", style="dots"),
        ],
        x_title="step",
        y_title="nats per token",
        levels=levels,
        y_range=loss_range(smoothed, val, [level.y for level in levels]),
        right=("bits per byte", contents.bits_per_nat) if math.isfinite(contents.bits_per_nat) else None,
        below=("tokens", contents.tokens_per_step) if math.isfinite(contents.tokens_per_step) else None,
    )
    caption = (
        "Lower is better: the network earns its keep where its held-out loss falls below the dashed lines, which are "
        "the baselines. The points are a quick look at the first held-out documents; the lines are measured on all."
        if levels
        else "Lower is better; the baselines join as dashed lines once the run is evaluated."
    )
    if chart.right:
        caption += " The right axis converts at the held-out text's bytes per token."
    return chart_figure(chart, caption, legend=True, height=380)


def loss_range(smoothed: np.ndarray, val: Sequence[Real], levels: Sequence[Real]) -> tuple[float, float]:
    """All that matters at the end of the run, without the first steps, which would squash it.

    The top is the second-worst baseline (the worst, a uniform guess, is where training starts) or the loss after a
    twentieth of the run, whichever is higher.
    """
    known = sorted(level for level in levels if math.isfinite(level))
    later = smoothed[len(smoothed) // 20 :]
    top = [*later[:1].tolist(), *known[-2:-1]]
    ceiling = max((x for x in top if math.isfinite(x)), default=math.inf)
    low, high = span([x for x in (*later, *val, *known) if x <= ceiling])
    return low, high + 0.06 * (high - low) * (ceiling < math.inf)  # room for the label of the worst baseline


def optimizer_figures(contents: Contents) -> Markup:
    """Learning rate, gradient norm, what a search says and update-to-weight ratios by step, as small multiples."""
    panels = []
    for key, (title, log) in SHOWN.items():
        steps, values = contents.column(key)
        if steps and (key != "failed" or any(values)):
            chart = Chart(
                [Line(title, steps, values)], "step", title, log=log, y_range=None if log else from_zero(values)
            )
            panels.append(panel(chart))
    updates = update_lines(contents)
    guide, about = update_guide(contents)
    y_range = update_range(contents, guide.values())
    for kind, lines in sorted(updates.items()):
        levels = [Level("", guide[kind == OUTSIDE])] if (kind == OUTSIDE) in guide else []
        title = f"update / weight, {kind}"
        panels.append(panel(Chart(lines, "step", title, levels, y_range, log=True, named=kind == OUTSIDE)))
    if not panels:
        return Markup("")
    caption = f"Each small chart is one quantity over the run.{revised(contents)}"
    if updates:
        caption += (
            " Update / weight is how far a matrix moved in a step, relative to its own size; colours go from the first "
            f"layer (faint) to the last (strong). {about}"
        )
    return tag("figure", tag("div", *panels, class_="panels"), tag("figcaption", caption))


def revised(contents: Contents) -> str:
    """How the plan of a run given minutes was revised, which bends its learning rate; nothing if it was not."""
    planned, found = contents.fact("plan", "steps"), contents.record.get("revisions")
    changes = [(number(row.get("step")), number(row.get("steps"))) for row in found or [] if isinstance(row, dict)]
    if not changes or not math.isfinite(planned + sum(map(sum, changes))):
        return ""
    if isinstance(contents.record.get("stopped"), str):
        return f" {planned:,.0f} steps were planned; it was stopped {contents.record['stopped']}."
    shown = changes if len(changes) <= REVISIONS else [*changes[: REVISIONS - 1], changes[-1]]
    after = ", ".join(f"{steps:,.0f} after step {step:,.0f}" for step, steps in shown)
    times = "" if len(changes) <= REVISIONS else f" ({len(changes)} times in all)"
    return (
        f" {planned:,.0f} steps were planned, and counted anew to keep to the minutes given: {after}{times}. There the "
        "learning rate bends: it goes through the rest of its schedule in as many steps as are left."
    )


def update_guide(contents: Contents) -> tuple[dict[bool, float], str]:
    """What is known of the update ratio under the run's optimizer: levels to dash, and what they mean.

    A level is in the blocks' panels (False) or in the one outside them (True).
    """
    recipe = contents.record.get("recipe")
    optimizer = recipe.get("optimizer") if isinstance(recipe, dict) else None
    name = optimizer.get("name") if isinstance(optimizer, dict) else None
    rule = "About 0.001 (dashed) is a rule of thumb: Karpathy, Zero to Hero, lecture 4, of plain gradient descent. "
    if name == "sgd":
        return {False: RULE, True: RULE}, f"{rule}Momentum makes steps longer than the rate says."
    if name == "adamw":
        return {False: RULE, True: RULE}, (
            f"{rule}AdamW moves every weight by about the learning rate, so a ratio far above it means a rate that is "
            "high for weights of this size, one far below that the matrix hardly learns."
        )
    rates = [rate for rate in contents.column("lr")[1] if math.isfinite(rate)]
    if name == "muon" and rates and max(rates) > 0:
        return {False: max(rates)}, (
            "Muon turns the gradient into an orthogonal matrix before it moves a matrix of the blocks, so the size of "
            "the update is set by the learning rate (dashed, at its highest) and the matrix’s shape, whatever the "
            "gradient: the ratio is about the learning rate for weights as they are first drawn (more for those that "
            "begin at zero), and falls as they grow. The 0.001 of gradient descent says nothing here; no published "
            "figure does. Layers that go together, and smoothly, are a good sign. Outside the blocks AdamW is at work, "
            "with rates of its own."
        )
    if isinstance(name, str) and name != "muon":
        return {}, f"What is usual depends on the optimizer; of {name} no figure is known."
    return {}, "What is usual depends on the optimizer, which this run does not name."


def panel(chart: Chart) -> Markup:
    """One small chart."""
    return tag("div", line_chart(chart, NARROW, 190))


def update_lines(contents: Contents) -> dict[str, list[Line]]:
    """Update-to-weight ratios grouped by the kind of matrix, one line a layer."""
    keys = sorted({key for row in contents.metrics for key in row if key.startswith(UPDATE)})
    found: dict[str, list[Line]] = {}
    for key in keys:
        name = key.removeprefix(UPDATE).removesuffix(".weight")
        block = re.fullmatch(r"blocks\.(\d+)\.(.+)", name)
        kind = block[2] if block else OUTSIDE
        found.setdefault(kind, []).append(Line(name, *contents.column(key)))
    return {
        kind: [
            Line(line.name, line.x, line.y, depth(i, len(lines)) if kind != OUTSIDE else f"line{i % 8}")
            for i, line in enumerate(sorted(lines, key=lambda line: [int(n) for n in re.findall(r"\d+", line.name)]))
        ]
        for kind, lines in found.items()
    }


def depth(layer: int, num_layers: int) -> str:
    """The colour of a layer: faint for the first, strong for the last."""
    return f"depth{round((DEPTHS - 1) * layer / max(num_layers - 1, 1))}"


def update_range(contents: Contents, guides: Iterable[float]) -> tuple[float, float]:
    """One range for all update panels, so that they can be compared."""
    later = contents.metrics[len(contents.metrics) // 20 :]  # without the warm-up's first steps
    values = [number(value) for row in later for key, value in row.items() if key.startswith(UPDATE)]
    return span([*values, *guides], log=True)


def from_zero(values: Numbers) -> tuple[float, float]:
    """A range from 0 to a little above the largest value."""
    finite = [value for value in values if math.isfinite(value)]
    return 0.0, 1.08 * max([*finite, 0.0]) or 1.0


def speed_figure(contents: Contents) -> Markup:
    """Tokens a second over the run, and as a share of what the machine's matrix products reach."""
    steps, speeds = contents.column("tokens_per_s")
    share = contents.fact("result", "flops_per_token") / (contents.fact("result", "matmul_peak_flops") or math.nan)
    finite = [speed for speed in speeds if math.isfinite(speed)]
    chart = Chart(
        [Line("tokens/s", steps, speeds)],
        "step",
        "tokens per second",
        [Level("", median(finite))] if finite else [],
        y_range=from_zero(speeds),
        right=("% of matrix-product peak", 100 * share) if math.isfinite(share) else None,
    )
    caption = "Training speed over the run, its median dashed; a dip is a moment when something else used the machine."
    if chart.right:
        caption += (
            " The right axis counts the model's own floating-point operations against the fastest matrix product "
            "measured on this machine."
        )
    return chart_figure(chart, caption, height=220)


def missing(what: str, command: str) -> Markup:
    """The one line that stands for a part which is not there."""
    return tag("p", join([f"{what} ", tag("code", command), "."]), class_="missing")
