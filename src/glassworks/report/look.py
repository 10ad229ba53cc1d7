"""The page of `glassworks look`: what each method asks, its figures and how to read them, its control, its code."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from glassworks.core.files import write_text
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.page import document
from glassworks.draw.scales import duration
from glassworks.interpret.catalogue.methods import METHODS, WINGS
from glassworks.interpret.catalogue.run import Outcome
from glassworks.trace.render import NO_TOKENIZER, explained


@dataclass(frozen=True)
class Look:
    """What a page says."""

    name: str
    facts: Sequence[tuple[str, str]]
    """Of the model: name and value."""
    read: Markup
    """What was looked at: a sentence, images."""
    notes: Sequence[str]
    """Sentences on what was read."""
    opening: str
    """Python that makes `subject`."""
    outcomes: Sequence[Outcome]
    token: Callable[[int], str] = NO_TOKENIZER


def write_look(look: Look, path: Path) -> Path:
    """Write the page, atomically, and return its path."""
    write_text(path, page(look))
    return path


def page(look: Look) -> str:
    """The page's HTML: the methods by wing, in the index at the top as below it."""
    wings = {wing: [one for one in look.outcomes if METHODS[one.name].wing == wing] for wing in WINGS}
    links = [tag("div", tag("h2", WINGS[wing]), *map(link, found)) for wing, found in wings.items() if found]
    body = [
        tag("section", tag("p", WINGS[wing], class_="kicker"), *section(one, look), id=one.name)
        for wing, found in wings.items()
        for one in found
    ]
    return document(look.name, header(look), tag("nav", *links, class_="index"), *body, again(look))


def link(outcome: Outcome) -> Markup:
    """A method's line of the index."""
    return tag("a", METHODS[outcome.name].legend.title, href=f"#{outcome.name}")


def header(look: Look) -> Markup:
    """The model, its shape, and what it read."""
    facts = [tag("div", tag("dt", name), tag("dd", value)) for name, value in look.facts]
    return tag(
        "header",
        tag("p", "Glassworks look", class_="kicker"),
        tag("h1", look.name),
        tag("dl", *facts, class_="keys"),
        look.read,
        tag("p", " ".join(look.notes), class_="about"),
    )


def section(outcome: Outcome, look: Look) -> Iterator[Markup]:
    """One method."""
    method = METHODS[outcome.name]
    yield tag("h2", method.legend.title, tag("code", outcome.name))
    if outcome.trace is None:
        yield tag("p", method.legend.question, class_="question")
        yield tag("p", f"Not drawn: {outcome.refusal}", class_="missing")
    else:
        yield explained(outcome.trace, look.token)
    calls = "glassworks.interpret." + method.made_of.replace(":", ".")
    yield tag(
        "details",
        tag("summary", f"From Python ({duration(outcome.seconds)} here)"),
        tag("pre", f"{look.opening}\n\n{method.code}"),
        tag("p", join(["It calls ", tag("code", calls), ", which takes your own model."])),
    )


def again(look: Look) -> Markup:
    """What else there is to see."""
    return tag(
        "footer",
        tag(
            "p", join(["Every method with its control: ", tag("code", "glassworks look --list"), "."]), class_="missing"
        ),
    )
