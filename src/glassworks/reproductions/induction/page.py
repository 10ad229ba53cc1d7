"""The page of the induction-head reproduction: what formed when, one head at work, and what is lost without it."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from glassworks.core.runs import Run
from glassworks.draw.chart import chart_figure, draw_legend
from glassworks.draw.line_chart import Chart, Level, Line
from glassworks.draw.markup import Markup, join, tag
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.induction.measures import INDUCTION
from glassworks.reproductions.induction.rows import (
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
from glassworks.reproductions.page import Story, bars_figure
from glassworks.trace.drawings.attention import large_map
from glassworks.trace.trace import Trace

NAMES = ("formation", "head_scores", "ablation", "composition", "attention")
COLOURS = {ONE: "line6", TWO: "line0"}
MARKED, RIVAL = ("line0", "line2", "line3", "line4", "line7"), "line1"

Band = tuple[int, int] | None
"""The steps to shade."""


def induction_story(run: Run, finding: Finding) -> Story:
    """From the traces of a finished reproduction."""
    return story({name: Trace.load(run.path / "traces" / name) for name in NAMES})


def story(traces: Mapping[str, Trace]) -> Story:
    """What the page says and draws."""
    formed, heads = traces["formation"], chosen(traces["ablation"])
    window = change(formed, heads)
    sections = (
        ("change", "One change, seen from six sides" if window else "Training", change_section(formed, heads, window)),
        ("head", *head_section(formed, heads, traces["attention"])),
        ("without", "What is lost without it", ablation_section(traces["ablation"], window)),
        ("made", "What it is made of", composition_section(traces["composition"], traces["ablation"])),
    )
    return Story("Induction heads", verdict(heads, formed, window), sections)


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
            heads_chart(formed, "induction", heads, band),
            *loss_charts(formed, band),
            networks_chart(
                formed,
                formed.arrays["in_context"],
                "in-context score, nats",
                band,
                "How much the context tells: the loss early in the context less that late in it, on held-out text. "
                "Step 0 is the untrained network.",
            ),
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
        networks_chart(formed, values, "nats per token", band, caption, y_range=lower_part(values))
        for values, caption in ((smoothed(formed), mix), (formed.arrays["text_loss"], alone))
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
    """One score of every head over the steps; those that matter in colours of their own, and the best of one layer."""
    steps, names = looks(formed), formed.labels["head"]
    scores = dict(zip(names, formed.arrays[pattern], strict=True))
    marked = [f"{TWO} {head}" for head in (heads if pattern == "induction" else previous_best(formed))]
    rival = max((name for name in names if name.startswith(ONE)), key=lambda name: scores[name].max(), default=None)
    rival = rival if pattern == "induction" else None
    lines = [
        Line(name, steps, scores[name], COLOURS[ONE] if name.startswith(ONE) else "line5", "faint")
        for name in names
        if name not in (*marked, rival)
    ]
    key = other_heads(lines)
    front = [
        Line(f"head {name.removeprefix(TWO).strip()} of two layers", steps, scores[name], MARKED[i % 5])
        for i, name in enumerate(marked)
    ]
    if rival is not None:
        front.append(
            Line(f"the best head of one layer, {rival.removeprefix(ONE).strip()}", steps, scores[rival], RIVAL)
        )
    caption = {
        "induction": "Induction score of every head of both networks: attention to the token that came after the "
        "earlier occurrence of the present one, on random tokens that come twice. In colour, "
        + ("the induction heads" if band else f"the head that comes nearest to {INDUCTION}")
        + " of two layers, and the head of one layer that ever came nearest; from the dashed line on, a head is an "
        "induction head." + (f" Shaded: step {band[0]:,} to step {band[1]:,}." if band else ""),
        "previous": "Previous-token score of every head: attention to the token just before. In colour, the best head "
        "of the first of two layers: if keys are to hold what came before them, it must put it there.",
    }[pattern]
    levels = [Level(f"an induction head: {INDUCTION}", INDUCTION)] if pattern == "induction" else []
    chart = Chart([*lines, *front], "step", f"{pattern} score", levels, (-0.02, 1.0), band=band)
    return join([draw_legend([*front, *key]), chart_figure(chart, caption, height=300)])


def other_heads(lines: Sequence[Line]) -> list[Line]:
    """One entry of the key for all heads of a kind."""
    by_kind = {}
    for line in lines:
        kind = "other heads of one layer" if line.name.startswith(ONE) else "other heads of two layers"
        by_kind[kind] = Line(kind, (), (), line.colour, line.style)
    return list(by_kind.values())


def previous_best(formed: Trace) -> list[str]:
    """The head of the first of two layers that ends on the highest previous-token score."""
    score_of = previous_heads(formed)
    return [max(score_of, key=lambda head: float(score_of[head][-1]))] if score_of else []


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
    for name, caption in texts.items():
        layer, head = map(int, name.split("."))
        weights = np.clip(np.nan_to_num(attention.arrays["pattern"][layer, head].astype(float)), 0.0, 1.0)
        figures.append(tag("figure", large_map(weights, words, (layer, head)), tag("figcaption", caption)))
    return "An induction head at work" if is_one else "The head that comes nearest", join(figures)


def ablation_section(ablated: Trace, window: Change | None) -> Markup:
    """Bars: what each head's absence does to the loss on repeats, and to the in-context score."""
    zero, names = ablated.labels["kind"].index("zero"), ablated.labels["ablated"]
    columns = [i for i, name in enumerate(names) if name != "others" or ablated.meta["other_size"]]
    labels = [names[i] for i in columns]
    second, in_context, error = (
        ablated.arrays[array][zero, columns] for array in ("second_half", "in_context", "in_context_error")
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
    figures = [bars_figure(labels, second, None, rise), bars_figure(labels, in_context, error, fall)]
    return join([*figures, tag("p", how, class_="about")])


def composition_section(composed: Trace, ablated: Trace) -> Markup:
    """Bars: the induction score without a head of the layer below, by the input that it is missing from."""
    plain = float(composed.arrays["plain_score"])
    labels = [
        f"without {head}, in the {way}" for head in composed.labels["removed"] for way in composed.labels["through"]
    ]
    caption = (
        f"Mean induction score of {composed.meta['induction_heads']} if a head of the layer below is missing, but only "
        "from the queries, the keys or the values that the second layer makes. If the induction heads find their place "
        f"by what the previous-token head ({ablated.meta['previous_token_head']}) writes into the keys, it is the keys "
        "that they miss: K-composition, as Elhage et al. 2021 call it."
    )
    return bars_figure(["all heads", *labels], np.array([plain, *composed.arrays["score"].ravel()]), None, caption)
