"""The page of `glassworks runs --html`: several runs' curves over one another, and their results in a table."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from glassworks.core.files import write_text
from glassworks.core.runs import Run
from glassworks.draw.chart import chart_figure
from glassworks.draw.line_chart import Chart, Line
from glassworks.draw.markup import Markup, scrolling, tag
from glassworks.draw.page import document
from glassworks.draw.scales import duration, fixed, number, numbers, short, smooth
from glassworks.report.contents import Contents, read_contents

COLOURS = 8

Curve = tuple[Sequence[float], Sequence[float]]


def write_runs_page(runs: Sequence[Run], path: Path) -> Path:
    """Write the page, atomically, and return its path."""
    write_text(path, page([read_contents(run) for run in runs]))
    return path


def page(runs: Sequence[Contents]) -> str:
    """The page's HTML."""
    names = ", ".join(run.name for run in runs[:4]) + (f" and {len(runs) - 4} more" if len(runs) > 4 else "")
    header = tag(
        "header",
        tag("p", "Glassworks runs", class_="kicker"),
        tag("h1", f"{len(runs)} run{'s' * (len(runs) != 1)}"),
        tag("p", names, class_="verdict"),
        *(tag("p", line, class_="missing") for run in runs for line in run.damage),
    )
    sections = [("results", "Results", results(runs)), ("curves", "Curves", curves(runs))]
    links = [tag("a", title, href=f"#{name}") for name, title, _ in sections]
    body = [tag("section", tag("h2", title), drawn, id=name) for name, title, drawn in sections]
    return document("runs", header, tag("nav", *links), *body)


def results(runs: Sequence[Contents]) -> Markup:
    """A row for each run: the lowest score first, or as they were given where scores do not compare."""
    head = ["held-out bits per byte", "steps", "training tokens", "parameters", "tokens/s", "training time"]
    comparable = same_text(runs)
    ranked = sorted(runs, key=rank) if comparable else runs
    order = (
        "The lowest score, which is the best, stands first"
        if comparable
        else "These runs were measured on different held-out texts, so their scores say nothing of which is better"
    )
    return tag(
        "figure",
        scrolling(
            tag(
                "table",
                tag("thead", tag("tr", tag("th", "", scope="col"), *(tag("th", name, scope="col") for name in head))),
                tag("tbody", *map(row, ranked)),
                class_="comparison",
            )
        ),
        tag("figcaption", f"{order}; ± is one standard error over documents."),
    )


def row(run: Contents) -> Markup:
    """One run's results."""
    error = number((run.held_out or {}).get("bits_per_byte_se"))
    seconds = run.column("seconds")[1]
    cells = [
        or_dash(run.steps, short),
        or_dash(run.steps * run.tokens_per_step, short),
        or_dash(run.fact("result", "num_params"), short),
        or_dash(run.fact("result", "tokens_per_s"), short),
        duration(seconds[-1] if seconds else math.nan),
    ]
    return tag(
        "tr",
        tag("th", run.name, scope="row"),
        tag("td", fixed(score(run), 3), tag("small", f" ± {error:.3f}") if math.isfinite(error) else ""),
        *(tag("td", cell) for cell in cells),
    )


def score(run: Contents) -> float:
    """Bits per byte on all held-out text; NaN where it was not measured."""
    return number((run.held_out or {}).get("bits_per_byte"))


def or_dash(value: float, write: Callable[[float], str]) -> str:
    """A number, or a dash where there is none."""
    return write(value) if math.isfinite(value) else "–"


def rank(run: Contents) -> tuple[bool, float]:
    """Sorts by score, runs without one last."""
    return math.isnan(score(run)), score(run)


def same_text(runs: Sequence[Contents]) -> bool:
    """Whether the runs were measured on the same text."""
    sources = {str([run.record.get("recipe", {}).get(key) for key in ("data", "held_out", "split")]) for run in runs}
    return len(sources) < 2


# ----------------------------------------------------------------------------------------------------------------------


def curves(runs: Sequence[Contents]) -> Markup:
    """Each curve with one line a run."""
    figures = [
        figure(
            runs, held_out(False), "training tokens", "bits per byte", "On the first held-out documents, by text read."
        ),
        figure(runs, held_out(True), "seconds", "bits per byte", "The same by time spent training."),
        figure(runs, training, "step", "nats per token", "Of the training batches, each line a running mean."),
        figure(runs, speed, "step", "tokens/s", "How fast each went."),
    ]
    drawn = [markup for markup in figures if markup is not None]
    return tag("div", *drawn) if drawn else tag("p", "No run has logged a step yet.", class_="missing")


def figure(
    runs: Sequence[Contents], curve: Callable[[Contents], Curve], x_title: str, y_title: str, caption: str
) -> Markup | None:
    """One chart of all runs that have the curve; None if none has."""
    found = [(run.name, *curve(run), i) for i, run in enumerate(runs)]
    lines = [Line(name, x, y, colour=f"line{i % COLOURS}") for name, x, y, i in found if len(x)]
    if not lines:
        return None
    more = " Colours repeat after eight." if len(runs) > COLOURS else ""
    return chart_figure(Chart(lines, x_title, y_title), caption + more, legend=True, height=340)


def held_out(by_time: bool) -> Callable[[Contents], Curve]:
    """Bits per byte at each evaluation, by tokens or by seconds."""

    def curve(run: Contents) -> Curve:
        if by_time:
            return numbers(run.metrics, "seconds", "val_bits_per_byte")
        steps, bits = run.column("val_bits_per_byte")
        return [step * run.tokens_per_step for step in steps], bits

    return curve


def training(run: Contents) -> Curve:
    """The smoothed loss of the batches by step."""
    steps, losses = run.column("loss")
    return steps, smooth(losses, max(1, len(losses) // 50)).tolist()


def speed(run: Contents) -> Curve:
    """Tokens a second by step."""
    return run.column("tokens_per_s")
