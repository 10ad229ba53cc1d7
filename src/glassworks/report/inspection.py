"""Look inside a model: run some methods on a subject, keep their traces, and write the page."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from glassworks.core.errors import GlassworksError
from glassworks.data.tokenizers.spans import in_order
from glassworks.draw.scales import short
from glassworks.interpret.catalogue.methods import METHODS, array_notes, code, function
from glassworks.interpret.catalogue.subject import Subject
from glassworks.report.look import Look, Part, write_look
from glassworks.trace.trace import Trace


def look_inside(
    subject: Subject,
    methods: Sequence[str],
    out: Path,
    *,
    opening: str,
    traces: Path | None = None,
    mendable: Callable[[Exception], bool] = lambda error: isinstance(error, GlassworksError | ValueError),
    tell: Callable[[str], object] = str,
) -> Path:
    """Run the methods, write the page, and return its path.

    Args:
        subject: the model and its texts.
        methods: names of `METHODS`.
        out: the page.
        opening: Python that makes the subject, for the page.
        traces: a folder for <method>.json and .npz; None = they are not kept.
        mendable: whether an error is a method's refusal, and not a bug, which ends the look.
        tell: told each method as it begins.

    A method that refuses (a model without MLPs, a text too short for it) gets its reason in place of its figure; if
    none is left, the first refusal is raised.
    """
    parts, refused = [], []
    for number, name in enumerate(methods, 1):
        tell(f"{number}/{len(methods)} {name}")
        started = time.perf_counter()
        found: Trace | str
        try:
            found = function(METHODS[name].run)(subject)
        except Exception as error:
            if not mendable(error):
                raise
            refused.append(error)
            found = " ".join(str(error).split())
        parts.append(part_of(name, found, time.perf_counter() - started))
        if traces is not None and isinstance(found, Trace):
            found.save(traces / name)
    if len(refused) == len(methods):
        raise refused[0]
    added = subject.tokenizer.inner.get_added_tokens_decoder()
    contrasts = any("subject.against" in part.code for part in parts)
    look = Look(
        name=subject.name,
        facts=facts_of(subject),
        text=in_order(subject.tokenizer, subject.tokens),
        against=in_order(subject.tokenizer, subject.against) if contrasts else [],
        notes=[*led_by(subject), *(note for name, note in subject.notes.items() if needed(name, parts))],
        opening=opening,
        parts=parts,
        special=[token.content for token in added.values() if token.special],
        token=subject.tokenizer.token,
    )
    return write_look(look, out)


def part_of(name: str, found: Trace | str, seconds: float) -> Part:
    """One method's part of the page, from its trace or its refusal."""
    method = METHODS[name]
    return Part(
        name,
        method.summary,
        method.control,
        code(method),
        found if isinstance(found, Trace) else None,
        "" if isinstance(found, Trace) else found,
        seconds,
        array_notes(method),
    )


def led_by(subject: Subject) -> Iterator[str]:
    """What the token is that the sentence begins with, if it is no text."""
    if int(subject.tokens[0]) == subject.tokenizer.eot:
        name = subject.tokenizer.token(subject.tokenizer.eot)
        yield f"“{name}” is no text: it stands between texts, and tells the model that one begins."


def needed(note: str, parts: Sequence[Part]) -> bool:
    """Whether some method reads what a note of the subject is about."""
    attributes = {"text": (), "data": ("subject.fitting", "subject.held_out"), "against": ("subject.against",)}[note]
    return not attributes or any(attribute in part.code for part in parts for attribute in attributes)


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
