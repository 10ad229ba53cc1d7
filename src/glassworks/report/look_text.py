"""What the page of `look` says of a GPT: its shape, and the sentences that it was looked at by."""

from collections.abc import Collection, Iterator, Sequence

from glassworks.data.tokenizers.spans import in_order
from glassworks.draw.code import is_code
from glassworks.draw.markup import Markup, tag
from glassworks.draw.scales import short
from glassworks.interpret.catalogue.methods import METHODS
from glassworks.interpret.catalogue.run import Outcome
from glassworks.interpret.catalogue.subject import Subject
from glassworks.report.look import Look


def look_at_text(subject: Subject, outcomes: Sequence[Outcome], opening: str) -> Look:
    """What the page of a subject says. `opening` is Python that makes the subject."""
    added = subject.tokenizer.inner.get_added_tokens_decoder()
    reads = {"text", *(what for outcome in outcomes for what in METHODS[outcome.name].reads)}
    return Look(
        name=subject.name,
        facts=facts_of(subject),
        read=sentences(
            in_order(subject.tokenizer, subject.tokens),
            in_order(subject.tokenizer, subject.against) if "against" in reads else [],
            [token.content for token in added.values() if token.special],
        ),
        notes=[*led_by(subject), *(note for what, note in subject.notes.items() if what in reads)],
        opening=opening,
        outcomes=outcomes,
        token=subject.tokenizer.token,
    )


def sentences(text: Sequence[str], against: Sequence[str], special: Collection[str] = ()) -> Markup:
    """The sentence's tokens, and those of the one it is contrasted with, if any is, what differs in it marked.

    Those in `special` are no text.
    """
    lines = [tag("p", *(token_markup(token, special) for token in text), class_="surprise read")]
    if against:
        pairs = zip(text, against, strict=True)
        tokens = [token_markup(b, special, "span" if a == b else "mark") for a, b in pairs]
        lines.append(tag("p", tag("small", "against "), *tokens, class_="surprise read"))
    return tag("div", *lines, class_="code" if is_code("".join(text)) else None)


def token_markup(token: str, special: Collection[str], element: str = "span") -> Markup:
    """A token within a sentence; a line's end as its sign, and what is no text pale."""
    return tag("small" if token in special else element, token.replace("\n", "↵"))


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
