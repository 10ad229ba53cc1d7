"""Which arrays of a trace belong together: a result and its errors, its controls, its words."""

import re
from collections.abc import Mapping
from itertools import takewhile

from glassworks.draw.arrays.axes import CONTROLS
from glassworks.trace.trace import Trace

ERRORS = ("_error", "_errors", "_se", "_standard_error")
UNITED = (*CONTROLS.split("|"), "true")
"""Words after (or before) an array's name that make another array stand beside it."""


def numbers_of(trace: Trace) -> list[str]:
    """The names of the arrays of numbers."""
    return [name for name, array in trace.arrays.items() if array.dtype.kind in "fiub"]


def errors_of(trace: Trace) -> dict[str, str]:
    """Each array's array of standard errors, by name: `score_error`, or `error` where only one has the same axes."""
    names = numbers_of(trace)
    found = {
        name: name + suffix
        for name in names
        for suffix in ERRORS
        if name + suffix in names and trace.axes[name + suffix] == trace.axes[name]
    }
    for plain in ("error", "se", "standard_error"):
        first = next((name for name in names if plain in names and trace.axes[name] == trace.axes[plain]), plain)
        if first != plain:
            found.setdefault(first, plain)
    return found


def controls_of(trace: Trace) -> dict[str, list[str]]:
    """Each array's controls among the others: the same axes, and its name with such a word after or before it.

    An array named by such a word alone, as `control`, stands beside the first other one with its axes.
    """
    names, taken, found = numbers_of(trace), set(errors_of(trace).values()), dict[str, list[str]]()
    for other in sorted(names, key=len):
        if other in taken or not trace.axes[other]:
            continue
        for name in names:
            if name not in taken and trace.axes[name] == trace.axes[other] and is_beside(name, other):
                found.setdefault(name, []).append(other)
                taken.add(other)
                break
    return found


def is_beside(name: str, other: str) -> bool:
    """Whether by its name `other` is a control of `name`."""
    if other == name:
        return False
    if other in UNITED:
        return name not in UNITED
    rest = other.removeprefix(f"{name}_") if other.startswith(f"{name}_") else other.removesuffix(f"_{name}")
    return rest != other and rest.split("_")[0] in UNITED


def value_of(name: str, trace: Trace) -> str | None:
    """The numbers that belong to an array of texts: of those with the same axes, the most alike by name."""
    axes = trace.axes[name]
    same = [k for k, array in trace.arrays.items() if axes and array.dtype.kind == "f" and trace.axes[k] == axes]
    return max(same, key=lambda other: in_common(name, other), default=None)


def in_common(a: str, b: str) -> int:
    """How many letters two names begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def note_of(name: str, notes: Mapping[str, str]) -> str:
    """What an array is. A note's name may hold a place for any word: S in `S_true`, or <measure>."""
    if name in notes:
        return sentence(notes[name])
    for pattern in sorted(notes, key=len, reverse=True):
        shape = re.sub(r"<\w+>|\bS(?=_|$)", "(.+)", pattern)
        if shape != pattern and re.fullmatch(shape, name):
            return sentence(notes[pattern])
    return ""


def sentence(note: str) -> str:
    """A note with a capital and a full stop."""
    note = " ".join(note.split()).rstrip(".;").replace("`", "")
    return f"{note[0].upper()}{note[1:]}." if note else ""
