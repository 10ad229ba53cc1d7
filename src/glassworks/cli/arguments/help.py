"""What `--help` prints of a command, as wide as the terminal."""

import dataclasses
import inspect
import textwrap
from collections.abc import Iterator, Sequence

from glassworks.cli.arguments.flags import Flag
from glassworks.core.columns import help_width

NAMES = 26
"""Characters for a flag and its metavar; longer ones take a line of their own."""


def help_text(command: str, docstring: str, flags: Sequence[Flag]) -> str:
    """The usage, what the command does, and what it takes.

    Args:
        command: its name, `micro graph`.
        docstring: its docstring.
        flags: its flags and positionals, those of a nested dataclass together.
    """
    width = help_width()
    words = [flag.metavar for flag in flags if is_positional(flag)]
    blocks = [folded(f"usage: glassworks {' '.join([command, *words, '[options]'])}", width, "    ")]
    blocks += [folded(paragraph, width) for paragraph in inspect.cleandoc(docstring).split("\n\n")]
    positional = [flag for flag in flags if is_positional(flag)]
    if positional:
        blocks.append("\n".join(described(positional, width)))
    options = [flag for flag in flags if not is_positional(flag)]
    for group in dict.fromkeys(flag.group for flag in options):
        in_group = [flag for flag in options if flag.group == group]
        blocks.append("\n".join([folded(group or "options:", width), *described(in_group, width)]))
    return "\n\n".join(blocks)


def is_positional(flag: Flag) -> bool:
    """Whether it is given by its place."""
    return not flag.name.startswith("-")


def described(flags: Sequence[Flag], width: int) -> Iterator[str]:
    """Each flag with what it takes, means, and is by default."""
    for flag in flags:
        head = flag.metavar if is_positional(flag) else " ".join([", ".join(flag.names), flag.metavar]).rstrip()
        text = textwrap.wrap(f"{flag.doc}{by_default(flag)}".strip(), width - NAMES) or [""]
        if len(head) + 2 >= NAMES:
            yield f"  {head}"
        else:
            yield f"{f'  {head}':<{NAMES}}{text.pop(0)}".rstrip()
        yield from (f"{'':<{NAMES}}{line}".rstrip() for line in text if line)


def by_default(flag: Flag) -> str:
    """The default in parentheses; nothing where there is none, or nothing is what it is."""
    value = flag.default
    if value is dataclasses.MISSING or value is None or value is False or value in ("", ()):
        return ""
    return f" (default: {' '.join(map(str, value)) if isinstance(value, tuple) else value})"


def folded(text: str, width: int, indent: str = "") -> str:
    """A paragraph in lines, those after the first indented."""
    return textwrap.fill(" ".join(text.split()), width, subsequent_indent=indent, break_on_hyphens=False)
