"""A page a neuron, and an index of them: a folder of static files that open offline, on a phone and on dark paper.

    write_neuron_pages(Path("neurons"), Neurons(examples, rules=report, directions=..., ablation=...))
    write_neuron_pages(Path("latents"), Neurons(latent_examples(...), directions=latent_directions(...)))

Pages are complete without their script, which adds numbers on hovering and the index's sorting.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from glassworks.core.files import write_text
from glassworks.core.progress import Report, silent
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.page import document
from glassworks.draw.scales import fixed, minus
from glassworks.draw.tokens import visible
from glassworks.report.neurons.boards import boards_figure
from glassworks.report.neurons.plots import effect_figure, histogram_figure
from glassworks.report.neurons.rules import rules_figure, rules_of
from glassworks.trace.neurons.figures import directions_figure, examples_figure
from glassworks.trace.neurons.view import Board, Neuron, Neurons, percent, signed

HERE = Path(__file__).parent
INDEX = "index.html"

__all__ = ["Board", "Neurons", "index_page", "neuron_page", "write_neuron_pages"]


def write_neuron_pages(folder: Path, neurons: Neurons, *, report: Report = silent) -> Path:
    """Write `neuron_17.html` and so on (`latent_17.html`), then `index.html`, into a folder; return the index's path.

    Each file is written atomically, and the index last, so a page that it names exists. Files of the same names are
    replaced, others stay. A page is about 60 kB.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for done, number in enumerate(neurons.numbers, 1):
        write_text(folder / file_of(neurons, number), neuron_page(neurons, number))
        report(done)
    write_text(folder / INDEX, index_page(neurons))
    return folder / INDEX


def file_of(neurons: Neurons, number: int) -> str:
    """The name of a neuron's page."""
    return f"{neurons.unit}_{number}.html"


# ----------------------------------------------------------------------------------------------------------------------
# One neuron


def neuron_page(neurons: Neurons, number: int) -> str:
    """The HTML of a neuron's page."""
    if number not in neurons.numbers:
        raise ValueError(
            f"number (={number}) must be one of the {len(neurons.numbers)} {neurons.unit}s of the examples"
        )
    neuron = Neuron(neurons, number)
    parts = [
        ("examples", "Where it fires", lambda: [examples_figure(neuron)]),
        ("histogram", "How strongly, how often", lambda: [histogram_figure(neuron)]),
        ("rules", "In words", (lambda: [rules_figure(neuron)]) if rules_of(neuron) else None),
        ("boards", "On the board", (lambda: boards_figure(neuron)) if neurons.board is not None else None),
        ("tokens", "What it reads and writes", part_of(neuron, neurons.directions, directions_figure)),
        ("effect", "Does it matter?", part_of(neuron, neurons.ablation, effect_figure)),
    ]
    drawn = [(name, title, figures) for name, title, draw in parts if draw is not None and (figures := draw())]
    links = [tag("a", title, href=f"#{name}") for name, title, _ in drawn]
    sections = [tag("section", tag("h2", title), *figures, id=name) for name, title, figures in drawn]
    title = f"{neurons.unit.capitalize()} {number} of {neurons.point}"
    return document(title, header(neuron), tag("nav", *links), *sections, neighbours(neuron))


def part_of(neuron: Neuron, trace: object, draw: Callable[[Neuron], Markup]) -> Callable[[], list[Markup]] | None:
    """A part of the page, if its trace has the neuron."""
    return None if trace is None or neuron.at(trace) is None else lambda: [draw(neuron)]  # type: ignore[arg-type]


def header(neuron: Neuron) -> Markup:
    """Its number, what is known in one sentence, and the key figures."""
    where = f"{neuron.of.model}, {neuron.of.point}" if neuron.of.model else neuron.of.point
    figures = [tag("div", tag("dt", name), tag("dd", value)) for name, value in key_figures(neuron)]
    return tag(
        "header",
        tag("p", join([tag("a", f"All {neuron.of.unit}s", href=INDEX), tag("span", where)]), class_="kicker"),
        tag("h1", f"{neuron.of.unit.capitalize()} {neuron.number}"),
        tag("p", verdict(neuron), class_="verdict"),
        tag("dl", *figures, class_="keys"),
    )


def verdict(neuron: Neuron) -> str:
    """What the numbers say, in sentences."""
    rate, held_out = neuron.statistic("firing_rate"), neuron.statistic("firing_rate", 1)
    if rate == 0 and held_out == 0:
        return f"A dead {neuron.of.unit}: it fired at none of the places looked at."
    tokens = [f"“{visible(word)}”" for word in neuron.strongest_tokens()]
    said = f"It fires at {percent(rate)} of places" + (f", most strongly at {', '.join(tokens)}." if tokens else ".")
    r2, chance = neuron.score("r2"), neuron.score("r2", "shuffled features")
    if math.isfinite(r2):
        beside = f", shuffled ones {percent(max(chance, 0.0))}" if math.isfinite(chance) else ""
        said += f" Its rules explain {percent(max(r2, 0.0))} of its held-out variance{beside}."
    effect, error = (neuron.value(neuron.of.ablation, name) for name in ("effect", "effect_error"))
    if math.isfinite(effect):
        change = "the loss rises" if effect > 0 else "the loss falls"
        clear = abs(effect) > 2 * error
        said += f" Without it {change} by {abs(effect):.2g} nats a token" if clear else " Without it the loss stays"
        said += "." if clear else f" where it was ({signed(effect)} ± {error:.1g} nats a token)."
    return said


def key_figures(neuron: Neuron) -> list[tuple[str, str]]:
    """Names and values of the numbers at the top."""
    ablation = neuron.of.ablation
    found = [
        ("fires at", percent(neuron.statistic("firing_rate"))),
        ("strongest", minus(f"{neuron.statistic('highest'):.3g}")),
        ("mean ± deviation", minus(f"{neuron.statistic('mean'):.2g} ± {neuron.statistic('deviation'):.2g}")),
        ("R² of its rules", fixed(neuron.score("r2"), 3)),
        ("F1 of its rules", fixed(neuron.score("f1"), 3)),
        ("loss without it", signed(neuron.value(ablation, "effect"))),
    ]
    return [(name, minus(value)) for name, value in found if value != "–"]


def neighbours(neuron: Neuron) -> Markup:
    """Links to the pages before and after."""
    of, unit = neuron.of, neuron.of.unit
    at = of.numbers.index(neuron.number)
    links = [tag("a", f"← {unit} {number}", href=file_of(of, number)) for number in of.numbers[max(at - 1, 0) : at]]
    links.append(tag("a", f"all {unit}s", href=INDEX))
    links += [tag("a", f"{unit} {number} →", href=file_of(of, number)) for number in of.numbers[at + 1 : at + 2]]
    return tag("footer", tag("nav", *links))


# ----------------------------------------------------------------------------------------------------------------------
# The index


def index_page(neurons: Neurons) -> str:
    """The HTML of the index: one line a neuron, sortable by every column."""
    every = [Neuron(neurons, number) for number in neurons.numbers]
    columns = [column for column in COLUMNS if any(column.cell(neuron)[0] != "–" for neuron in every)]
    head = tag(
        "tr", *(tag("th", named(one, neurons), scope="col", title=one.about, class_=one.kind) for one in columns)
    )
    body = []
    for neuron in every:
        cells = [column.cell(neuron) for column in columns]
        link = tag("a", cells[0][0], href=file_of(neurons, neuron.number))
        first = tag("th", link, scope="row", data_sort=str(neuron.number))
        rest = [
            tag("td", shown, data_sort=sort_key(value), class_=column.kind)
            for column, (shown, value) in zip(columns[1:], cells[1:], strict=True)
        ]
        body.append(tag("tr", first, *rest))
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="comparison neurons")
    dead = sum(neuron.statistic("firing_rate") == 0 == neuron.statistic("firing_rate", 1) for neuron in every)
    said = f"{len(every):,} {neurons.unit}s, " + (
        f"{dead:,} of them dead: they fired at none of the places looked at." if dead else "none of them dead."
    )
    if neurons.rules is not None:
        explained = neurons.rules.arrays["explained"][:, neurons.rules.labels["point"].index(neurons.point)]
        least = neurons.rules.meta["min_r2"]
        rows = zip(neurons.rules.labels["row"], explained.tolist(), strict=True)
        shares = ", ".join(f"{row} {percent(share)}" for row, share in rows)
        said += f" Neurons of the layer whose rules explain at least {least} of their held-out variance: {shares}."
    about = "Choose a column's head to sort by it; hover over it for what it means."
    return document(
        f"{neurons.unit.capitalize()}s of {neurons.point}",
        tag(
            "header",
            tag("p", neurons.model or f"Glassworks {neurons.unit}s", class_="kicker"),
            tag("h1", neurons.point),
            tag("p", said, class_="verdict"),
        ),
        tag("figure", scrolling(table, also="bleed"), tag("figcaption", about)),
        tag("script", Markup((HERE / "neurons.js").read_text("utf-8"))),
    )


Cell = tuple[str, float | str]
"""What is written in a cell, and what it is sorted by."""


class Column(NamedTuple):
    """A column of the index."""

    name: str
    about: str
    cell: Callable[[Neuron], Cell]
    kind: Literal["words"] | None = None


def named(column: Column, neurons: Neurons) -> str:
    """What a column is called."""
    return neurons.unit if column.name == "neuron" else column.name


def number_cell(text: str, value: float) -> Cell:
    """A number as written, and as sorted."""
    return (minus(text), value) if math.isfinite(value) else ("–", math.nan)


def sort_key(value: float | str) -> str:
    """What the script sorts by; nothing for what is not known."""
    return value if isinstance(value, str) else f"{value:.8g}" if math.isfinite(value) else ""


def words_cell(words: list[str]) -> Cell:
    """Tokens, as signs where they are white space."""
    shown = [visible(word) for word in words]
    return (join(tag("span", word) for word in shown) if shown else "–", " ".join(shown))


def rule_cell(neuron: Neuron) -> Cell:
    """The strongest rule."""
    rules = rules_of(neuron)
    return (rules[0].words, rules[0].words) if rules and len(rules) > 1 else ("–", "")


def promoted(neuron: Neuron) -> list[str]:
    """The three tokens that it promotes most."""
    ids = neuron.array(neuron.of.directions, "promoted_ids")
    return [] if ids is None else [neuron.of.token(int(id)) for id in ids[:3]]


def measured(read: Callable[[Neuron], float], write: Callable[[float], str]) -> Callable[[Neuron], Cell]:
    """A column of numbers."""
    return lambda neuron: number_cell(write(read(neuron)), read(neuron))


def effect(name: str) -> Callable[[Neuron], float]:
    """A number of the ablation's trace."""
    return lambda neuron: neuron.value(neuron.of.ablation, name)


THREE, TWO = "{:.3g}".format, "{:.2f}".format
COLUMNS = (
    Column("neuron", "its number", lambda n: (str(n.number), float(n.number))),
    Column(
        "fires",
        "share of places where its activation is above the threshold",
        measured(lambda n: n.statistic("firing_rate"), percent),
    ),
    Column("strongest", "its largest activation", measured(lambda n: n.statistic("highest"), THREE)),
    Column("at", "the tokens at its strongest places", lambda n: words_cell(n.strongest_tokens()), "words"),
    Column("R²", "share of its held-out variance that its rules explain", measured(lambda n: n.score("r2"), TWO)),
    Column("F1", "how well its rules say on held-out inputs whether it fires", measured(lambda n: n.score("f1"), TWO)),
    Column("effect", "rise of the loss when it is set to its mean, nats a token", measured(effect("effect"), signed)),
    Column("larger", "share of random neurons of the layer that matter as much", measured(effect("larger"), percent)),
    Column(
        "promotes", "tokens whose logits it raises most, by its weights", lambda n: words_cell(promoted(n)), "words"
    ),
    Column("strongest rule", "where its rules expect most of it", rule_cell, "words"),
)
