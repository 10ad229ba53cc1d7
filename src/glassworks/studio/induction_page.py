"""The page of the induction-head reproduction: what formed when, one head at work, and what is lost without it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from glassworks.core.files import write_text
from glassworks.core.trace import Trace
from glassworks.reproductions.finding import Finding, Row, texts
from glassworks.reproductions.induction_measures import INDUCTION
from glassworks.reproductions.induction_rows import (
    ONE,
    TWO,
    Change,
    best_ever,
    change,
    chosen,
    looks,
    other_sets,
    previous_heads,
    smoothed,
)
from glassworks.studio.attention import large_map
from glassworks.studio.bars import rows as bar_rows
from glassworks.studio.chart_figures import chart_figure, draw_legend
from glassworks.studio.charts import Chart, Level, Line
from glassworks.studio.markup import Markup, join, scrolling, tag
from glassworks.studio.page import document

NAMES = ("formation", "head_scores", "ablation", "composition", "attention")
COLOURS = {ONE: "line6", TWO: "line0"}

Band = tuple[int, int] | None
"""The steps to shade."""


def write_induction_page(folder: Path) -> Path:
    """Write `report.html` beside the finding.json of a finished reproduction, atomically; returns its path."""
    traces = {name: Trace.load(folder / "traces" / name) for name in NAMES}
    path = folder / "report.html"
    write_text(path, page(Finding.load(folder / "finding.json"), traces))
    return path


def page(finding: Finding, traces: Mapping[str, Trace]) -> str:
    """The page's HTML."""
    formed, heads = traces["formation"], chosen(traces["ablation"])
    window = change(formed, heads)
    sections = (
        ("change", "One change, seen from six sides" if window else "Training", change_section(formed, heads, window)),
        ("head", *head_section(formed, heads, traces["attention"])),
        ("without", "What is lost without it", ablation_section(traces["ablation"], window)),
        ("made", "What it is made of", composition_section(traces["composition"], traces["ablation"])),
        ("table", "The table", table_section(finding)),
    )
    links = [tag("a", title, href=f"#{name}") for name, title, _ in sections]
    body = [tag("section", tag("h2", title), drawn, id=name) for name, title, drawn in sections]
    return document("Induction heads", header(finding, heads, formed, window), tag("nav", *links), *body)


def header(finding: Finding, heads: Sequence[str], formed: Trace, window: Change | None) -> Markup:
    """What was found, in one sentence, and where it is from."""
    source = join([f"{finding.source}, ", tag("a", finding.url, href=finding.url)])
    return tag(
        "header",
        tag("p", "Glassworks reproduction", class_="kicker"),
        tag("h1", "Induction heads"),
        tag("p", verdict(heads, formed, window), class_="verdict"),
        tag("p", source, class_="about"),
        *(tag("p", note, class_="about") for note in finding.notes),
    )


def verdict(heads: Sequence[str], formed: Trace, window: Change | None) -> str:
    """The sentence: what the traces show, and no more."""
    if window is None:
        return "No induction head formed in this run: train for more steps."
    steps, ever = looks(formed), best_ever(formed, ONE)
    second = all(head.startswith("1.") for head in heads)
    alone = (
        "one layer never did" if ever < INDUCTION else f"a head of one layer did so, too, up to a score of {ever:.2f}"
    )
    return (
        f"Between step {steps[window.first]:,} and step {steps[window.last]:,} of {steps[-1]:,}, "
        f"{'a head' if len(heads) == 1 else f'{len(heads)} heads'} of {'the second layer' if second else 'two layers'} "
        f"learned to look up what came after the same token before; {alone}."
    )


# ----------------------------------------------------------------------------------------------------------------------
# The change


def change_section(formed: Trace, heads: Sequence[str], window: Change | None) -> Markup:
    """Losses and scores over training, the change shaded."""
    steps = looks(formed)
    band = (steps[window.first], steps[window.last]) if window else None
    return join(
        [
            tag("p", "The stretch in which the induction heads form is shaded in every chart.") if window else "",
            *loss_charts(formed, band),
            networks_chart(
                formed,
                formed.arrays["in_context"],
                "in-context score, nats",
                band,
                "How much the context tells: the loss early in the context less that late in it, on held-out text. "
                "Step 0 is the untrained network.",
            ),
            heads_chart(formed, "induction", heads, band),
            heads_chart(formed, "previous", heads, band),
            networks_chart(
                formed,
                formed.arrays["second_half"],
                "nats per token",
                band,
                "Random tokens that come twice: the loss in their second half. Nothing but the first half can tell it, "
                "and a network that guesses loses the logarithm of the vocabulary's size (dashed) at best.",
                [Level("guessing", math.log(float(formed.meta["vocab_size"])))],
            ),
        ]
    )


def loss_charts(formed: Trace, band: Band) -> list[Markup]:
    """Loss of both networks on what they are trained on, and on text alone."""
    mix = (
        "Loss on what the networks are trained on: text, and a few rows of tokens that come again, which the heads "
        "make predictable at once. Each point is the mean from the look before to the look after."
    )
    alone = (
        "Loss on held-out text alone. In Olsson et al. 2022 the curves part in the change, and two layers' loss has a "
        "bump: it falls faster there than just before and after. The table says whether this one does."
    )
    return [
        networks_chart(formed, values, "nats per token", band, said, y_range=lower_part(values))
        for values, said in ((smoothed(formed), mix), (formed.arrays["text_loss"], alone))
    ]


def lower_part(losses: np.ndarray) -> tuple[float, float]:
    """A range that shows where networks end, and cuts off how they begin."""
    low, high = float(np.nanmin(losses)), float(np.nanmax(losses))
    late = float(np.nanmax(losses[:, losses.shape[1] // 3 :]))
    height = max(min(high, late + 0.4 * (late - low)) - low, 1e-3)  # networks that have learned nothing are level
    return low - 0.05 * height, low + height


def networks_chart(
    formed: Trace,
    values: np.ndarray,
    y_title: str,
    band: Band,
    caption: str,
    levels: Sequence[Level] = (),
    y_range: tuple[float, float] | None = None,
) -> Markup:
    """One quantity of both networks over the steps."""
    lines = [Line(name, looks(formed), values[i], COLOURS[name]) for i, name in enumerate(formed.labels["network"])]
    chart = Chart(lines, "step", y_title, levels, y_range, band=band)
    return chart_figure(chart, caption, legend=True, height=280)


def heads_chart(formed: Trace, pattern: str, heads: Sequence[str], band: Band) -> Markup:
    """One score of every head over the steps; those that matter in colours of their own."""
    steps, lines = looks(formed), []
    best = previous_best(formed)
    marked = [f"{TWO} {head}" for head in (heads if pattern == "induction" else best)]
    for name, values in zip(formed.labels["head"], formed.arrays[pattern], strict=True):
        if name not in marked:
            lines.append(Line(name, steps, values, "line6" if name.startswith(ONE) else "line5", "faint"))
    for i, name in enumerate(marked):
        values = formed.arrays[pattern][formed.labels["head"].index(name)]
        lines.append(Line(name, steps, values, ("line0", "line1", "line2", "line3", "line4")[i % 5]))
    said = {
        "induction": "Induction score of every head of both networks: attention to the token that came after the "
        "earlier occurrence of the present one, on random tokens that come twice. In colour, the "
        + ("induction heads." if band else f"head that comes nearest to {INDUCTION}, where an induction head begins."),
        "previous": "Previous-token score of every head: attention to the token just before. In colour, the best head "
        "of the first of two layers: if keys are to hold what came before them, it must put it there.",
    }[pattern]
    chart = Chart(lines, "step", f"{pattern} score", y_range=(-0.02, 1.0), band=band)
    key = draw_legend([*(line for line in lines if line.name in marked), *others(lines, marked)])
    return join([key, chart_figure(chart, said, height=300)])


def others(lines: Sequence[Line], marked: Sequence[str]) -> list[Line]:
    """One entry of the key for all heads of a kind."""
    found = {}
    for line in lines:
        if line.name not in marked:
            kind = "heads of one layer" if line.name.startswith(ONE) else "other heads of two layers"
            found[kind] = Line(kind, (), (), line.colour, line.style)
    return list(found.values())


def previous_best(formed: Trace) -> list[str]:
    """The head of the first of two layers that ends on the highest previous-token score."""
    found = previous_heads(formed)
    return [max(found, key=lambda head: float(found[head][-1]))] if found else []


# ----------------------------------------------------------------------------------------------------------------------
# The heads


def head_section(formed: Trace, heads: Sequence[str], attention: Trace) -> tuple[str, Markup]:
    """A title, and the patterns of the previous-token head and of the best induction head on one short sequence."""
    words = attention.labels["query"]
    last = {
        pattern: dict(zip(formed.labels["head"], formed.arrays[pattern][:, -1].tolist(), strict=True))
        for pattern in ("previous", "induction")
    }
    best = last["induction"][f"{TWO} {heads[0]}"]
    is_one = best >= INDUCTION
    texts = {
        head: f"Head {head}, of the first layer, gives {last['previous'][f'{TWO} {head}']:.0%} of its attention to the "
        "token just before, on random tokens. The more it does, the better it can tell the second layer's keys which "
        "token that was."
        for head in previous_best(formed)
    }
    texts[heads[0]] = (
        f"Head {heads[0]}, {'the best induction head' if is_one else 'which comes nearest to an induction head'}: "
        f"{best:.0%} of its attention. The sequence is {len(words) // 2} random words, twice; from the second time on, "
        "an induction head looks at what came after the same word before, the diagonal one above the repeat."
    )
    figures = []
    for name, said in texts.items():
        layer, head = map(int, name.split("."))
        weights = np.clip(np.nan_to_num(attention.arrays["pattern"][layer, head].astype(float)), 0.0, 1.0)
        figures.append(tag("figure", large_map(weights, words, (layer, head)), tag("figcaption", said)))
    return "An induction head at work" if is_one else "The head that comes nearest", join(figures)


def ablation_section(ablated: Trace, window: Change | None) -> Markup:
    """Bars: what each head's absence does to the loss on repeats, and to the in-context score."""
    zero, names = ablated.labels["kind"].index("zero"), ablated.labels["ablated"]
    shown = [i for i, name in enumerate(names) if name != "others" or ablated.meta["other_size"]]
    labels = [names[i] for i in shown]
    second, told, error = (
        ablated.arrays[array][zero, shown] for array in ("second_half", "in_context", "in_context_error")
    )
    rise = (
        "Rise of the loss on the second half of repeats, in nats, without each head. With all heads it is "
        f"{float(ablated.arrays['plain_second_half']):.2f}."
    )
    fall = (
        "Change of the in-context score on held-out text, in nats; with all heads it is "
        f"{float(ablated.arrays['plain_in_context']):.2f}. ± is one standard error."
    )
    how = (
        "A head is ablated by writing zero in its place while every attention pattern stays as it was. “Induction "
        f"heads”: {ablated.meta['induction_heads']}{'' if window else ', which comes nearest to one'}. “Others”: "
        f"{other_sets(ablated)} ({ablated.meta['previous_token_head']})."
    )
    figures = [bars_figure(labels, second, None, rise), bars_figure(labels, told, error, fall)]
    return join([*figures, tag("p", how, class_="about")])


def composition_section(composed: Trace, ablated: Trace) -> Markup:
    """Bars: the induction score without a head of the layer below, by the input that it is missing from."""
    plain = float(composed.arrays["plain_score"])
    labels = [
        f"without {head}, in the {way}" for head in composed.labels["removed"] for way in composed.labels["through"]
    ]
    said = (
        f"Mean induction score of {composed.meta['induction_heads']} if a head of the layer below is missing, but only "
        "from the queries, the keys or the values that the second layer makes. If the induction heads find their place "
        f"by what the previous-token head ({ablated.meta['previous_token_head']}) writes into the keys, it is the keys "
        "that they miss: K-composition, as Elhage et al. 2021 call it."
    )
    return bars_figure(["all heads", *labels], np.array([plain, *composed.arrays["score"].ravel()]), None, said)


def bars_figure(labels: Sequence[str], values: np.ndarray, errors: np.ndarray | None, caption: str) -> Markup:
    """A bar for each label."""
    ends = min(0.0, float(values.min())), max(0.0, float(values.max()))
    lines = bar_rows(tuple(labels), values[None], None if errors is None else errors[None], ends)
    return tag("figure", tag("table", *lines, class_="bars ledger"), tag("figcaption", caption))


# ----------------------------------------------------------------------------------------------------------------------


def table_section(finding: Finding) -> Markup:
    """All rows of the finding."""
    head = tag("tr", *(tag("th", name, scope="col") for name in ("", "published", "ours", "unit", "verdict")))
    body = [tag("tr", *table_row(row)) for row in finding.rows]
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="comparison")
    return join([scrolling(table), tag("p", finding.summary)])


def table_row(row: Row) -> list[Markup]:
    """One row: what with its note, then the figures."""
    what, published, ours, _, unit, verdict, note = texts(row)
    name = tag("th", what, tag("small", note), scope="row")
    return [name, *(tag("td", cell) for cell in (published, ours, unit, verdict))]
