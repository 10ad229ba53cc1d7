"""Rows of examples, as data sets for tuning have them, and what form they are of.

    text        {"text": ...}
    completion  {"prompt": ..., "completion": ...}
    messages    {"messages": [{"role": "user", "content": ...}, ...]}
    preference  {"prompt": ..., "chosen": ..., "rejected": ..., "margin": ...}        the margin may be left out
    unpaired    {"prompt": ..., "completion": ..., "label": true}
    ranking     {"prompt": ..., "ranked": [best, ..., worst]}
    prompt      {"prompt": ...}

These are TRL's, but for `ranking`, which it has not. Prompts and completions are texts, or lists of messages. Where a
preference has no prompt, it is what chosen and rejected begin with alike.
"""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, Literal, get_args

from glassworks.core.text import check_text

Form = Literal["text", "completion", "messages", "preference", "unpaired", "ranking", "prompt"]
Row = dict[str, Any]
Learned = Literal["answers", "all"]
"""What of an example is learned: completions and what the assistant says; or all, prompts and other turns, too."""

FIELDS: dict[Form, tuple[str, ...]] = {
    "preference": ("prompt", "chosen", "rejected"),
    "ranking": ("prompt", "ranked"),
    "unpaired": ("prompt", "completion", "label"),
    "completion": ("prompt", "completion"),
    "messages": ("messages",),
    "text": ("text",),
    "prompt": ("prompt",),
}
"""What the rows of each form have; the first form of which a row has everything is its own."""


def form_of(row: Mapping[str, Any], where: str) -> Form:
    """What form a row is of; ValueError where it is of none."""
    sides = row.keys() & {"chosen", "rejected"}
    if len(sides) == 1:
        raise ValueError(f"{where} has {sides.pop()} alone: a preference has both chosen and rejected")
    if sides:
        return "preference"
    for form, names in FIELDS.items():
        if row.keys() >= set(names):
            return form
    known = "; ".join(", ".join(names) for names in FIELDS.values())
    raise ValueError(f"{where} has {', '.join(map(str, row)) or 'nothing'}: an example has one of these: {known}")


def checked(row: Mapping[str, Any], where: str) -> Row:
    """A row with what its form has and nothing else; ValueError, naming the place and the field, for what is none."""
    form = form_of(row, where)
    if form == "preference":
        return preference(row, where)
    made = {name: row[name] for name in FIELDS[form]}
    for name in made.keys() & {"prompt", "completion"}:
        check_said(made[name], f"{where}: {name}")
    if form == "text":
        check_said(made["text"], f"{where}: text", texts_only=True)
    elif form == "messages":
        check_messages(made["messages"], f"{where}: messages")
    elif form == "unpaired" and not isinstance(made["label"], bool):
        raise ValueError(f"{where}: label (={made['label']!r:.40}) must be true or false")
    elif form == "ranking":
        ranked = made["ranked"]
        if not isinstance(ranked, Sequence) or isinstance(ranked, str) or len(ranked) < 2:
            raise ValueError(f"{where}: ranked (={ranked!r:.40}) must be a list of two completions or more")
        for i, one in enumerate(ranked):
            check_said(one, f"{where}: ranked[{i}]")
    return made


def preference(row: Mapping[str, Any], where: str) -> Row:
    """A preference, with the prompt that it may not spell out."""
    chosen, rejected = row["chosen"], row["rejected"]
    for name, value in (("chosen", chosen), ("rejected", rejected)):
        check_said(value, f"{where}: {name}")
    if isinstance(chosen, str) != isinstance(rejected, str):
        raise ValueError(f"{where}: chosen and rejected must both be texts, or both messages")
    if "prompt" in row:
        check_said(row["prompt"], f"{where}: prompt")
        made = {"prompt": row["prompt"], "chosen": chosen, "rejected": rejected}
    else:
        made = split_prompt(chosen, rejected)
    margin = row.get("margin")
    if margin is not None:
        if isinstance(margin, bool) or not isinstance(margin, int | float) or margin != margin:
            raise ValueError(f"{where}: margin (={margin!r:.40}) must be a number")
        made["margin"] = float(margin)
    return made


def split_prompt(chosen: Any, rejected: Any) -> Row:
    """What two completions begin with alike, and the rest of each: whole messages, or whole words of a text."""
    if isinstance(chosen, str):
        size = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(chosen, rejected, strict=False)))
        while size > 0 and not (chosen[size - 1].isspace() or chosen[size - 1] in ":>"):
            size -= 1
    else:
        pairs = enumerate(zip(chosen, rejected, strict=False))
        size = next((i for i, (a, b) in pairs if a != b), min(len(chosen), len(rejected)))
        size = min(size, len(chosen) - 1, len(rejected) - 1)  # equal ones are completions, too
    return {"prompt": chosen[:size], "chosen": chosen[size:], "rejected": rejected[size:]}


def check_said(value: Any, where: str, *, texts_only: bool = False) -> None:
    """Refuse what is neither a text nor messages."""
    if isinstance(value, str):
        check_text(value, where)
    elif texts_only or not isinstance(value, Sequence):
        what = "a text" if texts_only else "a text, or a list of messages"
        raise ValueError(f"{where} (={value!r:.40}) must be {what}")
    else:
        check_messages(value, where)


def check_messages(value: Any, where: str) -> None:
    """Refuse what is no list of messages, each with a role and a text."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"{where} (={value!r:.40}) must be a list of messages")
    for i, one in enumerate(value):
        if not isinstance(one, Mapping) or not isinstance(one.get("role"), str):
            raise ValueError(f"{where}[{i}] (={one!r:.40}) must be a message: an object with role and content")
        if not isinstance(one.get("content"), str):
            raise ValueError(f"{where}[{i}].content (={one.get('content')!r:.40}) must be a text")
        check_text(one["content"], f"{where}[{i}].content")


def group_of(row: Row) -> Any:
    """What examples have alike that must not be on both sides of a split: the prompt, or all of a text."""
    if "prompt" in row:
        return row["prompt"]
    if "messages" in row:
        return row["messages"][:-1] or row["messages"]
    return row["text"]


FORMS: tuple[Form, ...] = get_args(Form)
