"""A data card's page: what is wrong with labelled data, what matters most first, and the pictures that show it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glassworks.core.files import write_json, write_text
from glassworks.core.progress import counted
from glassworks.data.labelled.source import SPLITS
from glassworks.draw.image import Image, image
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.page import document
from glassworks.draw.scales import short
from glassworks.evaluate.card.card import Card
from glassworks.evaluate.card.findings import Finding, first_of, percent
from glassworks.evaluate.card.whole import Whole

CLASSES = 60
"""Classes that a table lists; the rest are in the JSON."""
ROWS, PICTURES = 12, 8
"""Classes of which pictures are shown, and how many of each."""
COMMON, NAMED = 5, 500
"""Sizes of files that are listed, and names of examples below a finding."""
SIDE = 84
"""Of a picture on the page, in its pixels."""
SAID = {"serious": "mend first", "look": "look at it", "note": "good to know"}


def write_card(card: Card, page: Path) -> Path:
    """Write the page and, beside it, what it says as JSON (card.json of card.html); each whole or not at all."""
    write_json(page.with_suffix(".json"), card.as_json())
    write_text(page, card_page(card))
    return page


def card_page(card: Card) -> str:
    """The page's HTML."""
    facts, whole = card.facts, card.whole
    parts = [
        ("findings", "What was found", findings(card)),
        ("examples", "What there is", join([examples(facts), pictures_by_class(whole), as_found(facts)])),
    ]
    if card.pairs["exact"]:
        parts.append(("copies", "The same more than once", pairs(whole, card.pairs["exact"])))
    if card.pairs["near"] and any(finding.what == "near_duplicates" for finding in card.findings):
        parts.append(("near", "Nearly the same", pairs(whole, card.pairs["near"])))
    if len(card.suspects):
        parts.append(("labels", "Labels that are likely wrong", suspects(card)))
    if facts["border"] or facts["columns"]:
        parts.append(("alone", "What alone tells the target", alone(facts)))
    parts.append(("notes", "How examples are read", tag("ul", *(tag("li", note) for note in facts["notes"]))))
    return document(
        f"Data card: {facts['what']}",
        header(card),
        *(tag("section", tag("h2", title), content, id=name) for name, title, content in parts),
    )


def header(card: Card) -> Markup:
    """What the data are, and what matters most of what was found."""
    serious = [finding for finding in card.findings if finding.level == "serious"]
    first = serious or [finding for finding in card.findings if finding.level == "look"]
    verdict = " ".join(finding.sentence for finding in first[:3]) or "Nothing was found that would make a score wrong."
    more = len(first) - 3
    sizes = card.facts["examples"]
    keys = [("examples", short(sum(sizes.values()))), *((split, short(count)) for split, count in sizes.items())]
    if card.whole.data.classes:
        keys.append(("classes", f"{len(card.whole.data.classes):,}"))
    keys.append(("an input", " × ".join(map(str, card.facts["shape"]))))
    return tag(
        "header",
        tag("p", "Glassworks data card", class_="kicker"),
        tag("h1", card.facts["what"]),
        tag("p", verdict, f" {counted(more, 'other finding')} like these below." if more > 0 else "", class_="verdict"),
        tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in keys), class_="keys"),
    )


def findings(card: Card) -> Markup:
    """Every finding with its control and what to do; and what was looked for and not found."""
    rows = [finding_row(finding) for finding in card.findings]
    table = scrolling(tag("table", tag("tbody", *rows), class_="card-findings")) if rows else ""
    nothing = f"Looked for and not found: {', '.join(card.nothing)}." if card.nothing else ""
    return join([table or tag("p", "Nothing was found."), tag("p", nothing) if nothing else ""])


def finding_row(finding: Finding) -> Markup:
    """One finding."""
    said = [tag("p", finding.sentence, class_="said")]
    if finding.control:
        said.append(tag("p", tag("b", "Beside it: "), finding.control, class_="beside"))
    said.append(tag("p", tag("b", "To do: "), finding.remedy, class_="beside"))
    if finding.names:
        every = tag("ul", *(tag("li", name) for name in finding.names[:NAMED]))
        more = len(finding.names) - NAMED
        rest = tag("p", f"{more:,} more are in the JSON.") if more > 0 else ""
        said.append(tag("details", tag("summary", first_of(finding.names, 3)), every, rest, class_="beside"))
    return tag("tr", tag("th", SAID[finding.level], scope="row", class_=f"level {finding.level}"), tag("td", *said))


# ----------------------------------------------------------------------------------------------------------------------


def examples(facts: Mapping[str, Any]) -> Markup:
    """How many examples each split has, by class."""
    if "quartiles" in facts:
        low, first, middle, third, high = facts["quartiles"]
        return tag(
            "p", f"The target is a number: from {low:.4g} to {high:.4g}, half of it from {first:.4g} to {third:.4g}, "
            f"the median {middle:.4g}.",
        )  # fmt: skip
    ordered = sorted(facts["classes"].items(), key=lambda item: -sum(item[1].values()))
    total = sum(facts["examples"].values())
    rows = [
        (name, *(f"{counts[split]:,}" for split in SPLITS), percent_of(sum(counts.values()), total))
        for name, counts in ordered[:CLASSES]
    ]
    more = f" {len(ordered) - CLASSES:,} smaller ones are in the JSON." if len(ordered) > CLASSES else ""
    return table(("class", *SPLITS, "of all"), rows, f"Examples by class and split, the largest class first.{more}")


def pictures_by_class(whole: Whole) -> Markup:
    """Some images of each class, as they come."""
    if whole.data.kind != "images" or whole.data.task != "classes":
        return Markup("")
    rows = []
    for label, name in enumerate(whole.data.classes[:ROWS]):
        some = np.flatnonzero(whole.data.train.targets == label)[:PICTURES]
        rows.append(tag("tr", tag("th", name, scope="row"), *(tag("td", picture(whole, int(i))) for i in some)))
    caption = f"The first training images of {'each class' if len(whole.data.classes) <= ROWS else f'{ROWS} classes'}."
    sheet = scrolling(tag("table", tag("tbody", *rows), class_="sheet"))
    return tag("figure", sheet, tag("figcaption", caption))


def as_found(facts: Mapping[str, Any]) -> Markup:
    """Image files and columns, as they were before anything was changed."""
    found = facts["found"]
    if "columns" in found:
        rows = [
            (
                str(column["name"]),
                str(column["type"]),
                f"{column['missing']:,}",
                "many" if column["distinct"] is None else f"{column['distinct']:,}",
                *(value_of(column[end]) for end in ("min", "median", "max")),
            )
            for column in found["columns"][:CLASSES]
        ]
        titles = ("column", "type", "missing", "different", "least", "median", "most")
        return table(titles, rows, "The table's columns as they stand in the file.")
    rows = [
        (name[:-1], one, f"{count:,}")
        for name in ("sizes", "modes", "formats")
        for one, count in list(found.get(name, {}).items())[:COMMON]
    ]
    caption = "Image files as they are, before all are brought to one size; L is grey, P a palette."
    if (number := found.get("different_sizes", 0)) > COMMON:
        ranges = [f"{name} of {low:,} to {high:,}" for name in ("heights", "widths") for low, high in [found[name]]]
        caption += f" Of {number:,} sizes, {' and '.join(ranges)}, the {COMMON} commonest are listed."
    return table(("", "in the files", "images"), rows, caption) if rows else Markup("")


def value_of(value: Any) -> str:
    """A number in few digits, a date as it is, a dash for none."""
    return "–" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)


def pairs(whole: Whole, some: Sequence[tuple[int, int]]) -> Markup:
    """Pairs of examples beside each other, with what they are called, said to be, and where they lie."""
    images = whole.data.kind == "images"
    rows = []
    for pair in some:
        said = [
            tag("p", f"{whole.target(i)} · {SPLITS[whole.splits[i]]} · {name}", class_="below")
            for i, name in zip(pair, whole.names(pair), strict=True)
        ]
        cells = [tag("td", picture(whole, i) if images else "", line) for i, line in zip(pair, said, strict=True)]
        differ = whole.targets[pair[0]] != whole.targets[pair[1]]
        rows.append(tag("tr", tag("th", "other target" if differ else "same target", scope="row"), *cells))
    caption = "Of different targets first, then across splits. Below each: its target, its split, its name."
    return tag("figure", scrolling(tag("table", tag("tbody", *rows), class_="sheet")), tag("figcaption", caption))


def suspects(card: Card) -> Markup:
    """The labels that are likeliest wrong: pictures, or lines."""
    worst = card.facts["noise"]["worst"]
    caption = (
        "The likeliest first: what it is said to be, what predictors that did not see it say, and the probability they "
        "give to its label. Some are right and only hard to tell."
    )
    if card.whole.data.kind != "images":
        rows = [(one["name"], one["label"], one["suggested"], f"{one['self_confidence']:.3f}") for one in worst]
        return table(("example", "its label", "rather", "p(label)"), rows, caption)
    cells = [
        tag(
            "div", picture(card.whole, int(index)),
            tag("p", f"{one['label']}, rather {one['suggested']}? p = {one['self_confidence']:.2g}", class_="below"),
            tag("p", one["name"], class_="below"),
        )
        for index, one in zip(card.suspects, worst, strict=True)
    ]  # fmt: skip
    return tag("figure", tag("div", *cells, class_="card-pictures"), tag("figcaption", caption))


PARTS = {
    "elsewhere": "the best of eight other places",
    "border": "the outermost pixels",
    "ring inside it": "the ring inside them",
}
"""Of images, what is shown beside the corners."""


def alone(facts: Mapping[str, Any]) -> Markup:
    """How well parts of images, or single columns, tell the target, beside shuffled targets."""
    border = facts["border"]
    named = {f"{name} corner": one for name, one in border.get("corners", {}).items()}
    named |= {title: border[name] for name, title in PARTS.items() if name in border}
    some = [*named.items(), *((column["name"], column) for column in facts["columns"])]
    rows = [(name, percent(one["skill"]), percent(one["control"])) for name, one in some]
    caption = (
        "How far each alone goes from chance (0 %) to certainty (100 %): balanced accuracy of a small tree or a "
        "logistic regression on examples that it did not see, or R² of numbers; beside the same with shuffled targets."
    )
    return table(("", "tells", "shuffled"), rows, caption)


# ----------------------------------------------------------------------------------------------------------------------


def picture(whole: Whole, index: int) -> Markup:
    """An example's image."""
    pixels = whole.inputs([index])[0].transpose(1, 2, 0) / 255
    return image(Image(pixels), SIDE)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> Markup:
    """A table with its caption."""
    head = tag("tr", *(tag("th", title, scope="col") for title in titles))
    body = [tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows]
    drawn = tag("table", tag("thead", head), tag("tbody", *body), class_="comparison")
    return tag("figure", scrolling(drawn), tag("figcaption", caption))


def percent_of(number: int, total: int) -> str:
    """A share of a total in percent."""
    return f"{100 * number / total:.1f} %"
