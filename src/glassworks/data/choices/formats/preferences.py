r"""Rows of prompt, chosen and rejected, or of a completion with its label, as TRL names them; and Anthropic's.

    preference  {"prompt", "chosen", "rejected"}: texts, or messages (TRL's explicit prompt)
    implicit    {"chosen", "rejected"}, each with the prompt at its beginning
    hh          the same as transcripts, "\n\nHuman: ...\n\nAssistant: ..."
    unpaired    {"prompt", "completion", "label"}: true = good
    rewrites    {"prompt", "completion"}: what annotators wrote themselves, to fine-tune on

Other columns of a row, such as a margin, stay with its choice and come out again. A tie, "all bad" of a pair, a skip,
annotators and times have no place in these: `raw` has all.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from glassworks.data.choices.comparison import Choice, Comparison, Option, Prompt, digest_of, pairs_of, with_places
from glassworks.data.choices.formats.rows import Row

HUMAN, ASSISTANT = "\n\nHuman:", "\n\nAssistant:"
ROLES = {"user": HUMAN, "assistant": ASSISTANT}
Read = Callable[[Row, str, str], tuple[Comparison, Choice]]
"""(row, annotator, where it stands) to a comparison and the choice in it, whose comparison has no number yet."""


def option(value: Any, name: str, source: str = "") -> Option:
    """A text or messages as an option."""
    if isinstance(value, str):
        return Option({"text": value}, source)
    if isinstance(value, list):
        return Option({"messages": value}, source)
    raise ValueError(f"{name} (={value!r}) must be a text or a list of messages")


def paired(
    prompt: Prompt, chosen: Any, rejected: Any, row: Row, annotator: str, where: str
) -> tuple[Comparison, Choice]:
    """A comparison of two, and that the first was preferred."""
    comparison, places = Comparison.of(prompt, [option(chosen, "chosen"), option(rejected, "rejected")])
    rest = {name: value for name, value in row.items() if name not in ("prompt", "chosen", "rejected")}
    choice = Choice(identity(annotator, where, row), 0, annotator, "ranked", ((0,), (1,)), why="import")
    return comparison, with_origin(with_places(choice, places), where, rest)


def read_preference(row: Row, annotator: str, where: str) -> tuple[Comparison, Choice]:
    """A row with its prompt in a column of its own."""
    return paired(row["prompt"], row["chosen"], row["rejected"], row, annotator, where)


def read_implicit(row: Row, annotator: str, where: str) -> tuple[Comparison, Choice]:
    """A row whose prompt is what both begin with: messages, or a text up to the last turn that both share."""
    chosen, rejected = row["chosen"], row["rejected"]
    if isinstance(chosen, list) and isinstance(rejected, list):
        same = shared(chosen, rejected)
        same = min(same, len(chosen) - 1, len(rejected) - 1)  # an answer is left of each
        return paired(chosen[:same], chosen[same:], rejected[same:], row, annotator, where)
    if not isinstance(chosen, str) or not isinstance(rejected, str):
        raise ValueError(f"chosen and rejected must both be texts, or both messages ({where})")
    begin = chosen[: shared(chosen, rejected)].rfind(ASSISTANT) + len(ASSISTANT)
    begin = begin if begin >= len(ASSISTANT) else 0
    return paired(chosen[:begin], chosen[begin:], rejected[begin:], row, annotator, where)


def shared(a: Sequence[Any], b: Sequence[Any]) -> int:
    """How many items two sequences begin with alike."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def read_unpaired(row: Row, annotator: str, where: str) -> tuple[Comparison, Choice]:
    """A completion that is good or not."""
    if not isinstance(row["label"], bool):
        raise ValueError(f"label (={row['label']!r}) must be true or false ({where})")
    comparison, _ = Comparison.of(row["prompt"], [option(row["completion"], "completion")])
    rest = {name: value for name, value in row.items() if name not in ("prompt", "completion", "label")}
    id, ranking = identity(annotator, where, row), ((0,),) if row["label"] else ()
    choice = Choice(id, 0, annotator, "ranked" if ranking else "bad", ranking, why="import")
    return comparison, with_origin(choice, where, rest)


def identity(annotator: str, where: str, row: Row) -> str:
    """A choice's id that is the same when the file is read again: it is then stored once."""
    return f"import-{digest_of([annotator, where, row])[:32]}"


def with_origin(choice: Choice, where: str, rest: Row) -> Choice:
    """A choice that knows where it was read, and the row's other columns."""
    return replace(choice, origin={"where": where} | ({"columns": rest} if rest else {}))


# ----------------------------------------------------------------------------------------------------------------------


def preference(comparison: Comparison, choice: Choice) -> Iterator[Row]:
    """A row for each pair in an order."""
    for chosen, rejected in pairs_of(choice, len(comparison.options)):
        yield {"prompt": comparison.prompt} | pair(comparison, chosen, rejected) | columns(choice)


def implicit(comparison: Comparison, choice: Choice) -> Iterator[Row]:
    """The same with the prompt within both."""
    for chosen, rejected in pairs_of(choice, len(comparison.options)):
        two = {"chosen": chosen, "rejected": rejected}
        yield {name: whole(comparison, place) for name, place in two.items()} | columns(choice)


def hh(comparison: Comparison, choice: Choice) -> Iterator[Row]:
    """The same as transcripts; nothing of a conversation that has other roles than these two."""
    found = [transcript(comparison, one) for one in comparison.options]
    for chosen, rejected in pairs_of(choice, len(comparison.options)):
        if found[chosen] is not None and found[rejected] is not None:
            yield {"chosen": found[chosen], "rejected": found[rejected]} | columns(choice)


def unpaired(comparison: Comparison, choice: Choice) -> Iterator[Row]:
    """A row for each option that was called good or bad: of a ranking the best are good and all others not."""
    if choice.verdict not in ("ranked", "bad"):
        return
    best = choice.ranking[0] if choice.ranking else ()
    for place, one in enumerate(comparison.options):
        yield {"prompt": comparison.prompt, "completion": value(one), "label": place in best} | columns(choice)


def rewrites(comparison: Comparison, choice: Choice) -> Iterator[Row]:
    """What the annotator wrote."""
    if choice.rewrite:
        is_chat = isinstance(comparison.prompt, list)
        text = [{"role": "assistant", "content": choice.rewrite}] if is_chat else choice.rewrite
        yield {"prompt": comparison.prompt, "completion": text}


def columns(choice: Choice) -> Row:
    """What else its row had when it was read."""
    found: Row = choice.origin.get("columns", {})
    return found


def pair(comparison: Comparison, chosen: int, rejected: int) -> Row:
    """Two options by what they are in a row."""
    return {"chosen": value(comparison.options[chosen]), "rejected": value(comparison.options[rejected])}


def value(one: Option) -> Any:
    """An option as a row has it."""
    return one.content["messages"] if "messages" in one.content else one.content["text"]


def whole(comparison: Comparison, place: int) -> Any:
    """An option with the prompt before it."""
    one, prompt = comparison.options[place], comparison.prompt
    if isinstance(prompt, list):
        rest = one.content.get("messages") or [{"role": "assistant", "content": one.text}]
        return [*prompt, *rest]
    return prompt + one.text


def transcript(comparison: Comparison, one: Option) -> str | None:
    """A conversation as Anthropic's files have it; None where it has other roles."""
    prompt = comparison.prompt
    if isinstance(prompt, str) and "text" in one.content:
        text = one.text
        is_one = prompt.startswith(HUMAN) or (not prompt and text.startswith(HUMAN))
        return prompt + text if is_one else f"{HUMAN} {prompt}{ASSISTANT} {text}"
    before = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
    after = one.content.get("messages") or [{"role": "assistant", "content": one.text}]
    turns = [*before, *after]
    if not all(turn["role"] in ROLES and isinstance(turn.get("content"), str) for turn in turns):
        return None
    return "".join(f"{ROLES[turn['role']]} {turn['content']}" for turn in turns)
