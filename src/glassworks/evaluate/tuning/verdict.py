"""What a tuning came to, in lines and in sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from glassworks.core.columns import aligned, fold
from glassworks.core.progress import counted

LOWER = {
    "nats per token": True,
    "nats per token of the chosen": True,
    "accuracy": False,
    "reward": False,
    "gold reward": False,
}
"""Of what is measured on examples, whether less is better."""
NOTABLE = 0.05
"""Nats a token from which what was forgotten is told as more than a little."""


def table(result: Mapping[str, Any], width: int | None = None) -> str:
    """Each figure before and after, the difference with its interval; below what it comes to."""
    rows = [["", "before", "after", "after − before, 95 %", "of"]]
    for one in result["gain"]:
        rows.append([f"held-out examples, {one['what']}", *figures(one), counted(one["number"], "example")])
    for one in result["forgetting"]:
        rows.append([f"{one['text']}, nats per token", *figures(one), counted(one["number"], "document")])
    folded = [line for text in conclusions(result) for line in fold(text, width)]
    return "\n".join([*aligned(rows, width=width), "", *folded])


def figures(one: Mapping[str, Any]) -> list[str]:
    """Before, after, and the difference."""
    return [f"{one['before']:.4f}", f"{one['after']:.4f}", f"{one['difference']:+.4f}{between(one)}"]


def between(one: Mapping[str, Any], digits: int = 4) -> str:
    """The interval of a difference, as it follows it."""
    if one.get("low") is None or one.get("high") is None:
        return ", too few to tell"
    return f", {one['low']:+.{digits}f} to {one['high']:+.{digits}f}"


def conclusions(result: Mapping[str, Any]) -> list[str]:
    """What it gained, what it forgot, and whether its weights moved at all."""
    return list(said(result))


def said(result: Mapping[str, Any]) -> Iterator[str]:
    """A sentence on each."""
    if not result["moved"]["tensors"]:
        yield "No weight has moved: the model is the one that it started from. Give a higher learning rate."
        return
    for one in result["gain"]:
        better = (one["difference"] < 0) == LOWER.get(one["what"], False)
        word = "gained" if better and one["is_sure"] else "lost" if one["is_sure"] else "neither surely gained nor lost"
        yield (
            f"On {counted(one['number'], 'held-out example')} it {word}: {one['what']} {one['before']:.3f} before, "
            f"{one['after']:.3f} after ({one['difference']:+.3f}{between(one, 3)})."
        )
    for one in result["forgetting"]:
        yield (
            f"On {one['text']} it {forgot(one)}: {one['before']:.3f} nats per token before, {one['after']:.3f} after "
            f"({one['difference']:+.3f}{between(one, 3)})."
        )


def forgot(one: Mapping[str, Any]) -> str:
    """In a word, what became of a text that it knew."""
    if not one["is_sure"]:
        return "forgot nothing that can be told"
    if one["difference"] < 0:
        return "became better"
    return "forgot something" if one["difference"] >= NOTABLE else "forgot a little"
