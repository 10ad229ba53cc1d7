"""The page of `glassworks look`: each method's line, its figures, its control, and how to repeat it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from glassworks.core.files import write_text
from glassworks.draw.code import is_code
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.names import capital, words
from glassworks.draw.page import document
from glassworks.draw.scales import duration
from glassworks.trace.render import NO_TOKENIZER, trace_figure
from glassworks.trace.trace import Trace


@dataclass(frozen=True)
class Part:
    """One method's part of the page."""

    name: str
    summary: str
    control: str
    code: str
    """Python that makes `trace` from `subject`."""
    trace: Trace | None = None
    refusal: str = ""
    """Why there is no trace."""
    seconds: float | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    """What the trace's arrays are."""


@dataclass(frozen=True)
class Look:
    """What a page says."""

    name: str
    facts: Sequence[tuple[str, str]]
    """Of the model: name and value."""
    text: Sequence[str]
    """The sentence's tokens."""
    against: Sequence[str]
    """Those of the sentence to contrast with; empty where no method needs one."""
    notes: Sequence[str]
    """Sentences on what was read."""
    opening: str
    """Python that makes `subject`."""
    parts: Sequence[Part]
    special: Collection[str] = ()
    """The tokens that are no text."""
    token: Callable[[int], str] = NO_TOKENIZER


def write_look(look: Look, path: Path) -> Path:
    """Write the page, atomically, and return its path."""
    write_text(path, page(look))
    return path


def page(look: Look) -> str:
    """The page's HTML."""
    links = [tag("a", title(part), href=f"#{part.name}") for part in look.parts]
    body = [tag("section", *section(part, look), id=part.name) for part in look.parts]
    return document(look.name, header(look), tag("nav", *links), *body, again(look))


def header(look: Look) -> Markup:
    """The model, its shape, and what it read."""
    facts = [tag("div", tag("dt", name), tag("dd", value)) for name, value in look.facts]
    return tag(
        "header",
        tag("p", "Glassworks look", class_="kicker"),
        tag("h1", look.name),
        tag("dl", *facts, class_="keys"),
        tag("div", *read(look), class_="code" if is_code("".join(look.text)) else None),
        tag("p", " ".join(look.notes), class_="about"),
    )


def read(look: Look) -> Iterator[Markup]:
    """The sentence, and the one it is contrasted with, what differs in it marked."""
    yield tag("p", *(shown(token, look.special) for token in look.text), class_="surprise read")
    if look.against:
        pairs = zip(look.text, look.against, strict=True)
        tokens = [shown(b, look.special, "span" if a == b else "mark") for a, b in pairs]
        yield tag("p", tag("small", "against "), *tokens, class_="surprise read")


def shown(token: str, special: Collection[str], element: str = "span") -> Markup:
    """A token within a sentence; a line's end as its sign, and what is no text pale."""
    return tag("small" if token in special else element, token.replace("\n", "↵"))


def title(part: Part) -> str:
    """A method's name as words."""
    return capital(words(part.name))


def section(part: Part, look: Look) -> list[Markup]:
    """One method."""
    summary = tag("p", f"{capital(part.summary)}.", class_="lead")
    figure = (
        tag("p", f"Not drawn: {part.refusal}", class_="missing")
        if part.trace is None
        else trace_figure(part.trace, look.token, part.notes)
    )
    took = f" ({duration(part.seconds)} here)" if part.seconds is not None else ""
    return [
        tag("h2", title(part)),
        summary,
        figure,
        tag("p", join([tag("b", "Control"), f"{capital(part.control)}."]), class_="control"),
        tag("details", tag("summary", f"From Python{took}"), tag("pre", f"{look.opening}\n\n{part.code}")),
    ]


def again(look: Look) -> Markup:
    """What else there is to see."""
    return tag(
        "footer",
        tag(
            "p", join(["Every method with its control: ", tag("code", "glassworks look --list"), "."]), class_="missing"
        ),
    )
