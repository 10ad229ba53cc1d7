"""Which formats there are, which a file is of, and whole files into a store and out of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from glassworks.data.choices.comparison import Choice, Comparison
from glassworks.data.choices.formats import preferences
from glassworks.data.choices.formats.offered import is_offered, read_offered
from glassworks.data.choices.formats.raw import raw_rows, read_raw
from glassworks.data.choices.formats.rows import Row, rows_of, write_rows
from glassworks.data.choices.store import Store

Rows = Callable[[Comparison, Choice], Iterator[Row]]
WRITES: dict[str, tuple[str, Rows]] = {
    "preference": ("TRL's preference rows: prompt, chosen, rejected", preferences.preference),
    "implicit": ("the same with the prompt within chosen and rejected", preferences.implicit),
    "hh": ("Anthropic's helpful-harmless transcripts", preferences.hh),
    "unpaired": ("TRL's unpaired rows: prompt, completion, label", preferences.unpaired),
    "rewrites": ("what annotators wrote themselves: prompt, completion", preferences.rewrites),
}
RAW = "raw"
FORMATS = (*WRITES, RAW)
PAIRED = ("preference", "implicit")
"""In which a margin may stand."""
PART = 1000
"""Rows that are stored at once."""


@dataclass(frozen=True)
class Done:
    """What became of a file."""

    format: str
    rows: int
    """Read or written."""
    left_out: int = 0
    """Choices that the format cannot hold: ties, skips and the like."""


def format_of(row: Row) -> str:
    """What a file is of, by its first row; ValueError for what is none of these."""
    if row.get("glassworks") == "choices":
        return RAW
    if {"chosen", "rejected"} <= row.keys():
        if "prompt" in row:
            return "preference"
        both = (row["chosen"], row["rejected"])
        is_hh = all(isinstance(one, str) and one.startswith(preferences.HUMAN) for one in both)
        return "hh" if is_hh else "implicit"
    if {"prompt", "completion", "label"} <= row.keys():
        return "unpaired"
    if is_offered(row):
        return "options"
    raise ValueError(
        f"rows with {', '.join(map(repr, row)) or 'nothing'} are of no kind that is known here: give prompt with "
        "options, images or clips; prompt, chosen and rejected; or prompt, completion and label"
    )


def read_into(store: Store, path: Path, annotator: str | None = None) -> Done:
    """Add a file's comparisons, and its choices as those of an annotator called as the file, if no other is named."""
    rows = rows_of(path)
    first = next(rows, None)
    if first is None:
        raise ValueError(f"{path} holds no rows: give a file that does")
    kind, rows = format_of(first), chain([first], rows)
    if kind == RAW:
        return Done(kind, sum(read_raw(store, rows)))
    name, count = annotator or path.name[:80], 0
    while part := list(islice(rows, PART)):
        both = [read(store, kind, row, name, f"{path.name}:{count + i}", path) for i, row in enumerate(part, 1)]
        numbers = store.add([comparison for comparison, _ in both])
        store.append([replace(one, comparison=n) for (_, one), n in zip(both, numbers, strict=True) if one is not None])
        count += len(part)
    return Done(kind, count)


def read(store: Store, kind: str, row: Row, annotator: str, where: str, path: Path) -> tuple[Comparison, Choice | None]:
    """A row of one of the formats; ValueError and KeyError name where it stands."""
    readers = {
        "preference": preferences.read_preference,
        "implicit": preferences.read_implicit,
        "hh": preferences.read_implicit,
        "unpaired": preferences.read_unpaired,
    }
    try:
        if kind == "options":
            return read_offered(store, row, where, path.parent), None
        return readers[kind](row, annotator, where)
    except KeyError as error:
        raise ValueError(f"{where} lacks {error}, which the first row has: repair or remove the row") from None
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def write_from(store: Store, format: str, path: Path, *, repeats: bool = False) -> Done:
    """Write a store's choices; those that were asked a second time only with `repeats`.

    Raises: ValueError where no choice can be written so.
    """
    if format == RAW:
        return Done(format, write_rows(path, raw_rows(store)))
    if format not in WRITES:
        raise ValueError(f"format (={format!r}) must be one of {', '.join(FORMATS)}")
    rows, left_out = rows_in(store, format, repeats=repeats)
    if not rows:
        raise ValueError(f"{store.where} has no choice that {format} can hold: choose first, or write raw")
    return Done(format, write_rows(path, rows), left_out)


def rows_in(store: Store, format: str, *, repeats: bool = False) -> tuple[list[Row], int]:
    """A store's choices in a format, and how many it cannot hold.

    Strengths become TRL's margins where every choice has one: who trains by margins wants one of each row.
    """
    choices = [one for one in store.choices() if repeats or one.why != "repeat"]
    comparisons = {one.number: one for one in store.comparisons()}
    choices = [one for one in choices if comparisons[one.comparison].kind == "text"]
    each = [list(WRITES[format][1](comparisons[one.comparison], one)) for one in choices]
    there = [one for one, rows in zip(choices, each, strict=True) if rows]
    if format in PAIRED and all(one.strength is not None for one in there):
        each = [
            [{"margin": float(one.strength or 0)} | row for row in rows]
            for one, rows in zip(choices, each, strict=True)
        ]
    return [row for rows in each for row in rows], len(choices) - len(there)
