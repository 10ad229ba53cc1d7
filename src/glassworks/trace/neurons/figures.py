"""The parts of a neuron's page: coloured texts, rules, tokens. Every number is in a trace."""

import math
from collections.abc import Sequence

from glassworks.draw.code import is_code
from glassworks.draw.colours import LEVELS, level
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.scales import minus, short
from glassworks.draw.tokens import visible
from glassworks.trace.general import Token, sentence
from glassworks.trace.neurons.view import Example, Neuron, Neurons, percent, signed
from glassworks.trace.trace import Trace

KINDS = (
    ("top", 0, "Strongest"),
    ("top", 1, "Strongest on held-out inputs"),
    ("quantile", 0, "From strong to weak, where it fires"),
    ("random", 0, "Random places"),
    ("weakest", 0, "Weakest"),
)


# ----------------------------------------------------------------------------------------------------------------------
# Examples


def examples_figure(neuron: Neuron) -> Markup:
    """All kinds of examples, one scale of colours."""
    parts = [examples_of(neuron, *kind) for kind in KINDS]
    return tag("figure", scale(neuron), *parts, tag("figcaption", agreement(neuron)), class_=face(neuron))


def face(neuron: Neuron) -> str | None:
    """The class of texts that read like source code: they stand in a face that keeps their columns."""
    shown = [neuron.examples(kind, split) for kind, split, _ in KINDS]
    texts = ["".join(text for _, _, text, _ in neuron.read(one)) for found in shown for one in found]
    return "code" if neuron.of.board is None and is_code("\n".join(texts)) else None


def examples_of(neuron: Neuron, kind: str, split: int, title: str) -> Markup:
    """One kind of example."""
    found = neuron.examples(kind, split)
    zeros = neuron.statistic("zeros")
    if kind == "weakest" and found and zeros > 0 and all(one.value == 0 for one in found):
        said = f"It is exactly 0 at {percent(zeros)} of all places: any of them would do."
        return join([tag("h3", title), tag("p", said, class_="missing")])
    if not found:
        why = "It fires too rarely to sample." if kind == "quantile" else "There are none."
        return join([tag("h3", title), tag("p", why, class_="missing")])
    return join([tag("h3", title), *(example_line(neuron, one) for one in found)])


def example_line(neuron: Neuron, one: Example) -> Markup:
    """One place: its activation, then the text around it, each token coloured by its own activation."""
    about = f"input {one.row}, position {one.position}"
    name = f"quantile {one.name.split(' ')[1]}, {about}" if one.name.startswith("quantile") else about
    value = tag("b", minus(f"{one.value:.3g}"), title=name)
    if not one.tokens:
        return tag("div", value, tag("p", about), class_="firing")
    words = [token_span(neuron, text, one.activations[first:end], here) for first, end, text, here in neuron.read(one)]
    return tag("div", value, tag("p", *words, class_="surprise"), class_="firing")


def token_span(neuron: Neuron, word: str, activations: list[float], here: bool) -> Markup:
    """One token, or those of one character, coloured by the activation farthest from 0."""
    colour = colour_of(max(activations, key=abs) / neuron.reach)
    numbers = ", ".join(minus(f"{activation:.4g}") for activation in activations)
    shown = word.replace("\n", "↵") or "∅"
    space = "" if neuron.of.are_words else " "
    kinds = " ".join([colour] * bool(colour) + ["here"] * here)
    return join([tag("span", shown, class_=kinds or None, title=f"“{visible(word)}” {numbers}"), space])


def colour_of(share: float) -> str:
    """The class of an activation, as a share of the largest: orange above zero, blue below; none where it is pale."""
    if level(abs(share)) == 0:
        return ""
    return f"surprise{level(share)}" if share > 0 else f"chance{level(-share)}"


def scale(neuron: Neuron) -> Markup:
    """The colours with their activations."""
    lowest, reach = min(neuron.statistic("lowest", split) for split in (0, 1)), neuron.reach
    strip = [tag("i", class_=f"surprise{i}") for i in range(LEVELS)]
    marks = [0.0, reach / 2, reach]
    if lowest < 0:
        strip = [tag("i", class_=f"chance{i}") for i in reversed(range(LEVELS))] + strip
        marks = [-reach, -reach / 2, *marks]
    labels = [
        tag("span", minus(short(mark)), style=f"left:{100 * i / (len(marks) - 1):g}%") for i, mark in enumerate(marks)
    ]
    return tag("div", tag("div", *strip, class_="strip"), tag("div", *labels, class_="marks"), class_="scale one-line")


def agreement(neuron: Neuron) -> str:
    """What the examples are, and whether the held-out ones are like the others."""
    said = (
        f"Each line is one place, every one of another input: the number is the {neuron.of.unit}'s activation at the "
        f"underlined token, and each token is coloured by the {neuron.of.unit}'s activation there (hover or tap for "
        "the number)."
    )
    own, other = (neuron.value(neuron.of.examples, name) for name in ("token_agreement", "token_agreement_control"))
    if math.isfinite(own):
        said += f" Of the held-out strongest, {percent(own)} are at a token that is also among the strongest above"
        said += f" (among another {neuron.of.unit}'s: {percent(other)})." if math.isfinite(other) else "."
    return said


def bar(share: float) -> Markup:
    """A bar of a share of the width."""
    return tag("span", tag("i", style=f"width:{100 * min(abs(share), 1):.1f}%"), class_="bar")


# ----------------------------------------------------------------------------------------------------------------------
# Weights


def directions_figure(neuron: Neuron) -> Markup:
    """The tokens that it promotes and suppresses, and those whose embedding it reads."""
    trace = neuron.of.directions
    assert trace is not None
    control, near_control = float(trace.arrays["promoted_control"][0]), float(trace.arrays["nearest_control"][0])
    panels = [
        token_table(neuron, "It promotes", "promoted", ()),
        token_table(neuron, "It suppresses", "suppressed", ()),
    ]
    names = {"input": "It reads, nearest embeddings", "gate": "Its gate reads"}
    for i, side in enumerate(trace.labels["side"]):
        if side in names:
            panels.append(token_table(neuron, names[side], "nearest", (i,)))
    cosine = neuron.value(trace, "in_out_cosine")
    caption = (
        "By its weights alone. Promoted and suppressed: what an activation of 1 adds to a token's logit, directly and "
        f"before the final norm's division; a random direction as long as the median {neuron.of.unit}'s reaches "
        f"{control:.2g}. "
        f"Read: the cosine with a token's embedding; a random direction reaches {near_control:.2g}. The cosine between "
        f"what it reads and what it writes is {signed(cosine)}."
    )
    return tag("figure", tag("div", *panels, class_="panels"), tag("figcaption", caption))


def token_table(neuron: Neuron, title: str, name: str, side: tuple[int, ...]) -> Markup:
    """Tokens with their numbers as bars."""
    trace = neuron.of.directions
    values, ids = neuron.array(trace, name), neuron.array(trace, f"{name}_ids")
    assert values is not None
    assert ids is not None
    numbers, tokens = values[side].tolist(), ids[side].tolist()
    largest = max(abs(x) for x in numbers) or 1.0
    rows = [
        tag(
            "tr",
            tag("th", visible(neuron.of.token(id)), scope="row"),
            tag("td", bar(x / largest)),
            tag("td", signed(x)),
        )
        for x, id in zip(numbers, tokens, strict=True)
    ]
    return tag("div", tag("p", title, class_="figure-title"), tag("table", *rows, class_="bars tokens"))


# ----------------------------------------------------------------------------------------------------------------------
# A trace of examples

MAX_NEURONS = 4
FIRST = 2
"""Kinds of examples that are open: the strongest, and the strongest held out."""
FRESH = "untrained_"


def neuron_figure(trace: Trace, token: Token) -> Markup:
    """What each neuron fires on, before an untrained network's neuron of its number: the first open, others folded."""
    own, fresh = Neurons(trace), untrained(trace)
    shown = own.numbers[:MAX_NEURONS]
    units = [[Neuron(of, number) for number in shown] for of in (own, fresh) if of is not None]
    parts = []
    for i, neuron in enumerate(units[0]):
        beside = [
            control_unit(f"An untrained network, neuron {one[i].number}", often(one[i]), one[i]) for one in units[1:]
        ]
        parts.append(one_unit(neuron, f"{own.unit.capitalize()} {neuron.number}", often(neuron), *beside, folded=i > 0))
    names = ("This network", "An untrained network")
    agreed = [said for name, one in zip(names, units, strict=False) if (said := agreeing(name, one))]
    note = [sentence(trace.legend.of("window_activation").note, trace, token), *agreed] if agreed else []
    rest = len(own.numbers) - len(shown)
    more = tag("p", f"{rest:,} more {own.unit}s are in the trace.", class_="missing") if rest else ""
    return join([tag("p", " ".join(filter(None, note)), class_="about") if note else "", *parts, more])


def untrained(trace: Trace) -> Neurons | None:
    """The untrained network's part of a trace of examples, as such a trace; None where there is none."""
    named = {name.removeprefix(FRESH): name for name in trace.arrays if name.startswith(FRESH)}
    if "activation" not in named:
        return None
    arrays, axes = (
        {name: trace.arrays[of] for name, of in named.items()},
        {n: trace.axes[of] for n, of in named.items()},
    )
    known = {axis for of in axes.values() for axis in of}
    texts = trace.tokens or dict(enumerate(trace.labels.get("vocabulary", [])))
    labels = {axis: of for axis, of in trace.labels.items() if axis in known}
    return Neurons(Trace(trace.method, arrays, axes, labels, trace.meta, texts))


def control_unit(name: str, words: str, unit: Neuron) -> Markup:
    """A control's neuron or latent below what it is a control of, its examples folded."""
    tokens = ", ".join(f"“{visible(word)}”" for word in unit.strongest_tokens())
    said = tag("p", f"{name}: {words}", class_="about")
    summary = f"What it fires on{f', most strongly at {tokens}' if tokens else ''}"
    return join([said, tag("details", tag("summary", summary), one_unit(unit, "", ""))])


def agreeing(name: str, units: Sequence[Neuron]) -> str:
    """How far the held-out strongest tokens of some neurons or latents are among those before, on average."""
    own, other = (
        [unit.value(unit.of.examples, f"token_agreement{what}") for unit in units] for what in ("", "_control")
    )
    known = [(a, b) for a, b in zip(own, other, strict=True) if math.isfinite(a) and math.isfinite(b)]
    if not known:
        return ""
    shares = [percent(sum(x) / len(known)) for x in zip(*known, strict=True)]
    return f"{name}: {shares[0]} (another {units[0].of.unit}’s: {shares[1]})."


def often(neuron: Neuron) -> str:
    """How often it fires, in a sentence."""
    rates = [percent(neuron.statistic("firing_rate", split)) for split in (0, 1)]
    return f"It fires at {rates[0]} of all places, at {rates[1]} on held-out text."


def one_unit(neuron: Neuron, name: str, words: str, *more: str, folded: bool = False) -> Markup:
    """A neuron or latent in a trace: its strongest examples, ranked beside held out, then the others, folded."""
    pair = [tag("div", examples_of(neuron, *kind)) for kind in KINDS[:FIRST]]
    others = [examples_of(neuron, *kind) for kind in KINDS[FIRST:]]
    figure = tag(
        "figure",
        scale(neuron),
        tag("div", *pair, class_="pair"),
        tag("details", tag("summary", "From strong to weak, at random places, and weakest"), *others),
        tag("figcaption", agreement(neuron)),
        class_=face(neuron),
    )
    body = [tag("p", words, class_="about") if words else "", figure, *more]
    if not folded:
        return join([tag("h3", name) if name else "", *body])
    tokens = ", ".join(f"“{visible(word)}”" for word in neuron.strongest_tokens())
    where = f", most strongly at {tokens}" if tokens else ""
    return tag("details", tag("summary", f"{name}{where}"), *body)
