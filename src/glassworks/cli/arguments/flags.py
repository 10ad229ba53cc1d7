"""The flags of a command: what the fields of its dataclass are called on the command line, what they take and mean."""

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from glassworks.core.config import options

SCALARS = {int: "INT", float: "FLOAT", str: "STR", Path: "FILE"}
"""Types of one word, with what stands for the word in a help."""


@dataclasses.dataclass(frozen=True)
class Flag:
    """A flag, or the word that stands for a positional in a help; and the field that it sets."""

    name: str
    path: tuple[str, ...]
    metavar: str = ""
    """What stands for its value; empty for a switch."""
    doc: str = ""
    default: Any = None
    """Its default; or what stands for it in a help, where the field's metadata says so."""
    is_pair: bool = False
    """Whether it is a switch that can be turned off, too: by --no-..."""
    group: str = ""
    """The name of the nested dataclass that it is of, and what that is about."""

    def is_called(self, field: str) -> bool:
        """Whether a field that a message names is this one: `n_embd`, `model.n_embd`."""
        parts = field.split(".")
        return list(self.path[-len(parts) :]) == parts

    @property
    def names(self) -> list[str]:
        """All the words that set it."""
        return [self.name, *([f"--no-{self.name[2:]}"] if self.is_pair else [])]

    @property
    def last(self) -> str:
        """The last part of its name, without hyphens before it: n-embd."""
        return self.name.rsplit(".", 1)[-1].lstrip("-")


def flags_of(
    kind: Any, default: Any = None, prefix: str = "--", path: tuple[str, ...] = (), group: str = ""
) -> Iterator[Flag]:
    """Every flag of a dataclass, or of an instance of it, nested ones included, as tyro names them."""
    import tyro

    hints, docs = get_type_hints(kind, include_extras=True), docs_of(kind)
    for field in dataclasses.fields(kind):
        hint, *marks = (
            get_args(hints[field.name]) if get_origin(hints[field.name]) is Annotated else [hints[field.name]]
        )
        marked: dict[str, str] = {}
        for mark in marks:
            marked |= {word: text for word in ("name", "metavar") if (text := getattr(mark, word, None)) is not None}
        name, here, doc = marked.get("name", field.name), (*path, field.name), docs.get(field.name, "")
        value = getattr(default, field.name) if default is not None else default_of(field)
        if dataclasses.is_dataclass(hint):
            title = f"{name}: {doc or ' '.join((hint.__doc__ or '').split())}" if name else group
            yield from flags_of(hint, value, f"{prefix}{name}." if name else prefix, here, title)
        elif tyro.conf.Positional in marks:
            word = marked.get("metavar", name.upper()).strip("[]")
            is_needed = value is dataclasses.MISSING
            yield Flag(word, here, word if is_needed else f"[{word}]", doc, value, group=group)
        else:
            metavar = marked.get("metavar", metavar_of(hint))
            if tyro.conf.UseAppendAction in marks:
                metavar = metavar.split()[0]
            is_pair = hint is bool and tyro.conf.FlagCreatePairsOff not in marks
            shown_default = field.metadata.get("default", value)
            yield Flag(prefix + name.replace("_", "-"), here, metavar, doc, shown_default, is_pair, group)


def default_of(field: "dataclasses.Field[Any]") -> Any:
    """What a field is where nothing is given for it; MISSING if something must be."""
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def metavar_of(hint: Any) -> str:
    """What stands for a flag's value in a help; empty for a switch.

    >>> metavar_of(float | None), metavar_of(str | tuple[str, ...])
    ('FLOAT', 'STR [STR ...]')
    """
    words = []
    for option in options(hint):
        if get_origin(option) is Literal:
            words.append("{" + ",".join(map(str, get_args(option))) + "}")
        elif get_origin(option) is tuple:
            first, *others = get_args(option)
            word = SCALARS[first]
            many = f"{word} [{word} ...]" if others == [...] else " ".join(SCALARS[one] for one in (first, *others))
            words = [*(w for w in words if w != word), many]
        elif option in SCALARS:
            words.append(SCALARS[option])
    return "|".join(words)


def docs_of(kind: type) -> dict[str, str]:
    """What stands under the fields of a dataclass, and of those it inherits from; nothing where there is no source."""
    docs: dict[str, str] = {}
    for one in filter(dataclasses.is_dataclass, reversed(kind.__mro__)):
        try:
            made = ast.parse(textwrap.dedent(inspect.getsource(one))).body[0]
        except OSError:
            continue
        for field, text in pairwise(getattr(made, "body", [])):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as doc)):
                    docs[name] = " ".join(doc.split())
    return docs
