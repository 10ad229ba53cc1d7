"""Between frozen dataclasses and plain values (TOML, JSON): unknown names and wrong types are refused by name."""

import dataclasses
import tomllib
import types
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def from_dict(kind: type[T], values: dict[str, Any], where: str = "") -> T:
    """An instance of the dataclass `kind`, nested ones included; fields left out keep their defaults.

    >>> from_dict(Point, {"x": 1})
    Point(x=1, y=0)
    """
    hints = get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    refuse_unknown(values, names, where)
    return kind(**{name: convert(hints[name], value, where + name) for name, value in values.items()})


def refuse_unknown(keys: Iterable[str], names: Sequence[str], where: str = "") -> None:
    """ValueError, with the nearest one, for a name that is not among some."""
    for name in keys:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            raise ValueError(f"there is no {where}{name}" + (f": did you mean {where}{near[0]}?" if near else ""))


def convert(hint: Any, value: Any, where: str) -> Any:
    """`value` as the type a field is declared with; ValueError if it is not of that type."""
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return from_dict(hint, value, where + ".")  # type: ignore[arg-type]
    for option in options(hint):
        if get_origin(option) is tuple and isinstance(value, list | tuple):
            parts = get_args(option)
            parts = parts[:1] * len(value) if parts[-1] is ... else parts
            if len(value) == len(parts):
                return tuple(convert(part, x, where) for part, x in zip(parts, value, strict=True))
    value = plain_number(value)
    if not fits(hint, value):
        raise ValueError(f"{where} (={value!r}) must be {type_in_words(hint)}")
    if float not in options(hint) or type(value) is not int or int in options(hint):
        return value
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{where} is a whole number of {value.bit_length():,} bits: give a smaller one") from None


def check_types(instance: Any) -> None:
    """Let a dataclass' instance have each field as its type has it: 1 as 1.0, a list as a tuple, NumPy's 3 as 3.

    Nested dataclasses stay as they are. Called in `__post_init__`, of frozen ones too.

    Raises: ValueError for the first field that is not of its type.
    """
    for name, hint in get_type_hints(type(instance)).items():
        if not dataclasses.is_dataclass(hint):
            object.__setattr__(instance, name, convert(hint, getattr(instance, name), name))


def plain_number(value: Any) -> Any:
    """A number of any kind, NumPy's say, as Python's int or float; what is no number, and a bool, as it is."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


def options(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the type itself."""
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def fits(hint: Any, value: Any) -> bool:
    """Whether a plain value is of a plain type; a whole number passes for a float, a bool for nothing but a bool."""
    for option in options(hint):
        if get_origin(option) is Literal:
            if any(type(value) is type(one) and value == one for one in get_args(option)):
                return True
        elif option is float:
            if isinstance(value, int | float) and not isinstance(value, bool):
                return True
        elif option in (int, str, bool, type(None)) and type(value) is option:
            return True
    return False


def type_in_words(hint: Any) -> str:
    """A type in words."""
    if get_origin(hint) is tuple:
        first, *others = get_args(hint)
        return f"a list, each {type_in_words(first)}" if others[-1:] == [...] else f"a list of {1 + len(others)}"
    words = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "left out"}
    parts: list[str] = []
    for option in options(hint):
        if get_origin(option) is Literal:
            parts += map(repr, get_args(option))
        elif get_origin(option) is tuple:
            parts.append(type_in_words(option))
        else:
            parts.append(words.get(option, str(option)))
    return " or ".join(parts)


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file's table, with a byte-order mark or without; ValueError with the file and line if it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error


# ----------------------------------------------------------------------------------------------------------------------
# Plain values that no dataclass declares


def check_shape(value: Any, shape: Any, where: str) -> None:
    """ValueError for the first place of a JSON value that is not as it is declared; names that may be absent end in ?.

    >>> check_shape({"step": 3}, {"step": int, "seconds?": float | None}, "result")
    >>> check_shape({"step": "3"}, {"step": int, "seconds?": float | None}, "result")
    ValueError: result.step (='3') must be a whole number
    """
    place = f"{where} (={value!r:.60})"
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise ValueError(f"{place} must be an object")
        for name, inner in shape.items():
            key = name.removesuffix("?")
            if key in value:
                check_shape(value[key], inner, f"{where}.{key}".lstrip("."))
            elif key == name:
                raise ValueError(f"{where}.{key} is missing")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise ValueError(f"{place} must be a list")
        for i, one in enumerate(value):
            check_shape(one, shape[0], f"{where}[{i}]")
    elif not fits(shape, value):
        raise ValueError(f"{place} must be {type_in_words(shape)}")
