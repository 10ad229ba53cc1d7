"""The page of `glassworks look`: what each method asks, its figures and how to read them, its control, its code."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from glassworks.core.files import write_text
from glassworks.data.tokenizers.spans import in_order
from glassworks.draw.code import is_code
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.page import document
from glassworks.draw.scales import duration, short
from glassworks.interpret.catalogue.methods import METHODS, WINGS
from glassworks.interpret.catalogue.run import Outcome
from glassworks.interpret.catalogue.subject import Subject
from glassworks.trace.render import NO_TOKENIZER, explained


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
    outcomes: Sequence[Outcome]
    special: Collection[str] = ()
    """The tokens that are no text."""
    token: Callable[[int], str] = NO_TOKENIZER


def write_look(subject: Subject, outcomes: Sequence[Outcome], path: Path, *, opening: str) -> Path:
    """Write the page, atomically, and return its path. `opening` is Python that makes the subject."""
    write_text(path, page(look_of(subject, outcomes, opening)))
    return path


def look_of(subject: Subject, outcomes: Sequence[Outcome], opening: str) -> Look:
    """What the page of a subject says."""
    added = subject.tokenizer.inner.get_added_tokens_decoder()
    reads = {"text", *(what for outcome in outcomes for what in METHODS[outcome.name].reads)}
    return Look(
        name=subject.name,
        facts=facts_of(subject),
        text=in_order(subject.tokenizer, subject.tokens),
        against=in_order(subject.tokenizer, subject.against) if "against" in reads else [],
        notes=[*led_by(subject), *(note for what, note in subject.notes.items() if what in reads)],
        opening=opening,
        outcomes=outcomes,
        special=[token.content for token in added.values() if token.special],
        token=subject.tokenizer.token,
    )


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
        tag("div", *read(look), class_="code" if is_code("".join(look.text)) else None),
        tag("p", " ".join(look.notes), class_="about"),
    )


def read(look: Look) -> Iterator[Markup]:
    """The sentence, and the one it is contrasted with, what differs in it marked."""
    yield tag("p", *(token_markup(token, look.special) for token in look.text), class_="surprise read")
    if look.against:
        pairs = zip(look.text, look.against, strict=True)
        tokens = [token_markup(b, look.special, "span" if a == b else "mark") for a, b in pairs]
        yield tag("p", tag("small", "against "), *tokens, class_="surprise read")


def token_markup(token: str, special: Collection[str], element: str = "span") -> Markup:
    """A token within a sentence; a line's end as its sign, and what is no text pale."""
    return tag("small" if token in special else element, token.replace("\n", "↵"))


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


def led_by(subject: Subject) -> Iterator[str]:
    """What the token is that the sentence begins with, if it is no text."""
    if int(subject.tokens[0]) == subject.tokenizer.eot:
        name = subject.tokenizer.token(subject.tokenizer.eot)
        yield f"“{name}” is no text: it stands between texts, and tells the model that one begins."


def facts_of(subject: Subject) -> list[tuple[str, str]]:
    """The model's shape."""
    config = subject.model.config
    return [
        ("architecture", config.architecture),
        ("parameters", short(subject.model.num_params())),
        ("layers", str(config.n_layer)),
        ("heads a layer", str(config.n_head)),
        ("width", str(config.n_embd)),
        ("context", f"{config.n_ctx:,} tokens"),
    ]
