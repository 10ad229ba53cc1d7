"""Values as they go between a program and who judges it: plain data as JSON with its types, and nothing else.

Numbers, texts, None, lists, tuples, dicts, sets and bytes arrive as exactly what they were, made anew; of an object of
any other class only the class's name arrives, as `Foreign`, which equals nothing. No code and no pickle.
"""

import json
from dataclasses import dataclass
from typing import Any

DEPTH, DIGITS = 100, 3_000
"""Containers within containers; bits of a number up to which it is written in decimals (Python limits these)."""
PLAIN: dict[type, Any] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    list: lambda value: [*list.__iter__(value)],
}
"""How the plain value is had of what extends its class, without asking that class."""


@dataclass(frozen=True, eq=False)
class Foreign:
    """A value that is no plain data: all that is known is what its class calls itself. It equals nothing."""

    name: str

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return id(self)


def packed(value: Any, depth: int = 0) -> Any:
    """A value as JSON can hold it. Of a class that extends a plain one, the plain value."""
    kind = type(value)
    if value is None or kind is bool or kind is str or kind is float:
        return value
    if kind is int:
        return value if -(1 << DIGITS) < value < 1 << DIGITS else {"i": hex(value)}
    if depth > DEPTH:
        return {"?": "too deep"}
    if kind is list:
        return [packed(item, depth + 1) for item in value]
    return packed_rest(value, kind, depth)


def packed_rest(value: Any, kind: type, depth: int) -> Any:
    """What is rarer than numbers, texts and lists."""
    mro = type.mro(kind)
    if tuple in mro:
        return {"t": [packed(item, depth + 1) for item in tuple.__iter__(value)]}
    if dict in mro:
        return {"d": [[packed(key, depth + 1), packed(item, depth + 1)] for key, item in dict.items(value)]}
    if kind is set or kind is frozenset:
        return {"s" if kind is set else "f": [packed(item, depth + 1) for item in value]}
    if kind is bytes or kind is bytearray:
        return {"b" if kind is bytes else "a": value.hex()}
    if kind is complex:
        return {"c": [value.real, value.imag]}
    for plain, made in PLAIN.items():
        if plain in mro:
            return packed(made(value), depth)
    return {"?": class_name(kind)}


def class_name(kind: type) -> str:
    """What a class was named, whatever its metaclass says; the first 80 characters."""
    name = type.__dict__["__name__"].__get__(kind)
    return name[:80] if type(name) is str else "?"


def unpacked(value: Any, depth: int = 0) -> Any:
    """The value that was packed.

    Raises: ValueError for what `packed` does not make.
    """
    kind = type(value)
    if kind is list:
        if depth > DEPTH + 1:
            raise ValueError("too deep")
        return [unpacked(item, depth + 1) for item in value]
    if kind is not dict:
        return value
    if len(value) != 1 or depth > DEPTH + 1:
        raise ValueError(f"not a value: {str(value)[:60]}")
    [(tag, held)] = value.items()
    if tag not in MADE:
        raise ValueError(f"not a value: {tag!r:.60}")
    try:
        return MADE[tag](held, depth)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not a value: {error}") from None


MADE: dict[str, Any] = {
    "i": lambda held, depth: int(held, 16),
    "t": lambda held, depth: tuple(unpacked(item, depth + 1) for item in held),
    "d": lambda held, depth: {unpacked(key, depth + 1): unpacked(item, depth + 1) for key, item in held},
    "s": lambda held, depth: {unpacked(item, depth + 1) for item in held},
    "f": lambda held, depth: frozenset(unpacked(item, depth + 1) for item in held),
    "b": lambda held, depth: bytes.fromhex(held),
    "a": lambda held, depth: bytearray.fromhex(held),
    "c": lambda held, depth: complex(*held),
    "?": lambda held, depth: Foreign(str(held)[:80]),
}


def line(value: Any) -> bytes:
    """One line of JSON, ended."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
